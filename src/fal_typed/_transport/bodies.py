"""Request bodies that are read from disk while they are sent."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator

from fal_typed._transport.base import FilePart
from fal_typed.errors import FalInputError

_CHUNK = 256 * 1024


def read_part(part: FilePart) -> Iterator[bytes]:
    """Read a part of a file in chunks.

    Raises:
        FalInputError: The file is gone, cannot be read, or became shorter.
    """
    remaining = part.size
    try:
        with open(part.path, "rb") as file:  # noqa: PTH123 - any PathLike
            file.seek(part.offset)
            while remaining > 0 and (chunk := file.read(min(_CHUNK, remaining))):
                remaining -= len(chunk)
                yield chunk
    except OSError as error:
        raise _unreadable(part, error.strerror or type(error).__name__) from None
    if remaining > 0:
        raise _unreadable(part, "it became shorter")


async def read_part_async(part: FilePart) -> AsyncIterator[bytes]:
    """Read a part of a file in chunks, in a thread."""
    chunks = read_part(part)
    while chunk := await asyncio.to_thread(next, chunks, b""):
        yield chunk


def _unreadable(part: FilePart, reason: str) -> FalInputError:
    return FalInputError(
        f"The file {os.fsdecode(part.path)!r} cannot be read while it is sent: {reason}. "
        "The upload was stopped; upload the file again once it no longer changes."
    )
