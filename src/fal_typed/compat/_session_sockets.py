"""Websockets that raise what the library websockets raises; `make surface` writes the async twin.

fal_client hands that library's own connections to programs, so these wait for its exceptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fal_typed._realtime.websockets import WebSocket
from fal_typed.compat._failures import WebSocketClosedError, closed_error, translated
from fal_typed.compat._steps import run_url

if TYPE_CHECKING:
    from fal_typed._core.flow import Flow
    from fal_typed._core.settings import Settings
    from fal_typed._transport.base import SocketClosed
    from fal_typed.errors import FalConnectionError


class SessionSocket(WebSocket):
    """A websocket, to be used in a `with` block."""

    def recv(self, timeout: float | None = None) -> bytes | str:
        """Wait for the next message.

        Args:
            timeout: Seconds until `TimeoutError`; the websocket stays open.

        Raises:
            websockets.exceptions.ConnectionClosed: No more messages will come.
        """
        return self._runner.resume(self._next(timeout))

    def __next__(self) -> bytes | str:
        try:
            return self._runner.resume(self._next(None))
        except WebSocketClosedError:
            raise StopIteration from None

    def _open(self, settings: Settings) -> Flow[None]:
        with translated("GET", run_url(settings, self._call)):
            yield from super()._open(settings)

    def _next(self, timeout: float | None) -> Flow[bytes | str]:
        message = yield from self._receive(timeout)
        if message is None:
            raise closed_error(f"{self._call.endpoint.full} closed the websocket.", self._end)
        return message

    def _broken(self, closed: SocketClosed) -> FalConnectionError:
        return closed_error(super()._broken(closed).message, closed)
