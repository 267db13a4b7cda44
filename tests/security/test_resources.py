"""Attacks on memory and time: bodies, heads and events without end, and compressed bombs."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import time
import tracemalloc
import zlib

import pytest

from fal_typed import FalClient, FalError
from fal_typed._transport.sse import EventDecoder
from fal_typed.results import RawResponse
from tests.security.conftest import KEY, QUICK

ID = "fal-ai/flux/dev"
LIMIT = 8 * 1024 * 1024
SIZE = 512 * 1024 * 1024


class Endless:
    """Answers each request with a head and a piece, and then the piece again and again."""

    def __init__(self, head: bytes, piece: bytes = b"", times: int | None = None) -> None:
        self.sent = 0
        self._answer = (head, piece, times)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._open = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self._open.append(connection)
                threading.Thread(target=self._play, args=(connection,), daemon=True).start()

    def _play(self, connection):
        head, piece, times = self._answer
        with contextlib.suppress(OSError):
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(65536)
            connection.sendall(head)
            while piece and (times is None or times > 0):
                connection.sendall(piece)
                self.sent += len(piece)
                times = None if times is None else times - 1
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass  # closed with bytes unread, the connection would be reset
        connection.close()

    def close(self):
        for one in (self._listening, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._thread.join()


@contextlib.contextmanager
def endless(head, piece=b"", times=None):
    server = Endless(head, piece, times)
    try:
        yield server
    finally:
        server.close()


def compressed(kind, content=b"\0" * (1 << 20), times=SIZE >> 20):
    bits = {"gzip": 31, "zlib": 15, "raw": -15}[kind]
    packer = zlib.compressobj(9, zlib.DEFLATED, bits)
    return b"".join([packer.compress(content) for _ in range(times)]) + packer.flush()


def head(*lines, status=200, kind="application/json"):
    first = f"HTTP/1.1 {status} X"
    return "\r\n".join([first, f"content-type: {kind}", *lines, "", ""]).encode()


CHUNK = b"10000\r\n" + b" " * 65536 + b"\r\n"
OPEN = "connection: close"


def bombs():
    packed = compressed("gzip")
    yield "gzip", head("content-encoding: gzip", f"content-length: {len(packed)}"), packed
    yield "gzip, chunked", head("content-encoding: gzip", OPEN), packed
    packed = compressed("zlib")
    yield "deflate", head("content-encoding: deflate", f"content-length: {len(packed)}"), packed
    packed = compressed("raw")
    yield "raw deflate", head("content-encoding: deflate", f"content-length: {len(packed)}"), packed
    twice = gzip.compress(compressed("gzip"))
    yield "twice", head("content-encoding: gzip, gzip", f"content-length: {len(twice)}"), twice
    yield "unknown", head("content-encoding: br", OPEN), b"\x8b" * 1000
    yield "stacked", head("content-encoding: " + "gzip, " * 1000 + "gzip", OPEN), packed
    after = gzip.compress(b"{}") + b"\0" * (64 << 20)
    yield "after the end", head("content-encoding: gzip", f"content-length: {len(after)}"), after


BOMBS = {name: (start, body) for name, start, body in bombs()}
ENDLESS = {
    "sized": (head(f"content-length: {1 << 40}"), b" " * 65536),
    "until it closes": (head(OPEN), b" " * 65536),
    "chunked": (head("transfer-encoding: chunked"), CHUNK),
    "errors": (head("transfer-encoding: chunked", status=500), CHUNK),
    "refusals": (head(OPEN, status=422), b" " * 65536),
    "gzip": (head("content-encoding: gzip", OPEN), compressed("gzip", times=1)[:-8] * 8),
}


@contextlib.contextmanager
def bounded(most_bytes=LIMIT * 6, seconds=60.0):
    """A block that takes no more memory and time than that."""
    tracemalloc.start()
    began = time.monotonic()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < most_bytes, peak
    assert time.monotonic() - began < seconds


@pytest.mark.parametrize("name", BOMBS)
def test_a_compressed_bomb_does_not_go_off(caller, name):
    start, body = BOMBS[name]
    with endless(start, body, 1) as server:
        client = caller.client(server.host, max_response_bytes=LIMIT)
        with bounded():
            if name == "after the end":
                assert caller(client.run, ID, {}).data == {}
                return
            with pytest.raises(FalError) as failed:
                caller(client.run, ID, {})
    assert "larger than" in str(failed.value) or "encoding" in str(failed.value)


@pytest.mark.parametrize("name", ENDLESS)
def test_a_body_without_end_is_left(caller, name):
    with endless(*ENDLESS[name]) as server:
        client = caller.client(server.host, max_response_bytes=LIMIT)
        with bounded(), pytest.raises(FalError):
            caller(client.run, ID, {})
        with bounded(), pytest.raises(FalError):
            caller(client.submit, ID, {})
        with bounded(), pytest.raises(FalError):
            caller(client.status, ID, "r1")


@pytest.mark.parametrize("name", ["chunked", "errors", "until it closes"])
def test_what_is_too_large_is_asked_for_once(caller, name):
    with endless(*ENDLESS[name]) as server:
        client = caller.client(server.host, max_response_bytes=LIMIT)
        with pytest.raises(FalError):
            caller(client.status, ID, "r1")
        assert len(server._open) <= (3 if name == "errors" else 1)


@pytest.mark.parametrize("count", [101, 10_000, 100_000])
@pytest.mark.parametrize("line", ["x-a{}: b\r\n", "x-a: {}\r\n", "set-cookie: a{}=b\r\n"])
def test_very_many_headers_are_refused_or_read(caller, count, line):
    lines = "".join(line.format(number) for number in range(count))
    start = f"HTTP/1.1 200 OK\r\n{lines}content-length: 2\r\n\r\n{{}}".encode()
    with endless(start) as server, bounded():
        client = caller.client(server.host)
        with contextlib.suppress(FalError):
            assert caller(client.run, ID, {}).data == {}


@pytest.mark.parametrize(
    "piece",
    [
        b"x" * 65536,
        b"x-a: b\r\n" * 1000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
        b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" * 1000,
    ],
    ids=["line", "headers", "continue", "hints"],
)
def test_a_head_without_end_is_left(caller, piece):
    if caller.transport == "httpx" and piece.startswith(b"HTTP"):
        pytest.skip("httpx limits each read, not the whole head")
    start = b"" if piece.startswith(b"HTTP") else b"HTTP/1.1 200 OK\r\nx: "
    with endless(start, piece) as server, bounded(seconds=30):
        client = caller.client(server.host)
        with pytest.raises(FalError):
            caller(client.run, ID, {}, timeout=2.0)


DEEP = {
    "lists": "[" * 100_000 + "]" * 100_000,
    "objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "in an output": '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
    "number": '{"a": ' + "9" * 100_000 + "}",
    "float": '{"a": 1' + "0" * 400 + "e999999999}",
    "names": json.dumps({f"a{number}": 1 for number in range(100_000)}),
    "problems": json.dumps({"detail": [{"loc": ["a"] * 9, "msg": "x" * 99}] * 10_000}),
    "detail": '{"detail": ' + "[" * 100_000 + "]" * 100_000 + "}",
}


@pytest.mark.parametrize("name", DEEP)
@pytest.mark.parametrize("status", [200, 422, 500])
def test_json_of_any_shape_is_a_result_or_an_error(caller, name, status):
    body = DEEP[name].encode()
    start = head(f"content-length: {len(body)}", "x-fal-needs-retry: 0", status=status) + body
    with endless(start) as server, bounded(seconds=30, most_bytes=100_000_000):
        client = caller.client(server.host)
        for call, second in ((client.run, {}), (client.submit, {}), (client.status, "r1")):
            with contextlib.suppress(FalError):
                caller(call, ID, second)


EVENTS = {
    "a line": b"x" * 65536,
    "data": b"data: " + b"x" * 65000 + b"\n",
    "one datum": b"x" * 65536,
    "deep": b"data: " + b"[" * 60_000 + b"]" * 60_000 + b"\n\n",
    "carriage returns": b"data: x\r" * 8000,
    "fields": b"id: " + b"x" * 1000 + b"\n",
}


@pytest.mark.parametrize("name", ["a line", "data", "one datum", "carriage returns"])
def test_an_event_without_end_is_left(caller, name):
    kind = "text/event-stream"
    start = head(OPEN, kind=kind) + (b"data: " if name == "one datum" else b"")
    with endless(start, EVENTS[name]) as server, bounded():
        client = caller.client(server.host, max_response_bytes=LIMIT)
        with pytest.raises(FalError, match="larger than"):
            caller.items(client.stream(ID, {}))


@pytest.mark.filterwarnings("ignore::fal_typed.SchemaDriftWarning")  # of the deep events
@pytest.mark.parametrize("name", ["a line", "deep", "fields"])
def test_events_without_end_keep_to_the_timeout(caller, name):
    start = head(OPEN, kind="text/event-stream")
    with endless(start, EVENTS[name]) as server, bounded(most_bytes=LIMIT * 30):
        client = caller.client(server.host, max_response_bytes=LIMIT * 4)
        with pytest.raises(FalError):
            caller.items(client.stream(ID, {}, timeout=1.0))


def test_a_stream_that_is_no_event_stream_is_bounded_as_well(caller):
    with endless(head(OPEN), b" " * 65536) as server, bounded():
        client = caller.client(server.host, max_response_bytes=LIMIT)
        with pytest.raises(FalError, match="larger than"):
            caller.items(client.stream(ID, {}))


def test_a_long_line_in_small_chunks_takes_linear_time():
    decoder = EventDecoder()
    began = time.process_time()
    for _ in range(200_000):
        assert decoder.feed(b"x" * 100) == []
    assert time.process_time() - began < 10


def test_a_raw_response_of_any_depth_can_be_read():
    assert RawResponse(200, {}, b"[" * 100_000).json().startswith("[[")


def test_arguments_of_any_depth_are_refused_or_sent():
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    client = FalClient(KEY, run_host="127.0.0.1:9", queue_host="127.0.0.1:9", retry=QUICK)
    with pytest.raises(FalError):
        client.submit(ID, {"a": deep})
