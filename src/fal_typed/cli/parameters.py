"""Lists the fields of a document's schemas for people."""

from __future__ import annotations

import json
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
from fal_typed._documents.tasks import task_of
from fal_typed._documents.values import values_of

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
        title = _class_name(name, schema, _Place("", is_input=False))
        found.setdefault(title, parameters(document, schema, _Owner("input", name)))
    for name, schema in _components(document, outputs).items():
        title = _class_name(name, schema, _Place("", is_input=False))
        found.setdefault(title, parameters(document, schema, _Owner("output", name)))
    return [Section(title, fields) for title, fields in found.items()]


def parameters(
    document: EndpointDocument, schema: Schema, owner: _Owner = _INPUT
) -> list[Parameter]:
    """List the fields of an object schema, required ones first, otherwise in document order."""
    required = required_names(schema)
    return [
        Parameter(
            name=name,
            type=_field_type(document, name, field, owner, is_required=name in required),
            required=name in required,
            default=field.get("default"),
            bounds=", ".join(dict.fromkeys(_bounds(field))),
            description=_description(document, name, field, owner),
            schema=field,
        )
        for name, field in properties(schema).items()
    ]


class _Place(NamedTuple):
    """Where a type is written: the name of the field, and whether it belongs to the input."""

    name: str
    is_input: bool


def _field_type(
    document: EndpointDocument, name: str, schema: Schema, owner: _Owner, *, is_required: bool
) -> str:
    """Write the type of a field as editors show it."""
    is_input = owner.direction == "input"
    text = _type_text(document, schema, _Place(name, is_input))
    may_be_missing = not is_input and not is_required and "default" not in schema
    return f"{text} | None" if may_be_missing and "None" not in text.split(" | ") else text


def _type_text(document: EndpointDocument, schema: Schema, place: _Place) -> str:
    from fal_typed_codegen.interface.file_types import is_file_parameter

    if "$ref" in schema:
        target = document.resolve(schema)
        named = component_name(schema) if "properties" in target else None
        if named is None:
            return _type_text(document, target, place)
        return _class_name(named, target, place)
    is_file = place.is_input and is_file_parameter(place.name, schema)
    if schema.get("type") == "string" and is_file:
        return "FileInput"
    return " | ".join(dict.fromkeys(_members(document, schema, place))) or "Any"


def _class_name(component: str, schema: Schema, place: _Place) -> str:
    """The name of a component's class in generated code."""
    from fal_typed_codegen.interface.file_types import file_class, is_file_component
    from fal_typed_codegen.interface.naming import class_name

    if not is_file_component(schema):
        return class_name(component, ())
    return "FileObjectInput" if place.is_input else file_class(component, schema, place.name)


def _description(document: EndpointDocument, name: str, schema: Schema, owner: _Owner) -> str:
    own = as_text(schema.get("description"))
    # The glossary does not apply to private apps, whose names can mean anything.
    if own is not None or document.route is not None:
        return own or ""
    from fal_typed_codegen.rendering.glossary import Property, describe

    found = describe(
        Property(
            name=name,
            direction=owner.direction,
            component=owner.component,
            type=json_type(schema),
            values=values_of(document, schema),
            endpoint=document.id,
            task=task_of(document),
        )
    )
    return found or ""


def _components(document: EndpointDocument, schema: Schema) -> dict[str, Schema]:
    """Object components that a schema refers to, by name."""
    found = {
        name: document.resolve(document.components[name])
        for name in reachable(schema, document.components)
    }
    return {name: target for name, target in found.items() if "properties" in target}


def _members(document: EndpointDocument, schema: Schema, place: _Place) -> Iterator[str]:
    kinds, values = as_list(schema.get("type")), as_list(schema.get("enum"))
    members = alternatives(schema)
    if "const" in schema:
        yield f"Literal[{_quoted(schema['const'])}]"
    elif values is not None:
        yield f"Literal[{', '.join(map(_quoted, values))}]"
    elif members:
        for member in members:
            yield _type_text(document, member, place)
    elif kinds is not None:
        for kind in kinds:
            yield _type_text(document, {**schema, "type": kind}, place)
    else:
        yield from _single(document, schema, place)
    if schema.get("nullable"):
        yield "None"


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _single(document: EndpointDocument, schema: Schema, place: _Place) -> Iterator[str]:
    """The type of a schema of one type; nothing if it has none."""
    kind, items = schema.get("type"), as_list(schema.get("prefixItems"))
    if document.route is not None and document.route.means_bytes(schema):
        yield "bytes"
    elif kind == "array" and items:
        yield f"tuple[{', '.join(_type_text(document, item, place) for item in items)}]"
    elif kind == "array":
        yield f"list[{_type_text(document, schema.get('items') or {}, place)}]"
    elif kind == "object":
        values = as_object(schema.get("additionalProperties"))
        yield f"dict[str, {_type_text(document, values, place) if values else 'Any'}]"
    elif kind in _TYPES:
        yield _TYPES[kind]


def _bounds(schema: Schema) -> Iterator[str]:
    for key, text in _BOUNDS.items():
        if key in schema:
            yield text.format(schema[key])
    for member in as_list(schema.get("anyOf")) or ():
        yield from _bounds(as_object(member) or {})
