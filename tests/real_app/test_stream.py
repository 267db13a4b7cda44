"""Streams of fal's own server framework, compared with the official client."""

from __future__ import annotations

import fal_client
import pytest

from fal_typed import Endpoint, FalValidationError
from fal_typed.models import InputModel, OutputModel, Request

pytestmark = pytest.mark.xdist_group("real_app")
ID = "tests/echo"
ARGUMENTS = {"prompt": "cat", "count": 3}


class StreamInput(InputModel, Request["StreamOutput"]):
    prompt: str
    count: int = 3


class StreamOutput(OutputModel):
    text: str
    number: int


words = Endpoint(ID, StreamInput, StreamOutput)


@pytest.fixture
def client(mode, real_app):
    return mode.client(key="id:secret", run_host=real_app)


def test_events_are_typed_and_the_last_is_the_result(mode, client):
    stream = client.stream(StreamInput(prompt="cat"))
    assert [event.text for event in mode.items(stream)] == ["c", "ca", "cat"]
    assert mode.adapt(stream).done().data == StreamOutput(text="cat", number=2)


def test_the_official_client_sees_the_same_events(mode, client, real_app, monkeypatch):
    monkeypatch.setattr("fal_client.client.RUN_URL_FORMAT", f"http://{real_app}/")
    theirs = fal_client.SyncClient(key="id:secret")
    with theirs._client:  # the client itself cannot be closed
        expected = list(theirs.stream(ID, ARGUMENTS))
    assert mode.items(client.stream(ID, ARGUMENTS)) == expected


def test_a_rejected_input_raises_before_the_first_event(mode, client):
    with pytest.raises(FalValidationError) as caught:
        mode.items(client.stream(ID, {"prompt": "cat", "count": -1}))
    assert caught.value.errors[0].loc == ("count",)
    assert b"greater_than_equal" in caught.value.body


def test_a_failing_model_ends_the_stream_early(mode, client):
    """The framework ends the body as if the model had succeeded, so clients cannot notice."""
    stream = client.stream(ID, {**ARGUMENTS, "break_at": 2})
    assert [event["text"] for event in mode.items(stream)] == ["c", "ca"]


def test_a_stream_after_a_failed_one_works(mode, client):
    mode.items(client.stream(ID, {**ARGUMENTS, "break_at": 1}))
    assert len(mode.items(client.stream(ID, ARGUMENTS))) == 3
