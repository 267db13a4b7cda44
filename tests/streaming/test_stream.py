"""Streams on the emulator, in sync and async code."""

from __future__ import annotations

import asyncio
import threading

import pytest

import fal_typed
from fal_typed import (
    FalConnectionError,
    FalInputError,
    FalRateLimitError,
    FalStreamError,
    FalTimeoutError,
    FalValidationError,
    RetryPolicy,
    SchemaDriftWarning,
)
from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput, FluxDevOutput, flux_dev
from tests.scripted import Reply, scripted

ID = "fal-ai/flux/dev"
ARGUMENTS = {"prompt": "a cat"}


@pytest.fixture
def client(mode, fal_emulator):
    return mode.client()


@pytest.fixture
def dev(fal_emulator):
    return fal_emulator.endpoint(ID)


def emitting(*events):
    """A model that streams these events."""

    def handler(_arguments):
        yield from events

    return handler


class SilentModel:
    """A model that streams one event, then nothing until its stream is closed."""

    def __init__(self) -> None:
        self.was_closed = threading.Event()

    async def __call__(self, _arguments):
        try:
            yield {"seed": 1}
            await asyncio.Event().wait()
        finally:
            self.was_closed.set()


def test_an_input_object_gives_typed_events(mode, client):
    stream = client.stream(FluxDevInput(prompt="a cat", seed=7))
    events = mode.items(stream)
    assert len(events) > 1
    assert all(isinstance(event, FluxDevOutput) for event in events)
    assert events[-1].images[0].url.startswith("http")
    result = mode.adapt(stream).done()
    assert result.data == events[-1]
    assert result.raw == stream.raw
    assert result.request_id == stream.request_id


def test_an_id_gives_plain_events(mode, client):
    events = mode.items(client.stream(ID, ARGUMENTS))
    assert events[-1]["prompt"] == "a cat"


def test_endpoints_and_module_level_functions_stream(mode, fal_emulator):
    typed = mode(flux_dev).stream(prompt="a cat")
    plain = mode(fal_typed).stream(ID, arguments=ARGUMENTS)
    assert [event.seed for event in mode.items(typed)] == [
        event["seed"] for event in mode.items(plain)
    ]


def test_nothing_is_sent_before_the_first_event_is_read(fal_emulator):
    stream = flux_dev.stream(prompt="a cat")
    assert len(fal_emulator.requests) == 0
    assert stream.request_id is None
    with stream:
        assert stream.request_id
    assert len(fal_emulator.requests) == 1


def test_an_invalid_input_is_not_sent(mode, fal_emulator):
    with pytest.raises(FalInputError):
        mode(flux_dev).stream(prompt=1)
    assert len(fal_emulator.requests) == 0


def test_only_the_last_event_must_match_the_schema(mode, client, dev):
    dev.events = [{"seed": 1}, {"seed": 2, "images": "soon"}]
    stream = client.stream(FluxDevInput(prompt="a cat"))
    first, last = mode.items(stream)
    assert (first.seed, first.images) == (1, None)
    assert last.images == "soon"
    assert stream.raw == {"seed": 2, "images": "soon"}
    with pytest.warns(SchemaDriftWarning, match="images"):
        result = mode.adapt(stream).done()
    assert result.raw == {"seed": 2, "images": "soon"}


def test_a_rejected_request_keeps_status_body_and_request_id(mode, client):
    with pytest.raises(FalValidationError) as caught:
        mode.items(client.stream(ID, {"prompt": 1}))
    assert caught.value.status_code == 422
    assert caught.value.errors[0].loc == ("prompt",)
    assert b"prompt" in caught.value.body
    assert caught.value.request_id


def test_a_malformed_event_is_reported_and_skipped(mode, client, dev):
    dev.handler = emitting({"n": 1}, b"data: {oops\n\n", {"n": 2})
    stream = client.stream(ID, ARGUMENTS)
    with pytest.warns(SchemaDriftWarning, match="oops"):
        assert mode.items(stream) == [{"n": 1}, {"n": 2}]
    (error,) = stream.errors
    assert isinstance(error, FalStreamError)
    assert error.request_id == stream.request_id
    assert mode.adapt(stream).done().data == {"n": 2}


def test_an_end_marker_is_not_an_event(mode, client, dev):
    dev.handler = emitting({"n": 1}, b"data: [DONE]\n\n")
    stream = client.stream(ID, ARGUMENTS)
    assert mode.items(stream) == [{"n": 1}]
    assert stream.errors == []


def test_falsy_events_are_events(mode, client, dev):
    dev.handler = emitting(0, None, "", [])
    assert mode.items(client.stream(ID, ARGUMENTS)) == [0, None, "", []]


@pytest.mark.parametrize("option", ["timeout", "idle_timeout"])
def test_a_silent_stream_times_out(mode, client, dev, option):
    dev.handler = silence = SilentModel()
    stream = client.stream(ID, ARGUMENTS, **{option: 0.3})
    with pytest.raises(FalTimeoutError) as caught:
        mode.items(stream)
    assert caught.value.timeout == 0.3
    assert caught.value.request_id == stream.request_id
    assert stream.raw == {"seed": 1}
    assert silence.was_closed.wait(5)


@pytest.mark.parametrize("option", ["timeout", "idle_timeout"])
def test_a_stream_times_out_before_its_first_byte(mode, client, dev, option):
    dev.queue_time = 60
    with pytest.raises(FalTimeoutError):
        mode.items(client.stream(ID, ARGUMENTS, **{option: 0.3}))


def test_timeout_limits_the_whole_stream(mode, client, dev):
    async def drip(_arguments):
        for _ in range(500):  # ten seconds
            yield {"seed": 1}
            await asyncio.sleep(0.02)

    dev.handler = drip
    with pytest.raises(FalTimeoutError, match="did not finish"):
        mode.items(client.stream(ID, ARGUMENTS, timeout=0.4, idle_timeout=10))


def test_leaving_early_closes_the_connection(mode, fal_emulator, dev):
    dev.handler = silence = SilentModel()
    with mode.inside(mode.bare_client().stream(ID, ARGUMENTS)) as stream:
        assert (stream._target.raw, stream.request_id is None) == (None, False)
    assert silence.was_closed.wait(5)
    with pytest.raises(FalStreamError, match="closed before its end"):
        stream.done()


def test_closing_after_the_end_or_twice_is_allowed(mode, client):
    stream = client.stream(ID, ARGUMENTS)
    adapted = mode.adapt(stream)
    first = adapted.done()
    adapted.close()
    adapted.close()
    assert adapted.done() == first


def test_a_stream_without_events_has_no_result(mode, client, dev):
    dev.handler = emitting()
    with pytest.raises(FalStreamError, match="without any event"):
        mode.adapt(client.stream(ID, ARGUMENTS)).done()


def test_a_broken_connection_is_an_error_and_gives_no_result(mode, client, fal_emulator):
    fal_emulator.endpoint(ID).faults.add("drop", route="stream")
    stream = client.stream(ID, ARGUMENTS)
    with pytest.raises(FalConnectionError) as caught:
        mode.items(stream)
    assert caught.value.request_id == stream.request_id
    with pytest.raises(FalStreamError):
        mode.adapt(stream).done()


def test_a_request_that_may_have_been_accepted_is_not_retried(mode, client, fal_emulator):
    fal_emulator.endpoint(ID).faults.add("reset_after", route="stream")
    with pytest.raises(FalConnectionError) as caught:
        mode.items(client.stream(ID, ARGUMENTS))
    assert caught.value.maybe_accepted
    assert len(fal_emulator.requests.of("stream")) == 1


def test_a_rejected_request_is_retried(mode, fal_emulator):
    fal_emulator.endpoint(ID).faults.add("rate_limited", route="stream", seconds=0)
    patient = mode.client(retry=RetryPolicy(base_delay=0))
    assert mode.items(patient.stream(ID, ARGUMENTS))
    fal_emulator.endpoint(ID).faults.add("rate_limited", route="stream", seconds=0)
    with pytest.raises(FalRateLimitError):
        mode.items(mode.client(retry=RetryPolicy(attempts=1)).stream(ID, ARGUMENTS))


def test_paths_match_those_of_fal_client(mode, client, fal_emulator):
    mode.items(client.stream(ID, ARGUMENTS, path="/stream", headers={"x-mine": "1"}))
    mode.items(client.stream(f"{ID}/stream", ARGUMENTS))
    first, second = fal_emulator.requests
    assert first.path == second.path == f"/{ID}/stream"
    assert first.headers["x-mine"] == "1"


def test_a_json_response_is_one_event(mode, monkeypatch):
    content = {"seed": 1}
    headers = {"content-type": "application/json; charset=utf-8", "x-fal-request-id": "r-1"}
    with scripted(lambda _: Reply(body=content, headers=headers)) as server:
        stream = mode.client(key="a:b", run_host=server.host).stream(ID, ARGUMENTS)
        assert mode.items(stream) == [content]
        assert mode.adapt(stream).done().request_id == "r-1"


def test_any_other_response_is_returned_as_bytes(mode):
    headers = {"content-type": "audio/mpeg"}
    with scripted(lambda _: Reply(body=b"\xff\xf3sound", headers=headers)) as server:
        client = mode.client(key="a:b", run_host=server.host)
        events = mode.items(client.stream(FluxDevInput(prompt="a cat")))
    assert b"".join(events) == b"\xff\xf3sound"


def test_an_async_stream_can_be_awaited(fal_emulator):
    async def main():
        async with fal_typed.AsyncFalClient() as client:
            stream = await client.stream(FluxDevInput(prompt="a cat"))
            assert stream.request_id
            return await stream.done()

    assert asyncio.run(main()).data.prompt == "a cat"
