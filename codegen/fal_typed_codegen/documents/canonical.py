"""The canonical form of an endpoint document: equal documents have the same text.

Sources order keys differently, so `schemas/` stores every document in one readable order, and diffs
show only real changes. No value is added, dropped or changed.
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
"""Maximum length of an id: paths of documents and generated modules stay under 260 characters."""

_SEGMENT = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
_NOT_PLAIN_ASCII = re.compile(r"[^\x00-\x7e]")
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class UnsafeIdError(ValueError):
    """An endpoint id cannot be used as a file path; the message gives the reason."""


def canonical(document: Schema) -> Schema:
    """Put a document into canonical order.

    Keys have a fixed order, then an alphabetical one; properties have the order of
    ``x-fal-order-properties``, then an alphabetical one; ``required`` has the order of the
    properties. Lists whose order is significant (``enum``, ``anyOf``, ``prefixItems``, …) are not
    reordered.

    Args:
        document: An OpenAPI document as parsed JSON; it is not modified.

    Returns:
        An equal document in canonical order.

    >>> list(canonical({"paths": {}, "info": {}, "openapi": "3.0.4"}))
    ['openapi', 'info', 'paths']
    """
    return {key: _envelope(document[key], key) for key in _arranged(document, ENVELOPE_ORDER)}


def canonical_bytes(document: Schema) -> bytes:
    r"""Serialize a document in canonical form.

    The result is UTF-8, indented by one space, and ends with a newline. Invisible characters
    (bidirectional marks, line separators, control characters, lone surrogates) are escaped.

    Args:
        document: An OpenAPI document as parsed JSON.

    Returns:
        The file's content.

    Raises:
        ValueError: The document contains NaN or infinity, which JSON cannot represent.

    >>> canonical_bytes({"openapi": "3.0.4"})
    b'{\n "openapi": "3.0.4"\n}\n'
    """
    text = json.dumps(canonical(document), indent=1, ensure_ascii=False, allow_nan=False)
    return (_NOT_PLAIN_ASCII.sub(_visible, text) + "\n").encode()


def path_for(endpoint_id: str, root: Path) -> Path:
    """Path of an endpoint's document: its id with ``.json``.

    Args:
        endpoint_id: The endpoint's id, e.g. ``fal-ai/flux/dev``.
        root: The folder of all documents.

    Returns:
        A path inside ``root``.

    Raises:
        UnsafeIdError: The id would leave the folder, or is not a valid file name on every system
            (names reserved by Windows, invisible characters, too long).

    >>> from pathlib import PurePosixPath
    >>> path_for("fal-ai/flux/dev", PurePosixPath("schemas"))
    PurePosixPath('schemas/fal-ai/flux/dev.json')
    """
    if len(endpoint_id) > MAX_ID_LENGTH:
        raise UnsafeIdError(
            f"the id has {len(endpoint_id)} characters; at most {MAX_ID_LENGTH} are allowed"
        )
    segments = endpoint_id.split("/")
    for segment in segments:
        _check_segment(segment, endpoint_id)
    return root.joinpath(*segments[:-1], segments[-1] + ".json")


def case_collisions(endpoint_ids: Iterable[str]) -> list[tuple[str, ...]]:
    """Ids whose paths are the same file on case-insensitive file systems.

    A checkout on macOS or Windows contains only one of their documents.

    Args:
        endpoint_ids: The ids of a catalog.

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
        # A folder with this name would conflict with a document or the lock.
        raise UnsafeIdError(f"{endpoint_id!a}: {segment!a} is reserved for files of schemas/")


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
