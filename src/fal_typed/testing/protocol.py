"""uvicorn's connections, with the two things an emulator of a bad network needs.

Each request can reach its transport, so that a fault can cut it; and a request that is no HTTP
is refused in fal's error form.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import TYPE_CHECKING, Any, cast

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

    from fal_typed.testing.messages import Scope

TRANSPORT = "fal.transport"
"""Key of the transport in an ASGI scope."""

_LARGEST_HEAD = 65_536


class HttpConnection(HttpToolsProtocol):
    """One HTTP connection."""

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_size = 0
        scope = cast("dict[str, Any]", self.scope)
        scope[TRANSPORT] = self.transport

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._head_size += len(name) + len(value)
        if self._head_size > _LARGEST_HEAD:
            raise ValueError("the headers are too large")  # the parser makes a 400 of it

    @override
    def _should_upgrade_to_ws(self) -> bool:
        return True

    @override
    def handle_websocket_upgrade(self) -> None:
        # Websockets take 40 ms to import, and most emulators never see one.
        from fal_typed.testing.socket_protocol import SocketConnection

        self.ws_protocol_class = SocketConnection
        super().handle_websocket_upgrade()

    @override
    def send_400_response(self, msg: str) -> None:
        body = json.dumps({"detail": msg}).encode()
        head = (
            b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        )
        self.transport.write(head + body)
        self.transport.close()


def transport_of(scope: Scope) -> asyncio.Transport:
    """The connection a request came over.

    Args:
        scope: Its ASGI scope.

    Returns:
        The transport.
    """
    transport: asyncio.Transport = scope[TRANSPORT]
    return transport


def reset(transport: asyncio.Transport) -> None:
    """Cut a connection so that the client sees a reset rather than an end.

    Args:
        transport: The connection.
    """
    raw: socket.socket | None = transport.get_extra_info("socket")
    if raw is not None:
        # A linger time of zero makes the kernel send RST.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
