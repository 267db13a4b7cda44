"""Realtime sessions: sending, receiving and reconnecting (docs/protocol.md section 5).

Results do not name the input they belong to, and a broken connection loses whatever was in
flight. So a session counts inputs and results, never sends an input twice, and reports how many
were in flight.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, cast

from typing_extensions import TypeVar

from fal_typed._core.call_record import CallRecord
from fal_typed._core.flow import (
    CloseSocket,
    Deadline,
    Flow,
    FlowLock,
    ReceiveFrame,
    SendFrame,
    now,
    run_locked,
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
_REJECTED = 1008


@dataclass
class _OpenConnection:
    """One connection of a session, with counts of its inputs and results."""

    socket: OpenedSocket
    sent: int = 0
    received: int = 0
    is_over: bool = False

    @property
    def in_flight(self) -> int:
        return max(0, self.sent - self.received)


class Throttle:
    """Lets one message through per interval, the latest one.

    Args:
        interval: Minimum seconds between two messages.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._last: float | None = None
        self._waiting: bytes | None = None

    def offer(self, message: bytes, time: float) -> tuple[bytes | None, float | None]:
        """Returns the message to send now (or None), and the seconds until `take` is due."""
        wait = 0.0 if self._last is None else self._last + self._interval - time
        if wait <= 0 and self._waiting is None:
            self._last = time
            return message, None
        is_scheduled = self._waiting is not None
        self._waiting = message
        return None, None if is_scheduled else wait

    def take(self, time: float) -> bytes | None:
        """Take the delayed message."""
        message, self._waiting = self._waiting, None
        self._last = time if message is not None else self._last
        return message


class RealtimeSession(Generic[Out]):
    """The flows of one realtime session.

    Args:
        call: The endpoint and the options; its arguments are not used.
    """

    def __init__(self, call: Call[Out]) -> None:
        self.call = call
        self.raw: Any = None
        self.inference_time: float | None = None
        self._settings: Settings
        self._codec = codec_of(call.options)
        self._throttle = Throttle(call.options.throttle) if call.options.throttle else None
        # Results are read from the first connection, inputs sent on the last: after a reconnect,
        # the old connection may still have unread results.
        self._connections: deque[_OpenConnection] = deque()
        self._sending = FlowLock()
        self._reconnecting = FlowLock()
        self._is_closed = False
        self._record = CallRecord("realtime", call)
        self._inputs = self._results = 0
        self._failure: FalRealtimeError | None = None

    @property
    def is_used(self) -> bool:
        """Whether the session is open or was."""
        return self._is_closed or bool(self._connections)

    @property
    def request_id(self) -> str | None:
        """Id of the newest connection on the platform, or None."""
        if not self._connections:
            return None
        return self._connections[-1].socket.response.headers.get("x-fal-request-id")

    @property
    def in_flight(self) -> int:
        """Number of inputs sent whose results have not arrived."""
        return sum(connection.in_flight for connection in self._connections)

    def open(self, settings: Settings) -> Flow[None]:
        """Open a connection: the first one, or another after a break.

        Raises:
            FalError: The connection was rejected, or was not open in time.
        """
        self._settings = settings.of_call(self._record)
        connecting = connect(self._settings, self.call)
        connection = _OpenConnection((yield from self._record.opening(connecting)))
        if self._is_closed:
            yield CloseSocket(connection.socket)
            self._newest()
        self._connections.append(connection)

    def close(self) -> Flow[None]:
        """Close all connections."""
        self._is_closed = True
        for connection in self._connections:
            yield CloseSocket(connection.socket)
        self._record.count("inputs", self._inputs)
        self._record.count("results", self._results)
        self._record.end(self._failure)

    def send(self, arguments: object) -> Flow[float | None]:
        """Send an input.

        Returns:
            Seconds after which `flush` must be called, if the input was delayed.

        Raises:
            FalInputError: The input cannot be encoded.
            FalRealtimeError: The session has ended.
        """
        message = encode_input(self._codec, arguments)
        if self._throttle is None:
            yield from self._transmit(message)
            return None
        return (yield from run_locked(self._sending, self._offer(self._throttle, message)))

    def flush(self) -> Flow[None]:
        """Send the delayed input."""
        yield from run_locked(self._sending, self._send_waiting())

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
            connection = self._newest()
            try:
                # Counted first, because the result may arrive before sending returns.
                connection.sent += 1
                yield SendFrame(connection.socket, message)
                self._inputs += 1
            except SocketClosed as closed:
                connection.sent -= 1
                self._note(closed)
                if not self.call.options.reconnect or self._is_closed:
                    raise self._ended(connection, closed) from None
                yield from run_locked(self._reconnecting, self._reconnect(connection))
            else:
                return

    def receive(self, timeout: float | None) -> Flow[tuple[Out] | None]:
        """Wait for the next result; returns None when the session has ended.

        Raises:
            FalRealtimeError: The endpoint failed, or the connection broke.
            FalStreamError: A result cannot be decoded; the session continues.
            FalTimeoutError: No result arrived in time; the session continues.
        """
        deadline = yield from Deadline.after(timeout)
        while True:
            connection = self._connections[0] if self._connections else self._newest()
            try:
                frame: bytes | str = yield ReceiveFrame(
                    connection.socket, (yield from deadline.remaining())
                )
            except TransportError:
                raise self._receive_timeout(timeout) from None
            except SocketClosed as closed:
                if not (yield from self._next_connection(connection, closed)):
                    return None
                continue
            result = self._read(connection, frame)
            if result is not None:
                return result

    def _read(self, connection: _OpenConnection, frame: bytes | str) -> tuple[Out] | None:
        read = read_frame(frame, self._codec)
        if isinstance(read, ResultFrame):
            connection.received += 1
            self._results += 1
            self.raw = read.content
            return (self._typed(read.content),)
        if isinstance(read, ErrorFrame):
            connection.is_over = True
            if read.is_unauthorized:
                forget_token(self._settings, self.call)
            raise self._failed(connection, read)
        if isinstance(read, EndFrame):
            connection.is_over = True
        else:
            timing = read.content.get("timing")
            self.inference_time = timing if isinstance(timing, (int, float)) else None
        return None

    def _typed(self, content: Any) -> Out:
        if self.call.output is None:
            return cast("Out", content)
        from fal_typed._calls.outputs import read_output

        # Warn about schema drift once per session; a warning per result would be slow.
        is_first = sum(connection.received for connection in self._connections) == 1
        return read_output(self.call.output, content, quiet=not is_first)

    def _next_connection(self, connection: _OpenConnection, closed: SocketClosed) -> Flow[bool]:
        """Continue after a connection closed; returns False at the end of the session."""
        self._note(closed)
        ended = connection.is_over or closed.code == _NORMAL or self._is_closed
        is_newest = connection is self._connections[-1]
        if is_newest and ended:
            return False
        if is_newest:
            if not self.call.options.reconnect:
                connection.is_over = True
                raise self._broken(connection, closed)
            yield from run_locked(self._reconnecting, self._reconnect(connection))
        self._connections.popleft()
        if not ended and connection.in_flight:
            raise self._broken(connection, closed, " The session continues on a new connection.")
        return True

    def _note(self, closed: SocketClosed) -> None:
        # The gateway accepts a connection before it checks the token.
        if closed.code == _REJECTED:
            forget_token(self._settings, self.call)

    def _reconnect(self, broken: _OpenConnection) -> Flow[None]:
        """Open another connection, unless another thread or task has done so."""
        if broken is not self._connections[-1]:
            return
        try:
            yield from self.open(self._settings)
        except FalError as error:
            broken.is_over = True
            raise self._reconnect_failed(broken, error) from None

    def _newest(self) -> _OpenConnection:
        if self._connections and not self._is_closed:
            return self._connections[-1]
        state = "is closed" if self._is_closed else "is not open: use it in a `with` block"
        raise FalRealtimeError(f"The realtime session of {self._name} {state}.", code="CLOSED")

    @property
    def _name(self) -> str:
        return self.call.endpoint.full

    def _failed(self, connection: _OpenConnection, failure: ErrorFrame) -> FalRealtimeError:
        details = f"{failure.code}: {failure.reason}" if failure.reason else failure.code
        return self._error(
            connection, f"{self._name} ended its realtime session: {details}.", failure
        )

    def _ended(self, connection: _OpenConnection, closed: SocketClosed) -> FalRealtimeError:
        if connection.is_over or closed.code == _NORMAL:
            return self._error(
                connection,
                f"The realtime session of {self._name} has ended, so the input was not sent. Pass "
                "reconnect=True to open a new one automatically.",
                ErrorFrame("CONNECTION_CLOSED", closed.reason or None),
            )
        return self._broken(connection, closed)

    def _broken(
        self, connection: _OpenConnection, closed: SocketClosed, more: str = ""
    ) -> FalRealtimeError:
        return self._error(
            connection,
            f"The connection to {self._name} broke ({closed}).{more}",
            ErrorFrame("CONNECTION_LOST", closed.reason or None),
        )

    def _reconnect_failed(self, connection: _OpenConnection, error: FalError) -> FalRealtimeError:
        failure = ErrorFrame("CONNECTION_LOST", error.message)
        return self._error(
            connection,
            f"The connection to {self._name} broke and reconnecting failed: {error}.",
            failure,
        )

    def _error(
        self, connection: _OpenConnection, message: str, failure: ErrorFrame
    ) -> FalRealtimeError:
        lost = connection.in_flight
        if lost:
            count = "1 input was" if lost == 1 else f"{lost} inputs were"
            message += f" {count} sent without a result and will not be sent again."
        self._failure = FalRealtimeError(
            message,
            code=failure.code,
            reason=failure.reason,
            in_flight=lost,
            request_id=connection.socket.response.headers.get("x-fal-request-id"),
        )
        return self._failure

    def _receive_timeout(self, timeout: float | None) -> FalTimeoutError:
        return FalTimeoutError(
            f"{self._name} sent no result within {timeout:g} s; the session continues",
            timeout=timeout,
            request_id=self.request_id,
        )
