"""The common behavior of all transports, on real sockets."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import socket
import ssl
from dataclasses import replace

import pytest
import trustme

from fal_typed._core.flow import CloseStream
from fal_typed._core.redirects import next_hop, open_following
from fal_typed._transport import selection as transports
from fal_typed._transport.aiohttp import AiohttpTransport
from fal_typed._transport.base import FilePart, HttpRequest, TransportError
from fal_typed._transport.httpx import AsyncHttpxTransport, HttpxTransport
from fal_typed._transport.pool import AsyncPoolTransport
from tests.transport.conftest import ALL, Subject
from tests.transport.wire import playing


async def echoing(connection):
    while True:
        first, headers, body = await connection.request()
        await connection.respond(
            f"{first} {headers.get('x-a')} {body!r}".encode(), 201, "X-Two: a", "X-Two: b"
        )


def test_request_and_response_arrive_complete(subject):
    with playing(echoing) as wire:
        request = HttpRequest("POST", f"{wire.url}/a%20b?c=%2F", {"x-a": "1"}, b"body")
        response = subject.send(request)
    assert response.status == 201
    assert response.body == b"POST /a%20b?c=%2F HTTP/1.1 1 b'body'"
    assert response.headers["x-two"] == "a, b"
    assert response.url == request.url


def test_a_post_without_a_body_sends_content_length_0(subject):
    async def play(connection):
        _, headers, _ = await connection.request()
        await connection.respond(headers["content-length"].encode())

    with playing(play) as wire:
        assert subject.send(HttpRequest("POST", wire.url)).body == b"0"


def test_a_part_of_a_file_is_read_and_sent(subject, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 4096)
    part = FilePart(path, 1000, 700_000)

    async def play(connection):
        _, _, body = await connection.request()
        await connection.respond(b"same" if body == path.read_bytes()[1000:701_000] else b"other")

    with playing(play) as wire:
        assert subject.send(HttpRequest("PUT", wire.url, body=part)).body == b"same"


def test_a_connection_is_reused(subject):
    with playing(echoing) as wire:
        for _ in range(5):
            subject.send(HttpRequest("GET", wire.url))
        assert wire.connections == 1


def test_the_connection_of_a_finished_stream_is_reused(subject):
    async def play(connection):
        for _ in range(2):
            await connection.request()
            await connection.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            await connection.send(b"3\r\nabc\r\n0\r\n\r\n")

    with playing(play) as wire:
        for _ in range(2):
            stream = subject.open(HttpRequest("GET", wire.url))
            assert subject.read(stream, 5) == b"abc"
            subject.close_stream(stream)
        assert wire.connections == (2 if isinstance(subject.transport, HttpxTransport) else 1)


def test_a_stream_closed_early_closes_its_connection(subject):
    async def play(connection):
        await connection.request()
        await connection.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n")
        await connection.reader.read()

    with playing(play) as wire:
        stream = subject.open(HttpRequest("GET", wire.url))
        assert subject.read(stream, 5) == b"a"
        subject.close_stream(stream)
        assert subject.wait(asyncio.to_thread(wire.closed.acquire, timeout=5))


def test_a_connection_that_the_server_closed_is_not_reused(subject):
    async def play(connection):
        await connection.request()
        await connection.respond(b"last")

    with playing(play) as wire:
        for _ in range(3):
            assert subject.send(HttpRequest("POST", wire.url, body=b"{}")).body == b"last"
            assert subject.wait(asyncio.to_thread(wire.closed.acquire, timeout=5))
        assert wire.connections == 3


def test_a_compressed_response_is_decompressed(subject):
    async def play(connection):
        _, headers, _ = await connection.request()
        assert "gzip" in headers["accept-encoding"]
        await connection.respond(gzip.compress(b"long" * 1000), 200, "content-encoding: gzip")

    with playing(play) as wire:
        assert subject.send(HttpRequest("GET", wire.url)).body == b"long" * 1000


def test_a_refused_connection_means_nothing_was_sent(subject):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/x?secret=1"
        with pytest.raises(TransportError) as caught:
            subject.send(HttpRequest("POST", url))
    assert not caught.value.sent
    assert not caught.value.timed_out
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x?secret", "http:///x?secret", "x?secret"])
def test_an_invalid_url_is_not_requested(url, subject):
    with pytest.raises(TransportError) as caught:
        subject.send(HttpRequest("GET", url))
    assert not caught.value.sent
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_after_a_reset_the_request_may_have_been_read(method, subject):
    async def play(connection):
        await connection.request()
        connection.reset()

    with playing(play) as wire:
        with pytest.raises(TransportError) as caught:
            subject.send(HttpRequest(method, wire.url, body=b"{}" if method == "POST" else b""))
        assert caught.value.sent
        assert caught.value.head is None


def test_a_post_is_never_resent_automatically(subject):
    posts = []

    async def play(connection):
        await connection.request()
        await connection.respond(b"ok")
        posts.append((await connection.request())[0])
        connection.reset()

    with playing(play) as wire:
        subject.send(HttpRequest("GET", wire.url))
        with pytest.raises(TransportError):
            subject.send(HttpRequest("POST", wire.url, body=b"{}"))
        assert len(posts) == 1


def test_a_truncated_body_keeps_status_and_headers(subject):
    async def play(connection):
        await connection.request()
        await connection.send(
            b"HTTP/1.1 200 OK\r\nx-fal-request-id: r1\r\ncontent-length: 99\r\n\r\nabc"
        )

    with playing(play) as wire:
        with pytest.raises(TransportError) as caught:
            subject.send(HttpRequest("POST", wire.url))
        assert caught.value.sent
        assert caught.value.head.status == 200
        assert caught.value.head.headers["x-fal-request-id"] == "r1"


def test_a_slowly_dripping_response_times_out(subject):
    async def play(connection):
        await connection.request()
        await connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n")
        for _ in range(500):  # ten seconds
            await connection.send(b"x")
            await asyncio.sleep(0.02)

    with playing(play) as wire:
        with pytest.raises(TransportError) as caught:
            subject.send(HttpRequest("POST", wire.url, timeout=0.2))
        assert caught.value.timed_out
        assert caught.value.sent


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def tls(authority):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def trusted(authority, tls, tmp_path, monkeypatch):
    """A server's TLS context whose certificate authority is trusted."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return tls


@pytest.mark.parametrize("kind", ALL)
def test_a_server_with_a_known_certificate_is_trusted(kind, trusted):
    subject = Subject(kind)
    with playing(echoing, trusted) as wire:
        for _ in range(2):
            assert subject.send(HttpRequest("POST", wire.url, body=b"{}")).status == 201
        assert wire.connections == 1
        subject.close()
    subject.loop.close()


def test_nothing_is_sent_to_a_server_with_an_unknown_certificate(subject, tls):
    with playing(echoing, tls) as wire, pytest.raises(TransportError) as caught:
        subject.send(HttpRequest("POST", wire.url, {"authorization": "Key secret"}, b"{}"))
    assert not caught.value.sent
    assert "certificate" in str(caught.value).lower()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unreachable_host_falls_back_to_the_backup_domain(method, mode, trusted, monkeypatch):
    from fal_typed._core import retry

    async def respond(connection):
        first, headers, _ = await connection.request()
        body = {"line": first, "key": headers["authorization"]}
        await connection.respond(json.dumps(body).encode())

    with playing(respond, trusted) as backup, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = f"127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setattr(retry, "_BACKUPS", {dead: backup.host})
        client = mode.client("id:secret", run_host=dead)
        here = client._target._runner.settings()
        secure = replace(here.hosts, run=f"https://{dead}")
        here = here.with_changes(hosts=secure)
        monkeypatch.setattr(client._target._runner, "settings", lambda: here)
        data = client.run("a/b", {}, method=method).data
        assert data == {"line": f"{method} /a/b HTTP/1.1", "key": "Key id:secret"}


async def falling_silent(connection):
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n")
    await connection.reader.read()


def test_a_silent_server_times_out(subject):
    async def play(connection):
        await connection.reader.read()

    with playing(play) as wire:
        for call in (subject.send, subject.open):
            with pytest.raises(TransportError) as caught:
                call(HttpRequest("GET", wire.url, timeout=0.05))
            assert caught.value.timed_out


def test_a_silent_stream_times_out(subject):
    with playing(falling_silent) as wire:
        stream = subject.open(HttpRequest("GET", wire.url, timeout=5))
        # In sync code, httpx keeps the timeout of a stream's first read.
        is_httpx = isinstance(subject.transport, HttpxTransport)
        assert subject.read(stream, 0.1 if is_httpx else 30) == b"a"
        with pytest.raises(TransportError) as caught:
            subject.read(stream, 0.1)
        assert caught.value.timed_out
        subject.close_stream(stream)


def redirecting(target):
    async def play(connection):
        while True:
            first, _, _ = await connection.request()
            there = "/there" in first
            await connection.respond(b"here" if there else b"", 200 if there else 302, target)

    return play


def followed(subject, request):
    """Follow redirects over the transport under test."""
    flow = open_following(request)
    effect = next(flow)
    try:
        while True:
            if isinstance(effect, CloseStream):
                subject.close_stream(effect.stream)
                effect = flow.send(None)
                continue
            try:
                stream = subject.open(effect.request)
            except TransportError as error:
                effect = flow.throw(error)
            else:
                effect = flow.send(stream)
    except StopIteration as stop:
        return stop.value


def test_a_redirect_is_the_response_unless_it_is_followed(subject):
    with playing(redirecting("location: /there")) as wire:
        request = HttpRequest("GET", f"{wire.url}/a")
        assert subject.send(request).status == 302
        stream = followed(subject, request)
        assert subject.read(stream, 5) == b"here"
        subject.close_stream(stream)


def test_endless_redirects_are_an_error(subject):
    with playing(redirecting("location: /a")) as wire, pytest.raises(TransportError):
        followed(subject, HttpRequest("GET", f"{wire.url}/a"))


def test_cookies_are_not_stored(subject):
    async def play(connection):
        while True:
            _, headers, _ = await connection.request()
            await connection.respond(headers.get("cookie", "").encode(), 200, "set-cookie: a=b")

    with playing(play) as wire:
        for _ in range(2):
            cookies = subject.send(HttpRequest("GET", wire.url)).body
        assert cookies == b""


def test_the_callers_headers_are_sent_and_none_is_added(subject):
    sent = {}

    async def play(connection):
        _, headers, _ = await connection.request()
        sent.update(headers)
        await connection.respond(b"")

    with playing(play) as wire:
        mine = {"user-agent": "mine", "accept": "text/event-stream"}
        subject.send(HttpRequest("POST", wire.url, mine, b"{}"))
    assert sent["user-agent"] == "mine"
    assert sent["accept"] == "text/event-stream"
    assert "content-type" not in sent
    assert sent["host"] == wire.host


def test_loopback_requests_never_use_a_proxy(mode, monkeypatch):
    async def refuse(connection):
        await connection.request()
        await connection.respond(b"proxied", 502)

    def no_proxy_lists():
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)

    no_proxy_lists()
    with playing(echoing) as wire, playing(refuse) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        choose = transports.async_transport if mode.is_async else transports.sync_transport
        subject = Subject(lambda: choose(None))
        assert subject.send(HttpRequest("GET", wire.url)).status == 201
        away = HttpRequest("GET", "http://fal.invalid/x")
        assert subject.send(away).body == b"proxied"
        assert proxy.connections == 1
        subject.close()
        subject.loop.close()


def test_the_fastest_available_transport_is_used(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    subject = Subject(lambda: transports.async_transport(None))
    assert isinstance(subject.transport, AiohttpTransport)
    subject.close()
    monkeypatch.setattr(transports, "has_aiohttp", lambda: False)
    subject.transport = transports.async_transport(None)
    assert isinstance(subject.transport, AsyncPoolTransport)
    subject.close()
    subject.loop.close()


@pytest.mark.parametrize("kind", [AsyncHttpxTransport, AsyncPoolTransport, AiohttpTransport])
def test_a_cancelled_request_closes_its_connection(kind):
    read = asyncio.Event()

    async def play(connection):
        await connection.request()
        loop.call_soon_threadsafe(read.set)
        await connection.reader.read()

    async def cancel(transport, url):
        task = asyncio.ensure_future(transport.send(HttpRequest("POST", url, timeout=None)))
        await read.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    subject = Subject(kind)
    loop = subject.loop
    with playing(play) as wire:
        subject.wait(cancel(subject.transport, wire.url))
        assert subject.wait(asyncio.to_thread(wire.closed.acquire, timeout=5))
    subject.close()
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def test_redirects_never_leave_tls():
    request = HttpRequest("GET", "https://a.example/x")
    assert next_hop(request, 302, "/y").url == "https://a.example/y"
    assert next_hop(request, 302, "https://b.example/").url == "https://b.example/"
    assert next_hop(request, 302, None) is None
    assert next_hop(request, 200, "/y") is None
    with pytest.raises(TransportError, match="TLS"):
        next_hop(request, 302, "http://b.example/")


def test_connections_notice_that_the_other_side_is_gone(subject):
    """Without a byte and without an answer to the probes, the system ends the connection."""
    with playing(echoing) as wire:
        stream = subject.open(HttpRequest("POST", wire.url))
        port = int(wire.host.rpartition(":")[2])
        (connection,) = [one for one in gc.get_objects() if is_connected_to(one, port)]
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_KEEPIDLE"):
            limits = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            found = [connection.getsockopt(socket.IPPROTO_TCP, limit) for limit in limits]
            assert found == [60, 10, 6]
        del connection
        subject.close_stream(stream)


def is_connected_to(value, port):
    try:
        peer = value.getpeername() if type(value) is socket.socket else None
        return isinstance(peer, tuple) and peer[1] == port
    except OSError:
        return False
