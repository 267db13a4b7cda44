"""The canonical form of an endpoint document: one text for one content.

Sources disagree on the order of keys, so `schemas/` keeps every document in one order that
reads well and makes a diff show changes only. Nothing is added, dropped or changed in value.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
Document: TypeAlias = "dict[str, Json]"

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
SCHEMA_MAPS = frozenset({"patternProperties", "$defs", "definitions", "dependentSchemas"})
"""Keywords that hold named schemas, beside ``properties``."""
SUBSCHEMAS = frozenset(
    {
        "additionalItems", "additionalProperties", "allOf", "anyOf", "contains", "else", "if",
        "items", "not", "oneOf", "prefixItems", "propertyNames", "then", "unevaluatedItems",
        "unevaluatedProperties",
    }
)  # fmt: skip
"""Keywords that hold a schema or a list of schemas."""

MAX_ID_LENGTH = 120
"""Longest id that gets a path: a checkout and its generated modules stay under 260 characters."""

_SEGMENT = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
_NOT_PLAIN_ASCII = re.compile(r"[^\x00-\x7e]")
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class UnsafeIdError(ValueError):
    """An endpoint id that cannot be the path of a file; the message says why."""


def canonical(document: Document) -> Document:
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
    return {
        key: _components(value) if key == "components" else _envelope(value)
        for key, value in _arranged(document, ENVELOPE_ORDER)
    }


def canonical_bytes(document: Document) -> bytes:
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


def _arranged(mapping: Document, order: Iterable[str]) -> list[tuple[str, Json]]:
    """Items in the order given, then alphabetically."""
    first = [key for key in dict.fromkeys(order) if key in mapping]
    rest = sorted(mapping.keys() - set(first))
    return [(key, mapping[key]) for key in [*first, *rest]]


def _envelope(value: Json) -> Json:
    """What stands around the schemas: info, paths, operations."""
    if isinstance(value, list):
        return [_envelope(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _schema(item) if key == "schema" else _envelope(item)
        for key, item in _arranged(value, ENVELOPE_ORDER)
    }


def _components(value: Json) -> Json:
    if not isinstance(value, dict):
        return _envelope(value)
    return {
        key: _named_schemas(item, []) if key == "schemas" else _envelope(item)
        for key, item in _arranged(value, ENVELOPE_ORDER)
    }


def _schema(value: Json) -> Json:
    """A schema, or a list of schemas, or the true and false that may stand for one."""
    if isinstance(value, list):
        return [_schema(item) for item in value]
    if not isinstance(value, dict):
        return value
    shown = _names(value.get("x-fal-order-properties"))
    return {key: _keyword(key, item, shown, value) for key, item in _arranged(value, SCHEMA_ORDER)}


def _keyword(key: str, item: Json, shown: list[str], schema: Document) -> Json:
    if key == "properties":
        return _named_schemas(item, shown)
    if key in SCHEMA_MAPS:
        return _named_schemas(item, [])
    if key in SUBSCHEMAS:
        return _schema(item)
    if key == "required":
        return _required(item, shown, schema.get("properties"))
    return _data(item)


def _named_schemas(value: Json, order: list[str]) -> Json:
    """A mapping whose keys are names and not keywords."""
    if not isinstance(value, dict):
        return _data(value)
    return {name: _schema(item) for name, item in _arranged(value, order)}


def _required(item: Json, shown: list[str], properties: Json) -> Json:
    names = _names(item)
    if not isinstance(item, list) or len(names) != len(item):
        return _data(item)
    known = _arranged(properties, shown) if isinstance(properties, dict) else []
    place = {name: index for index, (name, _) in enumerate(known)}
    ordered = sorted(names, key=lambda name: (place.get(name, len(place)), name))
    return [*ordered]


def _data(value: Json) -> Json:
    """A value that is no schema: a default, an example, an extension."""
    if isinstance(value, list):
        return [_data(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _data(value[key]) for key in sorted(value)}


def _names(value: Json) -> list[str]:
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, str)]


def _visible(match: re.Match[str]) -> str:
    character = match.group()
    if unicodedata.category(character) not in _UNPRINTABLE:
        return character
    return json.dumps(character)[1:-1]
