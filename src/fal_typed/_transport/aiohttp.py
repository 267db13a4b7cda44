"""HTTP over aiohttp, the fastest transport for async code (extra `aiohttp`)."""

from __future__ import annotations

import asyncio
import socket
import zlib
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.helpers import is_ip_address
from typing_extensions import override
from yarl import URL

from fal_typed._transport.base import (
    FilePart,
    HttpRequest,
    HttpResponse,
    OpenedStream,
    SendProgress,
    TransportError,
)
from fal_typed._transport.bodies import read_part_async
from fal_typed._transport.headers import header_map
from fal_typed._transport.keepalive import keep_alive
from fal_typed._transport.public_addresses import only_public
from fal_typed._transport.response_bodies import (
    ACCEPTED_ENCODINGS,
    BodyCollector,
    decompressor_for,
)
from fal_typed._transport.timeouts import (
    DRAIN_SECONDS,
    KEEP_ALIVE_SECONDS,
    connect_limit,
    timed_out,
    within,
)
from fal_typed._transport.tls import ssl_context
from fal_typed.errors import FalInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.abc import AbstractResolver, AbstractStreamWriter, ResolveResult

_CHUNK_SIZE = 256 * 1024
_REPEATABLE = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")  # aiohttp retries these itself


class InvalidURL(Exception):  # noqa: N818 - as other libraries name it
    """The URL cannot be requested."""


_progress: ContextVar[SendProgress] = ContextVar("progress")
"""How far the request of this task has come."""
_FAILURES = (asyncio.TimeoutError, aiohttp.ClientError, InvalidURL, UnicodeError, zlib.error)


class AiohttpTransport:
    """Async HTTP over aiohttp."""

    def __init__(self) -> None:
        self._session = _session()
        self._public_session: aiohttp.ClientSession | None = None

    def __del__(self) -> None:
        # A client that is dropped unclosed, or whose loop is, has nobody left to close it.
        for session in (self._session, self._public_session):
            if session is not None and isinstance(session.connector, _Connector):
                session.connector.close_sockets()
                session.detach()

    async def send(
        self, request: HttpRequest, progress: SendProgress | None = None
    ) -> HttpResponse:
        """Send a request and read the whole response."""
        progress = progress or SendProgress()
        heads: list[aiohttp.ClientResponse] = []
        try:
            return await within(request.timeout, self._exchange(request, heads, progress))
        except _FAILURES as error:
            raise _transport_error(error, request, heads[0] if heads else None, progress) from None

    async def _exchange(
        self, request: HttpRequest, heads: list[aiohttp.ClientResponse], progress: SendProgress
    ) -> HttpResponse:
        async with await self._start(request, progress) as head:
            heads.append(head)
            body = _AiohttpBody(request, head)
            collector = BodyCollector(request, head.status, _headers(head))
            while (chunk := await body.read()) and collector.add(chunk):
                pass
        return collector.response(str(head.url))

    async def open(self, request: HttpRequest) -> OpenedStream:
        """Send a request without reading the response body."""
        progress = SendProgress()
        try:
            head = await within(request.timeout, self._start(request, progress))
            body = _AiohttpBody(request, head)
        except _FAILURES as error:
            raise _transport_error(error, request, None, progress) from None
        return OpenedStream(head.status, _headers(head), body)

    async def read(self, stream: OpenedStream, timeout: float | None) -> bytes:
        """Read some bytes, `b""` at the end."""
        body: _AiohttpBody = stream.handle
        try:
            return await within(timeout, body.read())
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
        if self._public_session is not None:
            await self._public_session.close()

    async def _start(self, request: HttpRequest, progress: SendProgress) -> aiohttp.ClientResponse:
        url = _url(request.url)
        _progress.set(progress)
        if request.body or request.method not in _REPEATABLE:
            await _notice_closed_connections()
        return await self._session_for(request, url).request(
            request.method,
            url,
            ssl=ssl_context() if url.scheme == "https" else True,
            headers={"accept-encoding": ACCEPTED_ENCODINGS, **request.headers},
            data=_content(request.body),
            allow_redirects=False,
            skip_auto_headers=("content-type",),
            timeout=aiohttp.ClientTimeout(total=None, connect=connect_limit(request)),
        )

    def _session_for(self, request: HttpRequest, url: URL) -> aiohttp.ClientSession:
        if not request.public_only:
            return self._session
        if is_ip_address(url.host):  # aiohttp asks no resolver for these
            only_public(str(url.host), [str(url.host)])
        if self._public_session is None:
            self._public_session = _session(_PublicResolver())
        return self._public_session


async def _notice_closed_connections() -> None:
    """Let the event loop see which idle connections the server has closed.

    Sent over one of these, a request that may not be repeated would fail for no reason. The loop
    polls its sockets in the first step, and handles what it found in the second.
    """
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def _session(resolver: AbstractResolver | None = None) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=_Connector(
            limit=0,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            resolver=resolver,
            socket_factory=_new_socket,
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
    )


class _Connector(aiohttp.TCPConnector):
    """Notes when a request gets its connection: until then, nothing of it was sent.

    When a reused connection breaks, aiohttp sends PUT and DELETE again. With a body, these may
    have started a job, so the second connection is refused.
    """

    @override
    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout
    ) -> aiohttp.connector.Connection:
        progress = _progress.get()
        if progress.begun and req.body:
            raise aiohttp.ServerDisconnectedError
        connection = await super().connect(req, traces, timeout)
        progress.begun = True
        return connection

    def close_sockets(self) -> None:
        """Close the sockets without waiting until they are closed."""
        self._close(abort_ssl=True)


class _PublicResolver(aiohttp.ThreadedResolver):
    """Resolves names to their public addresses."""

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await super().resolve(host, port, family)
        public = only_public(host, [entry["host"] for entry in found])
        return [entry for entry in found if entry["host"] in public]


def _new_socket(address: Any) -> socket.socket:
    family, kind, protocol = address[:3]
    created = socket.socket(family, kind, protocol)
    keep_alive(created)
    return created


class _AiohttpBody:
    """The body of a response.

    Raises:
        TransportError: It has an encoding that was not asked for.
    """

    def __init__(self, request: HttpRequest, head: aiohttp.ClientResponse) -> None:
        self.request = request
        self.head = head
        try:
            self._decompressor = decompressor_for(request, _headers(head))
        except TransportError:
            head.close()
            raise

    async def read(self) -> bytes:
        """The next bytes, `b""` at the end."""
        if self._decompressor is None:
            return await self.head.content.readany()
        while not (content := self._decompressor.take()):
            if not (compressed := await self.head.content.readany()):
                decompressor, self._decompressor = self._decompressor, None
                return decompressor.finish()
            self._decompressor.feed(compressed)
        return content


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
        is_complete = bool(parsed.host and parsed.explicit_port != 0)
    except ValueError as error:
        raise InvalidURL(error) from None
    if parsed.scheme not in ("http", "https") or not is_complete:
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
    error: Exception,
    request: HttpRequest,
    head: aiohttp.ClientResponse | None,
    progress: SendProgress | None = None,
) -> TransportError:
    """The error for a failure; without progress, the request was sent."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, FalInputError):  # the body's file could not be read
            raise cause from None
        cause = cause.__cause__ or cause.__context__
    received = None if head is None else HttpResponse(head.status, _headers(head), b"")
    if progress is not None and type(error) is asyncio.TimeoutError:
        return timed_out(request, received, progress)
    return TransportError(
        f"{request}: {_reason(error)}",
        sent=progress is None or progress.begun,
        timed_out=isinstance(error, asyncio.TimeoutError),
        head=received,
    )
