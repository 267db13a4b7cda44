"""A websocket as the emulator's services use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from fal_typed.testing.protocol import transport_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fal_typed.testing.messages import Receive, Request, Scope, Send
    from fal_typed.testing.recording import LogEntry

SocketHandler: TypeAlias = "Callable[[Socket], Awaitable[None]]"


class Socket:
    """One websocket connection.

    Args:
        request: The handshake.
        entry: Where the connection is recorded.
        scope: The ASGI scope.
        receive: Reads from the client.
        send: Writes to the client.
    """

    def __init__(
        self, request: Request, entry: LogEntry, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self.request = request
        """The handshake: its path, query and headers."""
        self._entry = entry
        self._scope = scope
        self._receive = receive
        self._send = send
        self._sent = 0
        self.drop_after: int | None = None
        """Cut the connection once this many messages were sent; None to keep it."""

    async def accept(self) -> None:
        """Complete the handshake."""
        self._entry.record.status = 101
        await self._receive()
        await self._send({"type": "websocket.accept"})

    async def refuse(self, status: int = 403) -> None:
        """Refuse the handshake.

        Args:
            status: HTTP status to refuse it with.
        """
        self._entry.record.status = status
        await self._receive()
        await self._send({"type": "websocket.http.response.start", "status": status, "headers": []})
        await self._send({"type": "websocket.http.response.body", "body": b""})

    async def receive(self) -> str | bytes | None:
        """Wait for a message.

        Returns:
            The message; None once the client is gone.
        """
        message = await self._receive()
        if message["type"] != "websocket.receive":
            return None
        text: str | None = message.get("text")
        content: str | bytes = message["bytes"] if text is None else text
        self._entry.log_message(content)
        return content

    async def send(self, message: str | bytes) -> None:
        """Send a message.

        Args:
            message: Text or bytes, which decides the kind of frame.
        """
        if self.drop_after is not None and self._sent >= self.drop_after:
            self.drop()
            raise ConnectionError("the script drops this connection")
        self._sent += 1
        kind = "text" if isinstance(message, str) else "bytes"
        await self._send({"type": "websocket.send", kind: message})

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection.

        Args:
            code: Close code.
            reason: Close reason.
        """
        await self._send({"type": "websocket.close", "code": code, "reason": reason})

    def drop(self) -> None:
        """Cut the connection without a close frame."""
        transport_of(self._scope).close()


async def echo(socket: Socket) -> None:
    """Send back whatever comes; a handler for `EndpointScript.websockets`.

    Args:
        socket: The connection.
    """
    await socket.accept()
    while (message := await socket.receive()) is not None:
        await socket.send(message)
