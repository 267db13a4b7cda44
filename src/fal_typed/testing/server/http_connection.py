"""uvicorn's HTTP connections, with what the emulation of a bad network needs.

Each request can reach its transport, so that a fault can cut it; an invalid HTTP request is
refused in fal's error format; and a request whose head never ends takes no more than a bounded
amount of memory.
"""

from __future__ import annotations

import json

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fal_typed.testing.server.scope_transport import put_transport

_MAX_HEADERS = 65_536
_LINGER_SECONDS = 2.0
_MAX_UNPARSED = 65_536
"""Bytes that may arrive while the parser gets nowhere: it keeps them all until a line ends."""


class HttpConnection(HttpToolsProtocol):
    """One HTTP connection."""

    _unparsed = 0
    _has_progressed = False
    _is_refused = False

    @override
    def data_received(self, data: bytes) -> None:
        if self._is_refused:  # what is still on its way is thrown away
            return
        self._has_progressed = False
        super().data_received(data)
        self._unparsed = 0 if self._has_progressed else self._unparsed + len(data)
        if self._unparsed > _MAX_UNPARSED:
            self.send_400_response("the head of the request is too large")

    @override
    def on_headers_complete(self) -> None:
        self._has_progressed = True
        super().on_headers_complete()

    @override
    def on_body(self, body: bytes) -> None:
        self._has_progressed = True
        super().on_body(body)

    @override
    def on_message_complete(self) -> None:
        self._has_progressed = True
        super().on_message_complete()

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
        if self._is_refused or self.transport.is_closing():
            return
        self._is_refused = True
        self.transport.write(head + body)
        # Closed at once, the connection would be reset, and the response lost, while the client
        # is still sending.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)
