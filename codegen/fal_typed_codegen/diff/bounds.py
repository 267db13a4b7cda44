"""Compares the bounds of inputs, which are checked at run time."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from fal_typed_codegen.diff.change_kinds import Difference
from fal_typed_codegen.interface.constraints import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fal_typed._documents.document import Schema

_FAMILIES = (("integer", "number"), ("string",), ("array",), ("object",))
_LENGTHS = (
    ("minLength", "maxLength", "length"),
    ("minItems", "maxItems", "items"),
    ("minProperties", "maxProperties", "entries"),
)
_NOT_BOUNDS = frozenset({"type", "items", "additionalProperties"})


def compare_bounds(place: str, olds: Sequence[Schema], news: Sequence[Schema]) -> list[Difference]:
    """Compare the bounds of two unions, type by type.

    Args:
        place: Their location.
        olds: Old members in normal form.
        news: New members.

    Returns:
        What changed. Enumerated values have no bounds.
    """
    found: list[Difference] = []
    for family in _FAMILIES:
        old, new = _plain(olds, family), _plain(news, family)
        if len(old) == len(new) == 1:
            found += _compare(place, old[0], new[0])
        elif old and new and not all(_bounds(one) in map(_bounds, new) for one in old):
            words = _say_all(old), _say_all(new)
            found.append(Difference("input-bounds-changed", place, *words))
    return found


def _plain(members: Sequence[Schema], family: Sequence[str]) -> list[Schema]:
    # The length of a tuple belongs to its type.
    return [
        member
        for member in members
        if member.get("type") in family and "enum" not in member and "prefixItems" not in member
    ]


def _bounds(member: Schema) -> Schema:
    return {key: value for key, value in member.items() if key not in _NOT_BOUNDS}


def _compare(place: str, old: Schema, new: Schema) -> Iterator[Difference]:
    old, new = _whole(old), _whole(new)
    if _lowest(old) != _lowest(new):
        kind = "minimum-raised" if _lowest(new) > _lowest(old) else "minimum-lowered"
        yield Difference(f"input-{kind}", place, _say_low(old), _say_low(new))
    if _highest(old) != _highest(new):
        kind = "maximum-lowered" if _highest(new) < _highest(old) else "maximum-raised"
        yield Difference(f"input-{kind}", place, _say_high(old), _say_high(new))
    yield from _compare_steps(place, old.get("multipleOf"), new.get("multipleOf"))
    for shortest, longest, what in _LENGTHS:
        yield from _compare_lengths(place, old, new, (shortest, longest, what))
    yield from _compare_patterns(place, old.get("pattern"), new.get("pattern"))
    if old.get("uniqueItems") != new.get("uniqueItems"):
        yield Difference(
            f"input-unique-items-{'added' if new.get('uniqueItems') else 'removed'}", place
        )


def _say_all(members: Sequence[Schema]) -> str:
    """The bounds of a union's members in words."""
    return " | ".join(in_words(member).rstrip(".") or "any" for member in members)


def _whole(schema: Schema) -> Schema:
    """Bounds of an integer, with inclusive ones in place of exclusive ones."""
    if schema.get("type") != "integer":
        return schema
    bounds = {key: value for key, value in schema.items() if not key.startswith("exclusive")}
    if "exclusiveMinimum" in schema:
        least = schema["exclusiveMinimum"] + 1
        bounds["minimum"] = max(least, bounds.get("minimum", least))
    if "exclusiveMaximum" in schema:
        most = schema["exclusiveMaximum"] - 1
        bounds["maximum"] = min(most, bounds.get("maximum", most))
    if bounds.get("multipleOf") == 1:
        del bounds["multipleOf"]
    return bounds


def _lowest(schema: Schema) -> tuple[float, bool]:
    """Lower bound, and whether it is exclusive; of two, the higher is stricter."""
    least = (schema.get("minimum", -math.inf), False)
    return max(least, (schema.get("exclusiveMinimum", -math.inf), "exclusiveMinimum" in schema))


def _highest(schema: Schema) -> tuple[float, bool]:
    """Upper bound, and whether it is inclusive; of two, the lower is stricter."""
    most = (schema.get("maximum", math.inf), True)
    return min(most, (schema.get("exclusiveMaximum", math.inf), "exclusiveMaximum" not in schema))


def _say_low(schema: Schema) -> str:
    value, is_exclusive = _lowest(schema)
    return _say(value, "greater than " if is_exclusive else "")


def _say_high(schema: Schema) -> str:
    value, is_inclusive = _highest(schema)
    return _say(value, "" if is_inclusive else "less than ")


def _say(value: float, word: str) -> str:
    return "none" if math.isinf(value) else f"{word}{value:g}"


def _compare_steps(place: str, old: Any, new: Any) -> Iterator[Difference]:
    if old == new:
        return
    # No step is the finest one.
    is_finer = new is None or (old is not None and _is_multiple(old, new))
    kind = "input-step-finer" if is_finer else "input-step-coarser"
    yield Difference(kind, place, _or_none(old), _or_none(new))


def _is_multiple(value: float, step: float) -> bool:
    """Whether a number is a multiple of another one in decimal arithmetic."""
    return (Fraction(str(value)) / Fraction(str(step))).denominator == 1


def _compare_lengths(
    place: str, old: Schema, new: Schema, names: tuple[str, str, str]
) -> Iterator[Difference]:
    shortest, longest, what = names
    old_least, new_least = old.get(shortest, 0), new.get(shortest, 0)
    if old_least != new_least:
        word = "raised" if new_least > old_least else "lowered"
        yield Difference(f"input-min-{what}-{word}", place, str(old_least), str(new_least))
    old_most, new_most = old.get(longest, math.inf), new.get(longest, math.inf)
    if old_most != new_most:
        word = "lowered" if new_most < old_most else "raised"
        yield Difference(f"input-max-{what}-{word}", place, _say(old_most, ""), _say(new_most, ""))


def _compare_patterns(place: str, old: str | None, new: str | None) -> Iterator[Difference]:
    if old != new:
        kind = "input-pattern-removed" if new is None else "input-pattern-changed"
        yield Difference(kind, place, _or_none(old), _or_none(new))


def _or_none(value: Any) -> str:
    return "none" if value is None else str(value)
