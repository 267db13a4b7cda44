"""Subscribes against a zero-delay queue server: throughput, time each, lateness, requests."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import time
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest import mock
from urllib.request import urlopen

import fal_client
import fal_client.client

from benchmarks.figures import Figure, in_turn
from benchmarks.queue_server import running
from fal_typed import AsyncFalClient
from fal_typed._transport import selection as transport
from fal_typed.endpoints.fal_ai.flux.dev import flux_dev

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ROUNDS = 3
AT_ONCE = 50
SUBSCRIBES = 400
SYNC_SUBSCRIBES = 150
LATE_JOBS = 11
RIVAL = "fal_client"
APP = "fal-ai/flux/dev"
ARGUMENTS = {"prompt": "a cat"}


def run() -> list[Figure]:
    """Measure this SDK and fal_client in turn against one server process."""
    with running() as host, mock.patch.dict(os.environ, {"FAL_EMULATOR_HOST": host}):
        # fal_client knows no plain HTTP; its own constants are the only way to a local server.
        queue = mock.patch.object(
            fal_client.client, "QUEUE_URL_FORMAT", f"http://{host}/queue.fal.run/"
        )
        with queue:
            return [*throughput(), sync_time(), lateness(), requests_each(host)]


def throughput() -> list[Figure]:
    """Async subscribes a second, with the extra `aiohttp` and without."""
    with_aiohttp, without, theirs = in_turn(
        ROUNDS,
        partial(measured, ours_per_second),
        partial(measured, ours_per_second, aiohttp=False),
        partial(measured, theirs_per_second),
    )
    compared = partial(Figure, theirs=theirs, unit="/s", rival=RIVAL)
    return [
        compared("async subscribes, aiohttp", with_aiohttp, at_least=5),
        compared("async subscribes, without", without, at_least=1.5),
    ]


def measured(measure: Callable[[], Awaitable[float]], *, aiohttp: bool = True) -> float:
    """Take an async measure in an event loop of its own."""

    async def take() -> float:
        return await measure()

    with mock.patch.object(transport, "has_aiohttp", return_value=aiohttp):
        return asyncio.run(take())


async def ours_per_second() -> float:
    """Subscribes a second with this SDK, 50 at once."""
    async with AsyncFalClient() as client:
        endpoint = flux_dev.with_options(client=client)
        return await per_second(lambda: endpoint.subscribe_async(prompt="a cat"))


async def theirs_per_second() -> float:
    """Subscribes a second with fal_client, 50 at once."""
    client = fal_client.AsyncClient(key="id:secret")
    return await per_second(lambda: client.subscribe(APP, ARGUMENTS))


async def per_second(call: Callable[[], Awaitable[Any]]) -> float:
    """Keep 50 calls going until all are done; those that open the connections do not count."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with gate:
            await call()

    await asyncio.gather(*(one() for _ in range(AT_ONCE)))
    start = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(SUBSCRIBES)))
    return SUBSCRIBES / (time.perf_counter() - start)


def sync_time() -> Figure:
    """Milliseconds per subscribe in sync code, one after another."""
    client = fal_client.SyncClient(key="id:secret")
    ours, theirs = in_turn(
        ROUNDS,
        partial(milliseconds, lambda: flux_dev.subscribe(prompt="a cat")),
        partial(milliseconds, lambda: client.subscribe(APP, ARGUMENTS)),
    )
    return Figure("sync subscribe", ours, theirs, "ms", RIVAL, at_most=0.9)


def milliseconds(call: Callable[[], Any]) -> float:
    """Time a call, on average over many."""
    call()
    start = time.perf_counter()
    for _ in range(SYNC_SUBSCRIBES):
        call()
    return (time.perf_counter() - start) / SYNC_SUBSCRIBES * 1000


def lateness() -> Figure:
    """Milliseconds from the end of a job until its result is there, median of odd run times."""
    client = fal_client.SyncClient(key="id:secret")
    ours, theirs = in_turn(
        1,
        partial(median_lateness, our_end),
        partial(median_lateness, lambda run_time: their_end(client, run_time)),
    )
    return Figure("result after the job's end", ours, theirs, "ms", RIVAL, at_most=10 / theirs)


def median_lateness(end_of: Callable[[float], float]) -> float:
    """Run jobs of different lengths and see how late each result comes."""
    late: list[float] = []
    for number in range(LATE_JOBS):
        ended = end_of(0.21 + 0.037 * number)
        late.append((time.monotonic() - ended) * 1000)
    return statistics.median(late)


def our_end(run_time: float) -> float:
    """Run a job with this SDK; gives when it ended."""
    endpoint = flux_dev.with_options(extra_arguments={"run_time": run_time})
    return float(endpoint.subscribe(prompt="a cat").raw["ended"])


def their_end(client: fal_client.SyncClient, run_time: float) -> float:
    """Run a job with fal_client; gives when it ended."""
    return float(client.subscribe(APP, {**ARGUMENTS, "run_time": run_time})["ended"])


def requests_each(host: str) -> Figure:
    """Requests that one subscribe with an update callback takes."""
    client = fal_client.SyncClient(key="id:secret")
    counted: list[int] = [count(host)]
    flux_dev.with_options(on_queue_update=lambda _: None).subscribe(prompt="a cat")
    counted.append(count(host))
    client.subscribe(APP, ARGUMENTS, on_queue_update=lambda _: None)
    counted.append(count(host))
    ours, theirs = counted[1] - counted[0], counted[2] - counted[1]
    return Figure("requests per subscribe", ours, theirs, "", RIVAL, at_most=3 / theirs)


def count(host: str) -> int:
    """How many requests the server has answered."""
    with urlopen(f"http://{host}/count") as response:
        return int(json.load(response)["requests"])
