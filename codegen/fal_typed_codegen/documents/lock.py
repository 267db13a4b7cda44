"""`schemas.lock`: origin and meaning of each document of a folder.

With the lock, a pull distinguishes a changed interface from changed wording, and module names stay
the same when other ids are added.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from fal_typed._core.json_values import as_list, as_object, as_text
from fal_typed._documents.document import EndpointDocument, InvalidDocumentError
from fal_typed._documents.regular_files import read_regular_file
from fal_typed._documents.schemas import SchemaRewriter, reachable
from fal_typed_codegen.documents.atomic import write_atomic
from fal_typed_codegen.interface.naming import ModuleNames

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from typing_extensions import Self

    from fal_typed._documents.document import Schema

LOCK_NAME = "schemas.lock"
VERSION = 1

PROSE = frozenset(
    {
        "$comment", "about", "description", "documentationUrl", "example", "examples",
        "externalDocs", "limit_description", "playgroundUrl", "summary", "tags", "thumbnailUrl",
        "title",
    }
)  # fmt: skip
"""Keys that contain only text for people."""


class InvalidLockError(ValueError):
    """The file is not a valid lock of this version; the message gives the reason."""


@dataclass(frozen=True)
class LockEntry:
    """Entry of one document.

    Attributes:
        source: Origin: a URL, a file name or the name of a collection.
        retrieved: Date of retrieval in UTC, such as ``2026-11-20``.
        meaning: Hash of the interface it describes; see `meaning_hash`.
        module: Names chosen by the generator; None before the first generation.
    """

    source: str
    retrieved: str
    meaning: str
    module: ModuleNames | None = None


@dataclass
class SchemaLock:
    """All entries of a lock file, by endpoint id.

    >>> lock = SchemaLock()
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
            The lock; an empty one if the file does not exist.

        Raises:
            InvalidLockError: The file is not a valid lock of this version.
        """
        if not path.exists() and not path.is_symlink():
            return cls()
        try:
            raw = json.loads(read_regular_file(path))
            entries = {key: _entry(value) for key, value in raw["endpoints"].items()}
            version = raw["version"]
        except OSError as error:
            raise InvalidLockError(f"{path}: {error.strerror or error}") from error
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise InvalidLockError(f"{path}: {type(error).__name__}: {error}") from error
        if version != VERSION:
            raise InvalidLockError(f"{path}: unsupported version {version!r}; expected {VERSION}")
        return cls(entries)

    def save(self, path: Path) -> None:
        """Write the lock file, sorted by id.

        Args:
            path: The file; it is replaced atomically.

        Raises:
            OSError: The file cannot be written.
        """
        write_atomic(path, self.to_bytes())

    def to_bytes(self) -> bytes:
        """Serialize the lock.

        Returns:
            JSON, sorted by id.
        """
        endpoints = {key: _raw(self.entries[key]) for key in sorted(self.entries)}
        text = json.dumps({"version": VERSION, "endpoints": endpoints}, indent=1)
        return (text + "\n").encode()


def meaning_hash(document: Schema) -> str:
    """Hash of the interface that a document describes.

    Two documents have the same hash if callers of the endpoint cannot see a difference. The hash
    ignores wording (titles, descriptions, examples, links), unused components, the queue's own
    routes, and the order of keys, of ``required`` and of lists of types.

    Args:
        document: An OpenAPI document as parsed JSON.

    Returns:
        SHA-256 in hexadecimal, 64 characters.

    Protocol: docs/protocol.md section 11.2; every queue document repeats the same routes.

    >>> a = {"components": {"schemas": {"In": {"type": "object", "title": "Input"}}}}
    >>> b = {"components": {"schemas": {"In": {"type": "object"}}}}
    >>> meaning_hash(a) == meaning_hash(b)
    True
    """
    text = json.dumps(_interface(document), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _entry(raw: Schema) -> LockEntry:
    module = as_object(raw["module"])
    return LockEntry(
        source=_text(raw["source"]),
        retrieved=_text(raw["retrieved"]),
        meaning=_text(raw["meaning"]),
        module=None if module is None else _module(module),
    )


def _raw(entry: LockEntry) -> dict[str, Any]:
    module = None if entry.module is None else entry.module._asdict()
    return {**asdict(entry), "module": module}


def _module(raw: Schema) -> ModuleNames:
    return ModuleNames(_text(raw["path"]), _text(raw["endpoint"]), _text(raw["models"]))


def _text(value: object) -> str:
    text = as_text(value)
    if text is None:
        raise InvalidLockError(f"expected a string, found {value!r}")
    return text


class _Meaning(SchemaRewriter):
    """Copies schemas without prose; lists without a significant order are sorted."""

    @override
    def keywords(self, schema: Schema) -> Iterable[tuple[str, Any]]:
        return ((key, item) for key, item in schema.items() if key not in PROSE)

    @override
    def value(self, keyword: str, value: Any, schema: Schema) -> Any:
        items = as_list(value) if keyword in {"required", "type"} else None
        return value if items is None else sorted(items, key=json.dumps)


_MEANING = _Meaning()


def _interface(document: Schema) -> Any:
    """The part of a document that has meaning."""
    try:
        endpoint = EndpointDocument(document)
    except InvalidDocumentError:
        return _envelope(document)
    if not endpoint.output_ref:  # not a queue document: any route can be an interface
        return _envelope(document)
    surface = [_MEANING.schema(endpoint.input_ref), _MEANING.schema(endpoint.output_ref)]
    components = {name: _MEANING.schema(schema) for name, schema in endpoint.components.items()}
    used = {name: components[name] for name in reachable(surface, components)}
    return {"id": endpoint.id, "surface": surface, "components": used}


def _envelope(value: Any, key: str = "") -> Any:
    items, mapping = as_list(value), as_object(value)
    if items is not None:
        return [_envelope(item) for item in items]
    if mapping is None:
        return value
    if key == "schema":
        return _MEANING.schema(mapping)
    if key == "schemas":
        return _MEANING.named(mapping, key, {})
    return {name: _envelope(item, name) for name, item in mapping.items() if name not in PROSE}
