"""Inputs made from an endpoint's document: a minimal one, and one with every parameter set."""

from __future__ import annotations

import math
from typing import Any

import jsonschema

from fal_typed._documents.document import EndpointDocument

FILE = "https://v3.fal.media/files/b/example.png"
_MAX_DEPTH = 5


def minimal(document: EndpointDocument) -> Any:
    """Only the required parameters."""
    return _Maker(document, everything=False).value(document.input_ref)


def complete(document: EndpointDocument) -> Any:
    """Every parameter."""
    return _Maker(document, everything=True).value(document.input_ref)


class _Maker:
    def __init__(self, document: EndpointDocument, *, everything: bool) -> None:
        self._document = document
        self._everything = everything

    def value(self, schema: dict[str, Any], depth: int = 0) -> Any:
        schema = self._document.resolve(schema)
        for part in schema.get("allOf") or ():
            schema = {**self._document.resolve(part), **schema}
        for known in ("default", "const"):
            if schema.get(known) is not None and self._fits(schema, schema[known]):
                return schema[known]
        if schema.get("enum"):
            return schema["enum"][0]
        options = schema.get("anyOf") or schema.get("oneOf")
        if options:
            named = [one for one in options if one.get("type") != "null"]
            rest = {key: one for key, one in schema.items() if key not in ("anyOf", "oneOf")}
            return self.value({**rest, **named[0]}, depth)
        return self._of_type(schema, depth)

    def _of_type(self, schema: dict[str, Any], depth: int) -> Any:
        kind = schema.get("type") or ("object" if "properties" in schema else "null")
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            wanted = max(schema.get("minItems", 0), self._everything and depth < _MAX_DEPTH)
            parts = schema.get("prefixItems") or [schema.get("items", {})] * wanted
            return [self.value(part, depth + 1) for part in parts]
        if kind == "string":
            return self._string(schema)
        if kind in ("integer", "number"):
            return self._number(schema)
        return {"boolean": True, "null": None}[kind]

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties, required = schema.get("properties", {}), schema.get("required", [])
        wanted = properties if self._everything and depth < _MAX_DEPTH else required
        return {name: self.value(properties.get(name, {}), depth + 1) for name in wanted}

    def _string(self, schema: dict[str, Any]) -> str:
        text = FILE if "file" in str(schema).lower() or schema.get("format") == "uri" else "cat"
        text = text.ljust(schema.get("minLength", 0), "x")
        return text[: schema.get("maxLength", len(text))]

    def _number(self, schema: dict[str, Any]) -> float:
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        step = schema.get("multipleOf", 1)
        if low is None:
            start = 0 if high is None else min(0, high - 1)
        elif "minimum" in schema:
            start = low
        else:
            start = low + step if high is None or low + step <= high else (low + high) / 2
        start = math.ceil(start / step) * step if schema.get("multipleOf") else start
        return int(start) if schema["type"] == "integer" else start

    def _fits(self, schema: dict[str, Any], value: Any) -> bool:
        return validator(self._document, schema).is_valid(value)


def validator(document: EndpointDocument, schema: dict[str, Any]) -> Any:
    """A validator of the package jsonschema, which is independent of the emulator."""
    whole = {**schema, "components": document.raw.get("components", {})}
    return jsonschema.Draft202012Validator(whole)
