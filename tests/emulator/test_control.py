"""Scripting over HTTP, as a test in another language would."""

from __future__ import annotations

import httpx
import pytest

DEV = "fal-ai/flux/dev"


@pytest.fixture
def tell(emulator, http):
    def send(script: object, endpoint_id: str = DEV) -> httpx.Response:
        return http.post(f"{emulator.url}/_emulator/endpoints/{endpoint_id}", json=script)

    return send


@pytest.fixture
def run(emulator, http):
    return lambda: http.post(f"{emulator.url}/fal.run/{DEV}", json={"prompt": "x"})


def test_attributes_and_limits(emulator, tell):
    script = {"queue_time": 0.2, "run_time": 1, "logs": ["a"], "concurrency": 3, "rate": None}
    assert tell(script).json() == {"endpoint_id": DEV}
    dev = emulator.endpoint(DEV)
    assert (dev.queue_time, dev.run_time, dev.logs) == (0.2, 1, ["a"])
    assert (dev.limits.concurrency, dev.limits.rate) == (3, None)


def test_answers_and_failures_come_in_order(tell, run):
    tell(
        {
            "answers": [{"answer": {"n": 1}, "times": 1}],
            "fails": [
                {"error_type": "runner_disconnected", "times": 1},
                {"status": 418, "body": {"detail": "a teapot"}, "times": 1},
            ],
        }
    )
    assert run().json() == {"n": 1}
    assert run().json()["error_type"] == "runner_disconnected"
    assert (run().status_code, run().status_code) == (418, 200)


def test_faults(tell, run):
    tell({"faults": [{"kind": "rate_limited", "route": "run", "seconds": 2}]})
    assert run().headers["retry-after"] == "2"
    assert run().status_code == 200


def test_an_endpoint_without_a_document_comes_into_being(emulator, tell, http):
    tell({"answers": [{"answer": {"hello": "you"}}]}, "acme/new")
    assert http.post(f"{emulator.url}/fal.run/acme/new", json={}).json() == {"hello": "you"}


@pytest.mark.parametrize(
    ("script", "word"),
    [
        ([], "object"),
        ({"speed": 1}, "speed"),
        ({"queue_time": "1"}, "queue_time"),
        ({"concurrency": 0}, "concurrency"),
        ({"answers": {}}, "list"),
        ({"answers": [1]}, "object"),
        ({"answers": [{}]}, "answer"),
        ({"fails": [{"error_type": "boredom"}]}, "error_type"),
        ({"faults": [{"kind": "boredom"}]}, "kind"),
        ({"faults": [{"seconds": 1}]}, "kind"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_done(emulator, tell, script, word):
    before = emulator.endpoint(DEV).run_time
    answer = tell({"run_time": 9, **script} if isinstance(script, dict) else script)
    assert (answer.status_code, word in answer.text) == (422, True), answer.text
    assert emulator.endpoint(DEV).run_time == before


def test_the_requests_can_be_read_and_forgotten(emulator, run, http):
    run()
    (record,) = http.get(f"{emulator.url}/_emulator/requests").json()
    assert (record["route"], record["endpoint_id"], record["status"]) == ("run", DEV, 200)
    assert record["body"] == '{"prompt":"x"}'
    http.post(f"{emulator.url}/_emulator/reset", json={})
    assert http.get(f"{emulator.url}/_emulator/requests").json() == []


def test_a_web_page_elsewhere_cannot_script_it(emulator, http):
    for path in ("reset", f"endpoints/{DEV}"):
        url = f"{emulator.url}/_emulator/{path}"
        plain = http.post(url, content=b"{}", headers={"content-type": "text/plain"})
        assert plain.status_code == 415
        assert http.get(url).status_code == 405
