"""Compares wording, and what the typed code does not show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fal_typed._core.json_values import as_list, as_object
from fal_typed._documents.schemas import SCHEMA_MAPS, SUBSCHEMAS, reachable
from fal_typed_codegen.diff.change_kinds import Difference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fal_typed._documents.document import EndpointDocument, Schema

_MAX_DEPTH = 64
_KINDS = {
    "description": "description-changed",
    "summary": "description-changed",
    "$comment": "description-changed",
    "title": "title-changed",
    "example": "examples-changed",
    "examples": "examples-changed",
    "x-fal": "limits-changed",
    "limit_description": "limits-changed",
    "max_file_size": "limits-changed",
    "max_pixels": "limits-changed",
    "format": "format-changed",
    "ui": "hints-changed",
    "_fal_ui_field": "hints-changed",
    "x-fal-ui": "hints-changed",
    "x-fal-file-input": "hints-changed",
}
_ORDERED = frozenset({"enum", "type", "anyOf", "oneOf", "allOf"})
_BOUNDS = frozenset(
    {
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
        "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "uniqueItems",
        "pattern", "min", "max", "ge", "gt", "le", "lt",
        "multiple_of", "min_length", "max_length", "min_items", "max_items",
    }
)  # fmt: skip
_TYPED = (
    frozenset(
        {
            "$ref", "type", "enum", "const", "default", "nullable", "required", "deprecated",
            "x-fal-order-properties", "dependentRequired", "dependencies", "minContains",
            "maxContains",
        }
    )
    | _BOUNDS
    | SUBSCHEMAS
    | SCHEMA_MAPS
)  # fmt: skip
"""Keywords that the types express, or that contain other schemas."""


def compare_wording(old: EndpointDocument, new: EndpointDocument) -> list[Difference]:
    """Compare the wording of two documents of one endpoint.

    Args:
        old: The old document.
        new: The new document.

    Returns:
        Changes that types do not show. Components that exist on one side only are ignored.
    """
    found = [*_info(old, new), *_deprecation(old, new)]
    inputs, outputs = set[str](), set[str]()
    for document in (old, new):
        inputs.update(reachable(document.input_ref, document.components))
        outputs.update(reachable(document.output_ref, document.components))
    used = inputs | outputs
    for name in sorted(used & old.components.keys() & new.components.keys()):
        is_result = name in outputs - inputs
        before, after = old.components[name], new.components[name]
        found += _schema(name, before, after, is_result=is_result, depth=0)
    if _around(old, used) != _around(new, used):
        found.append(Difference("document-changed", ""))
    return list(dict.fromkeys(found))


def _info(old: EndpointDocument, new: EndpointDocument) -> Iterator[Difference]:
    if old.description != new.description:
        yield Difference("description-changed", "")
    before, after = as_object(old.raw.get("info")) or {}, as_object(new.raw.get("info")) or {}
    if before.get("title") != after.get("title"):
        yield Difference("title-changed", "")
    if old.category != new.category:
        yield Difference("category-changed", "", old.category or "none", new.category or "none")
    links = [as_object(info.get("x-fal-metadata")) or {} for info in (before, after)]
    if _without_category(links[0]) != _without_category(links[1]):
        yield Difference("links-changed", "")


def _without_category(metadata: Schema) -> Schema:
    return {key: value for key, value in metadata.items() if key != "category"}


def _deprecation(old: EndpointDocument, new: EndpointDocument) -> Iterator[Difference]:
    if old.deprecated != new.deprecated:
        word = "deprecated" if new.deprecated else "undeprecated"
        yield Difference(f"endpoint-{word}", "")


def _around(document: EndpointDocument, used: set[str]) -> Schema:
    """The document without its interface, with unused components."""
    if document.route is not None:
        # The rest of an app consists of other endpoints.
        return {}
    raw = dict(document.raw)
    raw.pop("info", None)
    unused = {name: value for name, value in document.components.items() if name not in used}
    raw["components"] = {**(as_object(raw.get("components")) or {}), "schemas": unused}
    paths = as_object(raw.get("paths")) or {}
    own = as_object(paths.get(f"/{document.id}")) or {}
    post = {**(as_object(own.get("post")) or {}), "deprecated": None}
    raw["paths"] = {**paths, f"/{document.id}": {**own, "post": post}}
    return raw


def _schema(
    place: str, old: object, new: object, *, is_result: bool, depth: int
) -> Iterator[Difference]:
    before, after = as_object(old), as_object(new)
    if before is None or after is None or before == after or depth > _MAX_DEPTH:
        return
    for key in sorted(before.keys() | after.keys()):
        pair = before.get(key), after.get(key)
        if pair[0] == pair[1]:
            continue
        if _is_reordered(key, *pair):
            yield Difference("values-reordered", place)
        if key in _KINDS:
            yield Difference(_KINDS[key], place)
        elif key in _BOUNDS and is_result:
            yield Difference("output-bounds-changed", place, _say(key, pair[0]), _say(key, pair[1]))
        elif key not in _TYPED:
            yield Difference("keyword-changed", place, "", key[:80])
        yield from _inner(place, key, pair, is_result=is_result, depth=depth + 1)


def _inner(
    place: str, key: str, pair: tuple[Any, Any], *, is_result: bool, depth: int
) -> Iterator[Difference]:
    """Compare the schemas that a keyword contains."""
    before, after = pair
    if key in SCHEMA_MAPS:
        olds, news = as_object(before) or {}, as_object(after) or {}
        for name in sorted(olds.keys() & news.keys()):
            inner = f"{place}.{name}"
            yield from _schema(inner, olds[name], news[name], is_result=is_result, depth=depth)
    elif key in SUBSCHEMAS:
        members = as_list(before) or [before], as_list(after) or [after]
        for old, new in zip(*members, strict=False):
            yield from _schema(place, old, new, is_result=is_result, depth=depth)


def unshown(old: EndpointDocument, new: EndpointDocument) -> list[Difference]:
    """Changes of schemas that neither types nor wording show, with the keyword and its place."""
    found: list[Difference] = []
    for name in sorted(old.components.keys() | new.components.keys()):
        before, after = old.components.get(name), new.components.get(name)
        found += _changed_keywords(name, before, after, 0)
    return list(dict.fromkeys(found)) or [Difference("document-changed", "")]


def _changed_keywords(place: str, old: object, new: object, depth: int) -> Iterator[Difference]:
    before, after = as_object(old), as_object(new)
    if before is None or after is None or depth > _MAX_DEPTH:
        return
    for key in sorted(before.keys() | after.keys()):
        one, other = before.get(key), after.get(key)
        if one == other:
            continue
        inner = list(_changed_inside(place, key, one, other, depth + 1))
        yield from inner or [Difference("keyword-changed", place, "", key[:80])]


def _changed_inside(place: str, key: str, old: Any, new: Any, depth: int) -> Iterator[Difference]:
    if key in SCHEMA_MAPS:
        olds, news = as_object(old) or {}, as_object(new) or {}
        for name in sorted(olds.keys() & news.keys()):
            yield from _changed_keywords(f"{place}.{name}", olds[name], news[name], depth)
    elif key in SUBSCHEMAS:
        for one, other in zip(as_list(old) or [old], as_list(new) or [new], strict=False):
            yield from _changed_keywords(place, one, other, depth)


def _is_reordered(key: str, old: Any, new: Any) -> bool:
    """Whether the values of a keyword are the same in another order."""
    olds, news = as_list(old), as_list(new)
    if key not in _ORDERED or olds is None or news is None:
        return False
    texts = [sorted(json.dumps(item, sort_keys=True) for item in items) for items in (olds, news)]
    return texts[0] == texts[1]


def _say(key: str, value: Any) -> str:
    return "" if value is None else f"{key} {value!r}"[:80]
