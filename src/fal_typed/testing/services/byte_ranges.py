"""Serves files and byte ranges of them, as a CDN does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from fal_typed.testing.engine.messages import AnyResponse, Headers, Response, StreamResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_CHUNK = 1 << 20


class ServedFile(NamedTuple):
    """A file to serve."""

    size: int
    content_type: str
    read: Callable[[int, int], bytes]
    """Reads the bytes from a first to a last position."""
    etag: str = ""
    """Entity tag with its quotes; empty without one."""


def file_response(file: ServedFile, wanted_range: str | None = None) -> AnyResponse:
    """Respond with a file or the requested range of it.

    Args:
        file: The file.
        wanted_range: The ``Range`` header. A single range is supported; other values are ignored.

    Returns:
        A 200, a 206 with ``content-range``, or a 416 for a range outside the file.
    """
    headers: Headers = [
        (b"content-type", file.content_type.encode("latin-1", "replace")),
        (b"accept-ranges", b"bytes"),
    ]
    if file.etag:
        headers.append((b"etag", file.etag.encode()))
    span = _span(wanted_range, file.size)
    if span is None:
        return _span_response(200, headers, file, 0, file.size - 1)
    first, last = span
    if first > last:
        return Response(416, [*headers, (b"content-range", b"bytes */%d" % file.size)])
    headers.append((b"content-range", b"bytes %d-%d/%d" % (first, last, file.size)))
    return _span_response(206, headers, file, first, last)


def _span_response(
    status: int, headers: Headers, file: ServedFile, first: int, last: int
) -> AnyResponse:
    length = last - first + 1
    if length <= _CHUNK:
        return Response(status, headers, file.read(first, last))
    headers.append((b"content-length", str(length).encode()))
    return StreamResponse(headers, _chunks(file, first, last), status)


async def _chunks(file: ServedFile, first: int, last: int) -> AsyncIterator[bytes]:
    """A large file is sent in chunks, so that it is never in memory as a whole."""
    for start in range(first, last + 1, _CHUNK):
        yield file.read(start, min(start + _CHUNK - 1, last))


def _span(wanted: str | None, length: int) -> tuple[int, int] | None:
    """First and last position; the first is greater when the range is outside the file."""
    match = _RANGE.fullmatch(wanted.strip()) if wanted else None
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:  # the last bytes
        count = int(match[2])
        return (max(0, length - count), length - 1) if count else (1, 0)
    first = int(match[1])
    last = min(int(match[2]), length - 1) if match[2] else length - 1
    if match[2] and int(match[2]) < first:
        return None
    return (first, last) if first < length else (1, 0)
