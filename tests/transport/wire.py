"""A server whose connections a test controls, byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager


class Connection:
    """One connection of a client, as the test sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def request(self) -> tuple[str, dict[str, str], bytes]:
        """Read the next request: its first line, headers and body."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return first, headers, body

    async def send(self, data: bytes) -> None:
        """Send bytes immediately."""
        self.writer.write(data)
        await self.writer.drain()

    async def respond(self, body: bytes, status: int = 200, *headers: str) -> None:
        """Send a complete response."""
        lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *headers]
        await self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def reset(self) -> None:
        """Break the connection."""
        self.writer.transport.abort()


class Wire:
    """The server; `connections` counts the connections that were opened."""

    def __init__(
        self, play: Callable[[Connection], Awaitable[None]], tls: ssl.SSLContext | None
    ) -> None:
        self.connections = 0
        self._tls = tls
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.closed = threading.Semaphore(0)
        self._play = play

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.host}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            # Tests end connections that still wait by canceling them.
            over = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)
            with contextlib.suppress(*over):
                await self._play(Connection(reader, writer))
        finally:
            writer.close()
            try:
                await writer.wait_closed()
            except (OSError, asyncio.CancelledError):  # the client may not close TLS either
                writer.transport.abort()
            self.closed.release()

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server


@contextmanager
def playing(
    play: Callable[[Connection], Awaitable[None]], tls: ssl.SSLContext | None = None
) -> Iterator[Wire]:
    """Serve on loopback in a thread; `play` runs for every connection."""
    wire = Wire(play, tls)
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(wire.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield wire
    finally:

        async def stop() -> None:
            server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0)  # lets aborted transports close their sockets
            loop.stop()

        asyncio.run_coroutine_threadsafe(stop(), loop)
        thread.join()
        loop.close()
