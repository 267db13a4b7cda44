"""Request bodies that are read from disk while they are sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from fal_typed._transport.base import FilePart

_CHUNK = 256 * 1024


def read_part(part: FilePart) -> Iterator[bytes]:
    """Read a part of a file in chunks."""
    with open(part.path, "rb") as file:  # noqa: PTH123 - any PathLike
        file.seek(part.offset)
        remaining = part.size
        while remaining > 0 and (chunk := file.read(min(_CHUNK, remaining))):
            remaining -= len(chunk)
            yield chunk


async def read_part_async(part: FilePart) -> AsyncIterator[bytes]:
    """Read a part of a file in chunks, in a thread."""
    chunks = read_part(part)
    while chunk := await asyncio.to_thread(next, chunks, b""):
        yield chunk
