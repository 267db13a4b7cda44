"""Allowed values (`enum`, `const`), as literal types where possible."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from fal_typed._calls.schema_rules import violations
from fal_typed._core.json_values import as_list

if TYPE_CHECKING:
    from fal_typed._documents.document import Schema


def has_values(schema: Schema) -> bool:
    """Whether a schema lists its allowed values."""
    return "const" in schema or bool(_values(schema))


def literal(schema: Schema) -> Schema | None:
    """Normal form of a schema that lists its allowed values.

    Args:
        schema: A schema for which `has_values` is true.

    Returns:
        One literal type per JSON type, and null if it is allowed; a bounded number if values are
        fractions, which literal types do not support; None if a value is an object, an array or
        infinite.

    >>> literal({"type": "string", "enum": ["a", None, "b"]})
    {'anyOf': [{'type': 'string', 'enum': ['a', 'b']}, {'type': 'null'}]}
    >>> literal({"enum": [0.5, 1]})
    {'type': 'number', 'minimum': 0.5, 'maximum': 1}
    """
    values = [_converted(value, schema.get("type")) for value in _values(schema)]
    if not all(_can_be_literal(value) for value in values):
        return None
    numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    members = [
        _member("string", [value for value in values if isinstance(value, str)]),
        _number_member(numbers),
        _member("boolean", [value for value in values if isinstance(value, bool)]),
        {"type": "null"} if None in values else None,
    ]
    found = [member for member in members if member is not None]
    return found[0] if len(found) == 1 else {"anyOf": found}


def beyond_types(schema: Schema) -> list[Any]:
    """Allowed values that the generated type does not express: those of a list with fractions."""
    values = _values(schema)
    return values if any(_is_fraction(value) for value in values) else []


def all_fit(schema: Schema) -> bool:
    """Whether the allowed values fit the keywords beside them, as far as they can be checked here.

    >>> all_fit({"enum": ["a"], "anyOf": [{"type": "string"}]})
    True
    >>> all_fit({"enum": [1], "minimum": 2})
    False
    """
    beside = {key: value for key, value in schema.items() if key not in ("enum", "const", "type")}
    refs: list[str] = []
    fits = not any(violations(beside, value, refs.append) for value in _values(schema))
    return fits and not refs


def _values(schema: Schema) -> list[Any]:
    if "const" in schema:
        return [schema["const"]]
    return as_list(schema.get("enum")) or []


def _converted(value: Any, kind: Any) -> Any:
    """A value converted to the schema's type, for documents that write 5 for "5" or vice versa."""
    if kind == "string" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if kind == "integer" and isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _member(kind: str, values: list[Any]) -> Schema | None:
    unique = list(dict.fromkeys(values))
    return {"type": kind, "enum": unique} if unique else None


def _number_member(numbers: list[int | float]) -> Schema | None:
    if any(_is_fraction(number) for number in numbers):
        return {"type": "number", "minimum": min(numbers), "maximum": max(numbers)}
    return _member("integer", list(numbers))


def _can_be_literal(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, (str, int))


def _is_fraction(value: Any) -> bool:
    return isinstance(value, float) and not value.is_integer()
