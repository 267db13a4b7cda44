"""The interface between flows and the network: requests, responses and transports."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Union

from fal_typed._transport.urls import shown_url

if TYPE_CHECKING:
    import httpx

    HttpClient = Union[httpx.Client, httpx.AsyncClient]


MAX_RESPONSE_BYTES = 256 * 1024 * 1024


@dataclass(eq=False)
class CallLabels:
    """The call that a request belongs to, for log records.

    Attributes:
        endpoint: Id of the endpoint, or None if it is of none.
        request_id: Id of the job, once it is known.
    """

    endpoint: str | None
    request_id: str | None


@dataclass(frozen=True)
class HttpRequest:
    """One HTTP request.

    Attributes:
        body: Bytes, or a part of a file that is read only while it is sent.
        timeout: Seconds until the whole response must have arrived, or None for no limit.
        connect_timeout: Seconds until the connection must be open.
        max_bytes: Bytes that a response may have to be kept in memory, or None for no limit.
        public_only: Whether to connect to public addresses only.
        call: The call of the platform that it belongs to, or None.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes | FilePart = b""
    timeout: float | None = 60.0
    connect_timeout: float = 10.0
    max_bytes: int | None = MAX_RESPONSE_BYTES
    public_only: bool = False
    call: CallLabels | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        # No headers, because they can contain secrets.
        return f"<{self.method} {shown_url(self.url)}>"


@dataclass(frozen=True)
class FilePart:
    """A part of a file on disk, opened again for each attempt to send it."""

    path: str | os.PathLike[str]
    offset: int
    size: int


@dataclass(frozen=True)
class HttpResponse:
    """An HTTP response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str = ""


class SendProgress:
    """How far the sending of a request has come.

    Attributes:
        begun: Whether bytes of it may have left this machine. They cannot while the host is looked
            up and the connection is opened, so that a retry is safe.
    """

    __slots__ = ("begun",)

    def __init__(self) -> None:
        self.begun = False


class TransportError(Exception):
    """A request failed without a complete response.

    Attributes:
        sent: False if the request was certainly not sent, so that a retry is safe.
        timed_out: Whether a timeout expired.
        permanent: Whether a retry would fail in the same way.
        head: Status and headers of the response, if only its body is incomplete.
    """

    def __init__(
        self,
        message: str,
        *,
        sent: bool,
        timed_out: bool = False,
        permanent: bool = False,
        head: HttpResponse | None = None,
    ) -> None:
        super().__init__(message)
        self.sent = sent
        self.timed_out = timed_out
        self.permanent = permanent
        self.head = head


class SocketClosed(Exception):  # noqa: N818 - closing can be expected
    """A websocket is closed: nothing more can be sent or received.

    Attributes:
        code: The close code (RFC 6455 section 7.4), or None if the connection broke.
    """

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(f"{code}: {reason}" if reason else str(code))
        self.code = code
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return SocketClosed, (self.code, self.reason)


@dataclass(frozen=True)
class OpenedStream:
    """A streamed response whose body is read in chunks."""

    status: int
    headers: Mapping[str, str]
    handle: Any = field(repr=False)


@dataclass(frozen=True)
class OpenedSocket:
    """The outcome of a websocket handshake.

    Attributes:
        response: The server's response; status 101 means that the socket is open.
    """

    response: HttpResponse
    handle: Any = field(default=None, repr=False)


class SyncTransport(Protocol):
    """The interface that the sync driver uses."""

    def send(self, request: HttpRequest, progress: SendProgress | None = None) -> HttpResponse:
        """Send a request and read the whole response."""
        ...

    def open(self, request: HttpRequest) -> OpenedStream:
        """Send a request without reading the response body."""
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
    """The interface that the async driver uses."""

    async def send(
        self, request: HttpRequest, progress: SendProgress | None = None
    ) -> HttpResponse:
        """Send a request and read the whole response."""
        ...

    async def open(self, request: HttpRequest) -> OpenedStream:
        """Send a request without reading the response body."""
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
