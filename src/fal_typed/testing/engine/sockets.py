"""A websocket connection as handlers use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fal_typed.testing.engine.messages import AsgiReceive, AsgiSend, IncomingRequest

SocketHandler: TypeAlias = "Callable[[Socket], Awaitable[None]]"


class SocketObserver(Protocol):
    """Whoever records what happens on a websocket connection."""

    def on_handshake(self, status: int) -> None:
        """The handshake ended with an HTTP status."""
        ...

    def on_message(self, message: str | bytes) -> None:
        """The client sent a message."""
        ...


class Socket:
    """One websocket connection.

    Args:
        request: The handshake.
        observer: Records the connection.
        receive: Reads from the client.
        send: Writes to the client.
        cut: Closes the connection without a close frame.
    """

    def __init__(
        self,
        request: IncomingRequest,
        observer: SocketObserver,
        receive: AsgiReceive,
        send: AsgiSend,
        cut: Callable[[], object],
    ) -> None:
        self.request = request
        """The handshake: its path, query and headers."""
        self._observer = observer
        self._receive = receive
        self._send = send
        self._cut = cut
        self._sent = 0
        self.drop_after: int | None = None
        """Cut the connection after this many sent messages; None to keep it."""

    async def accept(self) -> None:
        """Complete the handshake."""
        self._observer.on_handshake(101)
        await self._receive()
        await self._send({"type": "websocket.accept"})

    async def refuse(self, status: int = 403) -> None:
        """Refuse the handshake.

        Args:
            status: HTTP status of the response.
        """
        self._observer.on_handshake(status)
        await self._receive()
        await self._send({"type": "websocket.http.response.start", "status": status, "headers": []})
        await self._send({"type": "websocket.http.response.body", "body": b""})

    async def receive(self) -> str | bytes | None:
        """Wait for a message.

        Returns:
            The message; None once the client has disconnected.
        """
        message = await self._receive()
        if message["type"] != "websocket.receive":
            return None
        text: str | None = message.get("text")
        content: str | bytes = message["bytes"] if text is None else text
        self._observer.on_message(content)
        return content

    async def send(self, message: str | bytes) -> None:
        """Send a message.

        Args:
            message: Text or bytes, which determines the kind of frame.
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
        """Close the connection without a close frame."""
        self._cut()


async def echo(socket: Socket) -> None:
    """Send every message back; a handler for `EndpointScript.websockets`.

    Args:
        socket: The connection.
    """
    await socket.accept()
    while (message := await socket.receive()) is not None:
        await socket.send(message)
