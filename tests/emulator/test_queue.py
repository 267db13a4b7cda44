"""The queue (docs/protocol.md section 3), seen by a plain HTTP client over real sockets."""

from __future__ import annotations

import asyncio
import json
import threading

import httpx
import pytest

from fal_typed.testing import FalEmulator, ScriptedFailure, VirtualClock

DEV = "fal-ai/flux/dev"


def submit(http: httpx.Client, emulator: FalEmulator, body: object = None, **kwargs) -> dict:
    url = f"{emulator.url}/queue.fal.run/{DEV}"
    response = http.post(url, json=body or {"prompt": "a cat"}, **kwargs)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def slow(clock: VirtualClock):
    with FalEmulator(clock=clock, queue_time=3.0, run_time=3.0) as emulator:
        yield emulator


def test_submit_returns_urls_with_owner_and_alias(emulator, http):
    job = submit(http, emulator)
    base = f"{emulator.url}/queue.fal.run/fal-ai/flux/requests/{job['request_id']}"
    assert job == {
        "status": "IN_QUEUE",
        "request_id": job["request_id"],
        "response_url": base,
        "status_url": base + "/status",
        "cancel_url": base + "/cancel",
        "queue_position": 0,
    }


def test_a_job_passes_queue_progress_completion(slow, http, clock):
    job = submit(http, slow)
    assert job["queue_position"] == 2

    def status() -> httpx.Response:
        return http.get(job["status_url"], params={"logs": 1})

    seen = []
    for _ in range(7):
        response = status()
        body = response.json()
        seen.append(
            (
                response.status_code,
                body["status"],
                body.get("queue_position"),
                len(body.get("logs") or ()),
            )
        )
        clock.advance(1)
    assert seen == [
        (202, "IN_QUEUE", 2, 0),
        (202, "IN_QUEUE", 1, 0),
        (202, "IN_QUEUE", 0, 0),
        (202, "IN_PROGRESS", None, 1),
        (202, "IN_PROGRESS", None, 2),
        (202, "IN_PROGRESS", None, 3),
        (200, "COMPLETED", None, 3),
    ]
    assert status().json()["metrics"] == {"inference_time": 3.0}


def test_logs_are_null_unless_requested(slow, http, clock):
    job = submit(http, slow)
    clock.advance(4)
    assert http.get(job["status_url"]).json()["logs"] is None
    for spelling in ("1", "true", "True"):
        logs = http.get(job["status_url"], params={"logs": spelling}).json()["logs"]
        assert [entry["message"] for entry in logs] == ["Loading model", "Running inference"]
        assert logs[0]["level"] == "INFO"
        assert logs[0]["source"] == "USER"
        assert logs[0]["timestamp"].endswith("+00:00")


def test_status_stream_sends_each_change_once(slow, http, clock):
    job = submit(http, slow)
    events = []
    with http.stream("GET", job["status_url"] + "/stream", params={"logs": "1"}) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        for line in lines:
            if not line.startswith("data: "):
                continue
            event = json.loads(line.removeprefix("data: "))
            logs = [entry["message"] for entry in event.get("logs") or ()]
            events.append((event["status"], event.get("queue_position"), logs))
            clock.advance(1)
    assert events == [
        ("IN_QUEUE", 2, []),
        ("IN_QUEUE", 1, []),
        ("IN_QUEUE", 0, []),
        ("IN_PROGRESS", None, ["Loading model"]),
        ("IN_PROGRESS", None, ["Running inference"]),
        ("IN_PROGRESS", None, ["Saving result"]),
        ("COMPLETED", None, []),
    ]


def test_status_stream_has_ping_comments(slow, http, clock):
    job = submit(http, slow)
    with http.stream("GET", job["status_url"] + "/stream") as stream:
        assert next(stream.iter_lines()) == ": ping"


def test_the_result_of_an_unfinished_job_is_refused(slow, http, clock):
    job = submit(http, slow)
    early = http.get(job["response_url"])
    assert early.status_code == 400
    assert early.json() == {"detail": "Request is still in progress"}
    clock.advance(6)
    done = http.get(job["response_url"])
    assert done.status_code == 200
    assert done.headers["x-fal-request-id"] == job["request_id"]


def test_the_full_id_leads_to_the_job_too_but_another_app_does_not(emulator, http):
    job = submit(http, emulator)
    queue = f"{emulator.url}/queue.fal.run"
    for app, status in (("fal-ai/flux/dev", 200), ("fal-ai/flux", 200), ("fal-ai/other", 404)):
        response = http.get(f"{queue}/{app}/requests/{job['request_id']}")
        assert response.status_code == status, app


@pytest.mark.parametrize(
    ("method", "action"),
    [("GET", ""), ("GET", "/status"), ("GET", "/status/stream"), ("PUT", "/cancel")],
)
def test_unknown_request_ids_are_not_found(emulator, http, method, action):
    response = http.request(method, f"{emulator.url}/queue.fal.run/{DEV}/requests/nope{action}")
    assert response.status_code == 404
    assert response.json() == {"status": "NOT_FOUND"}


def test_cancel_in_the_queue_and_after_the_end(slow, http, clock):
    job = submit(http, slow)
    granted = http.put(job["cancel_url"])
    assert (granted.status_code, granted.json()) == (202, {"status": "CANCELLATION_REQUESTED"})
    status = http.get(job["status_url"]).json()
    assert status["status"] == "COMPLETED"
    assert status["error_type"] == "client_cancelled"
    assert http.get(job["response_url"]).status_code == 499
    again = http.put(job["cancel_url"])
    assert (again.status_code, again.json()) == (400, {"status": "ALREADY_COMPLETED"})
    assert slow.jobs[job["request_id"]].cancelled


def test_a_running_job_may_ignore_a_cancel(slow, http, clock):
    slow.endpoint(DEV).honors_cancel = False
    job = submit(http, slow)
    clock.advance(4)
    assert http.put(job["cancel_url"]).status_code == 202
    assert http.get(job["status_url"]).json()["status"] == "IN_PROGRESS"
    clock.advance(4)
    assert http.get(job["response_url"]).status_code == 200


def test_cancel_wakes_the_status_stream(slow, http):
    job = submit(http, slow)
    with http.stream("GET", job["status_url"] + "/stream") as stream:
        lines = (line for line in stream.iter_lines() if line.startswith("data: "))
        assert '"IN_QUEUE"' in next(lines)
        httpx.put(job["cancel_url"])
        assert '"COMPLETED"' in next(lines)


def test_an_invalid_input_is_queued_and_its_result_is_the_422(emulator, http):
    job = submit(http, emulator, {"num_images": 9})
    assert http.get(job["status_url"]).json()["status"] == "COMPLETED"
    result = http.get(job["response_url"])
    assert result.status_code == 422
    kinds = {tuple(problem["loc"]): problem["type"] for problem in result.json()["detail"]}
    assert kinds == {("body", "prompt"): "missing", ("body", "num_images"): "less_than_equal"}
    assert result.headers["x-fal-billable-units"] == "0"


def test_infrastructure_failures_are_in_the_status(emulator, http):
    emulator.endpoint(DEV).fails("runner_disconnected", times=1)
    job = submit(http, emulator)
    status = http.get(job["status_url"]).json()
    assert (status["status"], status["error_type"]) == ("COMPLETED", "runner_disconnected")
    result = http.get(job["response_url"])
    assert result.status_code == 503
    assert result.json()["error_type"] == "runner_disconnected"
    assert result.headers["x-fal-error-type"] == "runner_disconnected"
    assert http.get(submit(http, emulator)["response_url"]).status_code == 200


def test_model_failures_are_only_in_the_result(emulator, http):
    refusal = ScriptedFailure.model("content_policy_violation", "no", loc=("body", "prompt"))
    emulator.endpoint(DEV).fails(refusal)
    job = submit(http, emulator)
    assert "error" not in http.get(job["status_url"]).json()
    result = http.get(job["response_url"])
    assert result.status_code == 422
    assert result.json()["detail"][0]["type"] == "content_policy_violation"


def test_start_timeout(slow, http, clock):
    job = submit(http, slow, headers={"X-Fal-Request-Timeout": "1.5"})
    clock.advance(2)
    result = http.get(job["response_url"])
    assert result.status_code == 504
    assert result.headers["x-fal-request-timeout-type"] == "user"


def test_max_queue_length(slow, http):
    for _ in range(3):
        submit(http, slow)
    url = f"{slow.url}/queue.fal.run/{DEV}"
    for limit, status in ((3, 200), (1, 429)):
        response = http.post(url, json={"prompt": "x"}, params={"fal_max_queue_length": limit})
        assert response.status_code == status


def test_jobs_survive_a_restart(http):
    release, calls = asyncio.Event(), []

    async def handler(arguments):
        calls.append(arguments)
        await release.wait()
        return {"echo": arguments["prompt"]}

    emulator = FalEmulator(run_time=0)
    with emulator:
        done = submit(http, emulator)
        emulator.endpoint(DEV).handler = handler
        running = submit(http, emulator)
    release = asyncio.Event()
    with emulator:
        emulator.call_soon(release.set)
        base = f"{emulator.url}/queue.fal.run/fal-ai/flux/requests"  # the port is another one
        http.get(f"{base}/{running['request_id']}/status/stream")
        assert http.get(f"{base}/{running['request_id']}").json() == {"echo": "a cat"}
        assert http.get(f"{base}/{done['request_id']}").json()["prompt"] == "a cat"
    assert len(calls) == 2, "the handler was called again"


def test_a_job_with_a_handler_ends_when_the_handler_returns(emulator, http):
    release = threading.Event()

    async def handler(arguments):
        await asyncio.to_thread(release.wait)
        return {"echo": arguments["prompt"]}

    emulator.endpoint(DEV).handler = handler
    job = submit(http, emulator, {"prompt": "hello"})
    assert http.get(job["status_url"]).json()["status"] == "IN_PROGRESS"
    with http.stream("GET", job["status_url"] + "/stream") as stream:
        lines = (line for line in stream.iter_lines() if line.startswith("data: "))
        assert '"IN_PROGRESS"' in next(lines)
        release.set()
        assert '"COMPLETED"' in next(lines)
    assert http.get(job["response_url"]).json() == {"echo": "hello"}


def test_a_crashing_handler_is_a_500(emulator, http):
    def handler(arguments):
        raise ZeroDivisionError

    emulator.endpoint(DEV).handler = handler
    response = http.post(f"{emulator.url}/fal.run/{DEV}", json={"prompt": "x"})
    assert response.status_code == 500
    assert response.json()["detail"] == "Internal Server Error"


def test_an_endpoint_without_a_document_can_be_scripted(emulator, http):
    assert http.post(f"{emulator.url}/queue.fal.run/acme/private", json={}).status_code == 404
    emulator.endpoint("acme/private").responds({"hello": "world"})
    response = http.post(f"{emulator.url}/fal.run/acme/private", json={"any": 1})
    assert response.json() == {"hello": "world"}


def test_namespaces_keep_three_segments(emulator, http):
    emulator.endpoint("workflows/acme/slides/v2").responds({})
    job = http.post(f"{emulator.url}/queue.fal.run/workflows/acme/slides/v2", json={}).json()
    assert f"/workflows/acme/slides/requests/{job['request_id']}" in job["status_url"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_unsupported_methods_are_refused(emulator, http, method):
    for host in ("queue.fal.run", "fal.run"):
        response = http.request(method, f"{emulator.url}/{host}/{DEV}")
        assert response.status_code == 405
        assert response.headers["allow"] == "POST"


def test_services_by_host_header(emulator, http):
    response = http.post(
        f"{emulator.url}/{DEV}", json={"prompt": "x"}, headers={"Host": "queue.fal.run"}
    )
    assert response.json()["status_url"].startswith("http://queue.fal.run/fal-ai/flux/requests/")


def test_the_record_contains_what_was_sent(emulator, http):
    submit(http, emulator, {"prompt": "recorded"}, headers={"X-Fal-Queue-Priority": "low"})
    record = emulator.requests.wait_for(lambda one: one.route == "submit", timeout=1)
    assert (record.service, record.method, record.path) == ("queue.fal.run", "POST", f"/{DEV}")
    assert record.json == {"prompt": "recorded"}
    assert record.headers["x-fal-queue-priority"] == "low"
    assert record.endpoint_id == DEV
    assert [job.endpoint_id for job in emulator.jobs] == [DEV]


def test_waiting_for_a_request_times_out(emulator):
    with pytest.raises(TimeoutError):
        emulator.requests.wait_for(lambda one: one.route == "submit", timeout=0.01)
