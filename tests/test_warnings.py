"""Warnings name the line of the caller's program that led to them."""

from __future__ import annotations

import asyncio
import linecache
import warnings

import pytest

from fal_typed import AsyncFalClient, FalClient
from fal_typed.compat import AsyncClient, SyncClient
from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput, flux_dev
from fal_typed.endpoints.tripo3d.tripo.v2_5 import image_to_3d
from fal_typed.testing import FalEmulator

ID = "fal-ai/flux/dev"
URL = "https://example.com/a.png"
DRIFTED = {"images": "none", "seed": "x"}


def made(client):
    image_to_3d.Input(image_url=URL, style="gold")  # WARNS


def subscribed(client):
    client.subscribe(FluxDevInput(prompt="a cat"))  # WARNS


def waited(client):
    handle = client.submit(FluxDevInput(prompt="a cat"))
    handle.get()  # WARNS


def called(client):
    flux_dev.with_options(client=client).run(prompt="a cat")  # WARNS


def iterated(client):
    stream = client.stream(FluxDevInput(prompt="a cat"))
    list(stream)  # WARNS


def looped(client):
    with client.stream(FluxDevInput(prompt="a cat")) as stream:
        for _ in stream:  # WARNS
            pass


def uploaded(client):
    client.upload(b"x", repository="cdn")  # WARNS


def waiting_longer(client):
    other = SyncClient(key="key")
    other.subscribe(ID, {"prompt": "a cat"}, client_timeout=5, start_timeout=10)  # WARNS


def emulating(client):
    with FalEmulator(host="0.0.0.0"):  # WARNS
        pass


async def subscribed_async(client):
    await client.subscribe(FluxDevInput(prompt="a cat"))  # WARNS


async def waited_async(client):
    handle = await client.submit(FluxDevInput(prompt="a cat"))
    await handle.get()  # WARNS


async def called_async(client):
    await flux_dev.with_options(client=client).run_async(prompt="a cat")  # WARNS


async def iterated_async(client):
    stream = client.stream(FluxDevInput(prompt="a cat"))
    [event async for event in stream]  # WARNS


async def uploaded_async(client):
    await client.upload(b"x", repository="cdn")  # WARNS


async def waiting_longer_async(client):
    other = AsyncClient(key="key")
    await other.subscribe(ID, {"prompt": "a cat"}, client_timeout=5, start_timeout=10)  # WARNS


def run_at_once(client):
    asyncio.run(flux_dev.subscribe_async(prompt="a cat"))  # WARNS


SYNC = [
    made,
    subscribed,
    waited,
    called,
    iterated,
    looped,
    uploaded,
    waiting_longer,
    emulating,
    run_at_once,
]
ASYNC = [
    subscribed_async,
    waited_async,
    called_async,
    iterated_async,
    uploaded_async,
    waiting_longer_async,
]


def malformed(_arguments):
    yield b"data: {oops\n\n"


@pytest.fixture
def drifting(request, fal_emulator):
    dev = fal_emulator.endpoint(ID)
    if "iterated" in request.node.name or "looped" in request.node.name:
        dev.handler = malformed
    else:
        dev.responds(DRIFTED)
    return fal_emulator


def check(warned):
    warned = [each for each in warned if each.category is not ResourceWarning]
    assert warned
    for warning in warned:
        assert warning.filename == __file__, warning
        assert "# WARNS" in linecache.getline(__file__, warning.lineno), warning


@pytest.mark.parametrize("program", SYNC, ids=lambda function: function.__name__)
def test_a_warning_names_the_callers_line(program, drifting):
    with FalClient("key") as client, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        program(client)
    check(warned)


@pytest.mark.parametrize("program", ASYNC, ids=lambda function: function.__name__)
def test_a_warning_names_the_callers_line_in_async_code(program, drifting):
    async def main():
        async with AsyncFalClient("key") as client:
            await program(client)

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        asyncio.run(main())
    check(warned)
