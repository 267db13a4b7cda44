"""Pipelines: many runs over one websocket."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from fal_typed import (
    AsyncFalClient,
    FalConnectionError,
    FalInputError,
    FalProtocolError,
    FalTimeoutError,
    FalValidationError,
)
from fal_typed._realtime.pipelines import ResponseReader
from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput, FluxDevOutput, flux_dev

ID = "fal-ai/flux/dev"


@pytest.fixture
def client(mode, fal_emulator):
    return mode.bare_client(key="id:secret")


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if "pipeline" in thread.name}


def test_runs_are_sent_at_once_and_results_arrive_in_order(mode, client, fal_emulator):
    with mode.inside(client.pipeline(flux_dev)) as pipeline:
        pending = [pipeline.submit(prompt="a cat", seed=seed) for seed in range(5)]
        results = [mode.adapt(run).get() for run in reversed(pending)]
    assert [result.data.seed for result in results] == [4, 3, 2, 1, 0]
    assert all(isinstance(result.data, FluxDevOutput) for result in results)
    assert len({result.request_id for result in results}) == 5
    assert results[0].metrics["time_to_first_byte_seconds"] > 0
    (record,) = fal_emulator.requests.of("http_over_websocket")
    assert record.headers["authorization"] == "Key id:secret"
    assert not threads()


def test_input_objects_and_mappings_are_accepted(mode, client):
    with mode.inside(client.pipeline(FluxDevInput)) as pipeline:
        assert pipeline.run(FluxDevInput(prompt="a cat")).data.prompt == "a cat"
    with mode.inside(client.pipeline(ID)) as pipeline:
        assert pipeline.run({"prompt": "a cat"}).data["prompt"] == "a cat"


def test_an_endpoint_opens_a_pipeline(mode, fal_emulator):
    open_one = flux_dev.pipeline_async if mode.is_async else flux_dev.pipeline
    with mode.inside(open_one()) as pipeline:
        assert pipeline.run(prompt="a cat", seed=1).data.seed == 1
        with pytest.raises(FalInputError):
            pipeline.run(prompt="a cat", num_images=9)


def test_a_result_can_be_read_twice(mode, client):
    with mode.inside(client.pipeline(ID)) as pipeline:
        run = mode.adapt(pipeline.submit({"prompt": "a cat"}))
        assert run.get().data == run.get().data


def test_a_failed_run_does_not_affect_others(mode, client):
    with mode.inside(client.pipeline(ID)) as pipeline:
        bad, good = (mode.adapt(pipeline.submit({"prompt": p})) for p in (1, "a cat"))
        with pytest.raises(FalValidationError) as caught:
            bad.get()
        assert caught.value.errors[0].loc == ("prompt",)
        assert caught.value.request_id
        assert good.get().data["prompt"] == "a cat"


def test_a_timed_out_wait_can_be_continued(mode, client, fal_emulator):
    fal_emulator.endpoint(ID).run_time = 0.5
    with mode.inside(client.pipeline(ID)) as pipeline:
        run = mode.adapt(pipeline.submit({"prompt": "a cat"}))
        with pytest.raises(FalTimeoutError):
            run.get(timeout=0.05)
        assert run.get().data["prompt"] == "a cat"


def test_a_broken_connection_fails_pending_runs_without_a_retry(mode, client, fal_emulator):
    fal_emulator.endpoint(ID).faults.add("drop", route="http_over_websocket", after=3)
    with mode.inside(client.pipeline(ID)) as pipeline:
        first, *lost = (mode.adapt(pipeline.submit({"prompt": p})) for p in "abc")
        assert first.get().data["prompt"] == "a"
        for run in lost:
            with pytest.raises(FalConnectionError) as caught:
                run.get()
            assert caught.value.maybe_accepted
        with pytest.raises(FalConnectionError) as caught:
            pipeline.submit({"prompt": "d"})
    (record,) = fal_emulator.requests.of("http_over_websocket")
    assert [json.loads(message)["prompt"] for message in record.messages] == ["a", "b", "c"]


def test_closing_fails_pending_runs(mode, client, fal_emulator):
    fal_emulator.endpoint(ID).run_time = 60
    with mode.inside(client.pipeline(ID)) as pipeline:
        run = mode.adapt(pipeline.submit({"prompt": "a cat"}))
    with pytest.raises(FalConnectionError):
        run.get()
    assert not threads()


def test_a_pipeline_must_be_entered(mode, client):
    with pytest.raises(FalConnectionError, match="with"):
        mode.adapt(client.pipeline(ID)).run({"prompt": "a cat"})


def test_tasks_share_one_pipeline(fal_emulator):
    async def main():
        async with AsyncFalClient() as client, client.pipeline(flux_dev) as pipeline:
            runs = (pipeline.run(prompt="a cat", seed=seed) for seed in range(20))
            return await asyncio.gather(*runs)

    assert [result.data.seed for result in asyncio.run(main())] == list(range(20))


# -- frames ----------------------------------------------------------------------------------


def frame(kind: str, **values: object) -> str:
    return json.dumps({"type": kind, "request_id": "r-1", **values})


def test_a_body_is_assembled_whatever_it_contains():
    reader = ResponseReader()
    foreign_end = json.dumps({"type": "end", "request_id": "another"})
    body: list[str | bytes] = ['{"a', b'": 1', foreign_end, frame("start")]
    for part in (frame("start", status=200, headers={"X-A": "b"}), *body):
        assert reader.feed(part) is None
    response = reader.feed(frame("end", status=200, time_to_first_byte_seconds=0.5))
    assert response is not None
    joined = b"".join(part.encode() if isinstance(part, str) else part for part in body)
    assert response.response.body == joined
    assert response.response.headers == {"x-a": "b", "x-fal-request-id": "r-1"}
    assert response.metrics == {"time_to_first_byte_seconds": 0.5}


def test_an_error_status_in_the_end_frame_counts():
    reader = ResponseReader()
    reader.feed(frame("start", status=200))
    response = reader.feed(frame("end", status=502))
    assert response is not None
    assert response.response.status == 502


@pytest.mark.parametrize("stray", [b"\x00", "text", "{}", frame("end"), "[1]"])
def test_a_frame_between_responses_is_an_error(stray):
    with pytest.raises(FalProtocolError):
        ResponseReader().feed(stray)
