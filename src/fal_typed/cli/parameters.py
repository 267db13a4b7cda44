"""Reads the fields of a document's schemas as a person would list them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from fal_typed_codegen.glossary import describe, json_type
from fal_typed_codegen.media import is_file_parameter

from fal_typed._documents.document import component_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fal_typed_codegen.glossary import Direction

    from fal_typed._documents.document import EndpointDocument, Schema

_TYPES = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
    "object": "dict",
}
_BOUNDS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "multipleOf": "multiple of {}",
    "minLength": "≥ {} characters",
    "maxLength": "≤ {} characters",
    "minItems": "≥ {} items",
    "maxItems": "≤ {} items",
    "pattern": "matches {}",
}


@dataclass(frozen=True)
class Parameter:
    """One field of an object."""

    name: str
    type: str
    required: bool
    default: Any
    bounds: str
    description: str
    schema: Schema = field(repr=False)


class Section(NamedTuple):
    """An object of a document: the input, the output, or one that they hold."""

    title: str
    fields: list[Parameter]


class _Place(NamedTuple):
    """Where a field stands, which is what its meaning hangs on."""

    direction: Direction
    component: str | None


_INPUT = _Place("input", None)


def sections(document: EndpointDocument) -> list[Section]:
    """List the input, the output and then every object they lead to."""
    inputs, outputs = document.input_schema, document.output_schema
    found = {
        "Parameters": parameters(document, inputs),
        "Result": parameters(document, outputs, _Place("output", None)),
    }
    for name, schema in _components(document, inputs).items():
        found[name] = parameters(document, schema, _Place("input", name))
    for name, schema in _components(document, outputs).items():
        found.setdefault(name, parameters(document, schema, _Place("output", name)))
    return [Section(title, fields) for title, fields in found.items()]


def parameters(
    document: EndpointDocument, schema: Schema, place: _Place = _INPUT
) -> list[Parameter]:
    """List the fields of an object schema, required ones first, else in the document's order."""
    properties = cast("dict[str, Schema]", schema.get("properties") or {})
    required = set(schema.get("required") or ())
    order = [name for name in schema.get("x-fal-order-properties") or () if name in properties]
    names = sorted(dict.fromkeys([*order, *properties]), key=lambda name: name not in required)
    return [
        Parameter(
            name=name,
            type=type_text(document, properties[name], name if place.direction == "input" else ""),
            required=name in required,
            default=properties[name].get("default"),
            bounds=", ".join(dict.fromkeys(_bounds(properties[name]))),
            description=_description(document, name, properties[name], place),
            schema=properties[name],
        )
        for name in names
    ]


def type_text(document: EndpointDocument, schema: Schema, name: str = "") -> str:
    """Write a schema's type as Python would, and ``file`` where a file can be given.

    Args:
        document: The document that holds the schema.
        schema: The schema.
        name: Name of the input parameter it belongs to; files are told by it as well.
    """
    if "$ref" in schema:
        target = document.resolve(schema)
        named = component_name(schema) if "properties" in target else None
        return named or type_text(document, target, name)
    if name and schema.get("type") == "string" and is_file_parameter(name, schema):
        return "file"
    return " | ".join(dict.fromkeys(_members(document, schema, name))) or "Any"


def _description(document: EndpointDocument, name: str, schema: Schema, place: _Place) -> str:
    own = schema.get("description")
    # Of the fields of somebody's own app nobody can say what they usually are.
    if isinstance(own, str) or document.route is not None:
        return own if isinstance(own, str) else ""
    found = describe(
        name,
        direction=place.direction,
        component=place.component,
        category=document.category,
        type=json_type(schema),
        endpoint=document.id,
    )
    return found or ""


def _components(document: EndpointDocument, schema: Schema) -> dict[str, Schema]:
    """Find the object components a schema leads to, by name, in the order they are met."""
    found: dict[str, Schema] = {}
    waiting = [schema]
    while waiting:
        for part in _parts(waiting.pop(0)):
            name = component_name(part)
            target = document.resolve(part) if name else part
            if name and name not in found and "properties" in target:
                found[name] = target
                waiting.append(target)
    return found


def _parts(schema: Schema) -> Iterator[Schema]:
    """Walk the schemas inside a schema, itself first, without following references."""
    yield schema
    inner: list[Any] = [
        *(schema.get("properties") or {}).values(),
        *(schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf") or ()),
        schema.get("items"),
    ]
    for part in inner:
        if isinstance(part, dict):
            yield from _parts(cast("Schema", part))


def _members(document: EndpointDocument, schema: Schema, name: str) -> Iterator[str]:
    kinds = schema.get("type")
    alternatives = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    if "const" in schema:
        yield repr(schema["const"])
    elif "enum" in schema:
        yield from map(repr, schema["enum"])
    elif alternatives:
        for alternative in alternatives:
            yield type_text(document, alternative, name)
    elif isinstance(kinds, list):
        for kind in cast("list[object]", kinds):
            yield type_text(document, {**schema, "type": kind}, name)
    else:
        yield from _single(document, schema, name)
    if schema.get("nullable"):
        yield "None"


def _single(document: EndpointDocument, schema: Schema, name: str) -> Iterator[str]:
    """The type of a schema of one type; nothing if it names none."""
    kind, places = schema.get("type"), schema.get("prefixItems")
    if document.route is not None and document.route.means_bytes(schema):
        yield "bytes"
    elif kind == "array" and places:
        yield f"tuple[{', '.join(type_text(document, place) for place in places)}]"
    elif kind == "array":
        yield f"list[{type_text(document, schema.get('items') or {}, name)}]"
    elif kind in _TYPES:
        yield _TYPES[kind]


def _bounds(schema: Schema) -> Iterator[str]:
    for key, text in _BOUNDS.items():
        if key in schema:
            yield text.format(schema[key])
    for alternative in schema.get("anyOf") or ():
        yield from _bounds(alternative)
