"""Reads the fields of a document's schemas as a person would list them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from fal_typed.document import component_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fal_typed.document import EndpointDocument, Schema

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
    """One field of an input or an output."""

    name: str
    type: str
    required: bool
    default: Any
    bounds: str
    description: str
    schema: Schema = field(repr=False)


def parameters(document: EndpointDocument, schema: Schema) -> list[Parameter]:
    """List the fields of an object schema, required ones first, else in the document's order."""
    properties = cast("dict[str, Schema]", schema.get("properties") or {})
    required = set(schema.get("required") or ())
    order = [name for name in schema.get("x-fal-order-properties") or () if name in properties]
    names = sorted(dict.fromkeys([*order, *properties]), key=lambda name: name not in required)
    return [_parameter(document, name, properties[name], name in required) for name in names]


def components(document: EndpointDocument, schema: Schema) -> dict[str, Schema]:
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


def type_text(document: EndpointDocument, schema: Schema) -> str:
    """Write a schema's type as Python would, files as ``file``."""
    if "$ref" in schema:
        target = document.resolve(schema)
        named = "properties" in target
        return component_name(schema) or "dict" if named else type_text(document, target)
    if is_file(schema):
        return "file"
    return " | ".join(dict.fromkeys(_members(document, schema))) or "Any"


def is_file(schema: Schema) -> bool:
    """Say whether a string stands for a file, so that a path may be given and is uploaded."""
    hinted = schema.get("_fal_ui_field") or (schema.get("ui") or {}).get("field")
    marked = bool(schema.get("x-fal-file-input")) or hinted in {"image", "video", "audio", "file"}
    return marked and schema.get("type") == "string"


def _parameter(document: EndpointDocument, name: str, schema: Schema, required: bool) -> Parameter:
    return Parameter(
        name=name,
        type=type_text(document, schema),
        required=required,
        default=schema.get("default"),
        bounds=", ".join(dict.fromkeys(_bounds(schema))),
        description=str(schema.get("description") or ""),
        schema=schema,
    )


def _members(document: EndpointDocument, schema: Schema) -> Iterator[str]:
    if "const" in schema:
        yield repr(schema["const"])
    elif "enum" in schema:
        yield from map(repr, schema["enum"])
    elif alternatives := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
        for alternative in alternatives:
            yield type_text(document, alternative)
    elif schema.get("type") == "array":
        yield f"list[{type_text(document, schema.get('items') or {})}]"
    elif schema.get("type") in _TYPES:
        yield _TYPES[schema["type"]]
    if schema.get("nullable"):
        yield "None"


def _bounds(schema: Schema) -> Iterator[str]:
    for key, text in _BOUNDS.items():
        if key in schema:
            yield text.format(schema[key])
    for alternative in schema.get("anyOf") or ():
        yield from _bounds(alternative)


def _parts(schema: Schema) -> Iterator[Schema]:
    """Walk the schemas inside a schema, itself first, without following references."""
    yield schema
    inner = [
        *(schema.get("properties") or {}).values(),
        *(schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf") or ()),
        *([schema["items"]] if isinstance(schema.get("items"), dict) else ()),
    ]
    for part in inner:
        yield from _parts(part)
