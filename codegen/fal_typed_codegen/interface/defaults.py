"""Converts defaults to their parameter's type and to Python source.

Defaults are shown but never sent, so a default that does not fit its type is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fal_typed._core.json_values import as_list, as_object
from fal_typed_codegen.interface.specs import ALIAS, CLASS_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fal_typed._documents.document import Schema
    from fal_typed_codegen.interface.specs import ModelSpec

_COMPARISONS: tuple[tuple[str, Callable[[Any, Any], bool]], ...] = (
    ("minimum", lambda value, bound: value >= bound),
    ("maximum", lambda value, bound: value <= bound),
    ("exclusiveMinimum", lambda value, bound: value > bound),
    ("exclusiveMaximum", lambda value, bound: value < bound),
)
_FILE_INPUTS = frozenset({"FileInput", "FileObjectInput"})
_DEEPEST = 32
_WORDS = {"true": True, "false": False}


class MisfitError(ValueError):
    """The default cannot be converted to the type."""


@dataclass(frozen=True)
class Instance:
    """A default that is an object of a generated class.

    Attributes:
        name: The class's name.
        values: Its fields by Python name.
    """

    name: str
    values: dict[str, Any]


@dataclass(frozen=True)
class TupleItems:
    """A default that is a tuple.

    Attributes:
        values: Its items.
    """

    values: list[Any]


def fit(value: Any, schema: Schema, models: Mapping[str, ModelSpec]) -> Any:
    """Convert a default to a type.

    Args:
        value: The default in the document.
        schema: The type in normal form.
        models: The classes that it can refer to and that can be used here.

    Returns:
        The default as JSON, with an `Instance` where the type is a generated class and `TupleItems`
        where it is a tuple.

    Raises:
        MisfitError: It cannot be converted.

    >>> fit("5", {"type": "integer"}, {})
    5
    """
    if not schema:
        return _plain(value)
    if "anyOf" in schema:
        return _first_fit(value, schema["anyOf"], models)
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(CLASS_PREFIX)
        model = models.get(name)
        if model is not None and model.base == ALIAS:
            return fit(value, model.root or {}, models)
        return _instance(value, name, models)
    if "customTypePath" in schema:
        return _file(value, schema["customTypePath"])
    return _of_type(value, schema, models)


def expression(value: Any) -> str:
    r"""Convert a value to a Python expression.

    Args:
        value: What `fit` returned.

    Returns:
        Literals, and calls of classes for instances. Text in the value never becomes code.

    >>> expression([Instance("Size", {"width": 1}), 'a"b'])
    '[Size(width=1), \'a"b\']'
    """
    if isinstance(value, Instance):
        inside = ", ".join(f"{name}={expression(item)}" for name, item in value.values.items())
        return f"{value.name}({inside})"
    if isinstance(value, TupleItems):
        return f"({', '.join(expression(item) for item in value.values)},)"
    items, mapping = as_list(value), as_object(value)
    if items is not None:
        return f"[{', '.join(expression(item) for item in items)}]"
    if mapping is not None:
        pairs = (f"{key!r}: {expression(item)}" for key, item in mapping.items())
        return f"{{{', '.join(pairs)}}}"
    return repr(value)


def _first_fit(value: Any, members: list[Schema], models: Mapping[str, ModelSpec]) -> Any:
    # Prefer a member that accepts the value without conversion.
    fits: list[Any] = []
    for member in members:
        try:
            fitted = fit(value, member, models)
        except MisfitError:
            continue
        if isinstance(fitted, (Instance, TupleItems)) or (
            type(fitted) is type(value) and fitted == value
        ):
            return fitted
        fits.append(fitted)
    if not fits:
        raise MisfitError
    return fits[0]


def _instance(value: Any, name: str, models: Mapping[str, ModelSpec]) -> Instance:
    model, given = models.get(name), as_object(value)
    if model is None or given is None or model.direction == "output":
        raise MisfitError
    by_wire = {field.wire: field for field in model.fields}
    if not given.keys() <= by_wire.keys():
        raise MisfitError
    if any(field.required and field.wire not in given for field in model.fields):
        raise MisfitError
    if any(field.deprecated and field.wire in given for field in model.fields):
        raise MisfitError  # a default must not cause deprecation warnings
    values: dict[str, Any] = {}
    for wire, field in by_wire.items():
        if wire in given:
            is_null = given[wire] is None and field.nullable
            values[field.name] = None if is_null else fit(given[wire], field.schema, models)
    return Instance(name, values)


def _file(value: Any, path: str) -> str:
    if path.rpartition(".")[2] not in _FILE_INPUTS:
        raise MisfitError
    mapping = as_object(value)
    if mapping is not None:
        value = mapping.get("url")
    if not isinstance(value, str):
        raise MisfitError
    return value


def _of_type(value: Any, schema: Schema, models: Mapping[str, ModelSpec]) -> Any:
    kind = schema["type"]
    if kind == "array" and "prefixItems" in schema:
        return _places(value, schema["prefixItems"], models)
    if kind == "array":
        return _items(value, schema, models)
    if kind == "object":
        return _values(value, schema, models)
    value = _scalar(value, kind)
    if "enum" in schema and not any(value == v and type(value) is type(v) for v in schema["enum"]):
        raise MisfitError
    return _within(value, schema)


def _items(value: Any, schema: Schema, models: Mapping[str, ModelSpec]) -> list[Any]:
    items = as_list(value)
    if items is None:
        raise MisfitError
    if not schema.get("minItems", 0) <= len(items) <= schema.get("maxItems", len(items)):
        raise MisfitError
    if "uniqueItems" in schema and any(item in items[:index] for index, item in enumerate(items)):
        raise MisfitError
    return [fit(item, schema["items"], models) for item in items]


def _places(value: Any, places: list[Schema], models: Mapping[str, ModelSpec]) -> TupleItems:
    items = as_list(value)
    if items is None or len(items) != len(places):
        raise MisfitError
    pairs = zip(items, places, strict=True)
    return TupleItems([fit(item, place, models) for item, place in pairs])


def _values(value: Any, schema: Schema, models: Mapping[str, ModelSpec]) -> dict[str, Any]:
    mapping = as_object(value)
    if mapping is None:
        raise MisfitError
    least, most = schema.get("minProperties", 0), schema.get("maxProperties", len(mapping))
    if not least <= len(mapping) <= most:
        raise MisfitError
    item = schema["additionalProperties"]
    return {key: fit(inner, item, models) for key, inner in mapping.items()}


def _scalar(value: Any, kind: str) -> Any:
    """A value converted to a scalar type."""
    if kind == "string":
        return _string(value)
    if kind == "boolean":
        value = _WORDS.get(value.lower(), value) if isinstance(value, str) else value
        if not isinstance(value, bool):
            raise MisfitError
        return value
    if kind in ("integer", "number"):
        return _number(value, integer=kind == "integer")
    if value is not None:
        raise MisfitError
    return None


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise MisfitError
    return str(value)


def _number(value: Any, *, integer: bool) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise MisfitError
    if not isinstance(value, int):
        try:
            value = float(value)
        except ValueError:
            raise MisfitError from None
        if not math.isfinite(value) or (integer and not value.is_integer()):
            raise MisfitError
    return int(value) if integer else value


def _within(value: Any, schema: Schema) -> Any:
    for key, matches in _COMPARISONS:
        if key in schema and not matches(value, schema[key]):
            raise MisfitError
    if isinstance(value, str) and "pattern" in schema:
        raise MisfitError
    if isinstance(value, str) and not (
        schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
    ):
        raise MisfitError
    return value


def _plain(value: Any, depth: int = 0) -> Any:
    """A value for a parameter of any type; NaN and infinity are not valid JSON."""
    if depth > _DEEPEST:  # Python's parser supports about a hundred nested brackets
        raise MisfitError
    if isinstance(value, float) and not math.isfinite(value):
        raise MisfitError
    items, mapping = as_list(value), as_object(value)
    if items is not None:
        return [_plain(item, depth + 1) for item in items]
    if mapping is not None:
        return {key: _plain(item, depth + 1) for key, item in mapping.items()}
    return value
