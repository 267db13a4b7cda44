"""Realtime connections to fal's own server framework, compared with the official client."""

from __future__ import annotations

import fal_client
import pytest

from fal_typed import Endpoint, FalHTTPError, FalRealtimeError, SchemaDriftWarning
from fal_typed.models import InputModel, OutputModel, Request

pytestmark = pytest.mark.xdist_group("real_app")
ID = "tests/echo"


class Message(InputModel, Request["Reply"]):
    prompt: str = ""
    blob: bytes | None = None
    fail: bool = False


class Reply(OutputModel):
    text: str
    blob: bytes | None = None


class Refusal(OutputModel):
    reason: str


echo = Endpoint(ID, Message, Reply)


@pytest.fixture
def client(mode, real_app):
    # The framework does not check tokens; on the platform the gateway does.
    return mode.bare_client(key="id:secret", run_host=real_app).with_options(use_jwt=False)


def test_one_result_for_each_input(mode, client):
    with mode.inside(client.realtime(echo)) as connection:
        for word in ("a", "b", "c"):
            connection.send(prompt=word)
        assert [connection.recv().text for _ in range(3)] == ["a", "b", "c"]
        assert connection.in_flight == 0


def test_bytes_are_sent_raw(mode, client):
    blob = bytes(range(256))
    with mode.inside(client.realtime(Message)) as connection:
        connection.send(Message(prompt="raw", blob=blob))
        assert connection.recv() == Reply(text="raw", blob=blob)
        assert connection.raw["blob"] == blob


def test_the_official_client_gets_the_same_results(mode, client, real_app, monkeypatch):
    monkeypatch.setattr("fal_client.client.REALTIME_URL_FORMAT", f"ws://{real_app}/")
    theirs = fal_client.SyncClient(key="id:secret")
    with theirs.realtime(ID, use_jwt=False) as official:
        official.send({"prompt": "same", "blob": b"\x00"})
        expected = official.recv()
    with mode.inside(client.realtime(ID)) as connection:
        connection.send({"prompt": "same", "blob": b"\x00"})
        assert connection.recv() == expected


def test_a_server_that_streams_ends_the_session_normally(mode, client):
    with mode.inside(client.realtime(ID, path="/realtime/server")) as connection:
        connection.send({"prompt": "n"})
        assert [reply["text"] for reply in mode.items(connection._target)] == ["n0", "n1", "n2"]
        assert connection.recv() is None


def test_a_client_that_streams_gets_one_result(mode, client):
    with mode.inside(client.realtime(ID, path="/realtime/client")) as connection:
        for word in ("one", "two"):
            connection.send({"prompt": word})
        assert connection.recv()["text"] == "one two"
        assert connection.recv() is None


def test_both_may_stream(mode, client):
    with mode.inside(client.realtime(ID, path="/realtime/both")) as connection:
        connection.send({"prompt": "a"})
        assert connection.recv() == {"text": "A", "blob": None}
        connection.send({"prompt": "b"})
        assert connection.recv() == {"text": "B", "blob": None}
        assert connection.recv() is None


def test_json_by_option(mode, client):
    path = "/realtime/json"
    with mode.inside(client.realtime(echo, path=path, codec="json")) as connection:
        connection.send(prompt="plain")
        assert connection.recv() == Reply(text="plain")


def test_a_failing_model_is_an_error_with_its_message(mode, client):
    with mode.inside(client.realtime(echo)) as connection:
        connection.send(fail=True)
        with pytest.raises(FalRealtimeError) as caught:
            connection.recv()
        assert caught.value.code == "INTERNAL_ERROR"
        assert caught.value.reason == "the model broke"
        assert caught.value.in_flight == 1
        assert connection.recv() is None


def test_a_rejected_input_is_an_error(mode, client):
    with mode.inside(client.realtime(ID)) as connection:
        connection.send({"prompt": 1})
        with pytest.raises(FalRealtimeError, match="prompt"):
            connection.recv()


def test_schema_drift_warns_once(mode, client):
    class Wrong(InputModel, Request["Refusal"]):
        prompt: str

    with mode.inside(client.realtime(Endpoint(ID, Wrong, Refusal))) as connection:
        connection.send(prompt="a")
        with pytest.warns(SchemaDriftWarning, match="reason"):
            assert connection.recv().reason is None
        connection.send(prompt="b")
        assert connection.recv().model_extra["text"] == "b"


def test_an_unknown_path_is_rejected_at_the_handshake(mode, client):
    with (
        pytest.raises(FalHTTPError, match="403"),
        mode.inside(client.realtime(ID, path="/nowhere")),
    ):
        pass


def test_a_plain_websocket(mode, client):
    with mode.inside(client.ws_connect(ID, path="/ws")) as socket:
        assert socket.recv() == "hello"
        socket.send(b"\x01\x02")
        assert socket.recv() == b"\x01\x02"
        assert socket.recv() is None
