"""uvicorn's HTTP connections, with what the emulation of a bad network needs.

Each request can reach its transport, so that a fault can cut it; and an invalid HTTP request is
refused in fal's error format.
"""

from __future__ import annotations

import json

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fal_typed.testing.server.scope_transport import put_transport

_MAX_HEADERS = 65_536


class HttpConnection(HttpToolsProtocol):
    """One HTTP connection."""

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_bytes = 0
        put_transport(self.scope, self.transport)

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > _MAX_HEADERS:
            raise ValueError("the headers are too large")  # the parser responds with a 400

    @override
    def _should_upgrade_to_ws(self) -> bool:
        return True

    @override
    def handle_websocket_upgrade(self) -> None:
        # Websockets take 40 ms to import, and most emulators never see one.
        from fal_typed.testing.server.websocket_connection import WebSocketConnection

        self.ws_protocol_class = WebSocketConnection
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
