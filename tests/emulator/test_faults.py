"""Network faults, seen by a plain HTTP client."""

from __future__ import annotations

from collections import Counter

import httpx
import pytest

from fal_typed.testing import FalEmulator, Fault, FaultPlan
from fal_typed.testing.engine.faults import FaultKind

DEV = "fal-ai/flux/dev"
BODY = {"prompt": "a cat"}


@pytest.fixture
def client():
    """A client for one test, because faults leave broken connections behind."""
    with httpx.Client(timeout=5) as client:
        yield client


# To httpx, a reset while the body is being sent is an end of the connection.
RESET = (httpx.ReadError, httpx.RemoteProtocolError)


def submit(client, emulator) -> httpx.Response:
    return client.post(f"{emulator.url}/queue.fal.run/{DEV}", json=BODY)


def test_reset_before_does_not_accept_the_job(emulator, client):
    emulator.endpoint(DEV).faults.add("reset_before", route="submit")
    with pytest.raises(RESET):
        submit(client, emulator)
    assert len(emulator.jobs) == 0
    assert [record.fault for record in emulator.requests] == ["reset_before"]
    assert submit(client, emulator).status_code == 200


def test_reset_after_accepts_the_job(emulator, client):
    emulator.endpoint(DEV).faults.add("reset_after", route="submit")
    with pytest.raises(RESET):
        submit(client, emulator)
    assert len(emulator.jobs) == 1


def test_truncate_ends_the_body_early(emulator, client):
    emulator.endpoint(DEV).faults.add("truncate", route="submit")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        submit(client, emulator)


def test_slow_responses_are_complete(emulator, client):
    emulator.endpoint(DEV).faults.add("slow", route="submit", seconds=0.04)
    response = submit(client, emulator)
    assert response.json()["status"] == "IN_QUEUE"
    assert [request.fault for request in emulator.requests.of("submit")] == ["slow"]


def test_hang_never_responds(emulator, client):
    emulator.endpoint(DEV).faults.add("hang", route="submit")
    with pytest.raises(httpx.ReadTimeout):
        client.post(f"{emulator.url}/queue.fal.run/{DEV}", json=BODY, timeout=0.1)
    assert len(emulator.jobs) == 1


def test_refusals_are_not_processed(emulator, client):
    for kind, status, text in (
        ("rate_limited", 429, "concurrent_requests_limit"),
        ("bad_gateway", 502, "nginx"),
        ("unavailable", 503, "nginx"),
    ):
        emulator.endpoint(DEV).faults.add(kind, seconds=2)
        response = submit(client, emulator)
        assert response.status_code == status
        assert text in response.text
        assert ("retry-after" in response.headers) is (status == 429)
        assert "x-fal-request-id" not in response.headers
    assert len(emulator.jobs) == 0


def read_until_cut(client, method: str, url: str) -> list[str]:
    got = []
    with client.stream(method, url, json=BODY) as stream:
        lines = stream.iter_lines()
        try:
            for line in lines:
                got.extend([line] if line.startswith("data:") else [])
        except httpx.RemoteProtocolError:
            return got
    raise AssertionError("the stream ended properly")


def test_drop_ends_a_status_stream(emulator, client):
    emulator.endpoint(DEV).run_time = 60
    url = submit(client, emulator).json()["status_url"] + "/stream"
    emulator.endpoint(DEV).faults.add("drop", after=1)
    assert len(read_until_cut(client, "GET", url)) == 1


def test_drop_ends_a_run_stream(emulator, client):
    emulator.endpoint(DEV).faults.add("drop", route="stream", after=2)
    assert len(read_until_cut(client, "POST", f"{emulator.url}/fal.run/{DEV}/stream")) == 2


def test_faults_of_one_endpoint_do_not_affect_others(emulator, client):
    emulator.endpoint("fal-ai/flux/schnell").faults.add("unavailable", times=None)
    assert submit(client, emulator).status_code == 200
    response = client.post(f"{emulator.url}/queue.fal.run/fal-ai/flux/schnell", json=BODY)
    assert response.status_code == 503


def test_a_fault_can_apply_to_a_route_of_every_endpoint(emulator, client):
    emulator.fault(Fault("bad_gateway", route="result"), times=2)
    url = submit(client, emulator).json()["response_url"]
    assert [client.get(url).status_code for _ in range(3)] == [502, 502, 200]


RATES: dict[FaultKind, float] = {
    "rate_limited": 0.1,
    "bad_gateway": 0.1,
    "unavailable": 0.1,
    "reset_before": 0.1,
}


def outcomes(seed: int) -> list[str]:
    plan = FaultPlan(RATES, seed=seed, routes=frozenset({"submit"}), seconds=0)
    seen = []
    with FalEmulator(faults=plan) as emulator, httpx.Client() as client:
        for _ in range(100):
            try:
                seen.append(str(submit(client, emulator).status_code))
            except RESET:
                seen.append("reset")
    return seen


def test_a_random_plan_is_reproducible_and_keeps_its_rates():
    first = outcomes(seed=1)
    assert first == outcomes(seed=1)
    assert first != outcomes(seed=2)
    counts = Counter(first)
    assert set(counts) == {"200", "429", "502", "503", "reset"}
    assert counts["200"] > 50
