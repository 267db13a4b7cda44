"""HTTP by httpcore, the lower half of httpx, with a pool of its own.

httpx's pool looks at every connection for every request, which at fifty at once costs more than
all the rest; this one looks at the connection that was used last.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote, urlsplit

import httpcore

from fal_typed._transport.base import (
    FilePart,
    HttpRequest,
    HttpResponse,
    OpenedStream,
    TransportError,
)
from fal_typed._transport.bodies import read_part, read_part_async
from fal_typed._transport.cleanup import shielded
from fal_typed._transport.headers import header_map
from fal_typed._transport.limits import (
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

_MOST_IDLE = 100
_PIECE = 256 * 1024
_FAILURES = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
    zlib.error,
)
_NEVER_SENT = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.UnsupportedProtocol)
_URL_CHARACTERS = "".join(map(chr, range(0x21, 0x7F)))

Key = tuple[bytes, bytes, int]
Line = TypeVar("Line", bound="_Line | _AsyncLine")


class PoolTransport:
    """Blocking HTTP."""

    def __init__(self) -> None:
        self._idle: _Idle[_Line] = _Idle()
        self._tls: ssl.SSLContext | None = None

    def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and read the whole answer."""
        stream = self._start(request)
        body: _PoolBody[_Line] = stream.handle
        try:
            content = b"".join(iter(body.read, b""))
        except _FAILURES as error:
            raise _translated(error, request, stream) from None
        finally:
            self._release(body)
        return HttpResponse(stream.status, stream.headers, content, request.url)

    def open(self, request: HttpRequest) -> OpenedStream:
        """Send a request and leave the body to be read."""
        return self._start(request)

    def read(self, stream: OpenedStream, timeout: float | None) -> bytes:
        """Read some bytes, `b""` at the end."""
        body: _PoolBody[_Line] = stream.handle
        body.line.limit.set(timeout)
        try:
            return body.read()
        except _FAILURES as error:
            raise _translated(error, body.request, stream) from None

    def close_stream(self, stream: OpenedStream) -> None:
        """Stop reading a body; a connection whose body is about to end anyway is kept."""
        with suppress(TransportError):
            self.read(stream, DRAIN_SECONDS)
        self._release(stream.handle)

    def close(self) -> None:
        """Close all connections."""
        for line in self._idle.clear():
            line.connection.close()

    def _start(self, request: HttpRequest) -> OpenedStream:
        try:
            wire, key = _wire_request(request)
            line = self._line(key)
            line.limit.set(request.timeout)
            try:
                response = line.connection.handle_request(wire)
            except BaseException:
                line.connection.close()
                raise
        except _FAILURES as error:
            raise _translated(error, request, None) from None
        body = _PoolBody(request, key, line, response)
        body.chunks = iter(response.iter_stream())
        return OpenedStream(response.status, body.headers, body)

    def _line(self, key: Key) -> _Line:
        while (line := self._idle.take(key)) is not None:
            if not line.connection.has_expired():
                return line
            line.connection.close()
        if key[0] == b"https":
            self._tls = self._tls or ssl_context()
        return _Line(key, self._tls)

    def _release(self, body: _PoolBody[_Line]) -> None:
        body.response.close()
        if not body.line.connection.is_idle():
            body.line.connection.close()
        elif (surplus := self._idle.give(body.key, body.line)) is not None:
            surplus.connection.close()


class AsyncPoolTransport:
    """Awaitable HTTP; see `PoolTransport`."""

    def __init__(self) -> None:
        self._idle: _Idle[_AsyncLine] = _Idle()
        self._tls: ssl.SSLContext | None = None

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and read the whole answer."""
        heads: list[OpenedStream] = []
        try:
            return await within(request.timeout, self._read_all(request, heads))
        except asyncio.TimeoutError:
            raise timed_out(request, _received(heads[0]) if heads else None) from None
        except _FAILURES as error:
            raise _translated(error, request, heads[0] if heads else None) from None

    async def _read_all(self, request: HttpRequest, heads: list[OpenedStream]) -> HttpResponse:
        stream = await self._start(request)
        heads.append(stream)
        body: _PoolBody[_AsyncLine] = stream.handle
        try:
            chunks: list[bytes] = []
            while chunk := await body.read_async():
                chunks.append(chunk)
        except BaseException:
            await shielded(self._release(body))
            raise
        await self._release(body)
        return HttpResponse(stream.status, stream.headers, b"".join(chunks), request.url)

    async def open(self, request: HttpRequest) -> OpenedStream:
        """Send a request and leave the body to be read."""
        try:
            return await within(request.timeout, self._start(request))
        except asyncio.TimeoutError:
            raise timed_out(request, None) from None
        except _FAILURES as error:
            raise _translated(error, request, None) from None

    async def read(self, stream: OpenedStream, timeout: float | None) -> bytes:
        """Read some bytes, `b""` at the end."""
        body: _PoolBody[_AsyncLine] = stream.handle
        try:
            return await within(timeout, body.read_async())
        except asyncio.TimeoutError:
            raise _translated(httpcore.ReadTimeout(), body.request, stream) from None
        except _FAILURES as error:
            raise _translated(error, body.request, stream) from None

    async def close_stream(self, stream: OpenedStream) -> None:
        """Stop reading a body; a connection whose body is about to end anyway is kept."""
        try:
            with suppress(TransportError):
                await self.read(stream, DRAIN_SECONDS)
        finally:
            await shielded(self._release(stream.handle))

    async def close(self) -> None:
        """Close all connections."""
        for line in self._idle.clear():
            await line.connection.aclose()

    async def _start(self, request: HttpRequest) -> OpenedStream:
        wire, key = _wire_request(request, is_async=True)
        line = await self._line(key)
        try:
            response = await line.connection.handle_async_request(wire)
        except BaseException:
            await shielded(line.connection.aclose())
            raise
        body = _PoolBody(request, key, line, response)
        body.chunks = aiter(response.aiter_stream())
        return OpenedStream(response.status, body.headers, body)

    async def _line(self, key: Key) -> _AsyncLine:
        while (line := self._idle.take(key)) is not None:
            if not line.connection.has_expired():
                return line
            await line.connection.aclose()
        if key[0] == b"https":
            self._tls = self._tls or ssl_context()
        return _AsyncLine(key, self._tls)

    async def _release(self, body: _PoolBody[_AsyncLine]) -> None:
        try:
            await body.response.aclose()
        except BaseException:
            await shielded(body.line.connection.aclose())
            raise
        if not body.line.connection.is_idle():
            await body.line.connection.aclose()
        elif (surplus := self._idle.give(body.key, body.line)) is not None:
            await surplus.connection.aclose()


class _Line:
    """A connection of sync code, and the time until which it may wait."""

    def __init__(self, key: Key, tls: ssl.SSLContext | None) -> None:
        self.limit = _Limit()
        self.connection = httpcore.HTTPConnection(
            httpcore.Origin(*key),
            ssl_context=tls,
            keepalive_expiry=KEEP_ALIVE_SECONDS,
            network_backend=_TimedBackend(self.limit),
        )


class _AsyncLine:
    """A connection of async code; there, the event loop keeps the time."""

    def __init__(self, key: Key, tls: ssl.SSLContext | None) -> None:
        self.connection = httpcore.AsyncHTTPConnection(
            httpcore.Origin(*key), ssl_context=tls, keepalive_expiry=KEEP_ALIVE_SECONDS
        )


class _Idle(Generic[Line]):
    """Connections that wait for their next request, by where they lead.

    It relies on single operations of a deque being atomic, not on a lock.
    """

    def __init__(self) -> None:
        self._lines: dict[Key, deque[Line]] = {}

    def take(self, key: Key) -> Line | None:
        """The one that was used last, or None."""
        lines = self._lines.get(key)
        try:
            return lines.pop() if lines else None
        except IndexError:  # another thread was quicker
            return None

    def give(self, key: Key, line: Line) -> Line | None:
        """Keep one; the one that waits longest comes back when it is of no more use."""
        lines = self._lines.setdefault(key, deque())
        lines.append(line)
        try:
            oldest = lines.popleft()
        except IndexError:
            return None
        if len(lines) >= _MOST_IDLE or oldest.connection.has_expired():
            return oldest
        lines.appendleft(oldest)
        return None

    def clear(self) -> list[Line]:
        """Forget all, and return them."""
        lines, self._lines = self._lines, {}
        return [line for waiting in lines.values() for line in waiting]


class _PoolBody(Generic[Line]):
    """The body of an answer, and the connection it comes over."""

    chunks: Any

    def __init__(
        self, request: HttpRequest, key: Key, line: Line, response: httpcore.Response
    ) -> None:
        self.request = request
        self.key = key
        self.line = line
        self.response = response
        self.headers = _headers(response.headers)
        self._unpack = _unpacker(self.headers.get("content-encoding", ""))

    def read(self) -> bytes:
        """The next bytes, `b""` at the end."""
        if self._unpack is None:
            chunk: bytes = next(self.chunks, b"")
            return chunk
        while packed := next(self.chunks, b""):
            if content := self._unpack.decompress(packed):
                return bytes(content)
        return self._end(self._unpack)

    async def read_async(self) -> bytes:
        """The next bytes, `b""` at the end."""
        if self._unpack is None:
            chunk: bytes = await anext(self.chunks, b"")
            return chunk
        while packed := await anext(self.chunks, b""):
            if content := self._unpack.decompress(packed):
                return bytes(content)
        return self._end(self._unpack)

    def _end(self, unpack: Any) -> bytes:
        self._unpack = None
        rest: bytes = unpack.flush()
        if not unpack.eof:
            raise zlib.error("the compressed answer was cut")
        return rest


class _Limit:
    """When a connection must have done what it is at, by the monotonic clock."""

    def __init__(self) -> None:
        self._ends: float | None = None

    def set(self, seconds: float | None) -> None:
        """Allow so many seconds from now, or any time."""
        self._ends = None if seconds is None else time.monotonic() + seconds

    def remaining(self) -> float | None:
        """Seconds left; never 0, which sockets take to mean that they must not wait at all."""
        return None if self._ends is None else max(0.001, self._ends - time.monotonic())

    def check(self) -> None:
        """Raise when the time is over, though bytes still drip in."""
        if self._ends is not None and time.monotonic() > self._ends:
            raise httpcore.ReadTimeout("the answer took longer than the limit")


class _TimedBackend(httpcore.SyncBackend):
    """Opens sockets that keep to a limit which may change between two reads."""

    def __init__(self, limit: _Limit) -> None:
        self._limit = limit

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
        stream = super().connect_tcp(host, port, timeout, local_address, options)
        return _TimedStream(stream, self._limit)


class _TimedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, limit: _Limit) -> None:
        self._stream = stream
        self._limit = limit

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        self._limit.check()
        return self._stream.read(max_bytes, self._limit.remaining())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, self._limit.remaining())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, timeout)
        return _TimedStream(stream, self._limit)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Pieces:
    """Many bytes, piece by piece: httpcore copies all that is left whenever a socket takes some."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._body), _PIECE):
            yield self._body[start : start + _PIECE]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


def _wire_request(request: HttpRequest, *, is_async: bool = False) -> tuple[httpcore.Request, Key]:
    url = _parsed(request.url)
    content: Any = request.body
    if isinstance(content, FilePart):
        content = read_part_async(content) if is_async else read_part(content)
    elif len(content) > _PIECE:
        content = _Pieces(content)
    headers = {
        "host": _host(url),
        "accept-encoding": "gzip, deflate",
        **request.headers,
    }
    size = request.body.size if isinstance(request.body, FilePart) else len(request.body)
    if size or request.method not in ("GET", "HEAD", "DELETE"):
        headers["content-length"] = str(size)
    wire = httpcore.Request(
        request.method,
        url,
        headers=[(name.encode(), value.encode()) for name, value in headers.items()],
        content=content,
        extensions={"timeout": {"connect": connect_limit(request)}},
    )
    return wire, (url.origin.scheme, url.origin.host, url.origin.port)


def _parsed(url: str) -> httpcore.URL:
    try:
        parts = urlsplit(url)
        host = parts.hostname
        if parts.scheme not in ("http", "https") or not host:
            raise httpcore.UnsupportedProtocol("it is none of http or https")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return httpcore.URL(
            scheme=parts.scheme,
            host=host if host.isascii() else host.encode("idna"),
            port=parts.port,
            target=quote(target, safe=_URL_CHARACTERS),
        )
    except ValueError as error:
        raise httpcore.UnsupportedProtocol(f"the URL is malformed: {error}") from None


def _host(url: httpcore.URL) -> str:
    name = url.host.decode()
    name = f"[{name}]" if ":" in name else name
    return name if url.port is None else f"{name}:{url.port}"


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return header_map((name.decode("latin-1"), value.decode("latin-1")) for name, value in raw)


def _unpacker(encoding: str) -> Any:
    # 32 more than the largest window: zlib finds out which of the two formats it is.
    packed = encoding.strip().lower() in ("gzip", "x-gzip", "deflate")
    return zlib.decompressobj(zlib.MAX_WBITS | 32) if packed else None


def _received(stream: OpenedStream) -> HttpResponse:
    return HttpResponse(stream.status, stream.headers, b"")


def _translated(
    error: Exception, request: HttpRequest, stream: OpenedStream | None
) -> TransportError:
    return TransportError(
        f"{request}: {str(error) or type(error).__name__}",
        sent=not isinstance(error, _NEVER_SENT),
        timed_out=isinstance(error, httpcore.TimeoutException),
        head=None if stream is None else _received(stream),
    )
