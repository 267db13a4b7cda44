"""The canonical form of an endpoint document: one text for one content.

Sources disagree on the order of keys, so `schemas/` keeps every document in one order that
reads well and makes a diff show changes only. Nothing is added, dropped or changed in value.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from fal_typed._core.json_values import as_list, as_object
from fal_typed._documents.schemas import SchemaRewriter

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from fal_typed._documents.document import Schema

ENVELOPE_ORDER = (
    "openapi", "info", "servers", "security", "paths", "components", "tags",
    "title", "version", "x-fal-metadata", "endpointId", "category",
    "get", "put", "post", "delete", "patch",
    "summary", "description", "operationId", "parameters", "requestBody", "responses",
    "name", "in", "required", "content", "schema", "schemas", "securitySchemes",
)  # fmt: skip
SCHEMA_ORDER = (
    "$ref", "title", "description", "deprecated", "type", "nullable", "format", "const", "enum",
    "anyOf", "oneOf", "allOf", "not", "default",
    "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf",
    "minLength", "maxLength", "pattern",
    "required", "x-fal-order-properties", "properties", "additionalProperties",
    "items", "prefixItems", "minItems", "maxItems", "uniqueItems", "examples",
)  # fmt: skip
MAX_ID_LENGTH = 120
"""Longest id that gets a path: a checkout and its generated modules stay under 260 characters."""

_SEGMENT = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
_NOT_PLAIN_ASCII = re.compile(r"[^\x00-\x7e]")
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class UnsafeIdError(ValueError):
    """An endpoint id that cannot be the path of a file; the message says why."""


def canonical(document: Schema) -> Schema:
    """Put a document into canonical order.

    Keys come in a fixed reading order and then alphabetically, properties in the order that
    ``x-fal-order-properties`` shows them and then alphabetically, ``required`` in the order of
    the properties. Lists whose order says something (``enum``, ``anyOf``, ``prefixItems``, …)
    stay as they are.

    Args:
        document: An OpenAPI document as parsed JSON; it is not changed.

    Returns:
        An equal document in canonical order.

    >>> list(canonical({"paths": {}, "info": {}, "openapi": "3.0.4"}))
    ['openapi', 'info', 'paths']
    """
    return {key: _envelope(document[key], key) for key in _arranged(document, ENVELOPE_ORDER)}


def canonical_bytes(document: Schema) -> bytes:
    r"""Write a document as the bytes that stand in `schemas/`.

    UTF-8, indented by one space, ending in one newline. Characters that a reviewer cannot see
    (bidirectional marks, line separators, control characters, lone surrogates) are escaped.

    Args:
        document: An OpenAPI document as parsed JSON.

    Returns:
        The file's content.

    Raises:
        ValueError: The document holds NaN or an infinity, which JSON has no word for.

    >>> canonical_bytes({"openapi": "3.0.4"})
    b'{\n "openapi": "3.0.4"\n}\n'
    """
    text = json.dumps(canonical(document), indent=1, ensure_ascii=False, allow_nan=False)
    return (_NOT_PLAIN_ASCII.sub(_visible, text) + "\n").encode()


def path_for(endpoint_id: str, root: Path) -> Path:
    """Path of an endpoint's document: its id plus ``.json``.

    Args:
        endpoint_id: The endpoint's id, e.g. ``fal-ai/flux/dev``.
        root: The folder of all documents.

    Returns:
        A path below ``root``.

    Raises:
        UnsafeIdError: The id would leave the folder, or no file can have its name on every
            system (Windows' reserved names, invisible characters, too long).

    >>> from pathlib import PurePosixPath
    >>> path_for("fal-ai/flux/dev", PurePosixPath("schemas"))
    PurePosixPath('schemas/fal-ai/flux/dev.json')
    """
    if len(endpoint_id) > MAX_ID_LENGTH:
        raise UnsafeIdError(f"id of {len(endpoint_id)} characters, {MAX_ID_LENGTH} are allowed")
    segments = endpoint_id.split("/")
    for segment in segments:
        _check_segment(segment, endpoint_id)
    return root.joinpath(*segments[:-1], segments[-1] + ".json")


def case_collisions(endpoint_ids: Iterable[str]) -> list[tuple[str, ...]]:
    """Ids whose paths are one and the same file where file names have no case.

    Such a checkout (macOS, Windows) holds only one of their documents.

    Args:
        endpoint_ids: The ids of a catalogue.

    Returns:
        Groups of two or more ids, sorted.

    >>> case_collisions(["Acme/echo", "acme/echo", "acme/other"])
    [('Acme/echo', 'acme/echo')]
    """
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for endpoint_id in endpoint_ids:
        groups[endpoint_id.casefold()].add(endpoint_id)
    return sorted(tuple(sorted(group)) for group in groups.values() if len(group) > 1)


def _check_segment(segment: str, endpoint_id: str) -> None:
    if not _SEGMENT.fullmatch(segment):
        raise UnsafeIdError(f"{endpoint_id!a}: {segment!a} cannot be part of a path")
    if _DEVICE.fullmatch(segment):
        raise UnsafeIdError(f"{endpoint_id!a}: {segment!a} is a device name on Windows")
    if segment.lower().endswith((".json", ".lock")):
        # A folder of that name would stand where a document or the lock does.
        raise UnsafeIdError(f"{endpoint_id!a}: {segment!a} is the name of a file of schemas/")


def _arranged(names: Iterable[str], order: Iterable[str]) -> list[str]:
    """Names in the order given, then alphabetically."""
    present = set(names)
    first = [name for name in dict.fromkeys(order) if name in present]
    return [*first, *sorted(present.difference(first))]


def _envelope(value: Any, key: str = "") -> Any:
    """Order what surrounds the schemas: info, paths, operations."""
    items, mapping = as_list(value), as_object(value)
    if items is not None:
        return [_envelope(item) for item in items]
    if mapping is None:
        return value
    return {
        name: _inner(name, mapping[name], in_components=key == "components")
        for name in _arranged(mapping, ENVELOPE_ORDER)
    }


def _inner(key: str, value: Any, *, in_components: bool) -> Any:
    if in_components:
        return _CANONICAL.named(value, key, {}) if key == "schemas" else _envelope(value)
    return _CANONICAL.schema(value) if key == "schema" else _envelope(value)


class _Canonical(SchemaRewriter):
    @override
    def keywords(self, schema: Schema) -> Iterable[tuple[str, Any]]:
        return ((key, schema[key]) for key in _arranged(schema, SCHEMA_ORDER))

    @override
    def names(self, mapping: Schema, keyword: str, schema: Schema) -> Iterable[str]:
        return _arranged(mapping, _shown(schema) if keyword == "properties" else [])

    @override
    def value(self, keyword: str, value: Any, schema: Schema) -> Any:
        return _required(value, schema) if keyword == "required" else _data(value)


_CANONICAL = _Canonical()


def _required(value: Any, schema: Schema) -> Any:
    items, names = as_list(value), _texts(value)
    if items is None or len(names) != len(items):
        return _data(value)
    known = _arranged(as_object(schema.get("properties")) or {}, _shown(schema))
    place = {name: index for index, name in enumerate(known)}
    return sorted(names, key=lambda name: (place.get(name, len(place)), name))


def _data(value: Any) -> Any:
    """Order a value that contains no schema: a default, an example, an extension."""
    items, mapping = as_list(value), as_object(value)
    if items is not None:
        return [_data(item) for item in items]
    return value if mapping is None else {key: _data(mapping[key]) for key in sorted(mapping)}


def _shown(schema: Schema) -> list[str]:
    return _texts(schema.get("x-fal-order-properties"))


def _texts(value: object) -> list[str]:
    return [item for item in as_list(value) or [] if isinstance(item, str)]


def _visible(match: re.Match[str]) -> str:
    character = match.group()
    if unicodedata.category(character) not in _UNPRINTABLE:
        return character
    return json.dumps(character)[1:-1]
