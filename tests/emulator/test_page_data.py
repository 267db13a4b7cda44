"""The data of the emulator's page: the list of calls, one call, and the form of an endpoint."""

from __future__ import annotations

import httpx
import pytest

from fal_typed._documents.document import EndpointDocument
from fal_typed.testing import FalEmulator, VirtualClock
from fal_typed.testing.services.page_forms import form_fields

DEV = "fal-ai/flux/dev"
SCHNELL = "fal-ai/flux/schnell"


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def stopped(clock):
    """An emulator with a virtual clock: jobs wait 2 s and run 4 s."""
    with FalEmulator(queue_time=2, run_time=4, clock=clock) as emulator:
        yield emulator


def submit(emulator, endpoint_id=DEV, **arguments):
    url = f"{emulator.url}/queue.fal.run/{endpoint_id}"
    return httpx.post(url, json=arguments).json()["request_id"]


def state(emulator, **filters):
    return httpx.get(f"{emulator.url}/_emulator/state", params=filters).json()


def call(emulator, call_id):
    return httpx.get(f"{emulator.url}/_emulator/call", params={"id": call_id}).json()


def test_a_job_is_shown_from_the_queue_to_its_end(stopped, clock):
    stopped.endpoint(DEV).positions = (2, 1)
    stopped.endpoint(DEV).logs = ("one", "two")
    job = submit(stopped, prompt="a cat", num_images=2)
    [seen] = state(stopped)["calls"]
    assert (seen["id"], seen["status"], seen["position"]) == (job, "IN_QUEUE", 2)
    assert (seen["endpoint"], seen["text"], seen["kind"]) == (DEV, "a cat", "queue")
    clock.advance(3)
    [seen] = state(stopped)["calls"]
    assert (seen["status"], seen["position"], seen["seconds"]) == ("IN_PROGRESS", None, 1.0)
    assert seen["file"] is None
    clock.advance(3)
    [seen] = state(stopped)["calls"]
    assert (seen["status"], seen["seconds"], seen["code"]) == ("COMPLETED", 4.0, 200)
    assert seen["file"].endswith(".jpeg")
    whole = call(stopped, job)
    assert whole["input"] == {"prompt": "a cat", "num_images": 2}
    assert whole["output"]["images"][0]["url"] == seen["file"]
    assert [line["message"] for line in whole["logs"]] == ["one", "two"]


def test_failed_and_cancelled_jobs_have_different_statuses(stopped, clock):
    stopped.endpoint(SCHNELL).fails("runner_disconnected")
    failed, refused = submit(stopped, SCHNELL, prompt="x"), submit(stopped, num_images=99)
    cancelled = submit(stopped, prompt="y")
    path = call(stopped, cancelled)["cancel"]
    assert httpx.put(stopped.url + path).status_code == 202
    clock.advance(10)
    statuses = {one["id"]: (one["status"], one["code"]) for one in state(stopped)["calls"]}
    assert statuses[failed][0] == "FAILED"
    assert statuses[refused] == ("FAILED", 422)
    assert statuses[cancelled][0] == "CANCELLED"
    assert call(stopped, failed)["output"]["error_type"] == "runner_disconnected"


def test_requests_about_a_job_and_its_webhook_are_listed(emulator, http):
    with FalEmulator() as receiver:
        url = f"{emulator.url}/queue.fal.run/{DEV}?fal_webhook={receiver.url}/nowhere"
        job = http.post(url, json={"prompt": "x"}).json()
        http.get(job["status_url"])
        emulator.webhooks.wait_for(lambda one: one.request_id == job["request_id"])
        seen = call(emulator, job["request_id"])
    assert [(one["route"], one["status"]) for one in seen["requests"]] == [("status", 200)]
    assert seen["webhooks"][0]["attempt"] == 1
    assert seen["webhooks"][0]["url"].startswith(receiver.url)


def test_direct_calls_are_listed_with_the_jobs(emulator, http):
    emulator.endpoint("acme/chat").events = [{"part": 1}, {"part": 2}]
    http.post(f"{emulator.url}/fal.run/{DEV}", json={"prompt": "a cat"})
    http.post(f"{emulator.url}/fal.run/acme/chat/stream", json={"text": "hello"})
    calls = {one["kind"]: one for one in state(emulator)["calls"]}
    assert set(calls) == {"run", "stream"}
    assert call(emulator, calls["run"]["id"])["output"]["prompt"] == "a cat"
    assert call(emulator, calls["stream"]["id"])["output"] == {"part": 2}
    assert calls["stream"]["text"] == "hello"


def test_filters_select_calls(emulator):
    cat = submit(emulator, prompt="a Cat")
    wrong = submit(emulator, num_images=99)
    other = submit(emulator, SCHNELL, prompt="chat été")

    def found(**filters):
        return {one["id"] for one in state(emulator, **filters)["calls"]}

    assert found() == {cat, wrong, other}
    assert found(endpoint=SCHNELL) == {other}
    assert found(status="FAILED") == {wrong}
    assert found(text="a cat") == {cat}
    assert found(text="ÉTÉ") == {other}
    assert found(text=wrong[:13]) == {wrong}
    assert found(endpoint=DEV, status="COMPLETED", text="cat") == {cat}
    assert found(text="greater_than") == set()
    assert found(text="less_than_equal") == {wrong}, "outputs are searched too"
    seen = state(emulator, text="a cat")
    assert (seen["total"], seen["matching"], seen["called"]) == (3, 1, [DEV, SCHNELL])


def test_the_page_s_own_requests_are_not_recorded(emulator, http):
    for path in ("/", "/_emulator/page.js", "/_emulator/state", "/_emulator/endpoints"):
        assert http.get(emulator.url + path).status_code == 200
    assert len(emulator.requests) == 0
    assert http.post(f"{emulator.url}/_emulator/state").status_code == 405


def test_bodies_that_are_not_json_are_shown_as_text(emulator, http):
    for body in (b"\xff{", b"NaN", b"[" * 5_000):
        http.post(f"{emulator.url}/queue.fal.run/{DEV}", content=body)
    for one in state(emulator)["calls"]:
        assert isinstance(call(emulator, one["id"])["input"], str)


def test_an_unknown_call_or_form_is_a_404(emulator, http):
    for path in ("/_emulator/call", "/_emulator/call?id=x", "/_emulator/form?endpoint=../x"):
        assert http.get(emulator.url + path).status_code == 404


def test_the_form_of_an_endpoint(emulator, http):
    form = http.get(f"{emulator.url}/_emulator/form", params={"endpoint": DEV}).json()
    fields = {field["name"]: field for field in form["fields"]}
    assert list(fields)[:2] == ["prompt", "image_size"], "the document's own order"
    assert (fields["prompt"]["kind"], fields["prompt"]["required"]) == ("text", True)
    assert fields["image_size"]["kind"] == "open"
    assert "square_hd" in fields["image_size"]["choices"]
    assert fields["image_size"]["default"] == "landscape_4_3"
    assert (fields["seed"]["kind"], fields["seed"]["required"]) == ("integer", False)
    steps = fields["num_inference_steps"]
    assert (steps["minimum"], steps["maximum"], steps["default"]) == (1, 50, 28)
    assert (fields["output_format"]["kind"], fields["sync_mode"]["kind"]) == ("choice", "flag")
    assert fields["guidance_scale"]["kind"] == "number"


def test_a_parameter_with_a_list_of_types_has_a_field():
    document = EndpointDocument(
        {
            "info": {},
            "paths": {
                "/acme/a": {
                    "post": {
                        "requestBody": {
                            "content": {
                                "application/json": {
                                    "schema": {
                                        "type": "object",
                                        "properties": {
                                            "bpm": {"type": ["integer", "null"], "minimum": 1},
                                            "size": {"type": ["integer", "string"]},
                                        },
                                    }
                                }
                            }
                        }
                    }
                }
            },
        }
    )
    assert form_fields(document) == [
        {"name": "bpm", "required": False, "kind": "integer", "minimum": 1},
        {"name": "size", "required": False, "kind": "open"},
    ]


def test_every_endpoint_of_the_catalog_has_a_form(emulator, http):
    ids = http.get(f"{emulator.url}/_emulator/endpoints").json()
    assert len(ids) > 1_000
    kinds = {"text", "choice", "flag", "integer", "number", "json", "open"}
    for endpoint_id in ids[::10]:
        response = http.get(f"{emulator.url}/_emulator/form", params={"endpoint": endpoint_id})
        assert {field["kind"] for field in response.json()["fields"]} <= kinds


def test_the_page_loads_nothing_from_other_origins(emulator, http):
    response = http.get(emulator.url)
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    for name in ("", "page.js", "form.js", "media.js", "page.css"):
        text = http.get(f"{emulator.url}/{'_emulator/' + name if name else ''}").text
        assert "innerHTML" not in text
        assert "insertAdjacentHTML" not in text
        assert "http://" not in text
        assert "https://" not in text
