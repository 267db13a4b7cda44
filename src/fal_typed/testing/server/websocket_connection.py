"""uvicorn's websocket connections, whose transport a fault can cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from fal_typed.testing.server.scope_transport import put_transport

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent


class WebSocketConnection(WebSocketsSansIOProtocol):
    """One websocket connection."""

    @override
    async def run_asgi(self) -> None:
        put_transport(self.scope, self.transport)
        await super().run_asgi()

    @override
    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        # uvicorn takes a handshake that was refused with a body for one that was forgotten, and
        # reports it as an error.
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True
