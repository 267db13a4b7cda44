"""Realtime connections to the emulator, in sync and async code."""

from __future__ import annotations

import asyncio
import logging
import threading

import msgpack
import pytest

import fal_typed
from fal_typed import (
    FalConnectionError,
    FalHTTPError,
    FalInputError,
    FalRealtimeError,
    FalStreamError,
    FalTimeoutError,
    RetryPolicy,
)
from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput, FluxDevOutput, flux_dev
from fal_typed.testing import FalEmulator, RealtimeScript, echo
from tests.scripted import Reply, scripted

ID = "fal-ai/flux/dev"


@pytest.fixture
def client(mode, fal_emulator):
    return mode.bare_client(retry=RetryPolicy(base_delay=0))


@pytest.fixture
def dev(fal_emulator):
    return fal_emulator.endpoint(ID)


@pytest.fixture
def route(dev):
    """The realtime route, which returns its input."""
    route = dev.realtime["/realtime"]
    route.handler = lambda arguments: arguments
    return route


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if "fal-typed" in thread.name}


def sent(emulator: FalEmulator) -> list[object]:
    """Inputs that reached the emulator, in order."""
    records = emulator.requests.of("realtime")
    return [msgpack.unpackb(message) for record in records for message in record.messages]


# -- call styles -----------------------------------------------------------------------------


def test_an_endpoint_accepts_parameters_and_returns_typed_results(mode, client, fal_emulator):
    for connected in (client.realtime(flux_dev), flux_dev.with_options(client=client).realtime()):
        if mode.is_async != hasattr(connected, "__aenter__"):
            connected = flux_dev.with_options(client=client).realtime_async()  # noqa: PLW2901
        with mode.inside(connected) as connection:
            connection.send(prompt="a cat", seed=3)
            result = connection.recv()
        assert isinstance(result, FluxDevOutput)
        assert (result.prompt, result.seed) == ("a cat", 3)
    assert sent(fal_emulator) == [{"prompt": "a cat", "seed": 3}] * 2


def test_an_input_class_accepts_input_objects(mode, client, fal_emulator):
    with mode.inside(client.realtime(FluxDevInput)) as connection:
        connection.send(FluxDevInput(prompt="a cat"))
        assert connection.recv().prompt == "a cat"


def test_an_id_accepts_mappings(mode, client, route):
    with mode.inside(client.realtime(ID)) as connection:
        connection.send({"prompt": "a cat", "blob": b"\x00\xff"})
        assert connection.recv() == {"prompt": "a cat", "blob": b"\x00\xff"}
        assert connection.raw == {"prompt": "a cat", "blob": b"\x00\xff"}


def test_the_module_level_function_opens_a_connection(fal_emulator):
    with fal_typed.realtime(ID) as connection:
        connection.send({"prompt": "a cat"})
        assert connection.recv()["prompt"] == "a cat"


def test_an_invalid_input_is_not_sent(mode, client, fal_emulator):
    with mode.inside(client.realtime(flux_dev)) as connection:
        with pytest.raises(FalInputError, match="num_images"):
            connection.send(prompt="a cat", num_images=9)
        assert connection.in_flight == 0
    assert sent(fal_emulator) == []


def test_an_input_of_another_endpoint_is_rejected(mode, client, route):
    with (
        mode.inside(client.realtime("fal-ai/flux/schnell")) as connection,
        pytest.raises(FalInputError, match="schnell"),
    ):
        connection.send(FluxDevInput(prompt="a cat"))


def test_a_value_that_cannot_be_encoded_is_rejected(mode, client, route):
    with (
        mode.inside(client.realtime(ID)) as connection,
        pytest.raises(FalInputError, match="object"),
    ):
        connection.send({"prompt": object()})


# -- results and end of session --------------------------------------------------------------


def test_iteration_stops_when_the_session_ends(mode, client, dev):
    dev.realtime["/realtime"] = RealtimeScript("server_streaming")
    with mode.inside(client.realtime(ID)) as connection:
        connection.send({"prompt": "a cat"})
        assert len(mode.items(connection._target)) == 4
        assert connection.recv() is None
        with pytest.raises(FalRealtimeError, match="has ended"):
            connection.send({"prompt": "another"})


def test_a_receive_timeout_does_not_end_the_session(mode, client, route):
    with mode.inside(client.realtime(ID)) as connection:
        with pytest.raises(FalTimeoutError):
            connection.recv(timeout=0.05)
        connection.send({"n": 1})
        assert connection.recv(timeout=5) == {"n": 1}


def test_timings_are_reported_and_are_not_results(mode, client, route):
    route.timings = True
    with mode.inside(client.realtime(ID)) as connection:
        for number in (1, 2):
            connection.send({"n": number})
            assert connection.recv() == {"n": number}
        assert connection.inference_time >= 0


def test_a_result_that_cannot_be_decoded_does_not_end_the_session(mode, client, route):
    broken = [True]

    def decode(message: bytes) -> object:
        if broken.pop() if broken else False:
            raise ValueError("not mine")
        return msgpack.unpackb(message)

    with mode.inside(client.realtime(ID, decode_message=decode)) as connection:
        connection.send({"n": 1})
        with pytest.raises(FalStreamError, match="not mine"):
            connection.recv()
        connection.send({"n": 2})
        assert connection.recv() == {"n": 2}


def test_json_and_custom_codecs(mode, client, route):
    route.codec = "json"
    with mode.inside(client.realtime(ID, codec="json")) as connection:
        connection.send({"n": 1})
        assert connection.recv() == {"n": 1}
    with mode.inside(
        client.realtime(ID, encode_message=lambda _: b'{"n": 2}', decode_message=bytes.decode)
    ) as connection:
        connection.send(None)
        assert connection.recv().replace(" ", "") == '{"n":2}'


def test_an_unknown_codec_is_rejected(client):
    with pytest.raises(FalInputError, match="codec"):
        client.realtime(ID, codec="pickle")


# -- callbacks -------------------------------------------------------------------------------


def test_results_can_be_passed_to_a_callback(mode, client, dev):
    dev.realtime["/realtime"] = RealtimeScript("server_streaming")
    results: list[object] = []
    with mode.inside(client.realtime(ID, on_result=results.append)) as connection:
        connection.send({"prompt": "a cat"})
        connection.wait(timeout=10)
        with pytest.raises(FalInputError, match="on_result"):
            connection.recv()
    assert len(results) == 4
    assert not threads()


def test_an_error_in_a_callback_reaches_the_caller(mode, client, route):
    def fail(_result: object) -> None:
        raise ZeroDivisionError

    with mode.inside(client.realtime(ID, on_result=fail)) as connection:
        connection.send({"n": 1})
        with pytest.raises(ZeroDivisionError):
            connection.wait(timeout=10)
    assert not threads()


def test_errors_can_be_passed_to_a_callback(mode, client, route):
    def fail(_arguments: object) -> None:
        raise ValueError("the model broke")

    route.handler = fail
    errors: list[FalRealtimeError] = []
    options = {"on_result": print, "on_error": errors.append}
    with mode.inside(client.realtime(ID, **options)) as connection:
        connection.send({"n": 1})
        connection.wait(timeout=10)
    assert [error.code for error in errors] == ["INTERNAL_ERROR"]


# -- broken connections ----------------------------------------------------------------------


def after(happened: threading.Event):
    """A handler that returns its input once an event is set."""

    async def respond(arguments: object) -> object:
        await asyncio.to_thread(happened.wait, 10)
        return arguments

    return respond


def test_a_broken_connection_reports_inputs_in_flight(mode, client, route, dev):
    dev.faults.add("drop", route="realtime", after=1)
    all_sent = threading.Event()
    route.handler = after(all_sent)
    with mode.inside(client.realtime(ID)) as connection:
        for number in (1, 2, 3):
            connection.send({"n": number})
        all_sent.set()
        assert connection.recv() == {"n": 1}
        with pytest.raises(FalRealtimeError, match="2 inputs were sent") as caught:
            connection.recv()
        assert (caught.value.code, caught.value.in_flight) == ("CONNECTION_LOST", 2)
        assert connection.recv() is None


def test_reconnecting_reports_the_loss_and_continues(mode, client, route, dev, fal_emulator):
    dev.faults.add("drop", route="realtime", after=1)
    all_sent = threading.Event()
    route.handler = after(all_sent)
    with mode.inside(client.realtime(ID, reconnect=True)) as connection:
        for number in (1, 2):
            connection.send({"n": number})
        all_sent.set()
        assert connection.recv() == {"n": 1}
        with pytest.raises(FalRealtimeError, match="new connection") as caught:
            connection.recv()
        assert caught.value.in_flight == 1
        connection.send({"n": 3})
        assert connection.recv() == {"n": 3}
    assert sent(fal_emulator) == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_reconnecting_without_a_loss_is_silent(mode, client, dev, fal_emulator):
    """After a session has ended normally, the next input opens a new one."""
    dev.realtime["/realtime"] = RealtimeScript("server_streaming")
    with mode.inside(client.realtime(ID, reconnect=True)) as connection:
        for _ in range(2):
            connection.send({"prompt": "a cat"})
            assert len(mode.items(connection._target)) == 4
    assert len(fal_emulator.requests.of("realtime")) == 2


def test_a_failed_reconnect_ends_the_session(mode, fal_emulator, route):
    client = mode.bare_client(retry=RetryPolicy(attempts=1))
    with mode.inside(client.realtime(ID, reconnect=True)) as connection:
        connection.send({"n": 1})
        connection.recv()
        fal_emulator.stop()
        with pytest.raises(FalRealtimeError, match="reconnecting failed"):
            connection.recv()
        assert connection.recv() is None


# -- throttling ------------------------------------------------------------------------------


def test_throttle_sends_only_the_latest_input(mode, client, route, fal_emulator):
    with mode.inside(client.realtime(ID, throttle=0.2)) as connection:
        for number in range(6):
            connection.send({"n": number})
        assert [connection.recv(), connection.recv()] == [{"n": 0}, {"n": 5}]
        assert connection.in_flight == 0
    assert sent(fal_emulator) == [{"n": 0}, {"n": 5}]


def test_closing_drops_a_delayed_input(mode, client, route, fal_emulator):
    with mode.inside(client.realtime(ID, throttle=60)) as connection:
        for number in range(3):
            connection.send({"n": number})
        assert connection.recv() == {"n": 0}
    assert sent(fal_emulator) == [{"n": 0}]
    timers = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    for timer in timers:  # a canceled timer ends at once, a leaked one waits a minute
        timer.join(5)
        assert not timer.is_alive()


# -- tokens and keys -------------------------------------------------------------------------


def test_a_token_is_created_for_the_app_and_reused(mode, client, route, fal_emulator):
    for _ in range(3):
        with mode.inside(client.realtime(ID)):
            pass
    (created,) = fal_emulator.requests.of("token")
    assert created.path == "/tokens/"
    assert created.json == {"allowed_apps": ["flux"], "token_expiration": 120}
    tokens = {record.query_string for record in fal_emulator.requests.of("realtime")}
    assert len(tokens) == 1


def test_a_token_is_renewed_before_it_expires(mode, client, route, fal_emulator):
    with mode.inside(client.realtime(ID, token_expiration=100)):
        pass
    entries = client._runner._realtime_tokens._entries
    ((owner, entry),) = entries.items()
    entries[owner] = entry._replace(valid_until=entry.valid_until - 90)
    with mode.inside(client.realtime(ID, token_expiration=100)):
        pass
    assert len(fal_emulator.requests.of("token")) == 2


def test_a_rejected_token_is_reported_and_not_reused(mode, monkeypatch):
    with FalEmulator(keys=["id:secret"]) as emulator:
        monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
        client = mode.bare_client(key="id:secret")
        with mode.inside(client.realtime(ID)):
            pass
        entries = client._runner._realtime_tokens._entries
        ((owner, entry),) = entries.items()
        entries[owner] = entry._replace(token="no-longer-good")
        with (
            pytest.raises(FalRealtimeError, match="Unauthorized") as caught,
            mode.inside(client.realtime(ID)) as connection,
        ):
            connection.recv()
        assert caught.value.code == "Unauthorized"
        with mode.inside(client.realtime(ID)) as connection:
            connection.send({"prompt": "a cat"})
            assert connection.recv()["prompt"] == "a cat"


def test_a_token_provider_is_called_for_each_connection(mode, client, route, fal_emulator):
    calls: list[str] = []

    def provide(endpoint_id: str) -> str:
        calls.append(endpoint_id)
        return f"token-{len(calls)}"

    for _ in range(2):
        with mode.inside(client.realtime(ID, token_provider=provide)):
            pass
    assert calls == [ID, ID]
    assert fal_emulator.requests.of("token") == []
    queries = [record.query_string for record in fal_emulator.requests.of("realtime")]
    assert queries == ["fal_jwt_token=token-1", "fal_jwt_token=token-2"]


def test_the_key_itself_can_be_used(mode, route, fal_emulator):
    client = mode.bare_client(key="id:secret")
    with mode.inside(client.realtime(ID, use_jwt=False, max_buffering=5)):
        pass
    (record,) = fal_emulator.requests.of("realtime")
    assert record.headers["authorization"] == "Key id:secret"
    assert record.query_string == "max_buffering=5"
    assert fal_emulator.requests.of("token") == []


def test_with_a_token_the_key_is_not_sent_to_the_endpoint(mode, route, fal_emulator):
    client = mode.bare_client(key="id:secret")
    with mode.inside(client.realtime(ID)):
        pass
    assert "authorization" not in fal_emulator.requests.of("realtime")[0].headers


@pytest.mark.parametrize("size", [0, 61])
def test_max_buffering_has_bounds(mode, client, size):
    with (
        pytest.raises(FalInputError, match="1 to 60"),
        mode.inside(client.realtime(ID, max_buffering=size)),
    ):
        pass


def test_neither_token_nor_key_is_logged_or_shown(mode, route, fal_emulator, caplog):
    caplog.set_level(logging.DEBUG)
    client = mode.bare_client(key="id:secret", retry=RetryPolicy(attempts=1))
    connected = client.realtime(ID)
    with mode.inside(connected) as connection:
        connection.send({"n": 1})
        connection.recv()
        (token,) = (text for text, _ in client._runner._realtime_tokens._entries.values())
        shown = [repr(connected), repr(vars(connected)), repr(connected._session)]
    with mode.inside(client.realtime(ID, use_jwt=False)):
        pass
    fal_emulator.stop()
    with pytest.raises(FalConnectionError) as caught, mode.inside(client.realtime(ID)):
        pass
    # The emulator's server runs in this process and logs what it receives.
    logged = [r.getMessage() for r in caplog.records if not r.name.startswith("uvicorn")]
    shown += [*logged, str(caught.value), repr(caught.value.__context__)]
    assert any("101" in message for message in logged)
    assert not [text for text in shown if token in text or "secret" in text]


# -- handshakes ------------------------------------------------------------------------------


def test_a_rejected_handshake_keeps_its_status(mode, client, route):
    with (
        pytest.raises(FalHTTPError) as caught,
        mode.inside(client.realtime(ID, path="/nowhere")),
    ):
        pass
    assert caught.value.status_code in (403, 404)


def test_a_redirected_handshake_is_not_followed(mode):
    with scripted(lambda _: Reply()) as elsewhere:
        location = {"location": f"ws://{elsewhere.host}/taken"}
        with scripted(lambda _: Reply(307, headers=location)) as server:
            client = mode.bare_client(key="id:secret", run_host=server.host)
            with (
                pytest.raises(FalHTTPError, match="307"),
                mode.inside(client.realtime(ID, use_jwt=False)),
            ):
                pass
        assert len(server.seen) == 1
        assert elsewhere.seen == []


def test_a_connection_must_be_entered(mode, client):
    connection = mode.adapt(client.realtime(ID))
    for call in (connection.recv, lambda: connection.send({"n": 1})):
        with pytest.raises(FalRealtimeError, match="with"):
            call()


def test_one_thread_may_send_while_another_receives(fal_emulator, route):
    with fal_typed.realtime(ID) as connection:
        received: list[object] = []
        reader = threading.Thread(
            target=lambda: received.extend(next(connection) for _ in range(50))
        )
        reader.start()
        for number in range(50):
            connection.send({"n": number})
        reader.join(10)
    assert received == [{"n": number} for number in range(50)]


# -- plain websockets ------------------------------------------------------------------------


def test_a_plain_websocket(mode, client, dev):
    dev.websockets["/ws"] = echo
    with mode.inside(client.ws_connect(ID, path="/ws")) as socket:
        for message in ("text", b"\x00bytes"):
            socket.send(message)
            assert socket.recv() == message
        with pytest.raises(FalTimeoutError):
            socket.recv(timeout=0.05)
        socket.close()
        with pytest.raises(FalConnectionError):
            socket.send("late")


def test_iterating_over_a_plain_websocket_stops_at_its_end(mode, client, dev):
    async def count(socket) -> None:
        await socket.accept()
        for number in range(3):
            await socket.send(str(number))
        await socket.close()

    dev.websockets["/ws"] = count
    with mode.inside(client.ws_connect(ID, path="/ws")) as socket:
        assert mode.items(socket._target) == ["0", "1", "2"]


def test_a_plain_websocket_that_breaks_is_an_error(mode, client, dev):
    dev.websockets["/ws"] = echo
    dev.faults.add("drop", route="websocket", after=1)
    with mode.inside(client.ws_connect(ID, path="/ws")) as socket:
        socket.send("a")
        socket.send("b")
        assert socket.recv() == "a"
        with pytest.raises(FalConnectionError):
            socket.recv()
