"""A realtime session: what is sent, what comes, and what a break means.

Rests on docs/protocol.md section 5.

Results carry no mark of the input they belong to, and a connection that breaks loses what was
under way. So a session counts, never sends an input twice, and says what was in flight.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, cast

from typing_extensions import TypeVar

from fal_typed._core.flow import (
    CloseSocket,
    Deadline,
    Flow,
    Lock,
    ReceiveFrame,
    SendFrame,
    exclusively,
    now,
)
from fal_typed._realtime.codecs import (
    EndFrame,
    ErrorFrame,
    ResultFrame,
    codec_of,
    encode_input,
    read_frame,
)
from fal_typed._realtime.connecting import connect
from fal_typed._realtime.tokens import forget_token
from fal_typed._transport.base import OpenedSocket, SocketClosed, TransportError
from fal_typed.errors import FalError, FalRealtimeError, FalTimeoutError

if TYPE_CHECKING:
    from fal_typed._calls.call import Call
    from fal_typed._core.settings import Settings

Out = TypeVar("Out")
_NORMAL = 1000
_REFUSED = 1008


@dataclass
class _OpenConnection:
    """One connection of a session, with what went over it."""

    socket: OpenedSocket
    sent: int = 0
    answered: int = 0
    is_over: bool = False

    @property
    def in_flight(self) -> int:
        return max(0, self.sent - self.answered)


class Throttle:
    """Lets one message through per interval: the latest.

    Args:
        interval: Seconds between two messages.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._last: float | None = None
        self._waiting: bytes | None = None

    def offer(self, message: bytes, time: float) -> tuple[bytes | None, float | None]:
        """What to send now, and in how many seconds to ask `take` for the rest, if at all."""
        wait = 0.0 if self._last is None else self._last + self._interval - time
        if wait <= 0 and self._waiting is None:
            self._last = time
            return message, None
        is_asked_for = self._waiting is not None
        self._waiting = message
        return None, None if is_asked_for else wait

    def take(self, time: float) -> bytes | None:
        """The message that waited."""
        message, self._waiting = self._waiting, None
        self._last = time if message is not None else self._last
        return message


class Session(Generic[Out]):
    """The flows of one realtime session.

    Args:
        call: The endpoint and the options; its arguments are of no interest.
    """

    def __init__(self, call: Call[Out]) -> None:
        self.call = call
        self.raw: Any = None
        self.inference_time: float | None = None
        self._settings: Settings
        self._codec = codec_of(call.options)
        self._throttle = Throttle(call.options.throttle) if call.options.throttle else None
        # Results are read from the first line, inputs sent on the last: after a break there may
        # be results of the old connection that nobody has read yet.
        self._lines: deque[_OpenConnection] = deque()
        self._sending = Lock()
        self._mending = Lock()
        self._is_closed = False

    @property
    def request_id(self) -> str | None:
        """Id of the newest connection on the platform."""
        if not self._lines:
            return None
        return self._lines[-1].socket.response.headers.get("x-fal-request-id")

    @property
    def in_flight(self) -> int:
        """Inputs that were sent and not answered."""
        return sum(line.in_flight for line in self._lines)

    def open(self, settings: Settings) -> Flow[None]:
        """Open a connection, the first or another.

        Raises:
            FalError: It was refused, or did not stand in time.
        """
        self._settings = settings
        line = _OpenConnection((yield from connect(self._settings, self.call)))
        if self._is_closed:
            yield CloseSocket(line.socket)
            self._newest()
        self._lines.append(line)

    def close(self) -> Flow[None]:
        """Close all connections."""
        self._is_closed = True
        for line in self._lines:
            yield CloseSocket(line.socket)

    def send(self, arguments: object) -> Flow[float | None]:
        """Send an input.

        Returns:
            Seconds after which `flush` must be called, if the input was held back.

        Raises:
            FalInputError: The input cannot be encoded.
            FalRealtimeError: The session is over.
        """
        message = encode_input(self._codec, arguments)
        if self._throttle is None:
            yield from self._transmit(message)
            return None
        return (yield from exclusively(self._sending, self._offer(self._throttle, message)))

    def flush(self) -> Flow[None]:
        """Send the input that was held back."""
        yield from exclusively(self._sending, self._send_waiting())

    def _offer(self, throttle: Throttle, message: bytes) -> Flow[float | None]:
        due, wait = throttle.offer(message, (yield from now()))
        if due is not None:
            yield from self._transmit(due)
        return wait

    def _send_waiting(self) -> Flow[None]:
        waiting = self._throttle.take((yield from now())) if self._throttle else None
        if waiting is not None and not self._is_closed:
            yield from self._transmit(waiting)

    def _transmit(self, message: bytes) -> Flow[None]:
        while True:
            line = self._newest()
            try:
                # Counted first: the answer may be there before the sending returns.
                line.sent += 1
                yield SendFrame(line.socket, message)
            except SocketClosed as closed:
                line.sent -= 1
                self._note(closed)
                if not self.call.options.reconnect or self._is_closed:
                    raise self._over(line, closed) from None
                yield from exclusively(self._mending, self._mend(line))
            else:
                return

    def receive(self, timeout: float | None) -> Flow[tuple[Out] | None]:
        """The next result, or None when the session has come to its end.

        Raises:
            FalRealtimeError: The endpoint failed, or the connection broke.
            FalStreamError: A result cannot be read; the session goes on.
            FalTimeoutError: Nothing came in time; the session goes on.
        """
        deadline = yield from Deadline.after(timeout)
        while True:
            line = self._lines[0] if self._lines else self._newest()
            try:
                frame: bytes | str = yield ReceiveFrame(
                    line.socket, (yield from deadline.remaining())
                )
            except TransportError:
                raise self._silent(timeout) from None
            except SocketClosed as closed:
                if not (yield from self._next_line(line, closed)):
                    return None
                continue
            result = self._read(line, frame)
            if result is not None:
                return result

    def _read(self, line: _OpenConnection, frame: bytes | str) -> tuple[Out] | None:
        read = read_frame(frame, self._codec)
        if isinstance(read, ResultFrame):
            line.answered += 1
            self.raw = read.content
            return (self._typed(read.content),)
        if isinstance(read, ErrorFrame):
            line.is_over = True
            if read.is_unauthorised:
                forget_token(self._settings, self.call)
            raise self._failed(line, read)
        if isinstance(read, EndFrame):
            line.is_over = True
        else:
            timing = read.content.get("timing")
            self.inference_time = timing if isinstance(timing, (int, float)) else None
        return None

    def _typed(self, content: Any) -> Out:
        if self.call.output is None:
            return cast("Out", content)
        from fal_typed._calls.outputs import read_output

        # One warning says that results do not fit; one with each result would only be slow.
        is_first = sum(line.answered for line in self._lines) == 1
        return read_output(self.call.output, content, quiet=not is_first)

    def _next_line(self, line: _OpenConnection, closed: SocketClosed) -> Flow[bool]:
        """Go on after a connection closed; False at the end of the session."""
        self._note(closed)
        ended = line.is_over or closed.code == _NORMAL or self._is_closed
        is_newest = line is self._lines[-1]
        if is_newest and ended:
            return False
        if is_newest:
            if not self.call.options.reconnect:
                line.is_over = True
                raise self._broken(line, closed)
            yield from exclusively(self._mending, self._mend(line))
        self._lines.popleft()
        if not ended and line.in_flight:
            raise self._broken(line, closed, " A new connection stands; the session goes on.")
        return True

    def _note(self, closed: SocketClosed) -> None:
        if (
            closed.code == _REFUSED
        ):  # the gateway takes a connection first and then checks its token
            forget_token(self._settings, self.call)

    def _mend(self, broken: _OpenConnection) -> Flow[None]:
        """Open another connection, unless another thread or task did so in the meantime."""
        if broken is not self._lines[-1]:
            return
        try:
            yield from self.open(self._settings)
        except FalError as error:
            broken.is_over = True
            raise self._gone(broken, error) from None

    def _newest(self) -> _OpenConnection:
        if self._lines and not self._is_closed:
            return self._lines[-1]
        state = "is closed" if self._is_closed else "is not open: use it in a `with` block"
        raise FalRealtimeError(f"The realtime session of {self._name} {state}.", code="CLOSED")

    @property
    def _name(self) -> str:
        return self.call.endpoint.full

    def _failed(self, line: _OpenConnection, failure: ErrorFrame) -> FalRealtimeError:
        words = f"{failure.code}: {failure.reason}" if failure.reason else failure.code
        return self._error(line, f"{self._name} ended its realtime session: {words}.", failure)

    def _over(self, line: _OpenConnection, closed: SocketClosed) -> FalRealtimeError:
        if line.is_over or closed.code == _NORMAL:
            return self._error(
                line,
                f"The realtime session of {self._name} is over, so the input was not sent. With "
                "reconnect=True a new one begins.",
                ErrorFrame("CONNECTION_CLOSED", closed.reason or None),
            )
        return self._broken(line, closed)

    def _broken(
        self, line: _OpenConnection, closed: SocketClosed, more: str = ""
    ) -> FalRealtimeError:
        return self._error(
            line,
            f"The connection to {self._name} broke ({closed}).{more}",
            ErrorFrame("CONNECTION_LOST", closed.reason or None),
        )

    def _gone(self, line: _OpenConnection, error: FalError) -> FalRealtimeError:
        failure = ErrorFrame("CONNECTION_LOST", error.message)
        return self._error(
            line, f"The connection to {self._name} broke and no other stands: {error}.", failure
        )

    def _error(self, line: _OpenConnection, message: str, failure: ErrorFrame) -> FalRealtimeError:
        lost = line.in_flight
        if lost:
            some = "1 input was" if lost == 1 else f"{lost} inputs were"
            message += f" {some} sent and not answered; nothing is sent twice."
        return FalRealtimeError(
            message,
            code=failure.code,
            reason=failure.reason,
            in_flight=lost,
            request_id=line.socket.response.headers.get("x-fal-request-id"),
        )

    def _silent(self, timeout: float | None) -> FalTimeoutError:
        return FalTimeoutError(
            f"{self._name} sent no result within {timeout:g} s; the session goes on",
            timeout=timeout,
            request_id=self.request_id,
        )
