"""The interface between flows and the network: requests, responses and transports."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Union

if TYPE_CHECKING:
    import httpx

    HttpClient = Union[httpx.Client, httpx.AsyncClient]


@dataclass(frozen=True)
class HttpRequest:
    """One HTTP request.

    Attributes:
        body: Bytes, or a part of a file that is read only while it is sent.
        timeout: Seconds until the whole answer must be there, or None for no limit.
        connect_timeout: Seconds until the connection must stand.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes | FilePart = b""
    timeout: float | None = 60.0
    connect_timeout: float = 10.0

    def __repr__(self) -> str:
        # Neither headers nor query: both can hold secrets.
        return f"<{self.method} {self.url.split('?')[0]}>"


@dataclass(frozen=True)
class FilePart:
    """A part of a file on disk, opened anew for each attempt to send it."""

    path: str | os.PathLike[str]
    offset: int
    size: int


@dataclass(frozen=True)
class HttpResponse:
    """An HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str = ""


class TransportError(Exception):
    """A request that got no answer.

    Attributes:
        sent: False when the request certainly never left, so that it may be sent again.
        timed_out: Whether a time limit passed.
        head: Status and headers of the answer, when only its body was cut.
    """

    def __init__(
        self,
        message: str,
        *,
        sent: bool,
        timed_out: bool = False,
        head: HttpResponse | None = None,
    ) -> None:
        super().__init__(message)
        self.sent = sent
        self.timed_out = timed_out
        self.head = head


class SocketClosed(Exception):  # noqa: N818 - it may be the expected end
    """A websocket on which nothing more will come, nor can be sent.

    Attributes:
        code: The close code (RFC 6455 section 7.4), or None when the connection just broke.
    """

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(f"{code}: {reason}" if reason else str(code))
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class OpenedStream:
    """A streamed answer whose body is read chunk by chunk."""

    status: int
    headers: Mapping[str, str]
    handle: Any = field(repr=False)


@dataclass(frozen=True)
class OpenedSocket:
    """What became of a websocket handshake.

    Attributes:
        response: The server's answer: status 101 when the socket is open.
    """

    response: HttpResponse
    handle: Any = field(default=None, repr=False)


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
