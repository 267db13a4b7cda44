"""Files with byte ranges, as a CDN serves them."""

from __future__ import annotations

import re

from fal_typed.testing.messages import Headers, Response

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def file_response(
    content: bytes, content_type: str, wanted_range: str | None = None, etag: str = ""
) -> Response:
    """Serve a file or the part of it that was asked for.

    Args:
        content: The whole file.
        content_type: Its MIME type.
        wanted_range: The ``Range`` header. One range is honoured; anything else gets the file.
        etag: The file's entity tag, quotes included; empty for none.

    Returns:
        A 200, a 206 with ``content-range``, or a 416 for a range outside the file.
    """
    headers: Headers = [
        (b"content-type", content_type.encode("latin-1", "replace")),
        (b"accept-ranges", b"bytes"),
    ]
    if etag:
        headers.append((b"etag", etag.encode()))
    span = _span(wanted_range, len(content))
    if span is None:
        return Response(200, headers, content)
    first, last = span
    if first > last:
        return Response(416, [*headers, (b"content-range", b"bytes */%d" % len(content))])
    position = b"bytes %d-%d/%d" % (first, last, len(content))
    return Response(206, [*headers, (b"content-range", position)], content[first : last + 1])


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
