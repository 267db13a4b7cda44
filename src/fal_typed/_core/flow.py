"""Flows: the protocol as pure generators.

A flow yields effects — send this, wait, call the user's function — and is sent what became of
them. It does no I/O itself, so one text serves sync and async code, and tests can play the
platform by hand. `driver` performs the effects.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar, Union

from fal_typed._transport.base import HttpRequest, HttpResponse, OpenedSocket, OpenedStream

T = TypeVar("T")


@dataclass(frozen=True)
class Send:
    """Send a request; gives its `HttpResponse`, whatever the status.

    Attributes:
        completes: Whether a cancellation or Ctrl-C waits for the response, a moment at most,
            because it may carry the id of a job that is billed. The flow is interrupted at its
            next effect.
    """

    request: HttpRequest
    completes: bool = False


@dataclass(frozen=True)
class Interruptible:
    """Does nothing, but is interrupted by what waited for a `Send` that completes."""


@dataclass(frozen=True)
class OpenStream:
    """Send a request and leave the answer's body to be read; gives an `OpenedStream`."""

    request: HttpRequest


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
    Interruptible,
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


def send_to_completion(request: HttpRequest) -> Flow[HttpResponse]:
    """Send a request once; a cancellation waits for its response."""
    response: HttpResponse = yield Send(request, completes=True)
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
