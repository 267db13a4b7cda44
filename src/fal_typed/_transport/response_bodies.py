"""Response bodies: decompressed in pieces, and kept only up to a limit.

A few kilobytes can decompress to gigabytes, and a body can go on for ever. So nothing is
decompressed as a whole, and what is kept in memory has a limit.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from fal_typed._transport.base import HttpRequest, HttpResponse, TransportError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ACCEPTED_ENCODINGS = "gzip, deflate"
MAX_ERROR_BYTES = 1024 * 1024
"""How much of the body of an error response is read; the rest of it says no more."""
_PIECE = 1024 * 1024
_PLAIN = ("", "identity")
_GZIP = ("gzip", "x-gzip")
_DEFLATE = "deflate"
_FIRST_ERROR = 400
_ZLIB_METHOD = 8


class Decompressor:
    """Decompresses gzip or deflate, piece by piece."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._zlib: zlib._Decompress | None = None  # pyright: ignore[reportPrivateUsage]
        self._pending = b""

    def feed(self, compressed: bytes) -> None:
        """Add compressed bytes; what follows the end of the compressed data is dropped."""
        if self._zlib is None:
            self._zlib = zlib.decompressobj(_window_bits(self._encoding, compressed))
        if not self._zlib.eof:
            self._pending += compressed

    def take(self) -> bytes:
        """Return at most 1 MiB of decompressed bytes, or `b""` when more input is needed.

        Raises:
            zlib.error: The data is not in the encoding's format.
        """
        if self._zlib is None or not self._pending:
            return b""
        content = self._zlib.decompress(self._pending, _PIECE)
        self._pending = b"" if self._zlib.eof else self._zlib.unconsumed_tail
        return content

    def pieces(self, compressed: bytes) -> Iterator[bytes]:
        """Add compressed bytes, and return the decompressed ones, piece by piece."""
        self.feed(compressed)
        while content := self.take():
            yield content

    def finish(self) -> bytes:
        """Return what is left at the end of the body.

        Raises:
            zlib.error: The compressed data is truncated.
        """
        if self._zlib is None:
            return b""
        rest = self._zlib.flush()
        if not self._zlib.eof:
            raise zlib.error("the compressed response is truncated")
        return rest


def decompressor_for(request: HttpRequest, headers: Mapping[str, str]) -> Decompressor | None:
    """The decompressor for a response, or None if its body is not compressed.

    Raises:
        TransportError: The body has an encoding that was not asked for, or several.
    """
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding in _PLAIN:
        return None
    if encoding in _GZIP or encoding == _DEFLATE:
        return Decompressor(encoding)
    raise TransportError(
        f"{request}: the response has the content encoding {encoding[:50]!r}, which was not "
        "asked for",
        sent=True,
        permanent=True,
    )


class BodyCollector:
    """Collects the body of a response, up to the request's limit.

    Args:
        request: The request.
        status: Status of the response.
        headers: Headers of the response.
    """

    def __init__(self, request: HttpRequest, status: int, headers: Mapping[str, str]) -> None:
        self._request = request
        self._head = HttpResponse(status, headers, b"", request.url)
        self._chunks: list[bytes] = []
        self._size = 0

    def add(self, chunk: bytes) -> bool:
        """Keep a chunk; returns False when the rest of the body is not needed.

        Raises:
            TransportError: The body is larger than the request allows.
        """
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._head.status >= _FIRST_ERROR:
            return self._size < MAX_ERROR_BYTES
        limit = self._request.max_bytes
        if limit is not None and self._size > limit:
            self._chunks.clear()
            raise too_large(f"{self._request}: the response", limit, self._head)
        return True

    def response(self, url: str) -> HttpResponse:
        """The response with what was collected."""
        return HttpResponse(self._head.status, self._head.headers, b"".join(self._chunks), url)


def too_large(what: str, limit: int, head: HttpResponse | None = None) -> TransportError:
    """The error for more bytes than the client keeps in memory."""
    return TransportError(
        f"{what} is larger than {limit} bytes. If you expect that, make the client with a larger "
        "max_response_bytes",
        sent=True,
        permanent=True,
        head=head,
    )


def _window_bits(encoding: str, compressed: bytes) -> int:
    # Some servers send deflate without the zlib header that belongs to it.
    is_raw = encoding == _DEFLATE and compressed[0] & 0xF != _ZLIB_METHOD
    return -zlib.MAX_WBITS if is_raw else zlib.MAX_WBITS | 32
