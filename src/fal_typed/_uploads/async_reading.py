"""Turns files of async code into ordinary files."""

from __future__ import annotations

from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import Any

from fal_typed._core.async_files import file_inside, is_async_file
from fal_typed._core.flow import Flow, Invoke, blocking
from fal_typed._uploads.content import shown_file, unreadable
from fal_typed.errors import FalInputError, FalUploadError

_CHUNK = 1024 * 1024
_MAX_IN_MEMORY = 32 * _CHUNK


@dataclass(frozen=True)
class ReadableFile:
    """A file that can be read without awaiting.

    Attributes:
        name: Its name, if the file given had one.
        content_type: Its media type, if the file given had one.
    """

    file: Any
    name: str | None = None
    content_type: str | None = None


def readable_file(value: Any) -> Flow[ReadableFile]:
    """The file inside an async file, or a copy of its bytes; other values unchanged.

    Raises:
        FalInputError: The file cannot be read, or it is an async one in sync code.
    """
    if not is_async_file(value):
        return ReadableFile(value)
    inner = file_inside(value)
    file = inner if inner is not None else (yield from _copy(value))
    name, content_type = getattr(value, "filename", None), getattr(value, "content_type", None)
    return ReadableFile(
        file,
        name if isinstance(name, str) else _text(getattr(value, "name", None)),
        _text(content_type),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _copy(file: Any) -> Flow[Any]:
    """Read an async file into memory or, if it is large, into a temporary file."""
    chunks: list[bytes] = []
    size = 0
    while size <= _MAX_IN_MEMORY:
        if not (chunk := (yield from _next_chunk(file))):
            return b"".join(chunks)
        chunks.append(chunk)
        size += len(chunk)
    try:
        copy = yield from blocking(TemporaryFile)
        yield from blocking(lambda: copy.writelines(chunks))
        while chunk := (yield from _next_chunk(file)):
            yield from blocking(lambda: copy.write(chunk))
        copy.seek(0)
    except OSError as error:
        raise FalUploadError(
            "The upload needs a temporary copy of the file, which cannot be written: "
            f"{error.strerror or error}. Set TMPDIR to a folder with enough space."
        ) from None
    return copy


def _next_chunk(file: Any) -> Flow[bytes]:
    try:
        chunk: object = yield Invoke(file.read, (_CHUNK,))
    except FalInputError:  # the sync driver cannot await
        raise FalInputError(
            f"{shown_file(file)} is an async file. Upload it in async code, or pass its bytes."
        ) from None
    except Exception as error:  # noqa: BLE001 - the file may be of any class
        raise unreadable(file, error) from None
    if not isinstance(chunk, bytes):
        raise FalInputError(
            "The file does not return bytes when it is read. Open it with mode 'rb'."
        )
    return chunk
