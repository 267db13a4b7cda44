"""Realtime inputs answered a second: one after another, and many sent before the first is read."""

from __future__ import annotations

import asyncio
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest import mock

import fal_client
import fal_client.client

from benchmarks.figures import Figure, in_turn
from benchmarks.realtime_server import running
from fal_typed import AsyncFalClient, FalClient

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 5
APP = "fal-ai/flux/dev"
ARGUMENTS = {"prompt": "a cat"}
RIVAL = "fal_client"
MESSAGES = 1000
BURST = 50


def run() -> list[Figure]:
    """Measure this SDK and fal_client in turn against one server process."""
    with running() as host, mock.patch.dict(os.environ, {"FAL_EMULATOR_HOST": host}):
        # fal_client knows no plain websockets; its own constants are the only way to a local one.
        url = mock.patch.object(fal_client.client, "REALTIME_URL_FORMAT", f"ws://{host}/fal.run/")
        with url:
            return [
                *figures("sync", sync_ours, sync_theirs),
                *figures("async", async_ours, async_theirs),
            ]


def figures(
    mode: str, ours: Callable[[int], float], theirs: Callable[[int], float]
) -> list[Figure]:
    """Each pace, in turn."""
    single, rival, burst, rival_burst = in_turn(
        ROUNDS, *(partial(side, pace) for pace in (1, BURST) for side in (ours, theirs))
    )
    compared = partial(Figure, unit="/s", rival=RIVAL, at_least=1)
    return [
        compared(f"{mode} inputs, one by one", single, rival),
        compared(f"{mode} inputs, {BURST} at once", burst, rival_burst),
    ]


def sync_ours(pace: int) -> float:
    """This SDK in sync code."""
    with FalClient() as client, client.realtime(APP, use_jwt=False) as connection:
        return per_second(connection, pace)


def sync_theirs(pace: int) -> float:
    """fal_client in sync code."""
    client = fal_client.SyncClient(key="id:secret")
    with client.realtime(APP, use_jwt=False) as connection:
        return per_second(connection, pace)


def async_ours(pace: int) -> float:
    """This SDK in async code."""

    async def measure() -> float:
        client = AsyncFalClient()
        async with client, client.realtime(APP, use_jwt=False) as connection:
            return await per_second_async(connection, pace)

    return asyncio.run(measure())


def async_theirs(pace: int) -> float:
    """fal_client in async code."""

    async def measure() -> float:
        client = fal_client.AsyncClient(key="id:secret")
        async with client.realtime(APP, use_jwt=False) as connection:
            return await per_second_async(connection, pace)

    return asyncio.run(measure())


def per_second(connection: Any, pace: int) -> float:
    """Send so many at a time, then read their results."""
    start = time.perf_counter()
    for _ in range(MESSAGES // pace):
        for _ in range(pace):
            connection.send(ARGUMENTS)
        for _ in range(pace):
            assert connection.recv()["images"]
    return MESSAGES / (time.perf_counter() - start)


async def per_second_async(connection: Any, pace: int) -> float:
    """Send so many at a time, then read their results."""
    start = time.perf_counter()
    for _ in range(MESSAGES // pace):
        for _ in range(pace):
            await connection.send(ARGUMENTS)
        for _ in range(pace):
            assert (await connection.recv())["images"]
    return MESSAGES / (time.perf_counter() - start)
