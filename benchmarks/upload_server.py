"""A storage that keeps what it is sent on disk and hashes it; run as a process of its own.

Prints its port, serves uploads as the platform does, and answers ``GET /digest`` with the hash
of the file that was completed last. A part named in ``--break`` loses its connection that often.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20


class Server(ThreadingHTTPServer):
    """Holds the parts of one upload."""

    daemon_threads = True

    def __init__(self, broken_part: int, times: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = Path(tempfile.mkdtemp(prefix="fal-typed-bench-"))
        self.base = f"http://127.0.0.1:{self.server_address[1]}/v3.fal.media"
        self.broken_part = broken_part
        self.times = times
        self.lock = threading.Lock()
        self.digest = ""

    def breaks(self, number: int) -> bool:
        """Whether to drop the connection this part comes on."""
        with self.lock:
            if number != self.broken_part or self.times < 1:
                return False
            self.times -= 1
            return True

    def complete(self, numbers: list[int]) -> None:
        """Hash the parts in the order of their numbers, and delete them."""
        digest = hashlib.sha256()
        for number in sorted(numbers):
            part = self.folder / str(number)
            with part.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
            part.unlink()
        self.digest = digest.hexdigest()

    def handle_error(self, *_: Any) -> None:
        """Stay quiet about the connections that were dropped."""


class Handler(BaseHTTPRequestHandler):
    """The routes of an upload."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self._answer({"digest": self.server.digest})

    def do_POST(self) -> None:
        if self.path.endswith("/complete"):
            self.server.complete([part["partNumber"] for part in json.loads(self._read())["parts"]])
            self._answer({})
        elif "/auth/token" in self.path:
            self._read()
            token = {"token": "t", "token_type": "Bearer", "base_url": self.server.base}
            self._answer(token | {"expires_at": "2999-01-01T00:00:00+00:00"})
        elif self.path.endswith("/multipart"):
            self._read()
            self._answer({"access_url": f"{self.server.base}/files/f", "uploadId": "u"})
        else:
            self._store(1)
            self.server.complete([1])
            self._answer({"access_url": f"{self.server.base}/files/f"})

    def do_PUT(self) -> None:
        number = int(self.path.rpartition("/")[2])
        if self.server.breaks(number):
            self.rfile.read(_CHUNK)
            self.connection.close()
            self.close_connection = True
            return
        self._store(number)
        self._answer({}, etag=f'"{number}"')

    def log_message(self, *_: Any) -> None:
        """Keep the figures readable."""

    def _read(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def _store(self, number: int) -> None:
        left = int(self.headers["content-length"])
        with (self.server.folder / str(number)).open("wb") as file:
            while left and (chunk := self.rfile.read(min(left, _CHUNK))):
                left -= file.write(chunk)

    def _answer(self, body: dict[str, Any], etag: str = "") -> None:
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        if etag:
            self.send_header("etag", etag)
        self.end_headers()
        self.wfile.write(content)


def main() -> None:
    """Serve until the parent goes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--break", dest="part", type=int, default=0)
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    server = Server(options.part, options.times)
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    server.shutdown()
    for left in server.folder.iterdir():
        left.unlink()
    server.folder.rmdir()


if __name__ == "__main__":
    main()
