"""The emulator beside a load from aiohttp: requests a second, memory, time until it is ready."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from benchmarks.emulator_server import running
from benchmarks.figures import Figure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ROUNDS = 3
AT_ONCE = 50
TRIPS = 1_500
REQUESTS_A_TRIP = 3
IN_FLIGHT = 10_000
LONG_RUN = 20.0
APP = "fal-ai/flux/dev"
BUDGET = "budget"
BUDGETS = {"requests": 1_500, "memory": 500, "ready": 300}
START = """
import time
begun = time.perf_counter()
from fal_typed.testing import FalEmulator
with FalEmulator():
    print((time.perf_counter() - begun) * 1000)
"""


def run() -> list[Figure]:
    """Measure the emulator against its budgets."""
    return [*throughput(), jobs_in_flight(), runs_in_flight(), ready()]


def throughput() -> list[Figure]:
    """Requests a second of submit, status and result, each trip with an input of its own.

    The second figure is per second of the emulator's processor time: other programs on the
    machine do not change it.
    """
    with running(run_time=0.0) as (host, process_id):
        before = processor_time(process_id)
        rounds = [asyncio.run(trips_per_second(host, number)) for number in range(ROUNDS)]
        spent = processor_time(process_id) - before
    requests = ROUNDS * (TRIPS + AT_ONCE) * REQUESTS_A_TRIP
    rate = statistics.median(rounds) * REQUESTS_A_TRIP
    return [
        Figure("requests", rate, BUDGETS["requests"], "/s", BUDGET, at_least=1),
        Figure("of its processor", requests / spent, BUDGETS["requests"], "/s", BUDGET, at_least=1),
    ]


def processor_time(process_id: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def trips_per_second(host: str, number: int) -> float:
    """Keep 50 trips going until all are done; those that open the connections do not count."""
    async with aiohttp.ClientSession() as session:

        async def trip(index: int) -> None:
            prompt = f"cat {index} of round {number}"
            submitted = await answer(
                session.post(f"http://{host}/queue.fal.run/{APP}", json={"prompt": prompt})
            )
            status = await answer(session.get(submitted["status_url"]))
            result = await answer(session.get(submitted["response_url"]))
            assert (status["status"], result["prompt"]) == ("COMPLETED", prompt)

        await at_once(trip, range(-AT_ONCE, 0))
        start = time.perf_counter()
        await at_once(trip, range(TRIPS))
        return TRIPS / (time.perf_counter() - start)


async def answer(request: Any) -> dict[str, Any]:
    """The JSON that a request is answered with."""
    async with request as response:
        content: dict[str, Any] = json.loads(await response.read())
        return content


async def at_once(call: Callable[[int], Awaitable[None]], numbers: range) -> None:
    """Make the calls, 50 at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with gate:
            await call(number)

    await asyncio.gather(*map(one, numbers))


def jobs_in_flight() -> Figure:
    """MiB of the emulator at its worst while 10,000 jobs run in its queue."""
    with running(run_time=3600) as (host, process_id):
        asyncio.run(submit_many(host))
        return memory("memory, 10,000 jobs", process_id)


async def submit_many(host: str) -> None:
    """Submit 10,000 jobs that do not end soon."""
    async with aiohttp.ClientSession() as session:

        async def submit(number: int) -> None:
            body = {"prompt": f"cat {number}"}
            await answer(session.post(f"http://{host}/queue.fal.run/{APP}", json=body))

        await at_once(submit, range(IN_FLIGHT))


def runs_in_flight() -> Figure:
    """MiB of the emulator at its worst while 10,000 connections wait for a run."""
    with more_files(2 * IN_FLIGHT + 1_000), running(LONG_RUN) as (host, process_id):
        asyncio.run(run_many(host))
        return memory("memory, 10,000 open runs", process_id)


async def run_many(host: str) -> None:
    """Start 10,000 runs, each on a connection of its own, and wait until they are answered."""
    sent = 0

    async def count_sent(*_: object) -> None:
        nonlocal sent
        sent += 1

    async def all_were_sent(*_: object) -> None:
        assert sent == IN_FLIGHT, "an answer came before the last request was sent"

    trace = aiohttp.TraceConfig()
    trace.on_request_chunk_sent.append(count_sent)
    trace.on_request_end.append(all_were_sent)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=None),
        trace_configs=[trace],
    ) as session:
        url = f"http://{host}/fal.run/{APP}"
        answers = await asyncio.gather(
            *(answer(session.post(url, json={"prompt": f"cat {n}"})) for n in range(IN_FLIGHT))
        )
    assert all(each["images"] for each in answers)


class more_files:  # noqa: N801  (used as a function)
    """Lets this process and those it starts have so many files open, as far as the system does."""

    def __init__(self, count: int) -> None:
        self._before = resource.getrlimit(resource.RLIMIT_NOFILE)
        hardest = self._before[1]
        unlimited = hardest == resource.RLIM_INFINITY
        self._wanted = count if unlimited else min(count, hardest)

    def __enter__(self) -> None:
        wanted = max(self._wanted, self._before[0])
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, self._before[1]))

    def __exit__(self, *_: object) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, self._before)


def memory(name: str, process_id: int) -> Figure:
    """The most memory that a process had at any time, in MiB."""
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    peak = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    return Figure(name, int(peak) / 1024, BUDGETS["memory"], "MiB", BUDGET, at_most=1)


def ready() -> Figure:
    """Milliseconds from the import to a running emulator, in a fresh process."""
    times = [float(subprocess.check_output([sys.executable, "-c", START])) for _ in range(5)]
    return Figure("ready", statistics.median(times), BUDGETS["ready"], "ms", BUDGET, at_most=1)
