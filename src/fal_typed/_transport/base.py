"""What the drivers need of an HTTP library, and which one a client uses.

Only the `transport_…` modules import HTTP libraries, so that another is a change in one place.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol, TypeVar, Union
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies

from fal_typed._core.flow import FilePart, HttpRequest, HttpResponse, OpenedStream, TransportError

if TYPE_CHECKING:
    import httpx

    HttpClient = Union[httpx.Client, httpx.AsyncClient]

T = TypeVar("T")
MAX_HOPS = 10
DRAIN_SECONDS = 0.02
"""How long a stream that is closed may take to end by itself, so that its connection is kept."""
KEEP_ALIVE_SECONDS = 5.0
"""How long an idle connection is trusted. A server that closes one just when a request goes out
leaves it open whether a job was started, so this is kept below what servers allow."""
_CHUNK = 256 * 1024


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


def sync_transport(client: HttpClient | None) -> SyncTransport:
    """The transport of sync code.

    Args:
        client: The caller's own httpx client, which wins if it is one for sync code.
    """
    if client is not None or _has_proxies():
        from fal_typed._transport.httpx import HttpxTransport

        return HttpxTransport.over(client)
    from fal_typed._transport.pool import PoolTransport

    return PoolTransport()


def async_transport(client: HttpClient | None) -> AsyncTransport:
    """The transport of async code: aiohttp where it is installed, for it is the fastest.

    Args:
        client: The caller's own httpx client, which wins if it is one for async code.
    """
    if client is not None or _has_proxies():
        from fal_typed._transport.httpx import AsyncHttpxTransport

        return AsyncHttpxTransport.over(client)
    if has_aiohttp():
        from fal_typed._transport.aiohttp import AiohttpTransport

        return AiohttpTransport()
    from fal_typed._transport.pool import AsyncPoolTransport

    return AsyncPoolTransport()


def has_aiohttp() -> bool:
    """Whether the extra `aiohttp` is installed."""
    return find_spec("aiohttp") is not None


def _has_proxies() -> bool:
    # Proxies are rare and have rules of their own (exceptions, schemes, SOCKS); httpx knows them.
    return any(name in getproxies() for name in ("http", "https", "all"))


if sys.version_info >= (3, 11):

    async def within(seconds: float | None, awaitable: Awaitable[T]) -> T:
        """Await something for so long.

        Raises:
            asyncio.TimeoutError: The time passed.
        """
        # Unlike wait_for before Python 3.12, this makes no task.
        async with asyncio.timeout(seconds):
            return await awaitable

else:

    async def within(seconds: float | None, awaitable: Awaitable[T]) -> T:
        """Await something for so long.

        Raises:
            asyncio.TimeoutError: The time passed.
        """
        return await asyncio.wait_for(awaitable, seconds)


def connect_limit(request: HttpRequest) -> float:
    """Seconds until the connection must stand."""
    if request.timeout is None:
        return request.connect_timeout
    return min(request.timeout, request.connect_timeout)


def timed_out(request: HttpRequest, head: HttpResponse | None) -> TransportError:
    """The error for an answer that was not complete in time."""
    message = f"{request}: no answer within {request.timeout:g} s"
    return TransportError(message, sent=True, timed_out=True, head=head)


def next_hop(request: HttpRequest, status: int, location: str | None) -> HttpRequest | None:
    """The request a redirection leads to, or None when it is to be taken as the answer."""
    is_redirection = status in (301, 302, 303, 307, 308) and request.method == "GET"
    if not (request.follow_redirects and is_redirection and location):
        return None
    url = urljoin(request.url, location)
    if urlsplit(request.url).scheme == "https" and urlsplit(url).scheme != "https":
        raise TransportError(f"{request}: redirected to a place without TLS", sent=True)
    return replace(request, url=url)


def redirected_too_often(request: HttpRequest) -> TransportError:
    """The error for redirections without an end."""
    return TransportError(f"{request}: redirected more than {MAX_HOPS} times", sent=True)


def read_part(part: FilePart) -> Iterator[bytes]:
    """The bytes of a part of a file, read as they are taken."""
    with open(part.path, "rb") as file:  # noqa: PTH123 - may be a descriptor's path
        file.seek(part.offset)
        remaining = part.size
        while remaining > 0 and (chunk := file.read(min(_CHUNK, remaining))):
            remaining -= len(chunk)
            yield chunk


async def read_part_async(part: FilePart) -> AsyncIterator[bytes]:
    """The bytes of a part of a file, read in a thread."""
    chunks = read_part(part)
    while chunk := await asyncio.to_thread(next, chunks, b""):
        yield chunk
