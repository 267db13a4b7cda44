"""Reads the documents of a folder, each on its own: a bad one is a report and never an end."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from fal_typed.document import EndpointDocument, InvalidDocumentError
from fal_typed.endpoint_id import EndpointId
from fal_typed.errors import FalInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SIZE = 64 * 1024 * 1024
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")
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
