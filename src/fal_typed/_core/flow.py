"""Flows: the protocol, written as pure generators.

A flow yields effects (send this request, wait, call the user's function) and receives their
results. It does no I/O, so the same code serves sync and async callers, and tests can play the
platform by hand. The drivers in `driver` perform the effects.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar, Union

from fal_typed._core.number_checks import check_seconds
from fal_typed._transport.base import (
    CallLabels,
    HttpRequest,
    HttpResponse,
    OpenedSocket,
    OpenedStream,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Send:
    """Send a request; returns the `HttpResponse`, whatever its status.

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
    """Send a request without reading the response body; returns an `OpenedStream`."""

    request: HttpRequest


@dataclass(frozen=True)
class ReadChunk:
    """Read the next bytes of a stream; returns `b""` at its end."""

    stream: OpenedStream
    timeout: float | None


@dataclass(frozen=True)
class CloseStream:
    """Close a stream. The driver closes streams that a flow leaves open."""

    stream: OpenedStream


@dataclass(frozen=True)
class OpenSocket:
    """Open a websocket; returns an `OpenedSocket`, whether accepted or rejected."""

    request: HttpRequest


@dataclass(frozen=True)
class SendFrame:
    """Send a message on a websocket; raises `SocketClosed` if it could not be sent."""

    socket: OpenedSocket
    data: bytes | str


@dataclass(frozen=True)
class ReceiveFrame:
    """Wait for the next message of a websocket; raises `SocketClosed` when it has closed."""

    socket: OpenedSocket
    timeout: float | None


@dataclass(frozen=True)
class CloseSocket:
    """Close a websocket. Sockets outlive the flow that opened them, so drivers never close them."""

    socket: OpenedSocket


class FlowLock:
    """A lock that one flow at a time can hold, across threads or across tasks."""

    def __init__(self) -> None:
        self.blocking = threading.Lock()
        self.awaiting = asyncio.Lock()


@dataclass(frozen=True)
class RunLocked:
    """Run a flow while holding a lock; returns its result."""

    lock: FlowLock
    flow: Flow[Any]


@dataclass(frozen=True)
class Sleep:
    """Wait for a number of seconds."""

    seconds: float


@dataclass(frozen=True)
class Now:
    """Read the monotonic clock; returns seconds."""


@dataclass(frozen=True)
class Draw:
    """Draw a random number in [0, 1), for jitter."""


@dataclass(frozen=True)
class Invoke:
    """Call a function of the user, awaiting it in async code; returns its result."""

    function: Callable[..., object]
    arguments: tuple[object, ...]


@dataclass(frozen=True)
class Blocking:
    """Call an internal function that may block on disk; async code runs it in a thread."""

    function: Callable[[], object]


@dataclass(frozen=True)
class Retrying:
    """A request failed and will be retried.

    Attributes:
        attempt: Number of the failed attempt, from 1.
        delay: Seconds until the next attempt.
        reason: Why it failed.
        status: HTTP status of the response, or None if there was none.
    """

    request: HttpRequest
    attempt: int
    delay: float
    reason: str
    status: int | None = None


@dataclass(frozen=True)
class Fallback:
    """A method failed and another is tried; the message says which and why."""

    message: str
    call: CallLabels | None


@dataclass(frozen=True)
class ReportEvent:
    """Report an event to the log and the hooks."""

    event: Retrying | Fallback


@dataclass(frozen=True)
class Gather:
    """Run flows concurrently, at most `limit` at once; returns their results in order."""

    flows: Sequence[Flow[Any]]
    limit: int


class Emit(NamedTuple):
    """Pass a value to the caller that iterates over the flow."""

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
    RunLocked,
    Sleep,
    Now,
    Draw,
    Invoke,
    Blocking,
    ReportEvent,
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
    """Read the monotonic clock, in seconds."""
    time: float = yield Now()
    return time


def sleep(seconds: float) -> Flow[None]:
    """Wait for a number of seconds."""
    yield Sleep(seconds)


def invoke(function: Callable[..., object] | None, *arguments: object) -> Flow[None]:
    """Call the user's function, if one is set."""
    if function is not None:
        yield Invoke(function, arguments)


def report(event: Retrying | Fallback) -> Flow[None]:
    """Report an event to the log and the hooks."""
    yield ReportEvent(event)


def blocking(function: Callable[[], T]) -> Flow[T]:
    """Call a function that may block on disk."""
    value: T = yield Blocking(function)
    return value


def gather(flows: Sequence[Flow[T]], limit: int) -> Flow[list[T]]:
    """Run flows concurrently and return their results in order."""
    if len(flows) == 1:
        return [(yield from flows[0])]
    results: list[T] = yield Gather(flows, limit)
    return results


def run_locked(lock: FlowLock, flow: Flow[T]) -> Flow[T]:
    """Run a flow while holding a lock."""
    result: T = yield RunLocked(lock, flow)
    return result


@dataclass(frozen=True)
class Deadline:
    """The time by which a call must finish, or no limit."""

    at: float | None
    limit: float | None

    @classmethod
    def after(cls, seconds: float | None) -> Flow[Deadline]:
        """The deadline a number of seconds from now.

        Raises:
            FalInputError: It is not a valid number of seconds.
        """
        check_seconds("timeout", seconds)
        if seconds is None:
            return cls(None, None)
        return cls((yield from now()) + seconds, seconds)

    def remaining(self) -> Flow[float | None]:
        """Seconds left (never negative), or None without a limit."""
        if self.at is None:
            return None
        return max(0.0, self.at - (yield from now()))


def shorter(first: float | None, second: float | None) -> float | None:
    """The shorter of two limits, where None means no limit."""
    if first is None or second is None:
        return second if first is None else first
    return min(first, second)
