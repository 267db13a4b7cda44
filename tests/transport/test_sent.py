"""Whether a request may have been sent: only when bytes of it may have left this machine."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import ssl
import threading
import time

import httpx
import pytest
import trustme

from fal_typed import AsyncFalClient, FalClient, FalConnectionError, FalTimeoutError, RetryPolicy
from fal_typed._transport import selection
from fal_typed._transport.base import HttpRequest, TransportError
from fal_typed._transport.httpx import AsyncHttpxTransport, HttpxTransport
from tests.transport.conftest import Subject
from tests.transport.wire import playing

ID = "fal-ai/flux/dev"
ONCE = RetryPolicy(attempts=1)


@contextlib.contextmanager
def full_backlog():
    """A port whose connections are never accepted, so that connecting waits."""
    waiting = []
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(listening.getsockname())
            waiting.append(one)
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            for one in waiting:
                one.close()


async def silent(connection):
    await connection.reader.read()


async def reading(connection):
    await connection.request()
    await connection.reader.read()


def failure(subject, request, method="send"):
    with pytest.raises(TransportError) as failed:
        getattr(subject, method)(request)
    return failed.value


@pytest.mark.parametrize("method", ["send", "open"])
@pytest.mark.parametrize("limits", [(0.2, 10.0), (10.0, 0.2), (None, 0.2), (0.2, 0.2)])
def test_a_timeout_while_connecting_sends_nothing(subject, limits, method):
    timeout, connect = limits
    with full_backlog() as host:
        request = HttpRequest(
            "POST", f"http://{host}/", body=b"x", timeout=timeout, connect_timeout=connect
        )
        error = failure(subject, request, method)
    assert error.timed_out
    assert not error.sent


# httpx leaves the socket of a TLS handshake that is canceled to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("method", ["send", "open"])
@pytest.mark.parametrize("limits", [(0.2, 10.0), (None, 0.2)])
def test_a_timeout_of_the_tls_handshake_sends_nothing(subject, limits, method):
    timeout, connect = limits
    with playing(silent) as wire:
        request = HttpRequest(
            "POST", f"https://{wire.host}/", body=b"x", timeout=timeout, connect_timeout=connect
        )
        error = failure(subject, request, method)
    gc.collect()
    assert error.timed_out
    assert not error.sent


@pytest.mark.parametrize("method", ["send", "open"])
def test_a_timeout_after_the_connection_may_have_sent_it(subject, method):
    with playing(reading) as wire:
        error = failure(subject, HttpRequest("POST", wire.url, body=b"x", timeout=0.2), method)
    assert error.timed_out
    assert error.sent


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:1", "no-such-host.invalid", "a" * 64 + ".example", "[::ffff:127.0.0.1]:1", "x..y"],
)
def test_an_unreachable_host_gets_nothing(subject, host):
    assert not failure(subject, HttpRequest("POST", f"http://{host}/", body=b"x")).sent


def test_a_certificate_that_is_not_trusted_gets_nothing(subject):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with playing(reading, context) as wire:
        assert not failure(subject, HttpRequest("POST", wire.url, body=b"x")).sent
        assert wire.requests == []


def test_a_server_that_speaks_no_tls_gets_nothing(subject):
    async def plain(connection):
        await connection.reader.read(1)
        await connection.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    with playing(plain) as wire:
        assert not failure(subject, HttpRequest("POST", f"https://{wire.host}/", body=b"x")).sent


def test_a_reused_connection_that_breaks_may_have_sent_it(subject):
    async def once(connection):
        await connection.request()
        await connection.respond(b"first")
        await connection.request()
        connection.reset()

    with playing(once) as wire:
        request = HttpRequest("POST", wire.url, body=b"x")
        assert subject.send(request).body == b"first"
        assert failure(subject, request).sent


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_no_method_that_can_start_a_job_is_sent_twice(subject, method):
    received = []

    async def once(connection):
        received.append(await connection.request())
        await connection.respond(b"first")
        received.append(await connection.request())
        connection.reset()

    with playing(once) as wire:
        request = HttpRequest(method, wire.url, body=b"x")
        subject.send(request)
        assert failure(subject, request).sent
    assert len(received) == 2


@pytest.mark.parametrize("kind", [HttpxTransport, AsyncHttpxTransport])
def test_a_wait_for_a_connection_of_the_callers_pool_sends_nothing(kind):
    """The only connection of the client is in use."""
    is_async = kind is AsyncHttpxTransport
    limits = httpx.Limits(max_connections=1)
    http = (httpx.AsyncClient if is_async else httpx.Client)(limits=limits, trust_env=False)

    async def begun(connection):
        await connection.request()
        await connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\na")
        await connection.reader.read()

    subject = Subject(lambda: kind(http))
    with playing(begun) as wire:
        stream = subject.open(HttpRequest("GET", wire.url))
        error = failure(subject, HttpRequest("POST", wire.url, body=b"x", timeout=0.3))
        assert error.timed_out
        assert not error.sent
        subject.close_stream(stream)
    subject.wait(http.aclose() if is_async else http.close())
    subject.loop.close()


TRANSPORTS = ("aiohttp", "pool", "httpx")


class Calls:
    """A submit to a host, over one transport, in sync or async code."""

    def __init__(self, transport, host, monkeypatch, **headers):
        monkeypatch.setattr(selection, "has_aiohttp", lambda: transport == "aiohttp")
        self.transport = transport
        self.headers = headers
        self.options = {"retry": ONCE, "queue_host": host, "run_host": host}

    @contextlib.contextmanager
    def sync(self):
        with contextlib.ExitStack() as stack:
            options = dict(self.options)
            if self.transport == "httpx":
                http = httpx.Client(trust_env=False, headers=self.headers)
                options["http_client"] = stack.enter_context(http)
            yield stack.enter_context(FalClient("key", **options))

    @contextlib.asynccontextmanager
    async def awaited(self):
        async with contextlib.AsyncExitStack() as stack:
            options = dict(self.options)
            if self.transport == "httpx":
                http = httpx.AsyncClient(trust_env=False, headers=self.headers)
                options["http_client"] = await stack.enter_async_context(http)
            yield await stack.enter_async_context(AsyncFalClient("key", **options))

    def outcome(self, call, *, is_async):
        """The error of a call."""

        async def main():
            async with self.awaited() as client:
                await call(client)

        try:
            if is_async:
                asyncio.run(main())
            else:
                with self.sync() as client:
                    call(client)
        except (FalConnectionError, FalTimeoutError) as error:
            return error
        pytest.fail("no error")


CALLS = {
    "submit": lambda client: client.submit(ID, {}, timeout=0.3),
    "subscribe": lambda client: client.subscribe(ID, {}, client_timeout=0.3),
    "run": lambda client: client.run(ID, {}, timeout=0.3),
}


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("call", CALLS)
def test_the_error_says_that_nothing_was_sent(call, transport, is_async, monkeypatch):
    with full_backlog() as host:
        error = Calls(transport, host, monkeypatch).outcome(CALLS[call], is_async=is_async)
    assert isinstance(error, FalTimeoutError)
    assert not error.maybe_accepted
    assert "Nothing was sent, so it is safe to send it again." in str(error)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("call", CALLS)
def test_a_header_of_the_callers_client_that_cannot_be_sent(call, is_async, monkeypatch):
    with playing(reading) as wire:
        calls = Calls("httpx", wire.host, monkeypatch, x="a\nb")
        error = calls.outcome(CALLS[call], is_async=is_async)
        assert wire.closed.acquire(timeout=5)
    assert not error.maybe_accepted
    assert "Nothing was sent" in str(error)
    assert "a\nb" not in str(error)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_each_method_may_have_started_a_job(method, is_async, monkeypatch):
    with playing(reading) as wire:
        calls = Calls("pool", wire.host, monkeypatch)
        error = calls.outcome(
            lambda client: client.run(ID, {}, method=method, timeout=0.3), is_async=is_async
        )
    assert error.maybe_accepted


def test_a_transport_of_the_callers_own_may_have_sent_it():
    """Nothing is known of transports that do not use httpcore."""

    def break_off(_):
        raise httpx.ReadError("broken")

    http = httpx.Client(transport=httpx.MockTransport(break_off))
    client = FalClient("key", http_client=http, retry=ONCE)
    with http, client, pytest.raises(FalConnectionError) as failed:
        client.submit(ID, {})
    assert failed.value.maybe_accepted


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_call_that_is_canceled_while_it_connects_ends_at_once(transport, monkeypatch):
    async def main(host):
        async with Calls(transport, host, monkeypatch).awaited() as client:
            task = asyncio.create_task(client.subscribe(ID, {}))
            begun = time.monotonic()
            await asyncio.wait({task}, timeout=0.3)
            task.cancel()
            await asyncio.wait({task})
            assert task.cancelled()
            return time.monotonic() - begun

    with full_backlog() as host:
        assert asyncio.run(main(host)) < 2.0


# Python leaves the socket of a connection that Ctrl-C interrupts to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs signals")
@pytest.mark.parametrize("transport", ["pool", "httpx"])
def test_ctrl_c_while_a_call_connects_ends_it_at_once(transport, monkeypatch):
    main = threading.get_ident()
    with full_backlog() as host, Calls(transport, host, monkeypatch).sync() as client:
        timer = threading.Timer(0.3, signal.pthread_kill, (main, signal.SIGINT))
        timer.start()
        begun = time.monotonic()
        with pytest.raises(KeyboardInterrupt) as interrupted:
            client.subscribe(ID, {})
        assert time.monotonic() - begun < 1.5
        timer.join()
    del interrupted
    gc.collect()
