"""The form for an endpoint's input: what its schema says, flattened for the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from fal_typed.testing.messages import as_list

if TYPE_CHECKING:
    from fal_typed._documents.document import EndpointDocument, Schema

_KINDS = {"string": "text", "integer": "integer", "number": "number", "boolean": "flag"}
_HINTS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "minLength": "min_length",
    "maxLength": "max_length",
}
_DEEPEST = 4


def form_fields(document: EndpointDocument) -> list[dict[str, Any]]:
    """Describe the form for an endpoint's input.

    Args:
        document: The endpoint's document.

    Returns:
        One entry for each parameter in the document's own order: ``name``, ``required``, ``kind``
        (``text``, ``choice``, ``flag``, ``integer``, ``number``, ``json``, or ``open`` for a
        choice that JSON may stand in for), and where the schema has them ``description``,
        ``choices``, ``default``, ``minimum``, ``maximum``, ``min_length``, ``max_length``.
    """
    schema = document.input_schema
    properties: dict[str, Schema] = schema.get("properties") or {}
    order: list[str] = schema.get("x-fal-order-properties") or []
    required = set(as_list(schema.get("required") or []))
    names = dict.fromkeys([name for name in order if name in properties] + list(properties))
    return [_field(document, name, properties[name], name in required) for name in names]


def _field(document: EndpointDocument, name: str, schema: Schema, required: bool) -> dict[str, Any]:
    whole = document.resolve(schema)
    branches = _branches(document, whole)
    choices = [choice for branch in branches for choice in _choices(branch)]
    field: dict[str, Any] = {"name": name, "required": required, "kind": _kind(branches, choices)}
    if choices:
        field["choices"] = choices
    if (text := whole.get("description") or whole.get("title")) is not None:
        field["description"] = str(text)
    if "default" in whole:
        field["default"] = whole["default"]
    for branch in branches if len(branches) == 1 else ():
        field.update((ours, branch[key]) for key, ours in _HINTS.items() if key in branch)
    return field


def _branches(document: EndpointDocument, schema: Schema, depth: int = 0) -> list[Schema]:
    """Everything a value may be, but null: a parameter that may be null is just left out."""
    schema = document.resolve(schema)
    for part in as_list(schema.get("allOf") or []):
        schema = {**document.resolve(part), **schema}
    options = as_list(schema.get("anyOf") or schema.get("oneOf") or [])
    if not options or depth == _DEEPEST:
        return [] if schema.get("type") == "null" else [schema]
    return [branch for option in options for branch in _branches(document, option, depth + 1)]


def _choices(schema: Schema) -> list[Any]:
    if "const" in schema:
        return [schema["const"]]
    return [value for value in as_list(schema.get("enum") or []) if value is not None]


def _kind(branches: list[Schema], choices: list[Any]) -> str:
    kinds = {_KINDS.get(cast("str", branch.get("type")), "json") for branch in branches}
    if choices and all(_choices(branch) for branch in branches):
        return "choice"
    if choices and kinds != {"text"}:
        return "open"
    if kinds == {"integer", "number"}:
        return "number"
    return kinds.pop() if len(kinds) == 1 else "json" if "text" not in kinds else "open"
