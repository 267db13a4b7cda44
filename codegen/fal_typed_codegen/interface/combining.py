"""Merges the parts of `allOf`, and compares the members of unions."""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING, Any

from fal_typed._core.json_values import as_list, as_object
from fal_typed_codegen.interface import rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fal_typed._documents.document import EndpointDocument, Schema

_MOST_MEMBERS = 50


def narrows(beside: Schema) -> bool:
    """Whether keywords beside a single part change which values it allows."""
    is_plain_object = {**beside, "type": None} if beside.get("type") == "object" else beside
    return "enum" not in beside and rules.leftover(is_plain_object, {"$ref", "type"})


def merge(parts: Iterable[Schema]) -> tuple[Schema, bool]:
    """Merge schemas that apply together.

    Args:
        parts: The schemas; prose of later ones wins.

    Returns:
        One schema that allows at least the values that all parts allow, and whether it allows
        no others.

    >>> merge([{"minimum": 1, "required": ["a"]}, {"minimum": 3, "required": ["b"]}])
    ({'minimum': 3, 'required': ['a', 'b']}, True)
    """
    merged: Schema = {}
    is_exact = True
    for part in parts:
        for key, value in part.items():
            if key not in merged or merged[key] == value:
                merged[key] = value
                continue
            together = _MERGERS.get(key)
            if together is not None:
                merged[key] = together(merged[key], value)
            elif rules.is_checked(key):
                is_exact = False
                left = {key: value}
                merged["allOf"] = [*(as_list(merged.get("allOf")) or []), left]
            else:
                merged[key] = value
    return merged, is_exact


def with_members(schema: Schema, members: Iterable[Schema]) -> Schema:
    """Add the properties of schemas that may also apply to an object.

    Args:
        schema: The object's schema.
        members: Members of its unions, branches of its conditions.

    Returns:
        The schema with every property; those of members are optional, unless it requires them.

    >>> with_members({"properties": {"a": {}}}, [{"properties": {"b": {}}, "required": ["b"]}])
    {'properties': {'a': {}, 'b': {}}}
    """
    own = as_object(schema.get("properties")) or {}
    more: dict[str, list[Any]] = {}
    for member in members:
        for name, kind in (as_object(member.get("properties")) or {}).items():
            kinds = more.setdefault(name, [])
            if kind not in kinds:
                kinds.append(kind)
    added = {
        name: kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
        for name, kinds in more.items()
        if name not in own
    }
    return {**schema, "properties": {**own, **added}}


def may_overlap(document: EndpointDocument, members: list[Any]) -> bool:
    """Whether a value may fit two members of a union.

    Args:
        document: The document of the members.
        members: Schemas.

    Returns:
        False if the members have different types, different values, or a required property with
        different values.
    """
    known = [document.resolve(as_object(member) or {}) for member in members]
    if len(known) > _MOST_MEMBERS:
        return True
    return any(not _differ(document, one, other) for one, other in combinations(known, 2))


def may_share(document: EndpointDocument, members: list[Any]) -> bool:
    """Whether an object may fit two members of a union by properties of both."""
    known = [document.resolve(as_object(member) or {}) for member in members]
    objects = [
        one
        for one in known
        if one.get("properties") and one.get("additionalProperties") is not False
    ]
    return len(objects) <= _MOST_MEMBERS and any(
        not _differ(document, one, other)
        and not _are_tagged(document, one, other)
        and _names(one) != _names(other)
        for one, other in combinations(objects, 2)
    )


def _are_tagged(document: EndpointDocument, one: Schema, other: Schema) -> bool:
    """Whether a constant tells two objects apart, which is sent although it is not required."""
    constants = [
        {
            name: values
            for name, schema in (as_object(item.get("properties")) or {}).items()
            if (values := _values(document.resolve(as_object(schema) or {})))
        }
        for item in (one, other)
    ]
    return any(
        not any(value in constants[1][name] for value in values)
        for name, values in constants[0].items()
        if name in constants[1]
    )


def _names(schema: Schema) -> set[str]:
    return set(as_object(schema.get("properties")) or {})


def _differ(document: EndpointDocument, one: Schema, other: Schema) -> bool:
    values = _values(one), _values(other)
    if values[0] is not None and values[1] is not None:
        return not any(value in values[1] for value in values[0])
    kinds = _types(one), _types(other)
    if kinds[0] and kinds[1] and not kinds[0] & kinds[1]:
        return True
    if kinds != ({"object"}, {"object"}):
        return False
    tags = _tags(document, one), _tags(document, other)
    return any(
        not any(value in tags[1][name] for value in allowed)
        for name, allowed in tags[0].items()
        if name in tags[1]
    )


def _values(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else as_list(schema.get("enum"))


def _types(schema: Schema) -> set[str]:
    """JSON types of a schema; integers are numbers. Empty if it does not state them."""
    stated = schema.get("type", "object" if "properties" in schema else None)
    kinds = as_list(stated) or [stated]
    found = {"number" if kind == "integer" else kind for kind in kinds if isinstance(kind, str)}
    return found | ({"null"} if schema.get("nullable") is True and found else set())


def _tags(document: EndpointDocument, schema: Schema) -> dict[str, list[Any]]:
    """Allowed values of required properties."""
    found: dict[str, list[Any]] = {}
    known = as_object(schema.get("properties")) or {}
    for name in as_list(schema.get("required")) or []:
        values = _values(document.resolve(as_object(known.get(name)) or {}))
        if values is not None:
            found[name] = values
    return found


def _properties(one: Any, other: Any) -> Any:
    first, second = as_object(one) or {}, as_object(other) or {}
    both = {
        name: second[name] if first[name] == second[name] else _both(first[name], second[name])
        for name in first.keys() & second.keys()
    }
    return {**first, **second, **both}


def _both(one: Any, other: Any) -> Any:
    """A property that two parts describe; prose and the default of the later one win."""
    if False in (one, other):
        return False
    first, second = as_object(one) or {}, as_object(other) or {}
    prose = {key: value for key, value in second.items() if not rules.is_checked(key)}
    return {**prose, "allOf": [first, second]}


def _joined(one: Any, other: Any) -> Any:
    listed = [*(as_list(one) or []), *(as_list(other) or [])]
    return [item for index, item in enumerate(listed) if item not in listed[:index]]


def _common(one: Any, other: Any) -> Any:
    allowed = as_list(other) or []
    return [value for value in as_list(one) or [] if value in allowed] or allowed


def _type(one: Any, other: Any) -> Any:
    first, second = as_list(one) or [one], as_list(other) or [other]
    both = [kind for kind in first if kind in second]
    if "integer" in first + second and "number" in first + second and "integer" not in both:
        both.append("integer")
    return both[0] if len(both) == 1 else both or other


def _least(one: Any, other: Any) -> Any:
    return min(one, other) if _are_numbers(one, other) else other


def _most(one: Any, other: Any) -> Any:
    return max(one, other) if _are_numbers(one, other) else other


def _step(one: Any, other: Any) -> Any:
    return math.lcm(one, other) if isinstance(one, int) and isinstance(other, int) else other


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)


def _either(one: Any, other: Any) -> bool:
    return one is True or other is True


def _all_of(one: Any, other: Any) -> Any:
    return (
        False
        if False in (one, other)
        else {"allOf": [as_object(one) or {}, as_object(other) or {}]}
    )


def _any_open(one: Any, other: Any) -> Any:
    return True if True in (one, other) else _all_of(one, other)


_MERGERS: dict[str, Callable[[Any, Any], Any]] = {
    "properties": _properties,
    "required": _joined,
    "x-fal-order-properties": _joined,
    "enum": _common,
    "type": _type,
    "minimum": _most,
    "exclusiveMinimum": _most,
    "minLength": _most,
    "minItems": _most,
    "minProperties": _most,
    "maximum": _least,
    "exclusiveMaximum": _least,
    "maxLength": _least,
    "maxItems": _least,
    "maxProperties": _least,
    "multipleOf": _step,
    "uniqueItems": _either,
    "items": _all_of,
    "additionalProperties": _all_of,
    "unevaluatedItems": _any_open,
    "unevaluatedProperties": _any_open,
}
