"""Describes the form for an endpoint's input, which the page shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fal_typed._documents.schema_walk import (
    allowed_values,
    branches,
    properties,
    property_names,
    required_names,
    schema_type,
)

if TYPE_CHECKING:
    from fal_typed._documents.document import EndpointDocument, Schema

_KINDS = {"string": "text", "integer": "integer", "number": "number", "boolean": "flag"}
_HINTS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "minLength": "min_length",
    "maxLength": "max_length",
}


def form_fields(document: EndpointDocument) -> list[dict[str, Any]]:
    """Describe the form for an endpoint's input.

    Args:
        document: The endpoint's document.

    Returns:
        One entry for each parameter in the document's order: ``name``, ``required``, ``kind``
        (``text``, ``choice``, ``flag``, ``integer``, ``number``, ``json``, or ``open`` for a choice
        that also accepts JSON), and if the schema has them ``description``, ``choices``,
        ``default``, ``minimum``, ``maximum``, ``min_length``, ``max_length``.
    """
    schema = document.input_schema
    known, required = properties(schema), required_names(schema)
    return [
        _field(document, name, known[name], name in required) for name in property_names(schema)
    ]


def _field(document: EndpointDocument, name: str, schema: Schema, required: bool) -> dict[str, Any]:
    whole = document.resolve(schema)
    # A parameter that may be null is just left empty.
    forms = branches(document, whole)
    choices = [choice for form in forms for choice in _choices(form)]
    field: dict[str, Any] = {"name": name, "required": required, "kind": _kind(forms, choices)}
    if choices:
        field["choices"] = choices
    if (text := whole.get("description") or whole.get("title")) is not None:
        field["description"] = str(text)
    if "default" in whole:
        field["default"] = whole["default"]
    for form in forms if len(forms) == 1 else ():
        field.update((ours, form[key]) for key, ours in _HINTS.items() if key in form)
    return field


def _choices(schema: Schema) -> list[Any]:
    return [value for value in allowed_values(schema) or [] if value is not None]


def _kind(forms: list[Schema], choices: list[Any]) -> str:
    kinds = {_KINDS.get(schema_type(form) or "", "json") for form in forms}
    if choices and all(_choices(form) for form in forms):
        return "choice"
    if choices and kinds != {"text"}:
        return "open"
    if kinds == {"integer", "number"}:
        return "number"
    return kinds.pop() if len(kinds) == 1 else "json" if "text" not in kinds else "open"
