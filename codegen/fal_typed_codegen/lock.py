"""`schemas.lock`: where each document of a folder came from, and what it meant when it came.

The lock lets a pull tell a changed interface from changed wording, and keeps the module names
that were once chosen for an id when other ids are added.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fal_typed._documents.document import EndpointDocument, InvalidDocumentError, component_name
from fal_typed_codegen.canonical import SCHEMA_MAPS, SUBSCHEMAS

if TYPE_CHECKING:
    from typing_extensions import Self

    from fal_typed_codegen.canonical import Document, Json

LOCK_NAME = "schemas.lock"
VERSION = 1

PROSE = frozenset(
    {
        "$comment", "about", "description", "documentationUrl", "example", "examples",
        "externalDocs", "limit_description", "playgroundUrl", "summary", "tags", "thumbnailUrl",
        "title",
    }
)  # fmt: skip
"""Keys that speak to people only, around schemas and in them."""


class InvalidLockError(ValueError):
    """The file is not a lock that this version can read; the message says why."""


@dataclass(frozen=True)
class LockedModule:
    """The names the generator chose for an endpoint.

    Attributes:
        path: Module path below ``endpoints``, e.g. ``fal_ai.flux.dev``.
        endpoint: Name of the endpoint object, e.g. ``flux_dev``.
        models: Stem of its models' names, e.g. ``FluxDev``.
    """

    path: str
    endpoint: str
    models: str


@dataclass(frozen=True)
class LockEntry:
    """What is known of one document.

    Attributes:
        source: Where it came from: a URL, a file's name, the name of a collection.
        retrieved: The day it came, UTC, as ``2026-11-20``.
        meaning: Fingerprint of the interface it describes, see `meaning_hash`.
        module: The names chosen for it; None until the generator has chosen.
    """

    source: str
    retrieved: str
    meaning: str
    module: LockedModule | None = None


@dataclass
class Lock:
    """All entries of a lock file, by endpoint id.

    >>> lock = Lock()
    >>> lock.entries["acme/echo"] = LockEntry("a file", "2026-11-20", meaning_hash({}))
    >>> sorted(lock.entries)
    ['acme/echo']
    """

    entries: dict[str, LockEntry] = field(default_factory=dict[str, LockEntry])

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a lock file.

        Args:
            path: The file, usually ``schemas/schemas.lock``.

        Returns:
            The lock; an empty one when there is no such file.

        Raises:
            InvalidLockError: The file is not a lock of this version.
        """
        if not path.exists():
            return cls()
        try:
            raw = json.loads(path.read_bytes())
            entries = {key: _entry(value) for key, value in raw["endpoints"].items()}
            version = raw["version"]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise InvalidLockError(f"{path}: {type(error).__name__}: {error}") from error
        if version != VERSION:
            raise InvalidLockError(f"{path}: version {version!r}, this reads {VERSION}")
        return cls(entries)

    def save(self, path: Path) -> None:
        """Write the lock file: sorted by id, the same bytes for the same entries.

        Args:
            path: The file; it holds the old or the new content at any moment.

        Raises:
            OSError: The file cannot be written.
        """
        write_atomic(path, self.to_bytes())

    def to_bytes(self) -> bytes:
        """Write the lock as the bytes of its file.

        Returns:
            JSON, sorted by id.
        """
        endpoints = {key: asdict(self.entries[key]) for key in sorted(self.entries)}
        text = json.dumps({"version": VERSION, "endpoints": endpoints}, indent=1)
        return (text + "\n").encode()


def meaning_hash(document: Document) -> str:
    """Fingerprint of the interface a document describes.

    Two documents have the same one when a program that calls the endpoint cannot tell them
    apart. Wording (titles, descriptions, examples, links), components that nothing refers to,
    the queue's own routes and the order of keys, of ``required`` and of a list of types don't
    count; everything else does.

    Args:
        document: An OpenAPI document as parsed JSON.

    Returns:
        SHA-256 in hexadecimal, 64 characters.

    Rests on docs/protocol.md section 11.2: every queue document repeats the same routes around
    one endpoint.

    >>> a = {"components": {"schemas": {"In": {"type": "object", "title": "Input"}}}}
    >>> b = {"components": {"schemas": {"In": {"type": "object"}}}}
    >>> meaning_hash(a) == meaning_hash(b)
    True
    """
    text = json.dumps(_interface(document), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def write_atomic(path: Path, content: bytes) -> None:
    """Replace a file's content so that no reader ever sees a part of it.

    Args:
        path: The file; its folder is made when missing.
        content: The new content.

    Raises:
        OSError: The file cannot be written; what stood there still does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        # mkstemp's files are private; a file of a checkout is readable like its neighbours.
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _entry(raw: Document) -> LockEntry:
    module = raw["module"]
    return LockEntry(
        source=_text(raw["source"]),
        retrieved=_text(raw["retrieved"]),
        meaning=_text(raw["meaning"]),
        module=_module(module) if isinstance(module, dict) else None,
    )


def _module(raw: Document) -> LockedModule:
    return LockedModule(_text(raw["path"]), _text(raw["endpoint"]), _text(raw["models"]))


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise InvalidLockError(f"expected text, found {value!r}")
    return value


def _interface(document: Document) -> Json:
    """The part of a document that has meaning."""
    try:
        endpoint = EndpointDocument(document)
    except InvalidDocumentError:
        return _envelope(document)
    if not endpoint.output_ref:  # not a queue document: every route may be an interface
        return _envelope(document)
    surface = [_schema(endpoint.input_ref), _schema(endpoint.output_ref)]
    components = {name: _schema(schema) for name, schema in endpoint.components.items()}
    used = {name: components[name] for name in _reachable(surface, components)}
    return {"id": endpoint.id, "surface": surface, "components": used}


def _reachable(start: Json, components: Document) -> set[str]:
    """Names of the components that a schema refers to, directly or through others."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        if not isinstance(value, dict):
            continue
        waiting.extend(value.values())
        name = component_name(value)
        if name in components and name not in found:
            found.add(name)
            waiting.append(components[name])
    return found


def _envelope(value: Json, key: str = "") -> Json:
    if isinstance(value, list):
        return [_envelope(item) for item in value]
    if not isinstance(value, dict):
        return value
    if key == "schema":
        return _schema(value)
    if key == "schemas":
        return _named_schemas(value)
    return {name: _envelope(item, name) for name, item in value.items() if name not in PROSE}


def _schema(value: Json) -> Json:
    if isinstance(value, list):
        return [_schema(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _keyword(key, item) for key, item in value.items() if key not in PROSE}


def _keyword(key: str, item: Json) -> Json:
    if key == "properties" or key in SCHEMA_MAPS:
        return _named_schemas(item)
    if key in SUBSCHEMAS:
        return _schema(item)
    if key in {"required", "type"} and isinstance(item, list):
        return sorted(item, key=json.dumps)
    return item


def _named_schemas(value: Json) -> Json:
    if not isinstance(value, dict):
        return value
    return {name: _schema(item) for name, item in value.items()}
