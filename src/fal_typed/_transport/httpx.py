"""HTTP over httpx: for the caller's own client, and for network proxies."""

from __future__ import annotations

import asyncio
import time
import zlib
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import httpx
from typing_extensions import Self

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
from fal_typed._transport.proxy_routing import AsyncProxyRouter, ProxyRouter
from fal_typed._transport.public_addresses import host_and_port, public_addresses
from fal_typed._transport.response_bodies import (
    ACCEPTED_ENCODINGS,
    BodyCollector,
    decompressor_for,
)
from fal_typed._transport.timeouts import (
    DRAIN_SECONDS,
    connect_limit,
    timed_out,
    within,
)
from fal_typed.errors import FalInputError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator, Mapping

    from fal_typed._transport.base import HttpClient

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.InvalidURL,
    httpx.UnsupportedProtocol,
    UnicodeError,  # from looking up the host
)
_WRONG_KIND = (
    "{} calls need an {} as http_client, and this client has an httpx.{}; nothing was sent. "
    "Use `FalClient` for sync and `AsyncFalClient` for async calls, each with its own http_client."
)
_FAILURES = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, UnicodeError, zlib.error)


class HttpxTransport:
    """Blocking HTTP over an httpx client.

    Args:
        client: The caller's own client, which stays open when this transport closes.
    """

    def __init__(self, client: httpx.Client | None = None) -> None:
        self._owned = client is None
        self._client = client or httpx.Client(transport=ProxyRouter(), **_settings())

    @classmethod
    def over(cls, client: HttpClient | None) -> Self:
        """A transport over the caller's client, if that is a sync one."""
        if client is not None and not isinstance(client, httpx.Client):
            raise FalInputError(_WRONG_KIND.format("sync", "httpx.Client", type(client).__name__))
        return cls(client)

    def send(self, request: HttpRequest, progress: SendProgress | None = None) -> HttpResponse:
        """Send a request and read the whole response."""
        attempt = _Attempt(request, progress)
        ends = None if request.timeout is None else time.monotonic() + request.timeout
        head: httpx.Response | None = None
        try:
            head = self._start(attempt)
            collector = BodyCollector(request, head.status_code, _headers(head))
            for chunk in _chunks(request, head):
                if not collector.add(chunk):
                    break
                # httpx limits each read; a slowly dripping response must still time out.
                if ends is not None and time.monotonic() > ends:
                    raise timed_out(request, _received(head), attempt.progress)
            return collector.response(str(head.url))
        except _FAILURES as error:
            raise attempt.failed(error, head) from None
        finally:
            if head is not None:
                head.close()

    def open(self, request: HttpRequest) -> OpenedStream:
        """Send a request without reading the response body."""
        attempt = _Attempt(request)
        try:
            head = self._start(attempt)
        except _FAILURES as error:
            raise attempt.failed(error, None) from None
        return OpenedStream(
            head.status_code, _headers(head), _HttpxBody(head, _chunks(request, head))
        )

    def read(self, stream: OpenedStream, timeout: float | None) -> bytes:
        """Read some bytes, `b""` at the end; the timeout of a stream's first read stays."""
        body: _HttpxBody = stream.handle
        body.response.request.extensions["timeout"]["read"] = timeout
        try:
            chunk: bytes = next(body.chunks, b"")
        except _FAILURES as error:
            raise _read_error(error, body.response) from None
        return chunk

    def close_stream(self, stream: OpenedStream) -> None:
        """Stop reading a body."""
        stream.handle.response.close()

    def close(self) -> None:
        """Close all connections."""
        if self._owned:
            self._client.close()

    def _start(self, attempt: _Attempt) -> httpx.Response:
        request = attempt.request
        content = request.body
        if request.public_only:
            _check_public(request)
        built = self._client.build_request(
            request.method,
            request.url,
            headers=_wire_headers(request),
            content=read_part(content) if isinstance(content, FilePart) else content,
            timeout=_timeouts(request),
            extensions={"trace": attempt.trace.on_event},
        )
        attempt.progress.begun = True  # until httpcore says more, because transports may differ
        with _usable():
            head = self._client.send(built, stream=True, follow_redirects=False)
        try:
            decompressor_for(request, _headers(head))
        except TransportError:
            head.close()
            raise
        return head


class AsyncHttpxTransport:
    """Async HTTP over an httpx client; see `HttpxTransport`."""

    def __init__(self, client: httpx.AsyncClient | None = None) -> None:
        self._owned = client is None
        self._client = client or httpx.AsyncClient(transport=AsyncProxyRouter(), **_settings())

    @classmethod
    def over(cls, client: HttpClient | None) -> Self:
        """A transport over the caller's client, if that is an async one."""
        if client is not None and not isinstance(client, httpx.AsyncClient):
            raise FalInputError(
                _WRONG_KIND.format("async", "httpx.AsyncClient", type(client).__name__)
            )
        return cls(client)

    async def send(
        self, request: HttpRequest, progress: SendProgress | None = None
    ) -> HttpResponse:
        """Send a request and read the whole response."""
        attempt = _Attempt(request, progress)
        heads: list[httpx.Response] = []
        try:
            return await within(request.timeout, self._exchange(attempt, heads))
        except (asyncio.TimeoutError, *_FAILURES) as error:
            raise attempt.failed(error, heads[0] if heads else None) from None

    async def _exchange(self, attempt: _Attempt, heads: list[httpx.Response]) -> HttpResponse:
        request = attempt.request
        head = await self._start(attempt)
        heads.append(head)
        collector = BodyCollector(request, head.status_code, _headers(head))
        try:
            async for chunk in _chunks_async(request, head):
                if not collector.add(chunk):
                    break
        finally:
            await shielded(head.aclose())
        return collector.response(str(head.url))

    async def open(self, request: HttpRequest) -> OpenedStream:
        """Send a request without reading the response body."""
        attempt = _Attempt(request)
        try:
            head = await within(request.timeout, self._start(attempt))
        except (asyncio.TimeoutError, *_FAILURES) as error:
            raise attempt.failed(error, None) from None
        return OpenedStream(
            head.status_code, _headers(head), _HttpxBody(head, _chunks_async(request, head))
        )

    async def read(self, stream: OpenedStream, timeout: float | None) -> bytes:
        """Read some bytes, `b""` at the end."""
        body: _HttpxBody = stream.handle
        body.response.request.extensions["timeout"]["read"] = None
        try:
            chunk: bytes = await within(timeout, anext(body.chunks, b""))
        except asyncio.TimeoutError:
            raise _read_timeout(body.response) from None
        except _FAILURES as error:
            raise _read_error(error, body.response) from None
        return chunk

    async def close_stream(self, stream: OpenedStream) -> None:
        """Stop reading a body; if its end arrives at once, the connection is reused."""
        body: _HttpxBody = stream.handle
        try:
            await within(DRAIN_SECONDS, anext(body.chunks, b""))
        except (asyncio.TimeoutError, *_FAILURES):
            pass
        finally:
            await shielded(body.response.aclose())

    async def close(self) -> None:
        """Close all connections."""
        if self._owned:
            await self._client.aclose()

    async def _start(self, attempt: _Attempt) -> httpx.Response:
        request = attempt.request
        content = request.body
        if request.public_only:
            await asyncio.to_thread(_check_public, request)
        built = self._client.build_request(
            request.method,
            request.url,
            headers=_wire_headers(request),
            content=read_part_async(content) if isinstance(content, FilePart) else content,
            timeout=_timeouts(request),
            extensions={"trace": attempt.trace.on_event_async},
        )
        attempt.progress.begun = True  # until httpcore says more, because transports may differ
        with _usable():
            head = await self._client.send(built, stream=True, follow_redirects=False)
        try:
            decompressor_for(request, _headers(head))
        except TransportError:
            await head.aclose()
            raise
        return head


@contextmanager
def _usable() -> Generator[None, None, None]:
    try:
        yield
    except RuntimeError as error:  # it is closed, or belongs to another event loop
        raise FalInputError(f"The client's http_client cannot be used: {error}") from None


class _Attempt:
    """One attempt to send a request, and how far it came."""

    def __init__(self, request: HttpRequest, progress: SendProgress | None = None) -> None:
        self.request = request
        self.progress = progress or SendProgress()
        self.trace = ProgressTrace(self.progress)

    def failed(self, error: Exception, head: httpx.Response | None) -> TransportError:
        """The error for an attempt that failed."""
        if not self.trace.is_called:  # httpcore has no connection yet, or is not used at all
            self.progress.begun = not isinstance(error, _NEVER_SENT)
        if isinstance(error, asyncio.TimeoutError):
            return timed_out(self.request, _received(head), self.progress)
        return TransportError(
            f"{self.request}: {_reason(error)}",
            sent=self.progress.begun,
            timed_out=isinstance(error, httpx.TimeoutException),
            head=_received(head),
        )


class _HttpxBody:
    def __init__(self, response: httpx.Response, chunks: Any) -> None:
        self.response = response
        self.chunks = chunks


def _settings() -> dict[str, Any]:
    no_cookies = DefaultCookiePolicy(allowed_domains=[])
    return {"cookies": CookieJar(no_cookies), "timeout": None, "trust_env": False}


def _chunks(request: HttpRequest, head: httpx.Response) -> Iterator[bytes]:
    """The body, decompressed here: httpx would decompress a chunk as a whole, however large."""
    if head.is_stream_consumed:  # the response of a mock transport, which is decompressed already
        yield head.content
        return
    decompressor = decompressor_for(request, _headers(head))
    for chunk in head.iter_raw():
        if decompressor is None:
            yield chunk
        else:
            yield from decompressor.pieces(chunk)
    if decompressor is not None:
        yield decompressor.finish()


async def _chunks_async(request: HttpRequest, head: httpx.Response) -> AsyncIterator[bytes]:
    if head.is_stream_consumed:
        yield head.content
        return
    decompressor = decompressor_for(request, _headers(head))
    async for chunk in head.aiter_raw():
        if decompressor is None:
            yield chunk
        else:
            for piece in decompressor.pieces(chunk):
                yield piece
    if decompressor is not None:
        yield decompressor.finish()


def _timeouts(request: HttpRequest) -> httpx.Timeout:
    limit, connect = request.timeout, connect_limit(request)
    if limit is None:
        return httpx.Timeout(None, connect=connect)
    # These end before the timeout of the call does: then httpx says that nothing was sent, and it
    # leaves no socket open, as it does when a TLS handshake is canceled.
    first = limit * 0.95
    return httpx.Timeout(limit, connect=min(connect, first), pool=first)


def _check_public(request: HttpRequest) -> None:
    # httpx resolves the name again; where that matters, the SDK's own connections are safer.
    try:
        public_addresses(*host_and_port(request.url))
    except OSError as error:
        raise httpx.ConnectError(str(error)) from None
    except ValueError as error:
        raise httpx.InvalidURL(str(error)) from None


def _wire_headers(request: HttpRequest) -> list[tuple[bytes, bytes]]:
    headers = {"accept-encoding": ACCEPTED_ENCODINGS, **request.headers}
    if isinstance(request.body, FilePart):
        headers["content-length"] = str(request.body.size)
    # httpx takes text for ASCII; the other transports send UTF-8.
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _headers(response: httpx.Response) -> Mapping[str, str]:
    return header_map(response.headers.items())


def _received(head: httpx.Response | None) -> HttpResponse | None:
    return None if head is None else HttpResponse(head.status_code, _headers(head), b"")


def _read_timeout(head: httpx.Response) -> TransportError:
    message = f"<{head.request.method} {head.request.url.host}>: no data arrived in time"
    return TransportError(message, sent=True, timed_out=True, head=_received(head))


def _reason(error: Exception) -> str:
    # These messages can quote a URL or a header.
    is_quoting = isinstance(error, (httpx.InvalidURL, httpx.LocalProtocolError))
    return type(error).__name__ if is_quoting else str(error) or type(error).__name__


def _read_error(error: Exception, head: httpx.Response) -> TransportError:
    return TransportError(
        f"<{head.request.method} {head.request.url.host}>: {_reason(error)}",
        sent=True,
        timed_out=isinstance(error, httpx.TimeoutException),
        head=_received(head),
    )
