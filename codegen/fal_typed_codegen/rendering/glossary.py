"""Descriptions of parameters and fields that documents leave undescribed.

They are in ``glossary.txt`` of this package, one per line::

    seed: Random seed; …
    scale (component=LoraWeight*): Strength of the LoRA weights; …
    scale (category=image|video type=number): Factor by which …

The first line of a name whose conditions all match is used. A condition is a name and one or more
`fnmatch` patterns; ``none`` matches a missing value. A description in the document always takes
precedence: the glossary is only used if there is none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fal_typed_codegen.interface.specs import Direction

CONDITIONS = frozenset({"direction", "component", "category", "type", "endpoint"})

_LINE = re.compile(r"(?P<name>\S+?)(?: \((?P<conditions>[^)]+)\))?: (?P<text>.+)")
_SHAPE_NUMBER = re.compile(r"(?<=.)Type[0-9]+$")


@dataclass(frozen=True)
class Sentence:
    """One line of the glossary.

    Attributes:
        name: The parameter or field that it describes.
        text: The sentence.
        conditions: Patterns by condition; all must match.
    """

    name: str
    text: str
    conditions: Mapping[str, tuple[str, ...]]

    def matches(self, facts: Mapping[str, str]) -> bool:
        """Whether every condition matches.

        Args:
            facts: Value of each condition's subject; empty if missing.

        Returns:
            True if the sentence can be used.
        """
        return all(
            any(_matches(facts[subject], pattern) for pattern in patterns)
            for subject, patterns in self.conditions.items()
        )


class GlossaryError(ValueError):
    """A line of the glossary is invalid; the message quotes it."""


def describe(
    name: str,
    *,
    direction: Direction,
    component: str | None = None,
    category: str | None = None,
    type: str | None = None,  # noqa: A002 - the term of JSON Schema
    endpoint: str | None = None,
) -> str | None:
    """Find the description of a parameter or a field.

    Args:
        name: Name of the property in the document.
        direction: ``input`` for parameters, ``output`` for fields of the result.
        component: Name of the component that contains the property, e.g. ``LoraWeight``; None for
            the endpoint's input and output. The number that distinguishes components of the same
            name (``ImageType2``) is ignored.
        category: The endpoint's category, e.g. ``video`` or ``image-to-video``; None if it has
            none or if several endpoints share the component.
        type: The property's JSON type, see `json_type`; None if it has several.
        endpoint: The endpoint's id, for names with a special meaning in a few endpoints and for
            endpoints without a category; None if several endpoints share the component.

    Returns:
        One sentence, or None if the glossary has none that matches.

    >>> describe("width", direction="input", component="ImageSize")
    'Width in pixels.'
    """
    facts = {
        "direction": direction,
        "component": _SHAPE_NUMBER.sub("", component) if component else "",
        "category": _kind(category, endpoint),
        "type": type or "",
        "endpoint": endpoint or "",
    }
    fitting = (line.text for line in _glossary().get(name, ()) if line.matches(facts))
    return next(fitting, None)


def read_glossary(text: str) -> dict[str, tuple[Sentence, ...]]:
    """Parse the glossary.

    Args:
        text: Lines in the format above; empty lines and lines with ``#`` are ignored.

    Returns:
        Sentences by name, in order.

    Raises:
        GlossaryError: A line has the wrong format or an unknown condition.
    """
    sentences: dict[str, tuple[Sentence, ...]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            sentence = _sentence(line)
            sentences[sentence.name] = (*sentences.get(sentence.name, ()), sentence)
    return sentences


def endpoint_summary(endpoint_id: str, category: str | None) -> str:
    """Summary of an endpoint without a description, from its id and category.

    Args:
        endpoint_id: The endpoint's id.
        category: The endpoint's category; None if it has none.

    Returns:
        One sentence.

    >>> endpoint_summary("fal-ai/kling-video/v2.1/pro/image-to-video", "video")
    'Video endpoint of fal-ai: kling-video v2.1 pro, image to video.'
    >>> endpoint_summary("fal-ai/flux/dev", None)
    'Endpoint of fal-ai: flux dev.'
    """
    owner, _, rest = endpoint_id.partition("/")
    segments = [segment for segment in rest.split("/") if segment]
    task = segments.pop() if len(segments) > 1 and "-to-" in segments[-1] else ""
    words = ", ".join(part for part in (" ".join(segments), task.replace("-", " ")) if part)
    kind = _KIND_NAMES.get(_kind(category, None), "Endpoint")
    return f"{kind} of {owner}: {words}." if words else f"{kind} of {owner}."


def _matches(fact: str, pattern: str) -> bool:
    # A missing value matches only "none"; "?*" matches any value that is present.
    return fnmatchcase(fact, pattern) if fact else pattern == "none"


def _kind(category: str | None, endpoint: str | None) -> str:
    """Kind of result, from the category or else from the id."""
    if category and category != "unknown":
        return category.rpartition("-to-")[2]
    segments = (endpoint or "").split("/")
    if any("trainer" in segment or "training" in segment for segment in segments):
        return "training"
    tasks = [segment.rpartition("-to-")[2] for segment in segments if "-to-" in segment]
    return tasks[-1] if tasks else ""


_KIND_NAMES = {
    "3d": "3D endpoint",
    "audio": "Audio endpoint",
    "image": "Image endpoint",
    "json": "Structured data endpoint",
    "llm": "Language model endpoint",
    "speech": "Speech endpoint",
    "text": "Text endpoint",
    "training": "Training endpoint",
    "video": "Video endpoint",
    "vision": "Vision endpoint",
    "workflow": "Workflow endpoint",
}


@cache
def _glossary() -> dict[str, tuple[Sentence, ...]]:
    text = resources.files("fal_typed_codegen").joinpath("glossary.txt").read_text("utf-8")
    return read_glossary(text)


def _sentence(line: str) -> Sentence:
    match = _LINE.fullmatch(line)
    if match is None:
        raise GlossaryError(f"expected `name: sentence` or `name (conditions): sentence`: {line!r}")
    conditions: dict[str, tuple[str, ...]] = {}
    for condition in (match["conditions"] or "").split():
        subject, _, patterns = condition.partition("=")
        if subject not in CONDITIONS or not patterns:
            raise GlossaryError(f"unknown condition {condition!r}: {line!r}")
        conditions[subject] = tuple(patterns.split("|"))
    return Sentence(match["name"], match["text"], conditions)
