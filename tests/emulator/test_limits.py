"""Limits of concurrency and rate."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from fal_typed.testing import FalEmulator, VirtualClock

DEV = "fal-ai/flux/dev"


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def still(clock):
    """An emulator whose clock only the test advances."""
    with FalEmulator(clock=clock, run_time=10) as emulator:
        yield emulator


@pytest.mark.parametrize("path", ["", "/stream"])
def test_direct_runs_above_the_concurrency_are_refused(emulator, http, path):
    gate = asyncio.Event()

    async def held(_arguments: object) -> dict:
        await gate.wait()
        return {}

    dev = emulator.endpoint(DEV)
    dev.limits.concurrency, dev.handler = 2, held

    def post() -> httpx.Response:
        return http.post(f"{emulator.url}/fal.run/{DEV}{path}", json={"prompt": "x"})

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(post) for _ in range(2)]
        emulator.requests.wait_for(lambda _one: len(emulator.requests) == 2)
        third = post()
        emulator.call_soon(gate.set)
    assert third.status_code == 429
    assert third.headers["x-fal-needs-retry"] == "1"
    assert third.json()["error_type"] == "concurrent_requests_limit"
    assert [one.result().status_code for one in running] == [200, 200]
    assert post().status_code == 200


def test_jobs_above_the_concurrency_wait_in_the_queue(still, clock, http):
    still.endpoint(DEV).limits.concurrency = 1
    jobs = [
        http.post(f"{still.url}/queue.fal.run/{DEV}", json={"prompt": "x"}).json() for _ in range(3)
    ]

    def stages() -> list[str]:
        return [http.get(job["status_url"]).json()["status"] for job in jobs]

    assert stages() == ["IN_PROGRESS", "IN_QUEUE", "IN_QUEUE"]
    clock.advance(10)
    assert stages() == ["COMPLETED", "IN_PROGRESS", "IN_QUEUE"]
    clock.advance(20)
    assert stages() == ["COMPLETED"] * 3


def test_the_rate_applies_to_the_last_second(still, clock, http):
    still.endpoint(DEV).limits.rate = 2
    url = f"{still.url}/queue.fal.run/{DEV}"
    first = [http.post(url, json={"prompt": "x"}) for _ in range(3)]
    assert [one.status_code for one in first] == [200, 200, 429]
    assert float(first[2].headers["retry-after"]) == 1
    clock.advance(1)
    assert http.post(url, json={"prompt": "x"}).status_code == 200
