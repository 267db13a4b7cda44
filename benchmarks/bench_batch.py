"""A batch beside the same subscribes through `AsyncFalClient` alone, and what its journal costs."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from benchmarks.figures import Figure, in_turn
from benchmarks.queue_server import running
from fal_typed import AsyncFalClient
from fal_typed.batch import AsyncBatch
from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 5
ITEMS = 3_000
AT_ONCE = 64
LEAST_SHARE = 0.8
MOST_JOURNAL = 150.0


def run() -> list[Figure]:
    """Measure the batch and the bare client in turn against one server process."""
    journal: list[float] = []

    def batch() -> float:
        rate, cost = asyncio.run(batch_per_second())
        journal.append(cost)
        return rate

    with running() as host, mock.patch.dict(os.environ, {"FAL_EMULATOR_HOST": host}):
        ours, alone = in_turn(ROUNDS, batch, lambda: asyncio.run(client_per_second()))
    cost = sorted(journal)[len(journal) // 2]
    return [
        Figure("items", ours, alone, "/s", "AsyncFalClient alone", at_least=LEAST_SHARE),
        Figure("journal, an item", cost, MOST_JOURNAL, "µs of CPU", "budget", at_most=1),
    ]


async def client_per_second() -> float:
    """Subscribes a second through the client alone."""
    numbers = iter(range(ITEMS))
    async with AsyncFalClient() as client:

        async def work() -> None:
            for number in numbers:
                await client.subscribe(FluxDevInput(prompt=f"cat {number}"))

        begun = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        return ITEMS / (time.perf_counter() - begun)


async def batch_per_second() -> tuple[float, float]:
    """Items a second through a batch, and CPU time of the journal for each in microseconds."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.db"
        async with (
            AsyncFalClient() as client,
            AsyncBatch(
                FluxDevInput,
                journal=journal,
                client=client,
                concurrency=AT_ONCE,
                price=0.01,
                progress=False,
            ) as batch,
        ):
            begun = time.perf_counter()
            finished = [item.state async for item in batch.run(inputs())]
            seconds = time.perf_counter() - begun
        assert finished == ["completed"] * ITEMS
        return ITEMS / seconds, batch.report.journal_seconds / ITEMS * 1e6


def inputs() -> Iterator[dict[str, Any]]:
    """The inputs, as a generator."""
    for number in range(ITEMS):
        yield {"key": f"k{number}", "prompt": f"cat {number}"}
