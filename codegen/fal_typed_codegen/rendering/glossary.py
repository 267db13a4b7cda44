"""Sentences for parameters and fields whose document says nothing about them.

The sentences stand in ``glossary.txt`` beside this module, one per line::

    seed: Starting point of the random generator; …
    scale (component=LoraWeight*): How strongly the weights change the base model; …
    scale (category=image|video type=number): Factor by which …

The first line of a name whose conditions all hold is taken. A condition is a name and one or
more patterns as of `fnmatch`; ``none`` matches what was not given. A document's own description
always wins: callers ask the glossary only when there is none.
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
        name: The parameter or field it explains.
        text: The sentence.
        conditions: Patterns by condition; all must match.
    """

    name: str
    text: str
    conditions: Mapping[str, tuple[str, ...]]

    def holds(self, facts: Mapping[str, str]) -> bool:
        """Whether every condition matches.

        Args:
            facts: The value of each condition's subject; empty where there is none.

        Returns:
            True when the sentence may be used.
        """
        return all(
            any(_matches(facts[subject], pattern) for pattern in patterns)
            for subject, patterns in self.conditions.items()
        )


class GlossaryError(ValueError):
    """A line of the glossary cannot be read; the message says which."""


def describe(
    name: str,
    *,
    direction: Direction,
    component: str | None = None,
    category: str | None = None,
    type: str | None = None,  # noqa: A002 - JSON Schema's own word for it
    endpoint: str | None = None,
) -> str | None:
    """Find the sentence that explains a parameter or a field.

    Args:
        name: The property's name as the document writes it.
        direction: ``input`` for what is sent, ``output`` for what comes back.
        component: Name of the component that holds the property, e.g. ``LoraWeight``; None for
            the endpoint's own input and output. The number that tells equal names of different
            shape apart (``ImageType2``) doesn't matter.
        category: The endpoint's category, e.g. ``video`` or ``image-to-video``; None when it
            has none or when several endpoints share the component.
        type: The property's JSON type as of `json_type`; None when it has several.
        endpoint: The endpoint's id, for names that a few endpoints use in a sense of their own
            and for endpoints without a category; None when several endpoints share the component.

    Returns:
        One sentence, or None when the glossary has none that fits.

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
    fitting = (line.text for line in _glossary().get(name, ()) if line.holds(facts))
    return next(fitting, None)


def read_glossary(text: str) -> dict[str, tuple[Sentence, ...]]:
    """Read the glossary's text.

    Args:
        text: Lines as the module's docstring shows them; empty ones and ``#`` are passed over.

    Returns:
        The sentences of each name, in the order of the text.

    Raises:
        GlossaryError: A line has another form or an unknown condition.
    """
    sentences: dict[str, tuple[Sentence, ...]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            sentence = _sentence(line)
            sentences[sentence.name] = (*sentences.get(sentence.name, ()), sentence)
    return sentences


def endpoint_summary(endpoint_id: str, category: str | None) -> str:
    """Say in one line what an endpoint is when its document doesn't.

    Only what id and category tell goes in.

    Args:
        endpoint_id: The endpoint's id.
        category: The endpoint's category; None when it has none.

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
    # An absent fact is matched by "none" alone: "?*" asks for any that is there.
    return fnmatchcase(fact, pattern) if fact else pattern == "none"


def _kind(category: str | None, endpoint: str | None) -> str:
    """The kind of result: the category says it, or else the id's own words do."""
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
        raise GlossaryError(f"not `name: sentence` or `name (conditions): sentence`: {line!r}")
    conditions: dict[str, tuple[str, ...]] = {}
    for condition in (match["conditions"] or "").split():
        subject, _, patterns = condition.partition("=")
        if subject not in CONDITIONS or not patterns:
            raise GlossaryError(f"unknown condition {condition!r}: {line!r}")
        conditions[subject] = tuple(patterns.split("|"))
    return Sentence(match["name"], match["text"], conditions)
