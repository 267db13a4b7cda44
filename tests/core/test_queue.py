"""Submit, follow, fetch and cancel against the emulator, in sync and async code."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from fal_typed import (
    Completed,
    FalConflictError,
    FalNotFoundError,
    FalTimeoutError,
    FalValidationError,
    InProgress,
    Queued,
)
from fal_typed._queue.statuses import QueueStatus, parse_status
from tests.core.flux import ID, DevInput, dev


def test_a_subscribe_takes_three_requests(mode, fal_emulator):
    result = mode(dev).subscribe(prompt="a cat", image_size="landscape_4_3", seed=7)
    assert [r.route for r in fal_emulator.requests] == ["submit", "status_stream", "result"]
    assert result.data.seed == 7
    assert (result.data.images[0].width, result.data.images[0].height) == (1024, 768)
    assert result.metrics["inference_time"] >= 0
    assert result.billable_units is not None


def test_the_three_call_styles_return_the_same_result(mode, fal_emulator):
    client = mode.client()
    by_keywords = mode(dev).subscribe(prompt="a cat", seed=1)
    by_request = client.subscribe(DevInput(prompt="a cat", seed=1))
    by_id = client.subscribe(ID, arguments={"prompt": "a cat", "seed": 1})
    assert by_keywords.data == by_request.data
    assert by_keywords.raw == by_id.data
    assert isinstance(by_id.data, dict)


def test_updates_are_reported_with_accumulated_logs(mode, fal_emulator):
    script = fal_emulator.endpoint(ID)
    script.queue_time, script.run_time = 0.05, 0.1
    script.logs = ("one", "two")
    updates: list[QueueStatus] = []
    ids: list[str] = []
    options: dict[str, Any] = {
        "with_logs": True,
        "on_queue_update": updates.append,
        "on_enqueue": ids.append,
    }
    result = mode(dev.with_options(**options)).subscribe(prompt="a cat")
    assert ids == [result.request_id]
    kinds = [type(update) for update in updates]
    assert kinds[0] is Queued
    assert kinds[-1] is Completed
    assert InProgress in kinds
    positions = [update.position or 0 for update in updates if isinstance(update, Queued)]
    assert positions == sorted(positions, reverse=True)
    assert [entry.message for update in updates for entry in update.new_logs] == ["one", "two"]
    assert [entry.message for entry in updates[-1].logs] == ["one", "two"]
    assert updates[-1].logs[0]["message"] == "one"
    assert [entry.message for entry in result.logs] == ["one", "two"]


def test_polling_reports_the_same_as_the_status_stream(mode, fal_emulator):
    script = fal_emulator.endpoint(ID)
    script.run_time, script.logs = 0.1, ("one", "two")
    updates: list[QueueStatus] = []
    options: dict[str, Any] = {
        "with_logs": True,
        "on_queue_update": updates.append,
        "interval": 0.01,
    }
    mode(dev.with_options(**options)).subscribe(prompt="a cat")
    assert not fal_emulator.requests.of("status_stream")
    assert [entry.message for update in updates for entry in update.new_logs] == ["one", "two"]
    assert isinstance(updates[-1], Completed)


def test_a_handle_follows_a_job_and_fetches_its_result(mode, fal_emulator):
    fal_emulator.endpoint(ID).run_time = 0.05
    handle = mode(dev).submit(prompt="a cat", seed=3)
    assert isinstance(handle.status(), (Queued, InProgress, Completed))
    events = mode.items(handle.iter_events(with_logs=True))
    assert isinstance(events[-1], Completed)
    first = handle.get()
    again = mode(dev).result(handle.request_id)
    by_id = mode.client().result(ID, handle.request_id)
    assert first.data == again.data
    assert by_id.data == first.raw
    assert mode.client().handle(DevInput, handle.request_id).get().data == first.data
    assert mode(dev).status(handle.request_id, with_logs=True).logs


def test_canceling_queued_completed_and_unknown_jobs(mode, fal_emulator):
    script = fal_emulator.endpoint(ID)
    script.queue_time = 60
    handle = mode(dev).submit(prompt="a cat")
    handle.cancel()
    assert fal_emulator.requests.of("cancel")[0].method == "PUT"
    script.queue_time = 0
    done = mode(dev).submit(prompt="a cat")
    done.get()
    with pytest.raises(FalConflictError, match="already complete") as caught:
        done.cancel()
    assert caught.value.request_id == done.request_id
    with pytest.raises(FalNotFoundError):
        mode.client().cancel(ID, "0000")


def test_a_timeout_cancels_the_job_and_leaves_no_thread(mode, fal_emulator):
    fal_emulator.endpoint(ID).queue_time = 60
    before = set(threading.enumerate())
    with pytest.raises(FalTimeoutError, match=r"within 0\.3 s") as caught:
        mode(dev.with_options(timeout=0.3)).subscribe(prompt="a cat")
    assert isinstance(caught.value, TimeoutError)
    canceled = fal_emulator.requests.wait_for(lambda r: r.route == "cancel")
    assert caught.value.request_id in canceled.path
    assert set(threading.enumerate()) == before


def test_client_timeout_is_an_alias_of_timeout(mode, fal_emulator):
    fal_emulator.endpoint(ID).queue_time = 60
    with pytest.raises(FalTimeoutError):
        mode.client().subscribe(ID, arguments={"prompt": "a"}, client_timeout=0.2)


def test_a_job_can_be_left_running(mode, fal_emulator):
    fal_emulator.endpoint(ID).queue_time = 60
    with pytest.raises(FalTimeoutError):
        mode(dev.with_options(timeout=0.2, cancel_on_stop=False)).subscribe(prompt="a cat")
    assert not fal_emulator.requests.of("cancel")


class CallbackError(Exception):
    pass


def test_an_error_in_a_callback_reaches_the_caller_and_cancels_the_job(mode, fal_emulator):
    fal_emulator.endpoint(ID).queue_time = 60

    def fail(_status: QueueStatus) -> None:
        raise CallbackError

    with pytest.raises(CallbackError):
        mode(dev.with_options(on_queue_update=fail)).subscribe(prompt="a cat")
    assert fal_emulator.requests.of("cancel")


def test_ctrl_c_cancels_the_job(mode, fal_emulator):
    fal_emulator.endpoint(ID).queue_time = 60

    def interrupt(_status: QueueStatus) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mode(dev.with_options(on_queue_update=interrupt)).subscribe(prompt="a cat")
    assert fal_emulator.requests.of("cancel")


def test_a_failed_job_raises_the_error_of_the_model(mode, fal_emulator):
    from fal_typed.testing import ScriptedFailure

    failure = ScriptedFailure.model(
        "image_too_small", "Too small", loc=("body", "image_url"), min_width=64
    )
    fal_emulator.endpoint(ID).fails(failure)
    with pytest.raises(FalValidationError, match="image_url: Too small") as caught:
        mode(dev).subscribe(prompt="a cat")
    error = caught.value
    assert error.status_code == 422
    assert error.request_id == error.headers["x-fal-request-id"]
    assert error.errors[0].loc == ("image_url",)
    assert error.errors[0].ctx == {"min_width": 64}
    assert error.error_type == "image_too_small"
    assert not fal_emulator.requests.of("cancel")


def test_unknown_statuses_are_tolerated():
    status = parse_status({"status": "PAUSED", "logs": [3, {"message": "x", "new": 1}]}, "r")
    assert type(status) is QueueStatus
    assert status.status == "PAUSED"
    assert [entry.message for entry in status.logs] == ["x"]
    assert type(parse_status({}, "r")) is QueueStatus
    assert parse_status({"status": "IN_QUEUE"}, "r") == Queued("r", "IN_QUEUE")
