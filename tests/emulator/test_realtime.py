"""Realtime sessions, plain websockets and runs over a websocket (docs/protocol.md section 5)."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import msgpack
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from fal_typed.testing import FalEmulator, RealtimeScript, VirtualClock, echo

DEV = "fal-ai/flux/dev"


def open_socket(emulator: FalEmulator, path: str = "/realtime", **kwargs) -> ClientConnection:
    return connect(f"ws://{emulator.host}/fal.run/{DEV}{path}", max_size=None, **kwargs)


def send(socket: ClientConnection, **value: object) -> None:
    socket.send(msgpack.packb(value))


def receive(socket: ClientConnection) -> object:
    message = socket.recv(timeout=5)
    return json.loads(message) if isinstance(message, str) else msgpack.unpackb(message)


def echo_prompt(arguments):
    return {"echo": arguments["prompt"]}


def test_unary_results_are_generated_from_the_schema(emulator, http):
    with open_socket(emulator) as socket:
        send(socket, prompt="a cat", seed=3)
        response = receive(socket)
    assert (response["prompt"], response["seed"]) == ("a cat", 3)
    assert http.get(response["images"][0]["url"]).status_code == 200
    (record,) = emulator.requests.of("realtime")
    assert [msgpack.unpackb(message) for message in record.messages] == [
        {"prompt": "a cat", "seed": 3}
    ]


def test_bytes_are_sent_in_both_directions(emulator):
    def handler(arguments):
        return {"blob": arguments["blob"][::-1]}

    emulator.endpoint(DEV).realtime["/realtime"].handler = handler
    with open_socket(emulator) as socket:
        send(socket, blob=b"\x00\xff\x01")
        assert receive(socket) == {"blob": b"\x01\xff\x00"}


def test_server_streaming_ends_with_timeout_and_a_normal_close(emulator):
    emulator.endpoint(DEV).realtime["/realtime"] = RealtimeScript("server_streaming")
    with open_socket(emulator) as socket:
        send(socket, prompt="a cat")
        messages = [receive(socket) for _ in range(5)]
        assert [message["prompt"] for message in messages[:4]] == ["a cat"] * 4
        assert messages[4]["type"] == "x-fal-error"
        assert messages[4]["error"] == "TIMEOUT"
        with pytest.raises(ConnectionClosed) as closed:
            receive(socket)
    assert closed.value.rcvd.code == 1000


def test_client_streaming_returns_the_result_when_the_client_pauses():
    async def handler(inputs):
        return {"all": [one["prompt"] async for one in inputs]}

    clock = VirtualClock()
    with FalEmulator(clock=clock) as emulator:
        script = RealtimeScript("client_streaming", handler, session_timeout=5)
        emulator.endpoint(DEV).realtime["/realtime"] = script
        with open_socket(emulator) as socket:
            for prompt in "abc":
                send(socket, prompt=prompt)
            emulator.requests.wait_for(lambda one: len(one.messages) == 3)
            socket.ping().wait(timeout=5)
            clock.advance(6)
            assert receive(socket) == {"all": ["a", "b", "c"]}
            assert receive(socket)["error"] == "TIMEOUT"


def test_bidi(emulator):
    async def handler(inputs):
        async for one in inputs:
            yield {"echo": one["prompt"].upper()}

    emulator.endpoint(DEV).realtime["/realtime/bidi"] = RealtimeScript("bidi", handler)
    with open_socket(emulator, "/realtime/bidi") as socket:
        for prompt in ("one", "two"):
            send(socket, prompt=prompt)
            assert receive(socket) == {"echo": prompt.upper()}


def test_json_codec(emulator):
    script = RealtimeScript(handler=echo_prompt, codec="json")
    emulator.endpoint(DEV).realtime["/realtime"] = script
    with open_socket(emulator) as socket:
        socket.send(json.dumps({"prompt": "x"}))
        assert json.loads(socket.recv()) == {"echo": "x"}


def test_a_session_without_input_times_out():
    clock = VirtualClock()
    with FalEmulator(clock=clock) as emulator, open_socket(emulator) as socket:
        send(socket, prompt="x")
        receive(socket)
        socket.ping().wait(timeout=5)
        clock.advance(61)
        assert receive(socket)["error"] == "TIMEOUT"


@pytest.mark.parametrize(
    "message", ["text", b"\xc1", msgpack.packb({"num_images": 9}), msgpack.packb(3)]
)
def test_an_invalid_input_is_an_internal_error(emulator, message):
    with open_socket(emulator) as socket:
        socket.send(message)
        response = socket.recv(timeout=5)
        assert isinstance(response, str)
        assert json.loads(response)["error"] == "INTERNAL_ERROR"
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=5)


def test_timings_follow_each_result(emulator):
    emulator.endpoint(DEV).realtime["/realtime"] = RealtimeScript(handler=echo_prompt, timings=True)
    with open_socket(emulator) as socket:
        send(socket, prompt="x")
        assert receive(socket) == {"echo": "x"}
        timing = receive(socket)
    assert (timing["type"], timing["action"]) == ("x-fal-message", "timings")
    assert timing["timing"] >= 0


@pytest.mark.parametrize(("buffering", "query"), [(3, ""), (None, "?max_buffering=3")])
def test_a_full_buffer_drops_the_oldest(emulator, buffering, query):
    sent = asyncio.Event()

    async def handler(arguments):
        if arguments["prompt"] == "0":
            await sent.wait()
        return {"echo": arguments["prompt"]}

    script = RealtimeScript(handler=handler, buffering=buffering)
    emulator.endpoint(DEV).realtime["/realtime"] = script
    with open_socket(emulator, "/realtime" + query) as socket:
        send(socket, prompt="0")
        emulator.requests.wait_for(lambda one: len(one.messages) == 1)
        socket.ping().wait(timeout=5)
        for number in range(1, 9):
            send(socket, prompt=str(number))
        emulator.requests.wait_for(lambda one: len(one.messages) == 9)
        emulator.call_soon(sent.set)
        assert [receive(socket)["echo"] for _ in range(4)] == ["0", "6", "7", "8"]


def test_a_socket_can_be_dropped(emulator):
    emulator.endpoint(DEV).faults.add("drop", route="realtime", after=1)
    with open_socket(emulator) as socket:
        send(socket, prompt="x")
        receive(socket)
        send(socket, prompt="y")
        with pytest.raises(ConnectionClosed) as closed:
            receive(socket)
    assert closed.value.rcvd is None, "no close frame was received"


@pytest.mark.parametrize("path", ["/nothing", "", "/realtime/other"])
def test_unknown_paths_are_refused_during_the_handshake(emulator, path):
    with pytest.raises(InvalidStatus) as refused:
        open_socket(emulator, path)
    assert refused.value.response.status_code == 403


def test_plain_websockets(emulator):
    emulator.endpoint(DEV).websockets["/ws"] = echo
    with open_socket(emulator, "/ws") as socket:
        for message in ("text", b"bytes"):
            socket.send(message)
            assert socket.recv() == message


def token(http, emulator: FalEmulator, route: str, **body: object) -> str:
    response = http.post(
        f"{emulator.url}/rest.fal.ai{route}", json=body, headers={"Authorization": "Key id:secret"}
    )
    assert response.status_code == 200, response.text
    return response.json()


def test_tokens_and_keys(http):
    clock = VirtualClock()
    with FalEmulator(keys={"id:secret"}, clock=clock) as emulator:
        emulator.endpoint(DEV).realtime["/realtime"].handler = echo_prompt
        first = token(http, emulator, "/tokens/", allowed_apps=["flux"], token_expiration=120)
        second = token(
            http, emulator, "/tokens/realtime", allowed_apps=["fal-ai/flux"], duration=120
        )
        other = token(http, emulator, "/tokens/", allowed_apps=["other"], token_expiration=120)
        key: dict[str, Any] = {"additional_headers": {"Authorization": "Key id:secret"}}

        def is_accepted(query: str = "", **kwargs) -> bool:
            with open_socket(emulator, "/realtime" + query, **kwargs) as socket:
                with contextlib.suppress(ConnectionClosed):
                    send(socket, prompt="x")
                response = receive(socket)
                assert response in ({"echo": "x"}, {"status": "error", "error": "Unauthorized"})
                return "echo" in response

        good, bad = (first, second), (other, "x")
        assert all(is_accepted(f"?fal_jwt_token={each}") for each in good)
        assert not any(is_accepted(f"?fal_jwt_token={each}") for each in bad)
        assert is_accepted(**key)
        assert not is_accepted()
        clock.advance(121)
        assert not is_accepted(f"?fal_jwt_token={first}")


def over_websocket(emulator: FalEmulator, **kwargs) -> ClientConnection:
    return connect(f"ws://{emulator.host}/ws.fal.run/{DEV}", **kwargs)


def one_response(socket: ClientConnection) -> tuple[dict, bytes, dict]:
    start, body = json.loads(socket.recv()), b""
    while isinstance(message := socket.recv(), bytes):
        body += message
    return start, body, json.loads(message)


def test_runs_over_a_websocket(emulator, http):
    with over_websocket(emulator) as socket:
        socket.send(json.dumps({"prompt": "a cat"}))
        start, body, end = one_response(socket)
    assert (start["type"], start["status"], end["type"], end["status"]) == (
        "start",
        200,
        "end",
        200,
    )
    assert start["request_id"] == end["request_id"] == start["headers"]["x-fal-request-id"]
    assert end["time_to_first_byte_seconds"] >= 0
    run = http.post(f"{emulator.url}/fal.run/{DEV}", json={"prompt": "a cat"})
    assert json.loads(body) == run.json()


def test_responses_are_sent_in_the_order_of_the_inputs(emulator):
    async def handler(arguments):
        await asyncio.sleep(0.02 if arguments["prompt"] == "0" else 0)
        return {"echo": arguments["prompt"], "filler": "x" * 70_000}

    emulator.endpoint(DEV).handler = handler
    with over_websocket(emulator) as socket:
        for number in range(5):
            socket.send(json.dumps({"prompt": str(number)}))
        responses = [json.loads(one_response(socket)[1]) for _ in range(5)]
    assert [response["echo"] for response in responses] == list("01234")


def test_errors_over_a_websocket(emulator):
    with over_websocket(emulator) as socket:
        for message in ("{broken", "{}", json.dumps({"num_images": 9})):
            socket.send(message)
            start, body, _ = one_response(socket)
            assert start["status"] == 422
            assert json.loads(body)["detail"]
