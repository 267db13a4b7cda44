"""Server-sent events of streaming runs (docs/protocol.md section 4)."""

from __future__ import annotations

import itertools
import json

import httpx
import pytest

from fal_typed.testing import ScriptedFailure

DEV = "fal-ai/flux/dev"


def events_of(http, emulator, endpoint_id: str = DEV, body: object = None) -> list:
    url = f"{emulator.url}/fal.run/{endpoint_id}/stream"
    with http.stream("POST", url, json=body or {"prompt": "a cat"}) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["x-fal-request-id"]
        lines = [line for line in response.iter_lines() if line]
    assert all(line.startswith("data: ") for line in lines)
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def test_the_last_event_is_the_output_of_a_run(emulator, http):
    events = events_of(http, emulator)
    final = http.post(f"{emulator.url}/fal.run/{DEV}", json={"prompt": "a cat"}).json()
    assert events[-1] == final
    assert len({json.dumps(event) for event in events}) == len(events) > 2
    for event in events:
        assert event["prompt"] == "a cat", "echoed inputs are complete from the start"
        assert http.get(event["images"][0]["url"]).status_code == 200


def test_texts_grow_from_event_to_event(emulator, http):
    body = {"prompt": "tell me a story about rain", "image_url": "https://example.com/rain.png"}
    events = events_of(http, emulator, "fal-ai/llava-next", body)
    texts = [event["output"] for event in events]
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(texts))
    assert len(texts[0]) < len(texts[-1])
    assert [event["partial"] for event in events] == [True] * (len(events) - 1) + [False]


def test_scripted_events_and_handlers(emulator, http):
    emulator.endpoint(DEV).events = [{"a": 1}, {"a": 2}]
    assert events_of(http, emulator) == [{"a": 1}, {"a": 2}]

    async def handler(arguments):
        for number in range(3):
            yield {"number": number, "prompt": arguments["prompt"]}

    emulator.endpoint(DEV).handler = handler
    assert [event["number"] for event in events_of(http, emulator)] == [0, 1, 2]
    run = http.post(f"{emulator.url}/fal.run/{DEV}", json={"prompt": "x"}).json()
    assert run == {"number": 2, "prompt": "x"}, "the last event is the output of a run"


def test_a_failure_before_the_first_event_is_an_http_status(emulator, http):
    url = f"{emulator.url}/fal.run/{DEV}/stream"
    assert http.post(url, json={}).status_code == 422
    emulator.endpoint(DEV).fails("runner_scheduling_failure")
    response = http.post(url, json={"prompt": "x"})
    assert (response.status_code, response.json()["error_type"]) == (
        503,
        "runner_scheduling_failure",
    )


@pytest.mark.parametrize(
    "error", [ScriptedFailure.infrastructure("internal_error"), ZeroDivisionError()]
)
def test_a_later_failure_just_ends_the_stream(emulator, error):
    def handler(arguments):
        yield {"number": 1}
        raise error

    emulator.endpoint(DEV).handler = handler
    with httpx.Client() as client:  # the server disconnects afterwards, as the platform does
        assert events_of(client, emulator) == [{"number": 1}]


def test_an_event_may_be_invalid_json(emulator, http):
    emulator.endpoint(DEV).events = [{"a": 1}, b"data: {broken\n\n", {"a": 2}]
    url = f"{emulator.url}/fal.run/{DEV}/stream"
    assert (
        http.post(url, json={"prompt": "x"}).text
        == 'data: {"a":1}\n\ndata: {broken\n\ndata: {"a":2}\n\n'
    )
