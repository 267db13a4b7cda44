"""uvicorn's websocket connections, whose transport a fault can cut."""

from __future__ import annotations

from typing_extensions import override
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from fal_typed.testing.server.scope_transport import put_transport


class WebSocketConnection(WebSocketsSansIOProtocol):
    """One websocket connection."""

    @override
    async def run_asgi(self) -> None:
        put_transport(self.scope, self.transport)
        await super().run_asgi()
