"""Files to upload, and how their bytes are read: as late and as few at a time as possible."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO, TextIOBase
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, Union, cast

from typing_extensions import Self

from fal_typed._core.async_files import AsyncFile, file_inside, is_async_file
from fal_typed._core.media_types import OCTETS, extension_of, type_of_bytes, type_of_name
from fal_typed._core.pillow import PILImage, as_seen
from fal_typed._transport.base import FilePart
from fal_typed._transport.bodies import read_part
from fal_typed.errors import FalInputError, FalUploadError

if TYPE_CHECKING:
    from fal_typed.files import File

Uploadable = Union[
    bytes, bytearray, memoryview, "os.PathLike[str]", BinaryIO, AsyncFile, PILImage, "File"
]
"""What can be uploaded. A `File` is not uploaded again; its URL is returned."""

_MAX_NAME = 200
_NOT_BINARY = "The file does not return bytes when it is read. Open it with mode 'rb'."
_HEAD = 64
_SPOOL_CHUNK = 1024 * 1024


class Source(Protocol):
    """The bytes of a file, read from start to end."""

    @property
    def size(self) -> int | None:
        """Total size in bytes, or None if it is known only at the end."""
        ...

    @property
    def is_repeatable(self) -> bool:
        """Whether the bytes can be read again from the start."""
        ...

    def take(self, offset: int, size: int) -> bytes | FilePart:
        """Take the next bytes; fewer or none at the end."""
        ...


@dataclass(frozen=True)
class DiskSource:
    """A file on disk, read while it is sent."""

    path: str
    size: int
    is_repeatable: bool = True

    def take(self, offset: int, size: int) -> FilePart:
        """A part of the file, which is not read yet."""
        return FilePart(self.path, offset, max(0, min(size, self.size - offset)))


@dataclass(frozen=True)
class MemorySource:
    """Bytes in memory."""

    data: memoryview
    is_repeatable: bool = True

    @property
    def size(self) -> int:
        """Size in bytes."""
        return len(self.data)

    def take(self, offset: int, size: int) -> bytes:
        """Copy some of the bytes."""
        return bytes(self.data[offset : offset + size])


class ReaderSource:
    """An open file, read once from its current position; it may be a pipe or a socket."""

    is_repeatable = False

    def __init__(self, file: Any, size: int | None) -> None:
        self.size = size
        self._file = file
        self._head = b""
        self._read_so_far = 0

    def take(self, offset: int, size: int) -> bytes:  # noqa: ARG002 - read in order
        """Read the next bytes."""
        taken, self._head = self._head[:size], self._head[size:]
        chunks = [taken] if taken else []  # joining a single chunk does not copy
        missing = size - len(taken)
        while missing > 0 and (chunk := self._read(missing)):
            chunks.append(chunk)
            missing -= len(chunk)
        return b"".join(chunks)

    def peek(self, size: int) -> bytes:
        """Read the next bytes without consuming them."""
        self._head = self.take(0, max(size, len(self._head)))
        return self._head

    def _read(self, size: int) -> bytes:
        try:
            chunk = self._file.read(size)
        except Exception as error:  # noqa: BLE001 - the file may be of any class
            raise unreadable(self._file, error) from None
        if not isinstance(chunk, (bytes, bytearray, memoryview)):
            raise FalInputError(_NOT_BINARY)
        data = bytes(cast("bytes", chunk))
        self._read_so_far += len(data)
        if not data and self.size is not None and self._read_so_far < self.size:
            raise FalInputError(
                f"{shown_file(self._file)} became shorter while it was sent: {self._read_so_far} "
                f"of {self.size} bytes could be read. The upload was stopped."
            )
        return data


@dataclass(frozen=True)
class Content:
    """A file to be uploaded."""

    name: str
    type: str
    source: Source

    def read(self) -> bytes:
        """Read the whole file."""
        body = self.source.take(0, self.source.size or 0)
        if isinstance(body, bytes):
            return body
        return b"".join(read_part(body))


def content_of(
    value: Uploadable | str,
    content_type: str | None = None,
    file_name: str | None = None,
    *,
    image_format: str = "png",
    max_in_memory: int = 0,
) -> Content:
    """Determine name, type and source of a file, reading as little of it as possible.

    Args:
        value: The file; a string is the content itself and needs a content type.
        content_type: Media type. Default: by the file name, else by the first bytes.
        file_name: File name. Default: the name on disk.
        image_format: Format to encode a Pillow image in.
        max_in_memory: An open file of at most this many bytes is read into memory.

    Raises:
        FalInputError: The file does not exist, or the value cannot be uploaded.
    """
    if isinstance(value, str):
        if content_type is None:
            raise FalInputError(
                "A string could be a path or the content. Pass a Path to upload a file, or a "
                "content_type to upload the string itself."
            )
        value = value.encode()
    source: Source
    if isinstance(value, (bytes, bytearray, memoryview)):
        view = memoryview(cast("bytes", value)).cast("B")
        head, name, source = bytes(view[:_HEAD]), "", MemorySource(view)
    elif isinstance(value, os.PathLike):
        head, source = _from_disk(value)
        name = os.path.basename(source.path)  # noqa: PTH119 - no Path is needed
    elif callable(getattr(value, "read", None)):
        name = getattr(value, "name", "")
        head, source = _from_reader(value, max_in_memory)
    elif is_image(value):
        data, content_type = encode_image_bytes(cast("PILImage", value), image_format)
        head, name, source = b"", "", MemorySource(memoryview(data))
    else:
        raise FalInputError(
            f"Cannot upload a value of type {type(value).__name__}. Pass bytes, a path, an open "
            "binary file or a Pillow image."
        )
    name = file_name or (name if isinstance(name, str) else "")
    known = content_type or type_of_name(name) or type_of_bytes(head) or OCTETS
    return Content(_base_name(name) or f"upload{extension_of(known)}", known, source)


class SingleBody:
    """A file as a single body that can be sent again; read-once files are copied to disk first."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._spool: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._spool is not None:
            with suppress(OSError):
                os.unlink(self._spool)  # noqa: PTH108 - no Path is needed

    def read(self) -> bytes | FilePart:
        """Get the body; may block on disk."""
        source = self._source
        if source.is_repeatable and source.size is not None:
            return source.take(0, source.size)
        size = 0
        try:
            with NamedTemporaryFile(prefix="fal-typed-", delete=False) as file:
                self._spool = file.name
                while chunk := cast("bytes", source.take(size, _SPOOL_CHUNK)):
                    size += file.write(chunk)
        except OSError as error:
            raise FalUploadError(
                "The upload needs a temporary copy of the file, which cannot be written: "
                f"{error.strerror or error}. Set TMPDIR to a folder with enough space."
            ) from None
        return FilePart(self._spool, 0, size)


def find_problem(value: object) -> str | None:
    """Why a file cannot be uploaded, as far as this is known before the upload; else None."""
    try:
        if isinstance(value, os.PathLike):
            return _problem_on_disk(cast("os.PathLike[str]", value))
        if is_async_file(value):
            value = file_inside(value)
        if callable(getattr(value, "read", None)):
            _remaining(value)
    except FalInputError as error:
        return error.message
    return None


def _problem_on_disk(path: os.PathLike[str]) -> str | None:
    try:
        # Checked before opening, which would block forever on a named pipe.
        is_regular = stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - any PathLike
        if is_regular:
            open(path, "rb").close()  # noqa: PTH123 - any PathLike
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return f"The file {_shown(path)} cannot be read: {reason}"
    return (
        None
        if is_regular
        else f"{_shown(path)} is not a regular file; open it and pass the open file"
    )


def is_image(value: object) -> bool:
    """Whether a value is a Pillow image or behaves like one."""
    return callable(getattr(value, "save", None)) and hasattr(value, "size")


def encode_image_bytes(image: PILImage, format: str) -> tuple[bytes, str]:  # noqa: A002
    """Encode a Pillow image as a viewer shows it; see `as_seen`.

    Returns:
        The bytes and their media type.

    Raises:
        FalInputError: The image cannot be encoded in this format.
    """
    name = "jpeg" if format.lower() == "jpg" else format.lower()
    buffer = BytesIO()
    try:
        as_seen(image, name).save(buffer, format=name)
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise FalInputError(
            f"The image cannot be encoded as {name}: {error}. Use another format, such as 'png'."
        ) from None
    return buffer.getvalue(), f"image/{name}"


def header_name(name: str) -> str:
    """A file name reduced to the characters that a header allows."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^\w.,;()+=@# -]", "_", plain, flags=re.ASCII)[-_MAX_NAME:].strip() or "upload"


def _from_disk(path: os.PathLike[str]) -> tuple[bytes, DiskSource]:
    problem = _problem_on_disk(path)
    if problem is not None:
        raise FalInputError(f"{problem}. Nothing was sent.")
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - any PathLike
            return file.read(_HEAD), DiskSource(os.fsdecode(path), os.fstat(file.fileno()).st_size)
    except OSError as error:  # it changed since the check
        raise unreadable(path, error) from None


def _from_reader(file: Any, max_in_memory: int) -> tuple[bytes, Source]:
    source = ReaderSource(file, _remaining(file))
    start = source.peek(max_in_memory + 1)
    if len(start) <= max_in_memory:
        return start[:_HEAD], MemorySource(memoryview(start))
    return start[:_HEAD], source


def _remaining(file: Any) -> int | None:
    if isinstance(file, TextIOBase):
        raise FalInputError(_NOT_BINARY)
    if getattr(file, "closed", False) is True:
        raise FalInputError(f"{shown_file(file)} is closed. Nothing was sent; open it again.")
    try:
        if not file.seekable():
            return None
        start = file.tell()
        end = file.seek(0, os.SEEK_END)
        file.seek(start)
    except Exception:  # noqa: BLE001 - the file may be of any class; reading it reports the reason
        return None
    if start and start >= end:
        raise FalInputError("The open file is at its end. Call seek(0) before the upload.")
    return int(end) - int(start)


def shown_file(file: Any) -> str:
    """A file as messages name it."""
    name: Any = getattr(file, "name", None)
    path: Any = file if hasattr(file, "__fspath__") else name
    if hasattr(path, "__fspath__") or isinstance(path, str):
        return f"The file {_shown(cast('Any', path))}"
    return f"The open file ({type(file).__name__})"


def unreadable(file: object, error: Exception) -> FalInputError:
    """The error for a file that cannot be read while it is sent."""
    if getattr(file, "closed", False) is True:
        reason = "it was closed"
    else:
        # Other messages may contain a signed URL, for example.
        reason = getattr(error, "strerror", None) or type(error).__name__
    return FalInputError(f"{shown_file(file)} cannot be read: {reason}. The upload was stopped.")


def _base_name(name: str) -> str:
    return re.split(r"[/\\]", name)[-1].strip()


def _shown(path: os.PathLike[str]) -> str:
    text = os.fsdecode(path)
    return repr(text if len(text) <= _MAX_NAME else text[:_MAX_NAME] + "…")
