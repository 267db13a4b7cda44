"""HTTP over aiohttp, the fastest transport for async code (extra `aiohttp`)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
from typing_extensions import override
from yarl import URL

from fal_typed._transport.base import (
    FilePart,
    HttpRequest,
    HttpResponse,
    OpenedStream,
    TransportError,
)
from fal_typed._transport.bodies import read_part_async
from fal_typed._transport.headers import header_map
from fal_typed._transport.timeouts import (
    DRAIN_SECONDS,
    KEEP_ALIVE_SECONDS,
    connect_limit,
    timed_out,
    within,
)
from fal_typed._transport.tls import ssl_context

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.abc import AbstractStreamWriter

_CHUNK_SIZE = 256 * 1024


class InvalidURL(Exception):  # noqa: N818 - as other libraries name it
    """The URL cannot be requested."""


_NEVER_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    InvalidURL,
)
_FAILURES = (asyncio.TimeoutError, aiohttp.ClientError, InvalidURL)


class AiohttpTransport:
    """Async HTTP over aiohttp."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
        )

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and read the whole response."""
        heads: list[aiohttp.ClientResponse] = []
        try:
            return await within(request.timeout, self._exchange(request, heads))
        except _FAILURES as error:
            raise _transport_error(error, request, heads[0] if heads else None) from None

    async def _exchange(
        self, request: HttpRequest, heads: list[aiohttp.ClientResponse]
    ) -> HttpResponse:
        async with await self._start(request) as head:
            heads.append(head)
            body = await head.read()
        return HttpResponse(head.status, _headers(head), body, str(head.url))

    async def open(self, request: HttpRequest) -> OpenedStream:
        """Send a request without reading the response body."""
        try:
            head = await within(request.timeout, self._start(request))
        except _FAILURES as error:
            raise _transport_error(error, request, None) from None
        return OpenedStream(head.status, _headers(head), _AiohttpBody(request, head))

    async def read(self, stream: OpenedStream, timeout: float | None) -> bytes:
        """Read some bytes, `b""` at the end."""
        body: _AiohttpBody = stream.handle
        try:
            return await within(timeout, body.head.content.readany())
        except _FAILURES as error:
            raise _transport_error(error, body.request, body.head) from None

    async def close_stream(self, stream: OpenedStream) -> None:
        """Stop reading a body; if its end arrives at once, the connection is reused."""
        head: aiohttp.ClientResponse = stream.handle.head
        try:
            await within(DRAIN_SECONDS, head.content.readany())
        except (asyncio.TimeoutError, aiohttp.ClientError):
            pass
        finally:
            head.close()  # does nothing once the body has ended

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def _start(self, request: HttpRequest) -> aiohttp.ClientResponse:
        url = _url(request.url)
        return await self._session.request(
            request.method,
            url,
            ssl=ssl_context() if url.scheme == "https" else True,
            headers=request.headers,
            data=_content(request.body),
            allow_redirects=False,
            skip_auto_headers=("content-type",),
            timeout=aiohttp.ClientTimeout(total=None, connect=connect_limit(request)),
        )


class _AiohttpBody:
    def __init__(self, request: HttpRequest, head: aiohttp.ClientResponse) -> None:
        self.request = request
        self.head = head


class _FilePartPayload(aiohttp.Payload):
    """A part of a file; it can be sent again if a reused connection turns out to be dead."""

    def __init__(self, part: FilePart) -> None:
        super().__init__(part)
        self._part = part
        self._size = part.size

    @override
    async def write(self, writer: AbstractStreamWriter) -> None:
        async for chunk in read_part_async(self._part):
            await writer.write(chunk)

    @override
    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        raise TypeError("a part of a file is not text")


class _LargeBody(aiohttp.Payload):
    """A large body, written in chunks so that the event loop can run in between."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._body = memoryview(body)
        self._size = len(body)

    @override
    async def write(self, writer: AbstractStreamWriter) -> None:
        for start in range(0, len(self._body), _CHUNK_SIZE):
            await writer.write(self._body[start : start + _CHUNK_SIZE])

    @override
    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return bytes(self._body).decode(encoding, errors)


def _url(url: str) -> URL:
    # Signed URLs must not be re-encoded.
    try:
        parsed = URL(url, encoded=url.isascii() and url.isprintable() and " " not in url)
    except ValueError as error:
        raise InvalidURL(error) from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise InvalidURL("the URL must begin with http:// or https://")
    return parsed


def _content(body: bytes | FilePart) -> Any:
    if isinstance(body, FilePart):
        return _FilePartPayload(body)
    return _LargeBody(body) if len(body) > _CHUNK_SIZE else body or None


def _headers(head: aiohttp.ClientResponse) -> Mapping[str, str]:
    return header_map(head.headers.items())


def _reason(error: Exception) -> str:
    # These messages of aiohttp contain the URL, whose query may contain secrets.
    shows_url = isinstance(error, (aiohttp.InvalidURL, aiohttp.ClientResponseError))
    return type(error).__name__ if shows_url else str(error) or type(error).__name__


def _transport_error(
    error: Exception, request: HttpRequest, head: aiohttp.ClientResponse | None
) -> TransportError:
    received = None if head is None else HttpResponse(head.status, _headers(head), b"")
    if type(error) is asyncio.TimeoutError and request.timeout is not None:
        return timed_out(request, received)
    return TransportError(
        f"{request}: {_reason(error)}",
        sent=not isinstance(error, _NEVER_SENT),
        timed_out=isinstance(error, asyncio.TimeoutError),
        head=received,
    )
