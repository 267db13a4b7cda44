"""Walks the JSON Schemas of endpoint documents.

The generator and the command line read the same schemas; what both need is here. Pure standard
library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fal_typed._core.json_values import as_list, as_object, as_text
from fal_typed._documents.document import component_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fal_typed._documents.document import Schema

SCHEMA_MAPS = frozenset(
    {"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"}
)
"""Keywords whose value maps names to schemas."""

SUBSCHEMAS = frozenset(
    {
        "additionalItems", "additionalProperties", "allOf", "anyOf", "contains", "else", "if",
        "items", "not", "oneOf", "prefixItems", "propertyNames", "then", "unevaluatedItems",
        "unevaluatedProperties",
    }
)  # fmt: skip
"""Keywords whose value is a schema or a list of schemas."""

_UNIONS = ("anyOf", "oneOf", "allOf")


class SchemaRewriter:
    """Copies a schema, depth first; subclasses choose what the copy contains and in which order."""

    def schema(self, value: Any) -> Any:
        """Copy a schema, a list of schemas, or the boolean that can replace a schema."""
        items, mapping = as_list(value), as_object(value)
        if items is not None:
            return [self.schema(item) for item in items]
        if mapping is None:
            return value
        return {key: self._keyword(key, item, mapping) for key, item in self.keywords(mapping)}

    def named(self, value: Any, keyword: str, schema: Schema) -> Any:
        """Copy a mapping of names to schemas, the value of a keyword of `schema`."""
        mapping = as_object(value)
        if mapping is None:
            return self.value(keyword, value, schema)
        names = self.names(mapping, keyword, schema)
        return {name: self.schema(mapping[name]) for name in names}

    def keywords(self, schema: Schema) -> Iterable[tuple[str, Any]]:
        """Keywords to copy, in order."""
        return schema.items()

    def names(self, mapping: Schema, keyword: str, schema: Schema) -> Iterable[str]:
        """Names to copy from a mapping of names to schemas, in order."""
        del keyword, schema
        return mapping

    def value(self, keyword: str, value: Any, schema: Schema) -> Any:
        """Copy the value of a keyword that contains no schema."""
        del keyword, schema
        return value

    def _keyword(self, key: str, item: Any, schema: Schema) -> Any:
        if key in SCHEMA_MAPS:
            return self.named(item, key, schema)
        return self.schema(item) if key in SUBSCHEMAS else self.value(key, item, schema)


def alternatives(schema: Schema) -> list[Schema]:
    """Members of ``anyOf``, else of ``oneOf``, else of ``allOf``.

    Args:
        schema: Any schema.

    Returns:
        The members that are schemas; an empty list when there are none.

    >>> alternatives({"anyOf": [{"type": "string"}, {"type": "null"}]})
    [{'type': 'string'}, {'type': 'null'}]
    """
    unions = filter(None, (as_list(schema.get(key)) for key in _UNIONS))
    members = map(as_object, next(unions, ()))
    return [member for member in members if member is not None]


def properties(schema: Schema) -> dict[str, Schema]:
    """Properties of an object schema in the order in which to list them.

    Args:
        schema: Any schema.

    Returns:
        Schemas by name: required properties first, otherwise in the order of
        ``x-fal-order-properties``, the remaining ones by name. A property whose value is not a
        schema has an empty one.

    >>> list(properties({"properties": {"b": {}, "a": {}, "c": {}}, "required": ["c"]}))
    ['c', 'a', 'b']
    """
    found = as_object(schema.get("properties")) or {}
    required = required_names(schema)
    listed = filter(None, map(as_text, as_list(schema.get("x-fal-order-properties")) or []))
    order = [name for name in dict.fromkeys(listed) if name in found]
    order += sorted(found.keys() - set(order))
    order.sort(key=lambda name: name not in required)
    return {name: as_object(found[name]) or {} for name in order}


def required_names(schema: Schema) -> set[str]:
    """Names of an object schema's required properties."""
    return {name for name in as_list(schema.get("required")) or [] if isinstance(name, str)}


def reachable(start: object, components: Mapping[str, Schema]) -> list[str]:
    """Names of the components that a schema refers to, directly or through others.

    Args:
        start: A schema, or a list of schemas.
        components: Schemas by component name.

    Returns:
        The names, in the order in which they are found, level by level.

    >>> ref = {"$ref": "#/components/schemas/A"}
    >>> reachable({"items": ref}, {"A": {"properties": {"next": ref}}, "B": {}})
    ['A']
    """
    found: dict[str, None] = {}
    waiting: list[object] = [start]
    for value in waiting:
        waiting += as_list(value) or []
        mapping = as_object(value) or {}
        waiting += mapping.values()
        name = component_name(mapping)
        if name is not None and name in components and name not in found:
            found[name] = None
            waiting.append(components[name])
    return list(found)


def json_type(schema: Schema) -> str | None:
    """The single JSON type of a schema.

    Args:
        schema: A property's schema.

    Returns:
        ``string``, ``integer``, ``number``, ``boolean``, ``array`` or ``object``, ignoring null;
        None when the schema allows several types or does not name one.

    >>> json_type({"anyOf": [{"type": "integer"}, {"type": "null"}]})
    'integer'
    """
    types = _json_types(schema) - {"null"}
    return types.pop() if len(types) == 1 else None


def _json_types(schema: object) -> set[str]:
    """Every JSON type that a schema names; a reference counts as an object."""
    mapping = as_object(schema)
    if mapping is None:
        return set()
    if "$ref" in mapping:
        return {"object"}
    stated = mapping.get("type")
    if stated is not None:
        kinds = [stated] if isinstance(stated, str) else as_list(stated) or []
        return {kind for kind in kinds if isinstance(kind, str)}
    members = (member for key in _UNIONS for member in as_list(mapping.get(key)) or [])
    return set[str]().union(*map(_json_types, members))
