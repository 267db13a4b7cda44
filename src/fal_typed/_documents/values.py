"""The values that a parameter accepts: a list of choices, or the bounds of a number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from fal_typed._core.json_values import as_list, as_object
from fal_typed._documents.schemas import alternatives

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fal_typed._documents.document import EndpointDocument, Schema

_MAX_DEPTH = 4


class Values(NamedTuple):
    """What a parameter accepts.

    Attributes:
        choices: The values that it lists.
        is_closed: Whether it accepts no other values.
        low: The least number; None if it accepts no numbers or has no bound.
        high: The greatest number; likewise.
        is_number: Whether it accepts numbers that it does not list.
    """

    choices: tuple[str, ...] = ()
    is_closed: bool = False
    low: float | None = None
    high: float | None = None
    is_number: bool = False

    def offers(self, value: str) -> bool:
        """Whether a value is listed, or is a number within the bounds."""
        return value in self.choices or (self.is_number and self._is_within(value))

    def excludes(self, value: str) -> bool:
        """Whether a value is certainly not accepted."""
        if value in self.choices:
            return False
        return self.is_closed or (self.is_number and not self._is_within(value))

    def _is_within(self, value: str) -> bool:
        try:
            number = float(value)
        except ValueError:
            return False
        return (self.low is None or number >= self.low) and (
            self.high is None or number <= self.high
        )


def values_of(document: EndpointDocument, schema: Schema) -> Values:
    """Find the values that a parameter accepts.

    Args:
        document: The document that contains it.
        schema: Its schema, or the schema of a list of values.

    >>> from fal_typed._documents.document import EndpointDocument
    >>> document = EndpointDocument({"info": {"x-fal-metadata": {"endpointId": "acme/echo"}},
    ...     "paths": {"/acme/echo": {"post": {}}}})
    >>> values_of(document, {"enum": ["a", "b"]}).offers("c")
    False
    """
    choices: dict[str, None] = {}
    numbers: list[Schema] = []
    is_closed = True
    for member in _members(document, schema, 0):
        listed = [member["const"]] if "const" in member else as_list(member.get("enum")) or []
        choices.update((_text(value), None) for value in listed)
        kinds = as_list(member.get("type")) or [member.get("type")]
        if not listed and ("integer" in kinds or "number" in kinds):
            numbers.append(member)
        if not listed and kinds != ["null"]:
            is_closed = False
    bounds = numbers[0] if len(numbers) == 1 else {}
    return Values(
        tuple(choices),
        is_closed and bool(choices),
        _number(bounds.get("minimum"), bounds.get("exclusiveMinimum")),
        _number(bounds.get("maximum"), bounds.get("exclusiveMaximum")),
        bool(numbers),
    )


def _members(document: EndpointDocument, schema: Schema, depth: int) -> Iterator[Schema]:
    target = document.resolve(schema)
    parts = alternatives(target)
    items = as_object(target.get("items"))
    if depth < _MAX_DEPTH and (parts or items):
        for part in parts or [items or {}]:
            yield from _members(document, part, depth + 1)
    else:
        yield target


def _number(*bounds: Any) -> float | None:
    return next((float(bound) for bound in bounds if type(bound) in {int, float}), None)


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)
