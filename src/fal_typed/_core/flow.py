"""Flows: the protocol as pure generators.

A flow yields effects — send this, wait, call the user's function — and is sent what became of
them. It does no I/O itself, so one text serves sync and async code, and tests can play the
platform by hand. `driver` performs the effects.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar, Union

T = TypeVar("T")


@dataclass(frozen=True)
class HttpRequest:
    """One HTTP request.

    Attributes:
        body: Bytes, or a part of a file that is read only while it is sent.
        timeout: Seconds until the whole answer must be there, or None for no limit.
        connect_timeout: Seconds until the connection must stand.
        follow_redirects: Only ever true for requests that carry no key.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes | FilePart = b""
    timeout: float | None = 60.0
    connect_timeout: float = 10.0
    follow_redirects: bool = False

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
class Send:
    """Send a request; gives its `HttpResponse`, whatever the status."""

    request: HttpRequest


@dataclass(frozen=True)
class OpenStream:
    """Send a request and leave the answer's body to be read; gives an `OpenedStream`."""

    request: HttpRequest


@dataclass(frozen=True)
class OpenedStream:
    """A streamed answer whose body is read chunk by chunk."""

    status: int
    headers: Mapping[str, str]
    handle: Any = field(repr=False)


@dataclass(frozen=True)
class ReadChunk:
    """Read the next bytes of a stream; gives `b""` at its end."""

    stream: OpenedStream
    timeout: float | None


@dataclass(frozen=True)
class CloseStream:
    """Close a stream. The driver closes what a flow leaves open."""

    stream: OpenedStream


@dataclass(frozen=True)
class OpenSocket:
    """Open a websocket; gives an `OpenedSocket`, refused or not."""

    request: HttpRequest


@dataclass(frozen=True)
class OpenedSocket:
    """What became of a websocket handshake.

    Attributes:
        response: The server's answer: status 101 when the socket is open.
    """

    response: HttpResponse
    handle: Any = field(default=None, repr=False)


@dataclass(frozen=True)
class SendFrame:
    """Send a message on a websocket; `SocketClosed` is raised when it did not leave."""

    socket: OpenedSocket
    data: bytes | str


@dataclass(frozen=True)
class ReceiveFrame:
    """Wait for a websocket's next message; `SocketClosed` is raised when none will come."""

    socket: OpenedSocket
    timeout: float | None


@dataclass(frozen=True)
class CloseSocket:
    """Close a websocket. Sockets outlive the flow that opened them; drivers close none."""

    socket: OpenedSocket


class Lock:
    """Held by one flow at a time, in threads or in tasks."""

    def __init__(self) -> None:
        self.blocking = threading.Lock()
        self.awaiting = asyncio.Lock()


@dataclass(frozen=True)
class Exclusively:
    """Run a flow while holding a lock; gives its result."""

    lock: Lock
    flow: Flow[Any]


@dataclass(frozen=True)
class Sleep:
    """Wait for some seconds."""

    seconds: float


@dataclass(frozen=True)
class Now:
    """Gives the monotonic clock's time in seconds."""


@dataclass(frozen=True)
class Draw:
    """Gives a random number in [0, 1), for jitter."""


@dataclass(frozen=True)
class Invoke:
    """Call a function of the user's, awaiting it in async code; gives what it returns."""

    function: Callable[..., object]
    arguments: tuple[object, ...]


@dataclass(frozen=True)
class Blocking:
    """Call a function of ours that may block on the disk; async code runs it in a thread."""

    function: Callable[[], object]


@dataclass(frozen=True)
class Retrying:
    """A request failed and will be sent again.

    Attributes:
        attempt: Number of the attempt that failed, from 1.
        delay: Seconds until the next one.
        reason: What failed.
    """

    request: HttpRequest
    attempt: int
    delay: float
    reason: str


@dataclass(frozen=True)
class Fallback:
    """One way failed and another is tried; the message says which and why."""

    message: str


@dataclass(frozen=True)
class Report:
    """Tell whoever observes the client what happens."""

    event: Retrying | Fallback


@dataclass(frozen=True)
class Gather:
    """Run flows side by side, at most `limit` at once; gives their results in order."""

    flows: Sequence[Flow[Any]]
    limit: int


class Emit(NamedTuple):
    """Hand a value to whoever iterates over the flow."""

    value: object


Effect = Union[
    Send,
    OpenStream,
    ReadChunk,
    CloseStream,
    OpenSocket,
    SendFrame,
    ReceiveFrame,
    CloseSocket,
    Exclusively,
    Sleep,
    Now,
    Draw,
    Invoke,
    Blocking,
    Report,
    Gather,
    Emit,
]
Flow = Generator[Effect, Any, T]


def send(request: HttpRequest) -> Flow[HttpResponse]:
    """Send a request once."""
    response: HttpResponse = yield Send(request)
    return response


def now() -> Flow[float]:
    """The monotonic clock's time in seconds."""
    time: float = yield Now()
    return time


def sleep(seconds: float) -> Flow[None]:
    """Wait for some seconds."""
    yield Sleep(seconds)


def invoke(function: Callable[..., object] | None, *arguments: object) -> Flow[None]:
    """Call the user's function, if there is one."""
    if function is not None:
        yield Invoke(function, arguments)


def report(event: Retrying | Fallback) -> Flow[None]:
    """Tell whoever observes the client what happens."""
    yield Report(event)


def blocking(function: Callable[[], T]) -> Flow[T]:
    """Do what may block on the disk."""
    value: T = yield Blocking(function)
    return value


def gather(flows: Sequence[Flow[T]], limit: int) -> Flow[list[T]]:
    """Run flows side by side and give their results in order."""
    if len(flows) == 1:
        return [(yield from flows[0])]
    results: list[T] = yield Gather(flows, limit)
    return results


def exclusively(lock: Lock, flow: Flow[T]) -> Flow[T]:
    """Run a flow while holding a lock."""
    result: T = yield Exclusively(lock, flow)
    return result


@dataclass(frozen=True)
class Deadline:
    """A point in time a call must not pass, or none."""

    at: float | None
    limit: float | None

    @classmethod
    def after(cls, seconds: float | None) -> Flow[Deadline]:
        """The deadline that many seconds from now."""
        if seconds is None:
            return cls(None, None)
        return cls((yield from now()) + seconds, seconds)

    def remaining(self) -> Flow[float | None]:
        """Seconds left, never negative, or None without a limit."""
        if self.at is None:
            return None
        return max(0.0, self.at - (yield from now()))


def shorter(first: float | None, second: float | None) -> float | None:
    """The shorter of two limits, where None is no limit."""
    if first is None or second is None:
        return second if first is None else first
    return min(first, second)
