"""A realtime endpoint that answers each input at once, in a process of its own."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgpack  # it has no types
from websockets.asyncio.server import ServerConnection, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

# As large as a picture of 512 pixels square, and like any JPEG not to be compressed further.
_PICTURE = random.Random(0).randbytes(30_000)
_OUTPUT = msgpack.packb({"images": [{"content": _PICTURE, "content_type": "image/jpeg"}]})


async def answer(connection: ServerConnection) -> None:
    """Answer every input with the same picture."""
    async for _ in connection:
        await connection.send(_OUTPUT)


async def main() -> None:
    """Serve until the parent closes our standard input."""
    async with serve(answer, "127.0.0.1", 0) as server:
        print(f"127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}", flush=True)
        await asyncio.to_thread(sys.stdin.read)


@contextmanager
def running() -> Iterator[str]:
    """The server in a process of its own; gives its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.realtime_server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.communicate("")


if __name__ == "__main__":
    asyncio.run(main())
