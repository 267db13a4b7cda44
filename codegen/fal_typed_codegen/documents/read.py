"""Reads the documents of a folder, each independently of the others."""

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
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_SUFFIX = ".json"
_SAFE_PATH = re.compile(r"[A-Za-z0-9_.@+/-]{1,300}")


def document_files(schemas: Path) -> Iterator[str]:
    """Relative paths of a folder's documents, with forward slashes, sorted.

    Args:
        schemas: The folder.

    Yields:
        Every JSON file in it, except those in hidden folders.
    """
    for path in sorted(schemas.rglob("*.json")):
        relative = path.relative_to(schemas)
        if not any(part.startswith(".") for part in relative.parts):
            yield relative.as_posix()


def fingerprint(content: bytes) -> str:
    """Hash of a text file's content; line endings do not matter."""
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()[:20]


@dataclass(frozen=True)
class FileContent:
    """The endpoints that a file describes.

    Attributes:
        documents: Endpoints by the key used in reports and the manifest: the file's path, with the
            route appended for an app's document (``acme/echo.json#/image``).
        left_out: Routes of an app that are not endpoints, with the reason.
    """

    documents: dict[str, EndpointDocument]
    left_out: tuple[str, ...] = ()


def file_of(key: str) -> str:
    """File of a key.

    >>> file_of("acme/echo.json#/image"), file_of("acme/echo.json")
    ('acme/echo.json', 'acme/echo.json')
    """
    stem, mark, _ = key.partition(f"{_SUFFIX}#/")
    return stem + _SUFFIX if mark else key


def read_file(content: bytes, path: str) -> FileContent:
    """Read a file: the document of one endpoint, or that of an app with its routes.

    Args:
        content: The file's bytes.
        path: Its path in the schema folder, with forward slashes. It gives the id of an app, which
            an app's document does not contain.

    Returns:
        The endpoints that it describes.

    Raises:
        InvalidDocumentError: It describes neither an endpoint nor an app.
    """
    app = _app(content)
    if app is None:
        return FileContent({path: read(content)})
    routes = split(app, path.removesuffix(_SUFFIX))
    for document in routes.documents:
        _reject_lone_surrogates(document)
    documents = {f"{path}#{one.route.path}": one for one in routes.documents if one.route}
    return FileContent(documents, routes.left_out)


def _app(content: bytes) -> Schema | None:
    """The parsed document of an app; None for any other file."""
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
        InvalidDocumentError: It does not describe one endpoint, or the id is invalid.
    """
    if len(content) > MAX_SIZE:
        raise InvalidDocumentError(f"larger than {MAX_SIZE // 1024 // 1024} MB")
    document = EndpointDocument.parse(content)
    if _SURROGATE.search(content):
        _reject_lone_surrogates(document)
    try:
        EndpointId.parse(document.id)
    except FalInputError as error:
        raise InvalidDocumentError(str(error)) from error
    if document.id.count("/") > MAX_PARTS:
        raise InvalidDocumentError(f"the id has more than {MAX_PARTS} parts")
    return document


def origin(schemas: Path, relative: str) -> str:
    """Path of a document for the header of generated files."""
    path = f"{schemas.name}/{relative}"
    return path if _SAFE_PATH.fullmatch(path) else f"a file in {_safe_name(schemas)}"


def _reject_lone_surrogates(document: EndpointDocument) -> None:
    """Reject lone surrogates, which JSON can contain but UTF-8 cannot."""
    try:
        json.dumps(document.raw, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InvalidDocumentError("it contains text that is not valid Unicode") from error


def _safe_name(folder: Path) -> str:
    return folder.name if _SAFE_PATH.fullmatch(folder.name) else "the schema folder"
