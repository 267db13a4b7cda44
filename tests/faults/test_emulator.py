"""The emulator works whatever its handlers do, and while time is frozen."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timezone

import pytest

from fal_typed import FalClient
from fal_typed.testing import FalEmulator

APP = "fal-ai/flux/dev"


def test_a_handler_may_call_the_same_emulator(mode, monkeypatch):
    with FalEmulator(run_time=0.0) as emulator:
        monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
        emulator.endpoint("my/inner").responds({"value": 1})

        def handler(_arguments):
            with FalClient() as client:
                return client.run("my/inner", arguments={}).raw

        emulator.endpoint("my/outer").handler = handler
        assert mode.client().run("my/outer", arguments={}).raw == {"value": 1}
        assert mode.client().subscribe("my/outer", arguments={}).raw == {"value": 1}


@pytest.mark.parametrize("kind", ["function", "generator"])
def test_the_emulator_serves_and_stops_while_a_handler_blocks(kind, monkeypatch):
    released, entered = threading.Event(), threading.Event()

    def block(_arguments):
        entered.set()
        released.wait()
        return {}

    def events(arguments):
        yield block(arguments)

    emulator = FalEmulator(run_time=0.0)
    emulator.start()
    monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
    try:
        emulator.endpoint("my/app").handler = block if kind == "function" else events
        emulator.endpoint("my/other").responds({"value": 1})
        with FalClient() as client:
            client.submit("my/app", arguments={})
            assert entered.wait(30)
            assert client.run("my/other", arguments={}).raw == {"value": 1}
        stopping = threading.Thread(target=emulator.stop)
        stopping.start()
        stopping.join(30)
        assert not stopping.is_alive()
    finally:
        released.set()
        emulator.stop()


def test_jobs_run_while_time_is_frozen(mode, monkeypatch):
    at = datetime(2024, 2, 29, tzinfo=timezone.utc).timestamp()
    monkeypatch.setattr(time, "time", lambda: at)
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    with FalEmulator(queue_time=0.01, run_time=0.01) as emulator:
        monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
        monkeypatch.setattr(time, "monotonic", REAL_MONOTONIC)  # the caller's own event loop
        result = mode.client().subscribe(APP, arguments={"prompt": "a cat"})
        assert result.raw["images"]


REAL_MONOTONIC = time.monotonic
