"""A queue server without delays of its own, in its own process, so that it hides no client's speed.

It speaks just enough of the protocol for a subscribe, a stream and a run. A job takes the seconds
its input names as `run_time`, and its result says when it ended by the clock that all processes
of a machine share.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import httptools

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS = 2000
_IMAGE = {"url": "https://v3.fal.media/files/a.png", "width": 1024, "height": 768}
_OUTPUT = {
    "images": [{**_IMAGE, "content_type": "image/png"}],
    "timings": {"inference": 0.1},
    "seed": 7,
    "has_nsfw_concepts": [False],
    "prompt": "a cat",
}


class Jobs:
    """What was submitted, and when it ends."""

    def __init__(self) -> None:
        self.ends: dict[str, float] = {}
        self._numbers = count(1)
        self.requests = 0

    def add(self, body: bytes) -> str:
        request_id = f"00000000-0000-4000-8000-{next(self._numbers):012d}"
        self.ends[request_id] = time.monotonic() + json.loads(body).get("run_time", 0)
        return request_id


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._parser: Any = httptools.HttpRequestParser(self)
        self._body = b""
        self._url = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._body = self._url = b""

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        path = self._url.partition(b"?")[0].decode()
        base, _, job = path.partition("/requests/")
        if path == "/count":
            self._answer({"requests": self._jobs.requests})
            return
        self._jobs.requests += 1
        if path.endswith("/stream") and not job:
            self._stream_events()
        elif not job:
            self._submit(base)
        elif job.endswith("/status/stream"):
            self._stream_status(job.removesuffix("/status/stream"))
        elif job.endswith("/status"):
            self._status(job.removesuffix("/status"))
        else:
            self._answer({**_OUTPUT, "ended": self._jobs.ends[job]}, job)

    def _submit(self, base: str) -> None:
        request_id = self._jobs.add(self._body)
        self._answer({**_job(request_id, base), "status": "IN_QUEUE", "queue_position": 0})

    def _status(self, request_id: str) -> None:
        done = time.monotonic() >= self._jobs.ends[request_id]
        self._answer({"status": "COMPLETED" if done else "IN_PROGRESS", "logs": None})

    def _stream_status(self, request_id: str) -> None:
        self._start_stream()
        wait = self._jobs.ends[request_id] - time.monotonic()
        if wait <= 0:
            self._event({"status": "COMPLETED", "logs": None})
            self._transport.write(b"0\r\n\r\n")
            return
        self._event({"status": "IN_PROGRESS", "logs": None})
        asyncio.get_running_loop().call_later(wait, self._finish_status)

    def _finish_status(self) -> None:
        self._event({"status": "COMPLETED", "logs": None})
        self._transport.write(b"0\r\n\r\n")

    def _stream_events(self) -> None:
        self._start_stream()
        for step in range(EVENTS):
            self._event({**_OUTPUT, "seed": step})
        self._transport.write(b"0\r\n\r\n")

    def _start_stream(self) -> None:
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )

    def _event(self, content: object) -> None:
        event = b"data: " + json.dumps(content).encode() + b"\n\n"
        self._transport.write(b"%x\r\n%b\r\n" % (len(event), event))

    def _answer(self, content: object, request_id: str = "") -> None:
        body = json.dumps(content).encode()
        head = (
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
            f"x-fal-request-id: {request_id}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self._transport.write(head.encode() + body)


def _job(request_id: str, base: str) -> dict[str, str]:
    app = "/".join(base.strip("/").split("/")[:3])
    url = f"http://{sys.argv[1]}/{app}/requests/{request_id}"
    return {
        "request_id": request_id,
        "response_url": url,
        "status_url": f"{url}/status",
        "cancel_url": f"{url}/cancel",
    }


async def serve() -> None:
    """Serve until the parent closes our standard input."""
    jobs, loop = Jobs(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(jobs), "127.0.0.1", 0, backlog=4096)
    port = server.sockets[0].getsockname()[1]
    sys.argv[1:] = [f"127.0.0.1:{port}"]
    print(sys.argv[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


@contextmanager
def running() -> Iterator[str]:
    """The server in a process of its own; gives its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.queue_server"],
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
    asyncio.run(serve())
