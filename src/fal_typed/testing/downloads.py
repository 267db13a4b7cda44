"""Files with byte ranges, as a CDN serves them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from fal_typed.testing.messages import Answer, Headers, Response, StreamResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_CHUNK = 1 << 20


class Blob(NamedTuple):
    """A file to serve."""

    size: int
    content_type: str
    read: Callable[[int, int], bytes]
    """Reads from a first to a last byte."""
    etag: str = ""
    """Entity tag with its quotes; empty for none."""


def file_response(blob: Blob, wanted_range: str | None = None) -> Answer:
    """Serve a file or the part of it that was asked for.

    Args:
        blob: The file.
        wanted_range: The ``Range`` header. One range is honoured; anything else gets the file.

    Returns:
        A 200, a 206 with ``content-range``, or a 416 for a range outside the file.
    """
    headers: Headers = [
        (b"content-type", blob.content_type.encode("latin-1", "replace")),
        (b"accept-ranges", b"bytes"),
    ]
    if blob.etag:
        headers.append((b"etag", blob.etag.encode()))
    span = _span(wanted_range, blob.size)
    if span is None:
        return _span_response(200, headers, blob, 0, blob.size - 1)
    first, last = span
    if first > last:
        return Response(416, [*headers, (b"content-range", b"bytes */%d" % blob.size)])
    headers.append((b"content-range", b"bytes %d-%d/%d" % (first, last, blob.size)))
    return _span_response(206, headers, blob, first, last)


def _span_response(status: int, headers: Headers, blob: Blob, first: int, last: int) -> Answer:
    length = last - first + 1
    if length <= _CHUNK:
        return Response(status, headers, blob.read(first, last))
    headers.append((b"content-length", str(length).encode()))
    return StreamResponse(headers, _pieces(blob, first, last), status)


async def _pieces(blob: Blob, first: int, last: int) -> AsyncIterator[bytes]:
    """A large file goes out piece by piece, so that it never stands in memory."""
    for start in range(first, last + 1, _CHUNK):
        yield blob.read(start, min(start + _CHUNK - 1, last))


def _span(wanted: str | None, length: int) -> tuple[int, int] | None:
    """First and last byte; the first is behind the last when the range cannot be met."""
    match = _RANGE.fullmatch(wanted.strip()) if wanted else None
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:  # the last so many bytes
        count = int(match[2])
        return (max(0, length - count), length - 1) if count else (1, 0)
    first = int(match[1])
    last = min(int(match[2]), length - 1) if match[2] else length - 1
    if match[2] and int(match[2]) < first:
        return None
    return (first, last) if first < length else (1, 0)
