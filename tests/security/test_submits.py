"""Attacks on money: whatever becomes of a response, a job is submitted once."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading

import pytest

from fal_typed import FalConnectionError, FalError

ID = "fal-ai/flux/dev"
BODY = json.dumps({"request_id": "r1", "status": "IN_QUEUE"}).encode()
HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
    b"x-fal-request-id: r1\r\ncontent-length: %d\r\n\r\n" % len(BODY)
)
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (
    len(BODY),
    BODY,
)


class Server:
    """Answers every request with bytes, and ends the connection in a way of its own.

    Args:
        end: `close` ends the connection properly, `reset` breaks it, `keep` leaves it open.
    """

    def __init__(self, answer: bytes, end: str) -> None:
        self.answer = answer
        self.end = end
        self.requests = []
        self.ended = threading.Semaphore(0)
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
        with contextlib.suppress(OSError):
            while (request := _read_request(connection)) is not None:
                self.requests.append(request)
                answer, end = self.answer, self.end
                connection.sendall(answer)
                if end == "keep":
                    continue
                if end == "reset":
                    linger = struct.pack("ii", 1, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                break
        connection.close()
        self.ended.release()

    def close(self):
        for one in (self._listening, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._thread.join()


def _read_request(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := connection.recv(65536)):
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(lines.get(b"content-length", 0)):
        body += connection.recv(65536)
    return head


@contextlib.contextmanager
def serving(answer=HEAD + BODY, end="keep"):
    server = Server(answer, end)
    try:
        yield server
    finally:
        server.close()


def outcome_of(caller, client):
    """The request id of a submit, or its error."""
    try:
        return caller(client.submit, ID, {"prompt": "a cat"}).request_id
    except FalError as error:
        return error


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("whole", [HEAD + BODY, CHUNKED], ids=["sized", "chunked"])
def test_an_answer_cut_at_each_byte_submits_once(caller, whole, end):
    with serving(end=end) as server:
        client = caller.client(server.host)
        for size in range(len(whole) + 1):
            del server.requests[:]
            server.answer = whole[:size]
            outcome = outcome_of(caller, client)
            if isinstance(outcome, FalError):
                assert getattr(outcome, "maybe_accepted", True), size
                assert size < len(whole) or end == "reset", size
            else:
                assert outcome == "r1", size
                assert size >= whole.index(b"\r\n\r\n"), size
            assert len(server.requests) == 1, size


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 ", b"garbage\r\n\r\n", HEAD[:-2]])
def test_no_answer_is_not_taken_for_a_refusal(caller, answer):
    with serving(answer, "close") as server:
        with pytest.raises(FalConnectionError) as failed:
            caller(caller.client(server.host).submit, ID, {})
        assert failed.value.maybe_accepted
        assert "dashboard" in str(failed.value)
        assert len(server.requests) == 1


def test_a_connection_closed_before_it_is_used_again_is_no_failure(caller):
    """Each answer promises to keep the connection, which the server closes at once."""
    with serving(end="close") as server:
        client = caller.client(server.host)
        for count in range(1, 21):
            assert caller(client.submit, ID, {}).request_id == "r1"
            assert server.ended.acquire(timeout=10)  # it is closed before the next one begins
            assert len(server.requests) == count


def test_a_connection_that_dies_under_a_submit_is_not_tried_again(caller):
    """The server read the request on a kept connection and said nothing: it may have a job."""
    with serving() as server:
        client = caller.client(server.host)
        caller(client.submit, ID, {})
        server.answer, server.end = b"", "close"
        with pytest.raises(FalConnectionError) as failed:
            caller(client.submit, ID, {})
        assert failed.value.maybe_accepted
        assert len(server.requests) == 2


def test_what_was_never_sent_is_said_to_be_so(caller):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        nobody = f"127.0.0.1:{listening.getsockname()[1]}"
    with pytest.raises(FalConnectionError) as failed:
        caller(caller.client(nobody).submit, ID, {})
    assert not failed.value.maybe_accepted


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 99\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 999 OK\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n: x\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/0.9 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ],
    ids=lambda answer: repr(answer)[:70],
)
def test_an_answer_that_is_no_http_submits_once(caller, answer):
    with serving(answer, "close") as server:
        with pytest.raises(FalError):
            caller(caller.client(server.host).submit, ID, {})
        assert len(server.requests) == 1
