"""Connections with threads, event loops, forks and pickles; the proxy; the backup domains."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import subprocess
import sys
import threading
import warnings
import weakref

import pytest

from fal_typed import AsyncFalClient, FalClient, FalConnectionError, RetryPolicy, default
from fal_typed._core import retry as retries
from fal_typed._transport import selection as transport
from fal_typed._transport.base import HttpRequest, HttpResponse, TransportError
from tests.core.flux import ID, dev
from tests.scripted import Reply, scripted
from tests.transport.wire import playing

KEY = "id:very-secret"
ARGUMENTS = {"prompt": "a cat"}


async def counting(connection):
    while True:
        await connection.request()
        await connection.respond(b'{"a": 1}')


def at(home, **options):
    return {"run_host": home.host, "queue_host": home.host, **options}


def test_sequential_calls_share_a_connection(mode):
    with playing(counting) as wire:
        client = mode.client(KEY, **at(wire))
        for _ in range(5):
            client.run(ID, ARGUMENTS)
        mode.wait(client._target.with_options(timeout=5).run(ID, ARGUMENTS))
        assert wire.connections == 1


def test_a_closed_client_opens_a_new_connection(mode):
    with playing(counting) as wire:
        client = mode.client(KEY, **at(wire))
        for _ in range(2):
            client.run(ID, ARGUMENTS)
            client.close()
        assert wire.connections == 2


def test_leaving_the_context_closes_the_connections(mode):
    with playing(counting) as wire:
        if mode.is_async:

            async def use():
                async with AsyncFalClient(KEY, **at(wire)) as client:
                    await client.run(ID, ARGUMENTS)

            mode.wait(use())
        else:
            with FalClient(KEY, **at(wire)) as client:
                client.run(ID, ARGUMENTS)
        assert wire.closed.acquire(timeout=5)


def test_threads_share_a_client():
    results = []
    with playing(counting) as wire, FalClient(KEY, **at(wire)) as client:
        barrier = threading.Barrier(8)

        def call():
            barrier.wait()
            results.extend(client.run(ID, ARGUMENTS).data["a"] for _ in range(10))

        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wire.connections <= 8
    assert results == [1] * 80


@pytest.mark.parametrize("has_aiohttp", [True, False])
def test_each_event_loop_has_its_own_connections_and_closes_them(has_aiohttp, monkeypatch):
    monkeypatch.setattr(transport, "has_aiohttp", lambda: has_aiohttp)
    loops = []
    with playing(counting) as wire:
        client = AsyncFalClient(KEY, **at(wire))

        async def use():
            loops.append(weakref.ref(asyncio.get_running_loop()))
            await asyncio.gather(*(client.run(ID, ARGUMENTS) for _ in range(3)))

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for _ in range(3):
                asyncio.run(use())
                for _ in range(3):
                    assert wire.closed.acquire(timeout=5)
        gc.collect()
        # Only the last loop may still be referenced, until the client is used again.
        assert [loop() for loop in loops[:-1]] == [None, None]


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_uses_no_socket_of_its_parent():
    with playing(counting) as wire, FalClient(KEY, **at(wire)) as client:
        client.run(ID, ARGUMENTS)
        child = os.fork()
        if child == 0:
            try:
                client.run(ID, ARGUMENTS)
                os._exit(0)
            except BaseException:  # noqa: BLE001 - the child must not return to the test runner
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        assert wire.connections == 2
        client.run(ID, ARGUMENTS)
        assert wire.connections == 2


def test_an_unpickled_client_uses_the_key_of_its_environment(mode, monkeypatch):
    with scripted(lambda _: Reply(200, {"a": 1})) as home:
        options = at(home, headers={"x-own": "1"}, timeout=30, event_hooks={"request": [print]})
        monkeypatch.setenv("FAL_KEY", KEY)
        client = mode.client(**options)
        client.run(ID, ARGUMENTS)
        pickled = pickle.dumps(client._target)
        assert b"very-secret" not in pickled
        copy = pickle.loads(pickled)
        monkeypatch.setenv("FAL_KEY", "other:key")
        run = copy.run(ID, ARGUMENTS)
        mode.wait(run) if mode.is_async else None
        assert home.seen[-1].headers["authorization"] == "Key other:key"
        assert home.seen[-1].headers["x-own"] == "1"
        assert copy._runner.default_options == {"timeout": 30}
        mode.wait(copy.close()) if mode.is_async else copy.close()


def test_endpoints_can_be_pickled():
    assert pickle.loads(pickle.dumps(dev.with_options(timeout=3))).__fal_endpoint__.options == {
        "timeout": 3
    }


def test_a_custom_httpx_client_is_used_and_left_open(mode):
    import httpx

    with playing(counting) as wire:
        http = httpx.AsyncClient() if mode.is_async else httpx.Client()
        client = mode.client(KEY, http_client=http, **at(wire))
        client.run(ID, ARGUMENTS)
        client.close()
        assert not http.is_closed
        mode.wait(http.aclose() if mode.is_async else http.close())
        assert wire.closed.acquire(timeout=5)


def test_all_requests_use_the_proxy_without_a_key(mode, monkeypatch):
    monkeypatch.setenv("FAL_KEY", KEY)

    def respond(seen):
        target = seen.headers["x-fal-target-url"]
        if target.endswith("/flux/dev"):
            return Reply(200, {"request_id": "r1", "status_url": "https://evil.example/x"})
        if "/status/stream" in target:
            return Reply(404, {})
        return Reply(200, {"status": "COMPLETED", "prompt": "a cat"})

    with scripted(respond) as proxy:
        client = mode.client(proxy_url=f"http://{proxy.host}/api/fal/proxy")
        assert client.subscribe(ID, ARGUMENTS, priority="low").data["prompt"] == "a cat"
        targets = [seen.headers["x-fal-target-url"] for seen in proxy.seen]
        assert targets == [
            "https://queue.fal.run/fal-ai/flux/dev",
            "https://queue.fal.run/fal-ai/flux/requests/r1/status/stream?logs=0",
            "https://queue.fal.run/fal-ai/flux/requests/r1/status?logs=0",
            "https://queue.fal.run/fal-ai/flux/requests/r1",
        ]
        assert [seen.method for seen in proxy.seen] == ["POST", "GET", "GET", "GET"]
        assert proxy.seen[0].headers["x-fal-queue-priority"] == "low"
        assert proxy.seen[0].body == b'{"prompt":"a cat"}'
        assert {seen.path for seen in proxy.seen} == {"/api/fal/proxy"}
        assert not any("authorization" in seen.headers for seen in proxy.seen)


def test_a_result_contains_the_raw_response(mode):
    headers = {"x-fal-request-id": "r1", "X-Fal-Billable-Units": "2.5", "x-two": "b"}
    with scripted(lambda _: Reply(200, {"a": 1}, headers)) as home:
        result = mode.client(KEY, **at(home)).run(ID, ARGUMENTS)
    assert result.request_id == "r1"
    assert result.billable_units == 2.5
    assert result.raw_response.status_code == 200
    assert result.raw_response.headers["x-two"] == "b"
    assert result.raw_response.body == b'{"a": 1}'
    assert result.raw_response.json() == {"a": 1}


class Network:
    """A transport that simulates which hosts are reachable, and how they respond."""

    def __init__(self, outcomes):
        self.outcomes = outcomes
        self.sent: list[HttpRequest] = []

    def send(self, request):
        self.sent.append(request)
        outcome = self.outcomes(request)
        if isinstance(outcome, TransportError):
            raise outcome
        return outcome


def send(network, safety=retries.RetrySafety.BILLED, url="https://fal.run/x", attempts=1):
    from fal_typed._core.driver import SyncDriver
    from fal_typed._core.flow import Deadline

    flow = retries.send_with_retries(
        HttpRequest("POST", url, {"authorization": "Key k"}, b"{}"),
        safety=safety,
        policy=RetryPolicy(attempts=attempts),
        deadline=Deadline(None, None),
    )
    return SyncDriver(network, sleep=lambda _: None).run(flow)


def unreachable(*hosts, sent=False):
    def outcomes(request):
        if any(request.url.startswith(f"https://{host}/") for host in hosts):
            return TransportError(f"{request}: unreachable", sent=sent)
        return HttpResponse(200, {}, b"ok", request.url)

    return outcomes


@pytest.mark.parametrize(
    ("url", "backup"),
    [
        ("https://fal.run/x?a=1", "https://falrun.com/x?a=1"),
        ("https://queue.fal.run/x", "https://queue.falrun.com/x"),
    ],
)
def test_an_unreachable_host_has_a_backup_domain(url, backup, caplog):
    network = Network(unreachable("fal.run", "queue.fal.run"))
    assert send(network, url=url).body == b"ok"
    first, second = network.sent
    assert (first.url, second.url) == (url, backup)
    assert (second.headers, second.body, second.method) == (first.headers, b"{}", "POST")
    assert second.connect_timeout == 5.0
    assert "trying the backup domain <POST" in caplog.text
    assert "a=1" not in caplog.text


@pytest.mark.parametrize("url", ["https://rest.fal.ai/x", "https://v3.fal.media/x"])
def test_other_hosts_have_no_backup_domain(url):
    network = Network(unreachable("rest.fal.ai", "v3.fal.media"))
    with pytest.raises(FalConnectionError):
        send(network, url=url)
    assert len(network.sent) == 1


def test_a_request_that_may_have_been_read_is_not_sent_to_the_backup():
    network = Network(unreachable("fal.run", sent=True))
    with pytest.raises(FalConnectionError) as caught:
        send(network)
    assert caught.value.maybe_accepted
    assert len(network.sent) == 1


def test_if_neither_host_is_reachable_the_first_error_is_raised():
    network = Network(unreachable("fal.run", "falrun.com"))
    with pytest.raises(FalConnectionError, match=r"<POST https://fal\.run/x>: unreachable"):
        send(network, attempts=2)
    assert len(network.sent) == 4


def test_a_backup_that_may_have_read_the_request_is_the_last_attempt(monkeypatch):
    def outcomes(request):
        return TransportError("broke", sent="falrun" in request.url)

    network = Network(outcomes)
    with pytest.raises(FalConnectionError) as caught:
        send(network, attempts=3)
    assert caught.value.maybe_accepted
    assert len(network.sent) == 2


def test_the_module_level_clients_are_created_on_first_use(mode, fal_emulator):
    assert mode(dev).run(prompt="a cat").data.prompt == "a cat"
    assert isinstance(default.client, FalClient)


DROPPED = """
import asyncio, gc
from fal_typed import AsyncFalClient, run_async

async def own():
    await AsyncFalClient("key").run("fal-ai/flux/dev", {"prompt": "a cat"})

async def default():
    await run_async("fal-ai/flux/dev", {"prompt": "a cat"})

def looped(function):
    loop = asyncio.new_event_loop()
    loop.run_until_complete(function())
    loop.close()

for function in (own, default):
    asyncio.run(function())
    looped(function)
    looped(function)
gc.collect()
"""


def test_clients_that_are_dropped_with_their_loop_print_nothing(fal_emulator):
    """As old programs do, which close their loop without shutting its generators down."""
    done = subprocess.run(
        [sys.executable, "-c", DROPPED],
        env={**os.environ, "FAL_EMULATOR_HOST": fal_emulator.host},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
