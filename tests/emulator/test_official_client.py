"""The official Python client works with the emulator."""

from __future__ import annotations

import fal_client
import pytest

from fal_typed.testing import echo

DEV = "fal-ai/flux/dev"


def test_run(official):
    response = official.run(DEV, {"prompt": "a cat", "num_images": 2})
    assert len(response["images"]) == 2


def test_submit_and_handle(official):
    handle = official.submit(DEV, {"prompt": "a cat"})
    assert isinstance(handle.status(), (fal_client.InProgress, fal_client.Completed))
    assert handle.get()["prompt"] == "a cat"
    assert isinstance(handle.status(), fal_client.Completed)


def test_subscribe_with_updates_and_logs(emulator, official):
    script = emulator.endpoint(DEV)
    script.queue_time, script.run_time = 0.2, 0.25
    seen, lines = [], []

    def update(status):
        seen.append(type(status).__name__)
        lines.extend(entry["message"] for entry in getattr(status, "logs", None) or ())

    response = official.subscribe(DEV, {"prompt": "a cat"}, with_logs=True, on_queue_update=update)
    assert response["prompt"] == "a cat"
    assert list(dict.fromkeys(seen)) == ["Queued", "InProgress", "Completed"]
    assert list(dict.fromkeys(lines)) == ["Loading model", "Running inference", "Saving result"]


def test_status_result_and_cancel_by_id(emulator, official):
    request_id = official.submit(DEV, {"prompt": "x"}).request_id
    assert official.result(DEV, request_id)["prompt"] == "x"
    with pytest.raises(fal_client.client.FalClientHTTPError, match="ALREADY_COMPLETED"):
        official.cancel(DEV, request_id)


def test_client_timeout_cancels(emulator, official):
    emulator.endpoint(DEV).queue_time = 60
    with (
        pytest.warns(UserWarning, match="start_timeout"),
        pytest.raises(fal_client.client.FalClientTimeoutError),
    ):
        official.subscribe(DEV, {"prompt": "x"}, start_timeout=90, client_timeout=0.3)
    emulator.requests.wait_for(lambda one: one.route == "cancel")
    (job,) = emulator.jobs
    assert job.cancelled


def test_validation_errors(official):
    with pytest.raises(fal_client.client.FalClientHTTPError) as caught:
        official.subscribe(DEV, {"num_images": 9})
    assert caught.value.status_code == 422
    assert [problem["type"] for problem in caught.value.message] == ["missing", "less_than_equal"]


def test_infrastructure_errors(emulator, official):
    emulator.endpoint(DEV).fails("runner_server_error")
    with pytest.raises(fal_client.client.FalClientHTTPError) as caught:
        official.run(DEV, {"prompt": "x"})
    assert (caught.value.status_code, caught.value.error_type) == (500, "runner_server_error")


def test_stream(official):
    events = list(official.stream(DEV, {"prompt": "a cat"}))
    assert len(events) > 1
    assert events[-1] == official.run(DEV, {"prompt": "a cat"})


def test_realtime(official):
    with official.realtime(DEV) as connection:
        for prompt in ("a cat", "a dog"):
            connection.send({"prompt": prompt})
            assert connection.recv()["prompt"] == prompt


def test_realtime_errors(official):
    with official.realtime(DEV, use_jwt=False) as connection:
        connection.send({"num_images": 9})
        with pytest.raises(fal_client.client.RealtimeError, match="INTERNAL_ERROR"):
            connection.recv()


def test_plain_websockets(emulator, official):
    emulator.endpoint(DEV).websockets["/ws"] = echo
    with official.ws_connect(DEV, path="/ws") as socket:
        socket.send("hello")
        assert socket.recv() == "hello"
