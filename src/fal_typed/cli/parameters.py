"""Lists the fields of a document's schemas for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from fal_typed._core.json_values import as_list, as_object, as_text
from fal_typed._documents.document import component_name
from fal_typed._documents.schemas import (
    alternatives,
    json_type,
    properties,
    reachable,
    required_names,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fal_typed_codegen.interface.specs import Direction

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
    """An object of a document: the input, the output, or one inside them."""

    title: str
    fields: list[Parameter]


class _Owner(NamedTuple):
    """The object that a field belongs to, on which the field's meaning depends."""

    direction: Direction
    component: str | None


_INPUT = _Owner("input", None)


def sections(document: EndpointDocument) -> list[Section]:
    """List the input, the output, and every object that they refer to."""
    inputs, outputs = document.input_schema, document.output_schema
    found = {
        "Parameters": parameters(document, inputs),
        "Result": parameters(document, outputs, _Owner("output", None)),
    }
    for name, schema in _components(document, inputs).items():
        found[name] = parameters(document, schema, _Owner("input", name))
    for name, schema in _components(document, outputs).items():
        found.setdefault(name, parameters(document, schema, _Owner("output", name)))
    return [Section(title, fields) for title, fields in found.items()]


def parameters(
    document: EndpointDocument, schema: Schema, owner: _Owner = _INPUT
) -> list[Parameter]:
    """List the fields of an object schema, required ones first, otherwise in document order."""
    required = required_names(schema)
    return [
        Parameter(
            name=name,
            type=type_text(document, field, name if owner.direction == "input" else ""),
            required=name in required,
            default=field.get("default"),
            bounds=", ".join(dict.fromkeys(_bounds(field))),
            description=_description(document, name, field, owner),
            schema=field,
        )
        for name, field in properties(schema).items()
    ]


def type_text(document: EndpointDocument, schema: Schema, name: str = "") -> str:
    """Write a schema's type in Python syntax, and ``file`` where a file is accepted.

    Args:
        document: The document that contains the schema.
        schema: The schema.
        name: Name of the input parameter that it belongs to; files are recognized by it.
    """
    from fal_typed_codegen.interface.file_types import is_file_parameter

    if "$ref" in schema:
        target = document.resolve(schema)
        named = component_name(schema) if "properties" in target else None
        return named or type_text(document, target, name)
    if name and schema.get("type") == "string" and is_file_parameter(name, schema):
        return "file"
    return " | ".join(dict.fromkeys(_members(document, schema, name))) or "Any"


def _description(document: EndpointDocument, name: str, schema: Schema, owner: _Owner) -> str:
    own = as_text(schema.get("description"))
    # The glossary does not apply to private apps, whose names can mean anything.
    if own is not None or document.route is not None:
        return own or ""
    from fal_typed_codegen.rendering.glossary import describe

    found = describe(
        name,
        direction=owner.direction,
        component=owner.component,
        category=document.category,
        type=json_type(schema),
        endpoint=document.id,
    )
    return found or ""


def _components(document: EndpointDocument, schema: Schema) -> dict[str, Schema]:
    """Object components that a schema refers to, by name."""
    found = {
        name: document.resolve(document.components[name])
        for name in reachable(schema, document.components)
    }
    return {name: target for name, target in found.items() if "properties" in target}


def _members(document: EndpointDocument, schema: Schema, name: str) -> Iterator[str]:
    kinds, values = as_list(schema.get("type")), as_list(schema.get("enum"))
    members = alternatives(schema)
    if "const" in schema:
        yield repr(schema["const"])
    elif values is not None:
        yield from map(repr, values)
    elif members:
        for member in members:
            yield type_text(document, member, name)
    elif kinds is not None:
        for kind in kinds:
            yield type_text(document, {**schema, "type": kind}, name)
    else:
        yield from _single(document, schema, name)
    if schema.get("nullable"):
        yield "None"


def _single(document: EndpointDocument, schema: Schema, name: str) -> Iterator[str]:
    """The type of a schema of one type; nothing if it has none."""
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
    for member in as_list(schema.get("anyOf")) or ():
        yield from _bounds(as_object(member) or {})
