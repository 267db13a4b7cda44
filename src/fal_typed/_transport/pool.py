"""HTTP over httpcore (the layer below httpx), with a connection pool of our own.

httpx's pool scans every connection for every request, which dominates the cost at 50 concurrent
requests; this pool takes the connection that was used last.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, cast
from urllib.parse import quote, urlsplit

import httpcore

from fal_typed._transport.base import (
    FilePart,
    HttpRequest,
    HttpResponse,
    OpenedStream,
    SendProgress,
    TransportError,
)
from fal_typed._transport.bodies import read_part, read_part_async
from fal_typed._transport.cleanup import shielded
from fal_typed._transport.headers import header_map
from fal_typed._transport.httpcore_trace import ProgressTrace
from fal_typed._transport.keepalive import SOCKET_OPTIONS
from fal_typed._transport.public_addresses import public_addresses
from fal_typed._transport.response_bodies import (
    ACCEPTED_ENCODINGS,
    BodyCollector,
    Decompressor,
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

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterable, Iterator

_MAX_IDLE = 100
_CHUNK_SIZE = 256 * 1024
_FAILURES = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
    zlib.error,
    UnicodeError,  # from looking up the host
)
_URL_CHARACTERS = "".join(map(chr, range(0x21, 0x7F)))

Conn = TypeVar("Conn", bound="_PooledConnection | _AsyncPooledConnection")


class Origin(NamedTuple):
    """What a connection leads to, and whether it may be a private address."""

    scheme: bytes
    host: bytes
    port: int
    public_only: bool

    @property
    def endpoint(self) -> httpcore.Origin:
        """The origin in the terms of httpcore."""
        return httpcore.Origin(self.scheme, self.host, self.port)


class PoolTransport:
    """Blocking HTTP."""

    def __init__(self) -> None:
        self._idle: _IdleConnections[_PooledConnection] = _IdleConnections()
        self._tls: ssl.SSLContext | None = None

    def send(self, request: HttpRequest, progress: SendProgress | None = None) -> HttpResponse:
        """Send a request and read the whole response."""
        stream = self._start(request, progress or SendProgress())
        body: _PoolBody[_PooledConnection] = stream.handle
        collector = BodyCollector(request, stream.status, stream.headers)
        try:
            for chunk in iter(body.read, b""):
                if not collector.add(chunk):
                    break
        except _FAILURES as error:
            raise _transport_error(error, request, stream) from None
        finally:
            self._release(body)
        return collector.response(request.url)

    def open(self, request: HttpRequest) -> OpenedStream:
        """Send a request without reading the response body."""
        return self._start(request, SendProgress())

    def read(self, stream: OpenedStream, timeout: float | None) -> bytes:
        """Read some bytes, `b""` at the end."""
        body: _PoolBody[_PooledConnection] = stream.handle
        body.connection.deadline.set(timeout)
        try:
            return body.read()
        except _FAILURES as error:
            raise _transport_error(error, body.request, stream) from None

    def close_stream(self, stream: OpenedStream) -> None:
        """Stop reading a body; if its end arrives at once, the connection is reused."""
        with suppress(TransportError):
            self.read(stream, DRAIN_SECONDS)
        self._release(stream.handle)

    def close(self) -> None:
        """Close all connections."""
        for connection in self._idle.clear():
            connection.http.close()

    def _start(self, request: HttpRequest, progress: SendProgress) -> OpenedStream:
        try:
            wire, origin = _wire_request(request, progress)
            connection = self._connect(origin)
            connection.deadline.set(request.timeout)
            try:
                response = connection.http.handle_request(wire)
            except BaseException:
                connection.http.close()
                raise
        except _FAILURES as error:
            raise _transport_error(error, request, None, progress) from None
        body = _PoolBody(request, origin, connection, response)
        body.chunks = iter(response.iter_stream())
        try:
            body.prepare()
        except TransportError:
            connection.http.close()
            raise
        return OpenedStream(response.status, body.headers, body)

    def _connect(self, origin: Origin) -> _PooledConnection:
        while (connection := self._idle.take(origin)) is not None:
            if not connection.http.has_expired():
                return connection
            connection.http.close()
        if origin.scheme == b"https":
            self._tls = self._tls or ssl_context()
        return _PooledConnection(origin, self._tls)

    def _release(self, body: _PoolBody[_PooledConnection]) -> None:
        body.response.close()
        if not body.connection.http.is_idle():
            body.connection.http.close()
        elif (surplus := self._idle.put(body.origin, body.connection)) is not None:
            surplus.http.close()


class AsyncPoolTransport:
    """Async HTTP; see `PoolTransport`."""

    def __init__(self) -> None:
        self._idle: _IdleConnections[_AsyncPooledConnection] = _IdleConnections()
        self._tls: ssl.SSLContext | None = None

    async def send(
        self, request: HttpRequest, progress: SendProgress | None = None
    ) -> HttpResponse:
        """Send a request and read the whole response."""
        progress = progress or SendProgress()
        heads: list[OpenedStream] = []
        try:
            return await within(request.timeout, self._read_all(request, heads, progress))
        except asyncio.TimeoutError:
            raise timed_out(request, _received(heads[0]) if heads else None, progress) from None
        except _FAILURES as error:
            raise _transport_error(error, request, heads[0] if heads else None, progress) from None

    async def _read_all(
        self, request: HttpRequest, heads: list[OpenedStream], progress: SendProgress
    ) -> HttpResponse:
        stream = await self._start(request, progress)
        heads.append(stream)
        body: _PoolBody[_AsyncPooledConnection] = stream.handle
        collector = BodyCollector(request, stream.status, stream.headers)
        try:
            while (chunk := await body.read_async()) and collector.add(chunk):
                pass
        except BaseException:
            await shielded(self._release(body))
            raise
        await self._release(body)
        return collector.response(request.url)

    async def open(self, request: HttpRequest) -> OpenedStream:
        """Send a request without reading the response body."""
        progress = SendProgress()
        try:
            return await within(request.timeout, self._start(request, progress))
        except asyncio.TimeoutError:
            raise timed_out(request, None, progress) from None
        except _FAILURES as error:
            raise _transport_error(error, request, None, progress) from None

    async def read(self, stream: OpenedStream, timeout: float | None) -> bytes:
        """Read some bytes, `b""` at the end."""
        body: _PoolBody[_AsyncPooledConnection] = stream.handle
        try:
            return await within(timeout, body.read_async())
        except asyncio.TimeoutError:
            raise _transport_error(httpcore.ReadTimeout(), body.request, stream) from None
        except _FAILURES as error:
            raise _transport_error(error, body.request, stream) from None

    async def close_stream(self, stream: OpenedStream) -> None:
        """Stop reading a body; if its end arrives at once, the connection is reused."""
        try:
            with suppress(TransportError):
                await self.read(stream, DRAIN_SECONDS)
        finally:
            await shielded(self._release(stream.handle))

    async def close(self) -> None:
        """Close all connections."""
        for connection in self._idle.clear():
            await connection.http.aclose()

    async def _start(self, request: HttpRequest, progress: SendProgress) -> OpenedStream:
        wire, origin = _wire_request(request, progress, is_async=True)
        connection = await self._connect(origin)
        try:
            response = await connection.http.handle_async_request(wire)
        except BaseException:
            await shielded(connection.http.aclose())
            raise
        body = _PoolBody(request, origin, connection, response)
        body.chunks = aiter(response.aiter_stream())
        try:
            body.prepare()
        except TransportError:
            await connection.http.aclose()
            raise
        return OpenedStream(response.status, body.headers, body)

    async def _connect(self, origin: Origin) -> _AsyncPooledConnection:
        while (connection := self._idle.take(origin)) is not None:
            if not connection.http.has_expired():
                return connection
            await connection.http.aclose()
        if origin.scheme == b"https":
            self._tls = self._tls or ssl_context()
        return _AsyncPooledConnection(origin, self._tls)

    async def _release(self, body: _PoolBody[_AsyncPooledConnection]) -> None:
        try:
            await body.response.aclose()
        except BaseException:
            await shielded(body.connection.http.aclose())
            raise
        if not body.connection.http.is_idle():
            await body.connection.http.aclose()
        elif (surplus := self._idle.put(body.origin, body.connection)) is not None:
            await surplus.http.aclose()


class _PooledConnection:
    """A connection for sync code, with the deadline of its current operation."""

    def __init__(self, origin: Origin, tls: ssl.SSLContext | None) -> None:
        self.deadline = _OperationDeadline()
        self.http = httpcore.HTTPConnection(
            origin.endpoint,
            ssl_context=tls,
            keepalive_expiry=KEEP_ALIVE_SECONDS,
            network_backend=_TimedBackend(self.deadline, public_only=origin.public_only),
            socket_options=SOCKET_OPTIONS,
        )


class _AsyncPooledConnection:
    """A connection for async code, where the event loop applies timeouts."""

    def __init__(self, origin: Origin, tls: ssl.SSLContext | None) -> None:
        self.http = httpcore.AsyncHTTPConnection(
            origin.endpoint,
            ssl_context=tls,
            keepalive_expiry=KEEP_ALIVE_SECONDS,
            network_backend=_AsyncBackend(origin),
            socket_options=SOCKET_OPTIONS,
        )


class _IdleConnections(Generic[Conn]):
    """Idle connections, by origin.

    It needs no lock, because single operations of a deque are atomic.
    """

    def __init__(self) -> None:
        self._by_origin: dict[Origin, deque[Conn]] = {}

    def take(self, origin: Origin) -> Conn | None:
        """Take the connection that was used last, or None."""
        connections = self._by_origin.get(origin)
        try:
            return connections.pop() if connections else None
        except IndexError:  # another thread took it
            return None

    def put(self, origin: Origin, connection: Conn) -> Conn | None:
        """Store a connection; returns the oldest one if it has expired or is one too many."""
        connections = self._by_origin.setdefault(origin, deque())
        connections.append(connection)
        try:
            oldest = connections.popleft()
        except IndexError:
            return None
        if len(connections) >= _MAX_IDLE or oldest.http.has_expired():
            return oldest
        connections.appendleft(oldest)
        return None

    def clear(self) -> list[Conn]:
        """Remove and return all connections."""
        connections, self._by_origin = self._by_origin, {}
        return [connection for idle in connections.values() for connection in idle]


class _PoolBody(Generic[Conn]):
    """The body of a response, and its connection."""

    chunks: Any

    def __init__(
        self, request: HttpRequest, origin: Origin, connection: Conn, response: httpcore.Response
    ) -> None:
        self.request = request
        self.origin = origin
        self.connection = connection
        self.response = response
        self.headers = _headers(response.headers)
        self._decompressor: Decompressor | None = None

    def prepare(self) -> None:
        """Prepare for the body's encoding.

        Raises:
            TransportError: The body has an encoding that was not asked for.
        """
        self._decompressor = decompressor_for(self.request, self.headers)

    def read(self) -> bytes:
        """The next bytes, `b""` at the end."""
        if self._decompressor is None:
            chunk: bytes = next(self.chunks, b"")
            return chunk
        while not (content := self._decompressor.take()):
            if not (compressed := next(self.chunks, b"")):
                return self._end(self._decompressor)
            self._decompressor.feed(compressed)
        return content

    async def read_async(self) -> bytes:
        """The next bytes, `b""` at the end."""
        if self._decompressor is None:
            chunk: bytes = await anext(self.chunks, b"")
            return chunk
        while not (content := self._decompressor.take()):
            if not (compressed := await anext(self.chunks, b"")):
                return self._end(self._decompressor)
            self._decompressor.feed(compressed)
        return content

    def _end(self, decompressor: Decompressor) -> bytes:
        self._decompressor = None
        return decompressor.finish()


class _OperationDeadline:
    """Deadline of a connection's current operation, by the monotonic clock."""

    def __init__(self) -> None:
        self._ends: float | None = None

    def set(self, seconds: float | None) -> None:
        """Set the deadline a number of seconds from now, or remove it."""
        self._ends = None if seconds is None else time.monotonic() + seconds

    def remaining(self) -> float | None:
        """Seconds left; never 0, which would make sockets non-blocking."""
        return None if self._ends is None else max(0.001, self._ends - time.monotonic())

    def check(self) -> None:
        """Raise if the deadline has passed, even while bytes still arrive."""
        if self._ends is not None and time.monotonic() > self._ends:
            raise httpcore.ReadTimeout("the response took longer than the timeout")


class _TimedBackend(httpcore.SyncBackend):
    """Opens sockets whose deadline may change between two reads."""

    def __init__(self, deadline: _OperationDeadline, *, public_only: bool) -> None:
        self._deadline = deadline
        self._public_only = public_only

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Open a socket."""
        options = () if socket_options is None else socket_options
        failure: httpcore.ConnectError | None = None
        for address in _public_addresses(host, port) if self._public_only else [host]:
            try:
                stream = super().connect_tcp(address, port, timeout, local_address, options)
            except httpcore.ConnectError as error:
                failure = error
            else:
                return _TimedStream(stream, self._deadline)
        raise failure or httpcore.ConnectError()


class _AsyncBackend(httpcore.AsyncNetworkBackend):
    """Opens sockets for async code."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        # Without anyio's types, httpcore declares this class as an empty one.
        self._backend: Any = cast("Any", httpcore.AnyIOBackend)()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._backend.sleep(seconds)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Open a socket."""
        addresses = [host]
        if self._origin.public_only:
            addresses = await asyncio.to_thread(_public_addresses, host, port)
        failure: httpcore.ConnectError | None = None
        for address in addresses:
            try:
                opened: httpcore.AsyncNetworkStream = await self._backend.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except httpcore.ConnectError as error:
                failure = error
            else:
                return _BeforeTls(opened) if self._origin.scheme == b"https" else opened
        raise failure or httpcore.ConnectError()


class _BeforeTls(httpcore.AsyncNetworkStream):
    """A socket that is closed if it is canceled before it is encrypted; httpcore leaves it open."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            await shielded(self._stream.aclose())
            raise


def _public_addresses(host: str, port: int) -> list[str]:
    # Resolved once: a name that is resolved again could have another address by then.
    try:
        return public_addresses(host, port)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from None


class _TimedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: _OperationDeadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        self._deadline.check()
        return self._stream.read(max_bytes, self._deadline.remaining())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, self._deadline.remaining())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, timeout)
        return _TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Chunks:
    """A large body in chunks, because httpcore copies the rest of a buffer after each write."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._body), _CHUNK_SIZE):
            yield self._body[start : start + _CHUNK_SIZE]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk


def _wire_request(
    request: HttpRequest, progress: SendProgress, *, is_async: bool = False
) -> tuple[httpcore.Request, Origin]:
    url = _parse_url(request.url)
    content: Any = request.body
    if isinstance(content, FilePart):
        content = read_part_async(content) if is_async else read_part(content)
    elif len(content) > _CHUNK_SIZE:
        content = _Chunks(content)
    headers = {
        "host": _host(url),
        "accept-encoding": ACCEPTED_ENCODINGS,
        **request.headers,
    }
    size = request.body.size if isinstance(request.body, FilePart) else len(request.body)
    if size or request.method not in ("GET", "HEAD", "DELETE"):
        headers["content-length"] = str(size)
    trace = ProgressTrace(progress)
    wire = httpcore.Request(
        request.method,
        url,
        headers=[(name.encode(), value.encode()) for name, value in headers.items()],
        content=content,
        extensions={
            "timeout": {"connect": connect_limit(request)},
            "trace": trace.on_event_async if is_async else trace.on_event,
        },
    )
    place = url.origin
    return wire, Origin(place.scheme, place.host, place.port, request.public_only)


def _parse_url(url: str) -> httpcore.URL:
    try:
        parts = urlsplit(url)
        host = parts.hostname
        if parts.scheme not in ("http", "https") or not host:
            raise httpcore.UnsupportedProtocol("the URL must begin with http:// or https://")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return httpcore.URL(
            scheme=parts.scheme,
            host=host if host.isascii() else host.encode("idna"),
            port=parts.port,
            target=quote(target, safe=_URL_CHARACTERS),
        )
    except ValueError as error:
        raise httpcore.UnsupportedProtocol(f"the URL is invalid: {error}") from None


def _host(url: httpcore.URL) -> str:
    name = url.host.decode()
    name = f"[{name}]" if ":" in name else name
    return name if url.port is None else f"{name}:{url.port}"


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return header_map((name.decode("latin-1"), value.decode("latin-1")) for name, value in raw)


def _received(stream: OpenedStream) -> HttpResponse:
    return HttpResponse(stream.status, stream.headers, b"")


def _reason(error: Exception) -> str:
    is_quoting = isinstance(error, httpcore.LocalProtocolError)  # headers, for example
    return type(error).__name__ if is_quoting else str(error) or type(error).__name__


def _transport_error(
    error: Exception,
    request: HttpRequest,
    stream: OpenedStream | None,
    progress: SendProgress | None = None,
) -> TransportError:
    """The error for a failure; without progress, the request was sent."""
    return TransportError(
        f"{request}: {_reason(error)}",
        sent=progress is None or progress.begun,
        timed_out=isinstance(error, httpcore.TimeoutException),
        head=None if stream is None else _received(stream),
    )
