"""Server-sent events a second, read as they come from one server that sends them at once."""

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
from benchmarks.queue_server import EVENTS, running
from fal_typed import AsyncFalClient, FalClient
from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

ROUNDS = 5
APP = "fal-ai/flux/dev"
ARGUMENTS = {"prompt": "a cat"}
RIVAL = "fal_client"


def run() -> list[Figure]:
    """Measure this SDK, with plain and with typed events, and fal_client, with plain ones."""
    with running() as host, mock.patch.dict(os.environ, {"FAL_EMULATOR_HOST": host}):
        # fal_client knows no plain HTTP; its own constants are the only way to a local server.
        url = mock.patch.object(fal_client.client, "RUN_URL_FORMAT", f"http://{host}/fal.run/")
        with url:
            return [*sync_figures(), *async_figures()]


def sync_figures() -> list[Figure]:
    """Events a second in sync code."""
    with FalClient() as client:
        rival = fal_client.SyncClient(key="id:secret")
        plain, typed, theirs = in_turn(
            ROUNDS,
            partial(per_second, lambda: client.stream(APP, ARGUMENTS)),
            partial(per_second, lambda: client.stream(FluxDevInput(prompt="a cat"))),
            partial(per_second, lambda: rival.stream(APP, ARGUMENTS)),
        )
    return figures("sync", plain, typed, theirs)


def async_figures() -> list[Figure]:
    """Events a second in async code."""
    plain, typed, theirs = in_turn(
        ROUNDS,
        partial(per_second_async, lambda client: client.stream(APP, ARGUMENTS)),
        partial(per_second_async, lambda client: client.stream(FluxDevInput(prompt="a cat"))),
        partial(per_second_async, their_stream),
    )
    return figures("async", plain, typed, theirs)


def figures(mode: str, plain: float, typed: float, theirs: float) -> list[Figure]:
    """The same two comparisons in each mode."""
    compared = partial(Figure, theirs=theirs, unit="/s", rival=RIVAL)
    return [
        compared(f"{mode} events, plain", plain, at_least=1),
        compared(f"{mode} events, typed", typed, at_least=1),
    ]


def their_stream(_: AsyncFalClient) -> AsyncIterator[Any]:
    """A stream of fal_client's."""
    return fal_client.AsyncClient(key="id:secret").stream(APP, ARGUMENTS)


def per_second(stream: Callable[[], Iterator[Any]]) -> float:
    """Read a stream to its end."""
    start = time.perf_counter()
    number = sum(1 for _ in stream())
    assert number == EVENTS, number
    return EVENTS / (time.perf_counter() - start)


def per_second_async(stream: Callable[[AsyncFalClient], AsyncIterator[Any]]) -> float:
    """Read a stream to its end in an event loop of its own."""

    async def read() -> float:
        async with AsyncFalClient() as client:
            start = time.perf_counter()
            number = 0
            async for _ in stream(client):
                number += 1
            assert number == EVENTS, number
            return EVENTS / (time.perf_counter() - start)

    return asyncio.run(read())
