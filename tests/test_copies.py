"""Every public object can be shown, copied and pickled, or says why it cannot."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import fal_typed
from fal_typed import (
    Acl,
    AsyncFalClient,
    AsyncHandle,
    Audio,
    FalClient,
    FalError,
    FalInputError,
    File,
    Handle,
    Image,
    Lifecycle,
    Multipart,
    Problem,
    ProxyApp,
    RetryPolicy,
    Video,
    errors,
)
from fal_typed._transport.base import SocketClosed
from fal_typed.compat import AsyncClient, SyncClient
from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput, flux_dev
from fal_typed.testing import FalEmulator

ID = "fal-ai/flux/dev"
SECRET = "very-secret"
COPIES: dict[str, Any] = {"copy": copy.copy, "deepcopy": copy.deepcopy}


def pickled(protocol: int) -> Callable[[Any], Any]:
    return lambda value: pickle.loads(pickle.dumps(value, protocol))


for number in range(pickle.HIGHEST_PROTOCOL + 1):
    COPIES[f"pickle {number}"] = pickled(number)


def everyone(_request):
    return True


def unused(client, other):
    """Objects that hold no connection."""
    result = client.subscribe(FluxDevInput(prompt="a cat"))
    handle = client.submit(FluxDevInput(prompt="a cat"))
    yield from (client, other, client.with_options(timeout=3), client.platform, other.platform)
    yield from (flux_dev, flux_dev.with_options(client=client, timeout=3))
    yield from (FluxDevInput(prompt="a cat"), result, result.data, result.data.images[0])
    yield from (result.raw_response, handle, AsyncHandle, Handle, *handle.iter_events())
    yield from (RetryPolicy(), Problem(("a", 1), "m", "t", {"le": 4}), Lifecycle("1d"), Acl())
    yield from (kind(url="https://example.com/a") for kind in (File, Image, Video, Audio))
    yield from (Multipart(), ProxyApp(everyone), SyncClient(key="k"), AsyncClient(key="k"))
    for each in (client, other):
        yield each.stream(ID, {})
        yield each.realtime(ID)
        yield each.ws_connect(ID)
        yield each.pipeline(ID)


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_what_holds_no_connection_can_be_copied(copied, fal_emulator):
    with FalClient(SECRET) as client:
        other = AsyncFalClient(SECRET)
        for value in unused(client, other):
            made = copied(value)
            assert type(made) is type(value)
            assert repr(made) == repr(value)
            assert " object at 0x" not in repr(value)
            assert SECRET not in repr(value)


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_every_error_can_be_copied(copied):
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    made: list[Exception] = [kind("message") for kind in kinds if issubclass(kind, FalError)]
    made.append(FalInputError("m", errors=[Problem(("a",), "m", "t")]))
    made.append(fal_typed.FalConnectionError("m", request_id="r", maybe_accepted=True))
    made.append(fal_typed.FalRateLimitError("m", status_code=429, body=b"b", retry_after=3.0))
    made.append(SocketClosed(1000, "bye"))
    assert len(made) > 20
    for error in made:
        again = copied(error)
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_what_holds_a_connection_says_so(copied, fal_emulator):
    with FalClient(SECRET) as client:
        stream = client.stream(ID, {"prompt": "a cat"})
        with (
            stream,
            client.realtime(ID) as realtime,
            client.ws_connect(ID, path="/realtime") as socket,
            client.pipeline(ID) as pipeline,
        ):
            pending = pipeline.submit({"prompt": "a cat"})
            for value in (stream, realtime, socket, pipeline, pending):
                with pytest.raises(TypeError, match="holds a connection"):
                    copied(value)
                assert " object at 0x" not in repr(value)


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_of_a_finished_stream_has_its_result_and_sends_nothing(copied, fal_emulator):
    with FalClient(SECRET) as client:
        stream = client.stream(ID, {"prompt": "a cat"})
        result = stream.done()
        fal_emulator.requests.clear()
        again = copied(stream)
        assert list(again) == []
        assert again.raw == stream.raw
        if again._runner is stream._runner:  # a pickle has no key
            assert again.done() == result
        assert len(fal_emulator.requests) == 0

    async def main():
        async with AsyncFalClient(SECRET) as client:
            stream = client.stream(ID, {"prompt": "a cat"})
            result = await stream.done()
            fal_emulator.requests.clear()
            again = copied(stream)
            assert [event async for event in again] == []
            assert await again.done() == result
            assert len(fal_emulator.requests) == 0

    asyncio.run(main())


def test_a_stream_that_was_closed_unread_sends_nothing_later(fal_emulator):
    with FalClient(SECRET) as client:
        stream = client.stream(ID, {"prompt": "a cat"})
        stream.close()
        assert list(pickle.loads(pickle.dumps(stream))) == []
        assert list(stream) == []
    assert len(fal_emulator.requests) == 0


def test_an_emulator_shows_where_it_listens():
    emulator = FalEmulator()
    assert repr(emulator) == "<FalEmulator: not running>"
    with emulator:
        assert repr(emulator) == f"<FalEmulator: {emulator.host}>"
        assert repr(emulator.endpoint(ID)) == f"EndpointScript({ID!r})"
        assert repr(emulator.requests) == "<RequestLog: 0 requests>"
