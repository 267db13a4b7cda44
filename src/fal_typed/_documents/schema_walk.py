"""Walks the schemas of a document: references, unions, allowed values and null."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fal_typed._core.json_values import as_list, as_object

if TYPE_CHECKING:
    from fal_typed._documents.document import EndpointDocument, Schema

_MAX_DEPTH = 4


def properties(schema: Schema) -> dict[str, Schema]:
    """The properties of an object schema, by name."""
    return as_object(schema.get("properties")) or {}


def property_names(schema: Schema) -> list[str]:
    """The names of an object schema's properties, in the order that the document asks for.

    >>> property_names({"properties": {"a": {}, "b": {}}, "x-fal-order-properties": ["b", "x"]})
    ['b', 'a']
    """
    known = properties(schema)
    listed = as_list(schema.get("x-fal-order-properties")) or []
    return list(dict.fromkeys([*(name for name in listed if name in known), *known]))


def required_names(schema: Schema) -> list[str]:
    """The names of an object schema's required properties."""
    listed = as_list(schema.get("required")) or []
    return [name for name in listed if isinstance(name, str) and name]


def allowed_values(schema: Schema) -> list[Any] | None:
    """The values of ``const`` or ``enum``; None for a schema without either.

    >>> allowed_values({"const": 4}), allowed_values({"enum": ["a", "b"]}), allowed_values({})
    ([4], ['a', 'b'], None)
    """
    return [schema["const"]] if "const" in schema else as_list(schema.get("enum"))


def schema_type(schema: Schema) -> str | None:
    """The type of a schema: the first one that is not null, or ``object`` if it has properties.

    >>> schema_type({"type": ["null", "string"]}), schema_type({"properties": {"a": {}}})
    ('string', 'object')
    """
    stated = schema.get("type")
    types = as_list(stated) or [stated]
    found = next((one for one in types if isinstance(one, str) and one != "null"), None)
    if found is None and "null" in types:
        return "null"
    return found or ("object" if "properties" in schema else None)


def alternatives(schema: Schema) -> list[Schema]:
    """The members of ``anyOf`` or ``oneOf``, or one schema for each entry of a list of types.

    Args:
        schema: A schema whose ``$ref`` was followed.

    Returns:
        The alternatives, null included; empty for a schema that is not a union.

    >>> alternatives({"type": ["integer", "null"], "minimum": 1})
    [{'type': 'integer', 'minimum': 1}, {'type': 'null', 'minimum': 1}]
    """
    members = as_list(schema.get("anyOf")) or as_list(schema.get("oneOf"))
    if members:
        return [member for member in map(as_object, members) if member is not None]
    if allowed_values(schema) is not None:
        return []
    return [{**schema, "type": one} for one in as_list(schema.get("type")) or []]


def merged(document: EndpointDocument, schema: Schema) -> Schema:
    """Follow a schema's ``$ref`` and fold the parts of its ``allOf`` into it.

    Args:
        document: The document that contains the schema.
        schema: Any schema of it.

    Returns:
        One schema. Its own keywords override those of a part, and a part overrides later parts.
        The properties of all of them are combined.
    """
    schema = document.resolve(schema)
    parts = [
        document.resolve(part)
        for part in map(as_object, as_list(schema.get("allOf")) or [])
        if part
    ]
    if not parts:
        return schema
    whole = {key: value for key, value in schema.items() if key != "allOf"}
    combined = properties(schema)
    for part in parts:
        combined = {**combined, **properties(part)}
        whole = {**part, **whole}
    return {**whole, "properties": combined} if combined else whole


def branches(document: EndpointDocument, schema: Schema, depth: int = 0) -> list[Schema]:
    """Every form that a value may have, nested unions flattened, null left out.

    Args:
        document: The document that contains the schema.
        schema: Any schema of it.
        depth: How many unions are around it; recursion stops at 4.

    Returns:
        Merged schemas; more than one for a union.
    """
    whole = merged(document, schema)
    options = alternatives(whole)
    if not options or depth == _MAX_DEPTH:
        return [] if schema_type(whole) == "null" else [whole]
    return [branch for option in options for branch in branches(document, option, depth + 1)]
