"""Reads the documents of a folder, each on its own: a bad one is a report and never an end."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fal_typed._calls.endpoint_id import EndpointId
from fal_typed._core.json_values import as_object
from fal_typed._documents.app_document import is_app_document, may_be_app_document, split
from fal_typed._documents.document import EndpointDocument, InvalidDocumentError
from fal_typed.errors import FalInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fal_typed._documents.document import Schema

MAX_SIZE = 64 * 1024 * 1024
MAX_PARTS = 30
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")
_SUFFIX = ".json"
_SAFE_PATH = re.compile(r"[A-Za-z0-9_.@+/-]{1,300}")


def document_files(schemas: Path) -> Iterator[str]:
    """Paths of a folder's documents, relative to it, with forward slashes, sorted.

    Args:
        schemas: The folder.

    Yields:
        Every JSON file in it, hidden folders left out.
    """
    for path in sorted(schemas.rglob("*.json")):
        relative = path.relative_to(schemas)
        if not any(part.startswith(".") for part in relative.parts):
            yield relative.as_posix()


def fingerprint(content: bytes) -> str:
    """Hash of a text file's content, the same under every convention for the ends of lines."""
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()[:20]


@dataclass(frozen=True)
class FileContent:
    """What a file describes.

    Attributes:
        documents: Its endpoints by the key that reports and the manifest name them by: the file's
            path, and of an app's document the route behind it (``acme/echo.json#/image``).
        left_out: What of an app could not be taken, and why.
    """

    documents: dict[str, EndpointDocument]
    left_out: tuple[str, ...] = ()


def file_of(key: str) -> str:
    """The file that a key is of.

    >>> file_of("acme/echo.json#/image"), file_of("acme/echo.json")
    ('acme/echo.json', 'acme/echo.json')
    """
    stem, mark, _ = key.partition(f"{_SUFFIX}#/")
    return stem + _SUFFIX if mark else key


def read_file(content: bytes, path: str) -> FileContent:
    """Read a file: the document of one endpoint, or that of an app with its routes.

    Args:
        content: The file's bytes.
        path: Its path below the schema folder, with forward slashes. An app's document doesn't
            say under which id the app runs, so the path does.

    Returns:
        What it describes.

    Raises:
        InvalidDocumentError: It describes neither an endpoint nor an app.
    """
    app = _app(content)
    if app is None:
        return FileContent({path: read(content)})
    routes = split(app, path.removesuffix(_SUFFIX))
    for document in routes.documents:
        _refuse_half_characters(document)
    documents = {f"{path}#{one.route.path}": one for one in routes.documents if one.route}
    return FileContent(documents, routes.left_out)


def _app(content: bytes) -> Schema | None:
    """The parsed document of an app; None when it is something else."""
    if len(content) > MAX_SIZE or not may_be_app_document(content):
        return None
    try:
        raw = as_object(json.loads(content))
    except (ValueError, RecursionError):
        return None
    return raw if raw is not None and is_app_document(raw) else None


def read(content: bytes) -> EndpointDocument:
    """Read one document.

    Args:
        content: The file's bytes.

    Returns:
        The document.

    Raises:
        InvalidDocumentError: It is not a document of one endpoint, or its id is not one.
    """
    if len(content) > MAX_SIZE:
        raise InvalidDocumentError(f"larger than {MAX_SIZE // 1024 // 1024} MB")
    document = EndpointDocument.parse(content)
    if _HALF_CHARACTER.search(content):
        _refuse_half_characters(document)
    try:
        EndpointId.parse(document.id)
    except FalInputError as error:
        raise InvalidDocumentError(str(error)) from error
    if document.id.count("/") > MAX_PARTS:
        raise InvalidDocumentError(f"an id of more than {MAX_PARTS} parts")
    return document


def origin(schemas: Path, relative: str) -> str:
    """Name a document's file for the header of what is generated from it."""
    path = f"{schemas.name}/{relative}"
    return path if _SAFE_PATH.fullmatch(path) else f"a file in {_safe_name(schemas)}"


def _refuse_half_characters(document: EndpointDocument) -> None:
    """JSON can spell halves of characters, which no text that is sent or written can hold."""
    try:
        json.dumps(document.raw, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InvalidDocumentError("text that is not Unicode") from error


def _safe_name(folder: Path) -> str:
    return folder.name if _SAFE_PATH.fullmatch(folder.name) else "the schema folder"
