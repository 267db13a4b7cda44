"""Descriptions of parameters and fields that documents leave undescribed.

They are in ``glossary.txt`` of this package, one per line::

    seed: Random seed; …
    scale (component=LoraWeight*): Strength of the LoRA weights; …
    prompt (task=inpainting inputs=mask): What to show in the masked area, in words.
    strength=1: keeps it unchanged

The first line of a name whose conditions all match is used. A condition is a name and one or more
`fnmatch` patterns; ``none`` matches a missing value. A line with ``name=value`` says what a value
means. It is added to the description if the parameter accepts the value, so the other lines name no
values. A description in the document always takes precedence: the glossary is only used if there
is none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from fal_typed._documents.values import Values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fal_typed._documents.tasks import Task
    from fal_typed_codegen.interface.specs import Direction

CONDITIONS = frozenset(
    {"bounds", "category", "component", "direction", "endpoint", "inputs", "kind", "outputs",
     "task", "type", "values"}
)  # fmt: skip

_LINE = re.compile(
    r"(?P<name>[^\s=]+)(?:=(?P<value>\S+))?(?: \((?P<conditions>[^)]+)\))?: (?P<text>.+)"
)
_SHAPE_NUMBER = re.compile(r"(?<=.)Type[0-9]+$")


@dataclass(frozen=True)
class Sentence:
    """One line of the glossary.

    Attributes:
        name: The parameter or field that it describes.
        text: The sentence; what the value does, if there is one.
        conditions: Patterns by condition; all must match.
        value: Pattern of the value that it describes; empty for the parameter itself.
    """

    name: str
    text: str
    conditions: Mapping[str, tuple[str, ...]]
    value: str = ""

    def matches(self, facts: Mapping[str, Iterable[str]]) -> bool:
        """Whether every condition matches.

        Args:
            facts: Values of each condition's subject; empty if missing.

        Returns:
            True if the sentence can be used.
        """
        return all(
            _matches(tuple(facts[subject]), patterns)
            for subject, patterns in self.conditions.items()
        )


@dataclass(frozen=True)
class Property:
    """What the glossary needs to know about a parameter or a field.

    Attributes:
        name: Its name in the document.
        direction: ``input`` for parameters, ``output`` for fields of the result.
        component: Name of the component that contains it, e.g. ``LoraWeight``; None for the
            endpoint's input and output. The number that distinguishes components of the same name
            (``ImageType2``) is ignored.
        type: Its JSON type, see `json_type`; None if it has several.
        values: The values that it accepts.
        endpoint: The endpoint's id; None if several endpoints share the component.
        task: What the endpoint does; None if several endpoints share the component.
    """

    name: str
    direction: Direction
    component: str | None = None
    type: str | None = None
    values: Values = field(default_factory=Values)
    endpoint: str | None = None
    task: Task | None = None

    def facts(self) -> dict[str, Iterable[str]]:
        """Values by condition."""
        task = self.task
        return {
            "direction": [self.direction],
            "component": [_SHAPE_NUMBER.sub("", self.component)] if self.component else [],
            "type": [self.type] if self.type else [],
            "values": self.values.choices,
            "bounds": [] if self.values.low is self.values.high is None else ["any"],
            "endpoint": [self.endpoint] if self.endpoint else [],
            "category": [task.category.rpartition("-to-")[2]] if task else [],
            "task": [task.name] if task else [],
            "inputs": task.media.inputs if task else [],
            "outputs": task.media.outputs if task else [],
            "kind": [_kind(self.endpoint)] if self.endpoint else [],
        }


class GlossaryError(ValueError):
    """A line of the glossary is invalid; the message quotes it."""


def describe(described: Property) -> str | None:
    """Find the description of a parameter or a field.

    Args:
        described: The parameter or field.

    Returns:
        A sentence, and one about the values that it accepts; None if the glossary has none that
        matches.

    >>> describe(Property("width", "input", "ImageSize"))
    'Width in pixels.'
    >>> describe(Property("acceleration", "input", values=Values(("none", "regular"))))
    'Level of acceleration; higher levels are faster at lower quality. `none` turns it off.'
    """
    facts = described.facts()
    lines = [line for line in _glossary().get(described.name, ()) if line.matches(facts)]
    text = next((line.text for line in lines if not line.value), None)
    if text is None or described.direction == "output":
        return text
    meanings = _meanings(lines, described.values)
    return f"{text} {meanings}." if meanings else text


def _meanings(lines: Iterable[Sentence], values: Values) -> str:
    """What the values of a parameter mean, as one sentence without its period."""
    found: dict[str, str] = {}
    for line in lines:
        if line.value:
            choices = [choice for choice in values.choices if fnmatchcase(choice, line.value)]
            if not choices and values.offers(line.value):
                choices = [line.value]
            for choice in choices:
                found.setdefault(choice, line.text)
    grouped: dict[str, list[str]] = {}
    for value, text in found.items():
        grouped.setdefault(text, []).append(f"`{value}`")
    return ", ".join(f"{_listed(names)} {text}" for text, names in grouped.items())


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


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


def _matches(facts: tuple[str, ...], patterns: tuple[str, ...]) -> bool:
    # A missing value matches only "none"; "?*" matches any value that is present.
    if not facts:
        return "none" in patterns
    return any(fnmatchcase(fact, pattern) for fact in facts for pattern in patterns)


def _kind(endpoint: str) -> str:
    last = endpoint.rpartition("/")[2]
    return last if last in {"realtime", "stream"} else "http"


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
    return Sentence(match["name"], match["text"], conditions, match["value"] or "")
