"""uvicorn's websocket connections, whose transport a fault can cut."""

from __future__ import annotations

from typing import Any, cast

from typing_extensions import override
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from fal_typed.testing.protocol import TRANSPORT


class SocketConnection(WebSocketsSansIOProtocol):
    """One websocket connection."""

    @override
    async def run_asgi(self) -> None:
        scope = cast("dict[str, Any]", self.scope)
        scope[TRANSPORT] = self.transport
        await super().run_asgi()
