"""Plain websockets for endpoints with their own protocol (`ws_connect`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import Self

from fal_typed._core.call_record import CallRecord
from fal_typed._core.copying import not_copyable
from fal_typed._core.flow import (
    CloseSocket,
    Flow,
    ReceiveFrame,
    SendFrame,
)
from fal_typed._core.number_checks import check_seconds
from fal_typed._realtime.connecting import connect
from fal_typed._transport.base import OpenedSocket, SocketClosed, TransportError
from fal_typed._transport.cleanup import shielded
from fal_typed.errors import FalConnectionError, FalTimeoutError

if TYPE_CHECKING:
    from types import TracebackType

    from fal_typed._calls.call import Call
    from fal_typed._core.runner import Runner
    from fal_typed._core.settings import Settings

_NORMAL = 1000


class _WebSocketView:
    """The common parts of `WebSocket` and `AsyncWebSocket`."""

    def __init__(self, runner: Runner, call: Call[Any]) -> None:
        self._runner = runner
        self._call = call
        self._socket: OpenedSocket | None = None
        self._end = SocketClosed(_NORMAL, "")
        self._record = CallRecord("ws_connect", call)
        self._failure: FalConnectionError | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        if self._socket is not None:
            raise not_copyable(self)
        return type(self), (self._runner, self._call)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._call.endpoint.full!r})"

    @property
    def request_id(self) -> str | None:
        """Id of the connection on the platform, or None."""
        if self._socket is None:
            return None
        return self._socket.response.headers.get("x-fal-request-id")

    def _open(self, settings: Settings) -> Flow[None]:
        connecting = connect(settings.of_call(self._record), self._call)
        self._socket = yield from self._record.opening(connecting)

    def _send(self, message: bytes | str) -> Flow[None]:
        try:
            yield SendFrame(self._opened(), message)
        except SocketClosed as closed:
            raise self._broken(closed) from None

    def _receive(self, timeout: float | None) -> Flow[bytes | str | None]:
        check_seconds("timeout", timeout)
        try:
            message: bytes | str = yield ReceiveFrame(self._opened(), timeout)
        except SocketClosed as closed:
            if closed.code == _NORMAL:
                self._end = closed
                return None
            raise self._broken(closed) from None
        except TransportError:
            raise FalTimeoutError(
                f"{self._call.endpoint.full} sent nothing within {timeout:g} s",
                timeout=timeout,
                request_id=self.request_id,
            ) from None
        return message

    def _close(self) -> Flow[None]:
        if self._socket is not None:
            yield CloseSocket(self._socket)
        self._record.end(self._failure)

    def _opened(self) -> OpenedSocket:
        if self._socket is None:
            raise FalConnectionError("The websocket is not open: use it in a `with` block.")
        return self._socket

    def _broken(self, closed: SocketClosed) -> FalConnectionError:
        self._failure = FalConnectionError(
            f"The websocket of {self._call.endpoint.full} is closed ({closed}).",
            request_id=self.request_id,
        )
        return self._failure


class WebSocket(_WebSocketView):
    """A plain websocket; use it in a `with` block."""

    def __enter__(self) -> Self:
        self._runner.perform(self._open)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def send(self, message: bytes | str) -> None:
        """Send a message: text as a text frame, bytes as a binary one.

        Raises:
            FalConnectionError: The socket is closed.
        """
        self._runner.resume(self._send(message))

    def recv(self, timeout: float | None = None) -> bytes | str | None:
        """Wait for the next message; returns None when the other side has closed normally.

        Args:
            timeout: Seconds until `FalTimeoutError`; the socket stays open.

        Raises:
            FalConnectionError: The connection broke.
        """
        return self._runner.resume(self._receive(timeout))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes | str:
        message = self.recv()
        if message is None:
            raise StopIteration
        return message

    def close(self) -> None:
        """Close the socket. Closing twice is allowed."""
        self._runner.resume(self._close())


class AsyncWebSocket(_WebSocketView):
    """A plain websocket; `WebSocket` for async code."""

    async def __aenter__(self) -> Self:
        await self._runner.perform_async(self._open)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def send(self, message: bytes | str) -> None:
        """Send a message; see `WebSocket.send`."""
        await self._runner.resume_async(self._send(message))

    async def recv(self, timeout: float | None = None) -> bytes | str | None:
        """Wait for the next message; see `WebSocket.recv`."""
        return await self._runner.resume_async(self._receive(timeout))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes | str:
        message = await self.recv()
        if message is None:
            raise StopAsyncIteration
        return message

    async def close(self) -> None:
        """Close the socket. Closing twice is allowed."""
        await shielded(self._runner.resume_async(self._close()))
