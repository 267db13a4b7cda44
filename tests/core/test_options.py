"""Options of the client, the endpoint, the call and the handle, and what each of them reaches."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from fal_typed import (
    FalCredentialsError,
    FalHTTPError,
    FalInputError,
    FalTimeoutError,
    File,
    Result,
)
from tests.core.flux import ID, dev
from tests.scripted import Reply, scripted

KEY = "id:secret"
SLOW = 60.0
ARGUMENTS = {"prompt": "a cat"}


def waits(call: Callable[[], Any]) -> bool:
    """Whether a call of a job that never completes ends by a timeout of 0.2 s."""
    try:
        call()
    except FalTimeoutError:
        return False
    return True


ENTRY_POINTS: dict[str, Callable[[Any, Any, str], Any]] = {
    "subscribe": lambda mode, client, _: client.subscribe(ID, ARGUMENTS),
    "run": lambda mode, client, _: client.run(ID, ARGUMENTS),
    "submit and get": lambda mode, client, _: client.submit(ID, ARGUMENTS).get(),
    "iter_events": lambda mode, client, job: mode.items(client.handle(ID, job).iter_events()),
    "handle.get": lambda mode, client, job: client.handle(ID, job).get(),
    "result": lambda mode, client, job: client.result(ID, job),
    "stream": lambda mode, client, _: mode.items(client.stream(ID, ARGUMENTS)),
    "endpoint.subscribe": lambda mode, client, _: mode(
        dev.with_options(client=client._target)
    ).subscribe(prompt="a cat"),
    "endpoint.result": lambda mode, client, job: mode(
        dev.with_options(client=client._target)
    ).result(job),
}


@pytest.mark.parametrize("entry", ENTRY_POINTS)
@pytest.mark.parametrize("level", ["client", "with_options"])
def test_a_timeout_of_the_client_reaches_every_call(entry, level, mode, fal_emulator):
    fal_emulator.endpoint(ID).run_time = SLOW
    job = mode.client().submit(ID, ARGUMENTS).request_id
    client = mode.client(timeout=0.2) if level == "client" else mode.client()
    if level == "with_options":
        client = mode.adapt(client._target.with_options(timeout=0.2))
    assert not waits(lambda: ENTRY_POINTS[entry](mode, client, job))


def test_an_explicit_none_lifts_the_clients_timeout(mode, fal_emulator):
    fal_emulator.endpoint(ID).run_time = 0.4
    client = mode.client(timeout=0.2)
    handle = client.submit(ID, ARGUMENTS)
    assert isinstance(handle.get(timeout=None), Result)
    assert isinstance(client.result(ID, handle.request_id, timeout=None), Result)


@pytest.mark.parametrize("call", ["get", "iter_events", "status"])
def test_logs_of_with_options_reach_handles(call, mode, fal_emulator):
    fal_emulator.endpoint(ID).logs = ("one", "two")
    updates: list[Any] = []
    options: dict[str, Any] = {"with_logs": True, "on_queue_update": updates.append}
    handle = mode(dev.with_options(**options)).submit(prompt="a cat")
    handle.get()
    if call == "get":
        assert updates
        assert [log.message for log in updates[-1].logs] == ["one", "two"]
    elif call == "iter_events":
        assert mode.items(handle.iter_events())[-1].logs
    else:
        assert handle.status().logs
        assert not handle.status(with_logs=False).logs


@pytest.mark.parametrize("call", ["download", "platform"])
def test_downloads_and_the_platform_api_have_the_clients_timeout(call, mode, monkeypatch):
    passed = threading.Event()
    with scripted(lambda _: Reply(200, b"x") if passed.wait(10) else Reply(500)) as home:
        monkeypatch.setenv("FAL_EMULATOR_HOST", home.host)
        client = mode.client(timeout=0.2)
        file = mode(File(url=f"http://{home.host}/a.bin"))
        calls: dict[str, Callable[[], Any]] = {
            "download": lambda: file.read(client=client._target),
            "platform": lambda: mode.adapt(client.platform).models(),
        }
        with pytest.raises(FalTimeoutError):
            calls[call]()
        passed.set()


def test_headers_of_a_call_are_on_every_request_of_its_job(mode, fal_emulator):
    client = mode.client()
    handle = client.submit(ID, ARGUMENTS, headers={"X-Team": "a"})
    handle.status()
    handle.get()
    fal_emulator.endpoint(ID).run_time = SLOW
    client.submit(ID, ARGUMENTS, headers={"X-Team": "a"}).cancel()
    routes = {r.route for r in fal_emulator.requests if r.headers.get("x-team") == "a"}
    assert {"submit", "status", "status_stream", "result", "cancel"} <= routes


@pytest.mark.parametrize("call", ["run", "subscribe", "submit", "stream", "pipeline"])
def test_an_option_of_another_call_is_an_error_that_names_both(call, mode):
    client = mode.client(KEY)
    arguments = () if call == "pipeline" else (ARGUMENTS,)
    with pytest.raises(TypeError, match=rf"{call}\(\) .*'throttle'.*realtime"):
        getattr(client, call)(ID, *arguments, throttle=1)


def test_copies_in_a_process_keep_everything(mode, monkeypatch):
    monkeypatch.setenv("FAL_KEY", "of:environment")
    seen: list[Any] = []
    with scripted(lambda _: Reply(200, {"request_id": "r1"})) as home:
        options: dict[str, Any] = {"run_host": home.host, "queue_host": home.host}
        client = mode.client(KEY, event_hooks={"request": [seen.append]}, **options)
        signed = mode.client(headers={"Authorization": "Key own:header"}, **options)
        handle = client.submit(ID, ARGUMENTS)._target
        for made, authorization in ((client._target, KEY), (signed._target, "own:header")):
            copies = [copy.copy(made), copy.deepcopy(made), made.with_options(timeout=9)]
            for other in copies:
                mode.adapt(other).submit(ID, ARGUMENTS)
                assert home.seen[-1].headers["authorization"] == f"Key {authorization}"
        for other in (copy.copy(handle), copy.deepcopy(handle)):
            mode.adapt(other).status()
            assert home.seen[-1].headers["authorization"] == f"Key {KEY}"
    assert len(seen) == 6


def test_a_pickled_client_that_had_a_key_does_not_pay_with_another(mode, monkeypatch):
    monkeypatch.setenv("FAL_KEY", "of:environment")
    with scripted(lambda _: Reply(200, {"request_id": "r1"})) as home:
        options: dict[str, Any] = {"run_host": home.host, "queue_host": home.host}
        for made in (
            mode.client(KEY, **options),
            mode.client(headers={"Authorization": f"Key {KEY}"}, **options),
        ):
            stored = pickle.dumps(made._target)
            assert b"secret" not in stored
            twice = pickle.loads(pickle.dumps(pickle.loads(stored)))
            with pytest.raises(FalCredentialsError, match="with_key"):
                mode.adapt(twice).submit(ID, ARGUMENTS)
            assert not home.seen
            mode.adapt(twice.with_key("new:key")).submit(ID, ARGUMENTS)
            assert home.seen.pop().headers["authorization"] == "Key new:key"
            mode.wait(twice.close())
        plain = pickle.loads(pickle.dumps(mode.client(**options)._target))
        mode.adapt(plain).submit(ID, ARGUMENTS)
        mode.wait(plain.close())
        assert home.seen[-1].headers["authorization"] == "Key of:environment"


@pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308, 399])
@pytest.mark.parametrize("call", ["run", "submit", "cancel", "status", "upload", "stream"])
def test_only_2xx_is_success(call, status, mode, monkeypatch):
    reply = Reply(status, b"" if status == 304 else b"{}", {"location": "/elsewhere"})
    with scripted(lambda _: reply) as home:
        monkeypatch.setenv("FAL_EMULATOR_HOST", home.host)
        client = mode.client(KEY)
        calls: dict[str, Callable[[], Any]] = {
            "run": lambda: client.run(ID, ARGUMENTS),
            "submit": lambda: client.submit(ID, ARGUMENTS),
            "cancel": lambda: client.cancel(ID, "r1"),
            "status": lambda: client.status(ID, "r1"),
            "upload": lambda: client.upload(b"x", "text/plain", fallback_repository=[]),
            "stream": lambda: mode.items(client.stream(ID, ARGUMENTS)),
        }
        with pytest.raises(FalHTTPError, match=str(status)) as caught:
            calls[call]()
        assert caught.value.status_code == status
        assert len(home.seen) == 1, "a redirect is not followed, as the request carries the key"


def test_a_client_of_the_other_kind_is_refused(mode, fal_emulator):
    other = httpx.Client() if mode.is_async else httpx.AsyncClient()
    with pytest.raises(FalInputError, match="http_client"):
        mode.client(KEY, http_client=other).run(ID, ARGUMENTS)
    assert not list(fal_emulator.requests)
    if isinstance(other, httpx.AsyncClient):
        mode.wait(other.aclose())
    else:
        other.close()
