"""HTTP by httpx. No other module imports it, so another backend is a change in one place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, Union

import httpx

from fal_typed.flow import FilePart, HttpRequest, HttpResponse, OpenedStream, TransportError

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHUNK = 64 * 1024
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


class SyncTransport(Protocol):
    """What the sync driver needs of an HTTP library."""

    def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and read the whole answer."""
        ...

    def open(self, request: HttpRequest) -> OpenedStream:
        """Send a request and leave the body to be read."""
        ...

    def read(self, stream: OpenedStream, timeout: float | None) -> bytes:
        """Read some bytes, `b""` at the end."""
        ...

    def close_stream(self, stream: OpenedStream) -> None:
        """Stop reading a body."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


class AsyncTransport(Protocol):
    """What the async driver needs of an HTTP library."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and read the whole answer."""
        ...

    async def open(self, request: HttpRequest) -> OpenedStream:
        """Send a request and leave the body to be read."""
        ...

    async def read(self, stream: OpenedStream, timeout: float | None) -> bytes:
        """Read some bytes, `b""` at the end."""
        ...

    async def close_stream(self, stream: OpenedStream) -> None:
        """Stop reading a body."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class HttpxTransport:
    """Blocking HTTP by httpx.

    Args:
        client: A client of the caller's own, which stays open when this transport closes.
    """

    def __init__(self, client: httpx.Client | None = None) -> None:
        self._owned = client is None
        self._client = client or httpx.Client(**_settings(httpx.HTTPTransport))

    def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and read the whole answer."""
        ends = _end(request)
        head: httpx.Response | None = None
        try:
            head = self._start(request)
            chunks: list[bytes] = []
            for chunk in head.iter_bytes():
                chunks.append(chunk)
                _check_time(ends)
            return HttpResponse(head.status_code, _headers(head), b"".join(chunks), str(head.url))
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise _translated(error, request, head) from None
        finally:
            if head is not None:
                head.close()

    def open(self, request: HttpRequest) -> OpenedStream:
        """Send a request and leave the body to be read."""
        try:
            head = self._start(request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _translated(error, request, None) from None
        handle = _OpenResponse(head, head.iter_bytes())
        return OpenedStream(head.status_code, _headers(head), handle)

    def read(self, stream: OpenedStream, timeout: float | None) -> bytes:
        """Read some bytes, `b""` at the end."""
        handle: _OpenResponse = stream.handle
        # httpcore reads the limit anew for every read from the socket.
        handle.response.request.extensions["timeout"]["read"] = timeout
        try:
            return next(handle.chunks, b"")
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise _translated(error, None, handle.response) from None

    def close_stream(self, stream: OpenedStream) -> None:
        """Stop reading a body."""
        stream.handle.response.close()

    def close(self) -> None:
        """Close all connections."""
        if self._owned:
            self._client.close()

    def _start(self, request: HttpRequest) -> httpx.Response:
        content = request.body
        built = self._client.build_request(
            request.method,
            request.url,
            headers=_wire_headers(request),
            content=_read_part(content) if isinstance(content, FilePart) else content,
            timeout=_timeout(request),
        )
        return self._client.send(built, stream=True, follow_redirects=request.follow_redirects)


class AsyncHttpxTransport:
    """Awaitable HTTP by httpx; see `HttpxTransport`."""

    def __init__(self, client: httpx.AsyncClient | None = None) -> None:
        self._owned = client is None
        self._client = client or httpx.AsyncClient(**_settings(httpx.AsyncHTTPTransport))

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and read the whole answer."""
        heads: list[httpx.Response] = []
        try:
            return await asyncio.wait_for(self._exchange(request, heads), request.timeout)
        except asyncio.TimeoutError:
            raise _timed_out(request, heads[0] if heads else None) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise _translated(error, request, heads[0] if heads else None) from None

    async def _exchange(self, request: HttpRequest, heads: list[httpx.Response]) -> HttpResponse:
        head = await self._start(request)
        heads.append(head)
        try:
            body = await head.aread()
        finally:
            await head.aclose()
        return HttpResponse(head.status_code, _headers(head), body, str(head.url))

    async def open(self, request: HttpRequest) -> OpenedStream:
        """Send a request and leave the body to be read."""
        try:
            head = await self._start(request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _translated(error, request, None) from None
        handle = _OpenResponse(head, head.aiter_bytes())
        return OpenedStream(head.status_code, _headers(head), handle)

    async def read(self, stream: OpenedStream, timeout: float | None) -> bytes:
        """Read some bytes, `b""` at the end."""
        handle: _OpenResponse = stream.handle
        handle.response.request.extensions["timeout"]["read"] = timeout
        try:
            return await anext(handle.chunks, b"")
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise _translated(error, None, handle.response) from None

    async def close_stream(self, stream: OpenedStream) -> None:
        """Stop reading a body."""
        await stream.handle.response.aclose()

    async def close(self) -> None:
        """Close all connections."""
        if self._owned:
            await self._client.aclose()

    async def _start(self, request: HttpRequest) -> httpx.Response:
        content = request.body
        built = self._client.build_request(
            request.method,
            request.url,
            headers=_wire_headers(request),
            content=_read_part_async(content) if isinstance(content, FilePart) else content,
            timeout=_timeout(request),
        )
        return await self._client.send(
            built, stream=True, follow_redirects=request.follow_redirects
        )


class _OpenResponse:
    def __init__(self, response: httpx.Response, chunks: Any) -> None:
        self.response = response
        self.chunks = chunks


def _settings(direct: Any) -> dict[str, Any]:
    return {
        "limits": httpx.Limits(max_connections=None, max_keepalive_connections=100),
        "timeout": None,
        # What goes to this machine never takes the detour over a proxy, where a key that is
        # sent without TLS would be read by others.
        "mounts": {f"all://{host}": direct() for host in ("localhost", "127.0.0.1", "[::1]")},
    }


def _timeout(request: HttpRequest) -> httpx.Timeout:
    limit = request.timeout
    connect = request.connect_timeout if limit is None else min(limit, request.connect_timeout)
    return httpx.Timeout(limit, connect=connect)


def _end(request: HttpRequest) -> float | None:
    return None if request.timeout is None else time.monotonic() + request.timeout


def _check_time(ends: float | None) -> None:
    # httpx limits each read; an answer that drips must not take longer than the whole limit.
    if ends is not None and time.monotonic() > ends:
        raise httpx.ReadTimeout("the answer took longer than the limit")


def _wire_headers(request: HttpRequest) -> dict[str, str]:
    headers = dict(request.headers)
    if isinstance(request.body, FilePart):
        headers["content-length"] = str(request.body.size)
    return headers


def _headers(response: httpx.Response) -> Mapping[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _translated(
    error: Exception, request: HttpRequest | None, head: httpx.Response | None
) -> TransportError:
    where = request or (head and f"<{head.request.method} {head.request.url.host}>")
    reason = str(error) or type(error).__name__
    unsent = isinstance(error, (*_NEVER_SENT, httpx.InvalidURL, httpx.UnsupportedProtocol))
    return TransportError(
        f"{where}: {reason}",
        sent=not unsent,
        timed_out=isinstance(error, httpx.TimeoutException),
        head=_received(head),
    )


def _timed_out(request: HttpRequest, head: httpx.Response | None) -> TransportError:
    return TransportError(
        f"{request}: no answer within {request.timeout} s",
        sent=True,
        timed_out=True,
        head=_received(head),
    )


def _received(head: httpx.Response | None) -> HttpResponse | None:
    return None if head is None else HttpResponse(head.status_code, _headers(head), b"")


def _read_part(part: FilePart) -> Iterator[bytes]:
    with open(part.path, "rb") as file:  # noqa: PTH123 - may be a descriptor's path
        file.seek(part.offset)
        remaining = part.size
        while remaining > 0 and (chunk := file.read(min(_CHUNK, remaining))):
            remaining -= len(chunk)
            yield chunk


async def _read_part_async(part: FilePart) -> AsyncIterator[bytes]:
    chunks = _read_part(part)
    while chunk := await asyncio.to_thread(next, chunks, b""):
        yield chunk
    with suppress(Exception):
        chunks.close()  # type: ignore[attr-defined]


HttpClient = Union[httpx.Client, httpx.AsyncClient]


def sync_transport(client: HttpClient | None) -> SyncTransport:
    """The transport of sync code, over the caller's own client if that is one for it."""
    return HttpxTransport(client if isinstance(client, httpx.Client) else None)


def async_transport(client: HttpClient | None) -> AsyncTransport:
    """The transport of async code, over the caller's own client if that is one for it."""
    return AsyncHttpxTransport(client if isinstance(client, httpx.AsyncClient) else None)
