"""Scripting over HTTP, as a test in another language would."""

from __future__ import annotations

import httpx
import pytest

DEV = "fal-ai/flux/dev"


@pytest.fixture
def post_script(emulator, http):
    def send(script: object, endpoint_id: str = DEV) -> httpx.Response:
        return http.post(f"{emulator.url}/_emulator/endpoints/{endpoint_id}", json=script)

    return send


@pytest.fixture
def run(emulator, http):
    return lambda: http.post(f"{emulator.url}/fal.run/{DEV}", json={"prompt": "x"})


def test_attributes_and_limits_are_set(emulator, post_script):
    script = {"queue_time": 0.2, "run_time": 1, "logs": ["a"], "concurrency": 3, "rate": None}
    script |= {"price": 0.5, "billable_units": 2}
    assert post_script(script).json() == {"endpoint_id": DEV}
    dev = emulator.endpoint(DEV)
    assert (dev.queue_time, dev.run_time, dev.logs) == (0.2, 1, ["a"])
    assert (dev.limits.concurrency, dev.limits.rate) == (3, None)
    assert (dev.price, dev.billable_units) == (0.5, 2)


def test_responses_and_failures_are_used_in_order(post_script, run):
    post_script(
        {
            "responds": [{"response": {"n": 1}, "times": 1}],
            "fails": [
                {"error_type": "runner_disconnected", "times": 1},
                {"status": 418, "body": {"detail": "a teapot"}, "times": 1},
            ],
        }
    )
    assert run().json() == {"n": 1}
    assert run().json()["error_type"] == "runner_disconnected"
    assert (run().status_code, run().status_code) == (418, 200)


def test_faults_are_planned(post_script, run):
    post_script({"faults": [{"kind": "rate_limited", "route": "run", "seconds": 2}]})
    assert run().headers["retry-after"] == "2"
    assert run().status_code == 200


def test_an_endpoint_without_a_document_is_created(emulator, post_script, http):
    post_script({"responds": [{"response": {"hello": "you"}}]}, "acme/new")
    assert http.post(f"{emulator.url}/fal.run/acme/new", json={}).json() == {"hello": "you"}


@pytest.mark.parametrize(
    ("script", "word"),
    [
        ([], "object"),
        ({"speed": 1}, "speed"),
        ({"queue_time": "1"}, "queue_time"),
        ({"concurrency": 0}, "concurrency"),
        ({"responds": {}}, "list"),
        ({"responds": [1]}, "object"),
        ({"responds": [{}]}, "response"),
        ({"fails": [{"error_type": "boredom"}]}, "error_type"),
        ({"faults": [{"kind": "boredom"}]}, "kind"),
        ({"faults": [{"seconds": 1}]}, "kind"),
    ],
)
def test_an_invalid_script_is_reported_and_changes_nothing(emulator, post_script, script, word):
    before = emulator.endpoint(DEV).run_time
    response = post_script({"run_time": 9, **script} if isinstance(script, dict) else script)
    assert (response.status_code, word in response.text) == (422, True), response.text
    assert emulator.endpoint(DEV).run_time == before


def test_requests_can_be_read_and_reset(emulator, run, http):
    run()
    (record,) = http.get(f"{emulator.url}/_emulator/requests").json()
    assert (record["route"], record["endpoint_id"], record["status"]) == ("run", DEV, 200)
    assert record["body"] == '{"prompt":"x"}'
    http.post(f"{emulator.url}/_emulator/reset", json={})
    assert http.get(f"{emulator.url}/_emulator/requests").json() == []


def test_a_web_page_of_another_origin_cannot_script_it(emulator, http):
    for path in ("reset", f"endpoints/{DEV}"):
        url = f"{emulator.url}/_emulator/{path}"
        plain = http.post(url, content=b"{}", headers={"content-type": "text/plain"})
        assert plain.status_code == 415
        assert http.get(url).status_code == 405
