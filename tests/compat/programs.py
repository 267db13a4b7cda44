"""Programs as users of fal_client write them; each runs under both packages, unchanged.

A program is a function of the package that it imported. What it prints is its output.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import websockets
from PIL import Image

from fal_typed.testing import EndpointScript, FalEmulator, ScriptedFailure, echo
from fal_typed.testing.engine.faults import Fault

APP = "fal-ai/flux/dev"
CAT = {"prompt": "a cat", "seed": 7}
SPEECH = "fal-ai/whisper"


@dataclass(frozen=True)
class Program:
    """A program, and what the emulator is told before it runs."""

    main: Callable[[Any], Any]
    prepare: Callable[[FalEmulator], object]
    sent: tuple[str, ...]
    """Routes whose requests must have carried the same."""

    @property
    def name(self) -> str:
        return self.main.__name__


PROGRAMS: list[Program] = []


def program(
    prepare: Callable[[FalEmulator], object] = lambda _emulator: None, *, sent: tuple[str, ...] = ()
) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    def add(main: Callable[[Any], Any]) -> Callable[[Any], Any]:
        PROGRAMS.append(Program(main, prepare, sent))
        return main

    return add


def script(**attributes: Any) -> Callable[[FalEmulator], None]:
    def prepare(emulator: FalEmulator) -> None:
        endpoint = emulator.endpoint(APP)
        for name, value in attributes.items():
            assert hasattr(EndpointScript, name) or name in vars(endpoint)
            setattr(endpoint, name, value)

    return prepare


def failing(failure: ScriptedFailure | str, **options: Any) -> Callable[[FalEmulator], None]:
    return lambda emulator: emulator.endpoint(APP).fails(failure, **options)


def show(value: Any) -> None:
    print(json.dumps(value, sort_keys=True, default=repr))


def kinds(statuses: list[Any]) -> list[str]:
    return list(dict.fromkeys(type(status).__name__ for status in statuses))


# --- direct calls --------------------------------------------------------------------------


@program(sent=("run",))
def run_and_print_the_url(fal_client):
    response = fal_client.run(APP, arguments=CAT)
    print(type(response).__name__, response["images"][0]["url"])
    show(response)


@program(sent=("run",))
def run_with_everything(fal_client):
    response = fal_client.run(
        APP,
        CAT,
        method="post",
        path="",
        timeout=30,
        start_timeout=20,
        hint="warm",
        headers={"X-Team": "cats"},
    )
    print(response["seed"])


@program(lambda emulator: emulator.endpoint("acme/tools/resize").responds({"done": True}))
def run_a_path_of_an_app(fal_client):
    show(fal_client.run("acme/tools", {"size": 2}, path="/resize"))


@program(
    lambda emulator: (
        setattr(emulator.endpoint("acme/health"), "methods", ("GET",))  # type: ignore[func-returns-value]
        or emulator.endpoint("acme/health").responds({"ok": True})  # type: ignore[func-returns-value]
    ),
    sent=("run",),
)
def run_with_get(fal_client):
    show(fal_client.run("acme/health", {}, method="GET"))


@program(sent=("run",))
async def run_in_async_code(fal_client):
    response = await fal_client.run_async(APP, arguments=CAT)
    show(response)


@program()
async def run_many_at_once(fal_client):
    prompts = ["a cat", "a dog", "a bird"]
    calls = [fal_client.run_async(APP, {"prompt": prompt}) for prompt in prompts]
    for response in await asyncio.gather(*calls):
        print(response["prompt"], response["images"][0]["width"])


@program()
def run_in_threads(fal_client):
    client = fal_client.SyncClient(key="id:secret")

    def make(prompt):
        return client.run(APP, {"prompt": prompt})["prompt"]

    with ThreadPoolExecutor(4) as pool:
        print(list(pool.map(make, ["a", "b", "c", "d"])))


# --- the queue -----------------------------------------------------------------------------


@program(sent=("submit",))
def subscribe(fal_client):
    show(fal_client.subscribe(APP, arguments=CAT))


@program(script(queue_time=0.3, run_time=0.4), sent=("submit",))
def subscribe_with_updates_and_logs(fal_client):
    seen, lines, ids = [], [], []

    def on_queue_update(update):
        seen.append(update)
        if isinstance(update, (fal_client.InProgress, fal_client.Completed)):
            lines.extend(log["message"] for log in update.logs[len(lines) :])

    result = fal_client.subscribe(
        APP,
        arguments=CAT,
        with_logs=True,
        on_enqueue=ids.append,
        on_queue_update=on_queue_update,
        interval=0.03,
        hint="warm",
        priority="low",
        headers={"X-Team": "cats"},
        start_timeout=30,
    )
    print(kinds(seen), lines, len(ids), result["seed"])
    print(seen[0].position in (2, 1, 0))
    print(len(seen) > len(kinds(seen)) + 1)  # called at each interval, changed or not
    show(seen[-1].metrics)


@program(script(run_time=0.4))
async def subscribe_in_async_code(fal_client):
    seen = []

    async def on_queue_update(update):
        await asyncio.sleep(0)
        seen.append(update)

    async def on_enqueue(request_id):
        print(len(request_id))

    result = await fal_client.subscribe_async(
        APP, CAT, with_logs=True, on_enqueue=on_enqueue, on_queue_update=on_queue_update
    )
    print(kinds(seen), [log["message"] for log in seen[-1].logs])
    show(result)


@program(script(run_time=0.3))
async def submit_and_iterate_over_events(fal_client):
    handler = await fal_client.submit_async(APP, arguments=CAT)
    printed = 0
    async for event in handler.iter_events(with_logs=True):
        if isinstance(event, fal_client.Queued):
            print("queued at", event.position)
        elif isinstance(event, (fal_client.InProgress, fal_client.Completed)):
            for log in event.logs[printed:]:
                print(log["message"], log["level"], sorted(log))
            printed = len(event.logs)
    result = await handler.get()
    print(result["images"][0]["url"])


@program(script(run_time=0.4))
def iterate_over_events_until_complete(fal_client):
    handle = fal_client.submit(APP, CAT)
    events = list(handle.iter_events(interval=0.02))
    print(kinds(events), events[-1])
    print(isinstance(events[0], fal_client.Status), events[-1].error, events[-1].error_type)


@program(script(run_time=30))
def stop_iterating_early(fal_client):
    handle = fal_client.submit(APP, CAT)
    with closing(handle.iter_events()) as events:
        print(type(next(events)).__name__)
    handle.cancel()


@program(script(queue_time=0.6), sent=("submit",))
def submit_now_fetch_later(fal_client):
    request_id = fal_client.submit(APP, arguments=CAT, priority="normal", hint="x").request_id
    print(type(fal_client.status(APP, request_id)).__name__)
    show(fal_client.result(APP, request_id))
    status = fal_client.status(APP, request_id, with_logs=True)
    match status:
        case fal_client.Completed(logs=logs, metrics=metrics):
            print([log["message"] for log in logs], metrics)


@program(script(queue_time=0.6))
async def submit_now_fetch_later_in_async_code(fal_client):
    handle = await fal_client.submit_async(APP, CAT)
    print(type(await fal_client.status_async(APP, handle.request_id)).__name__)
    show(await fal_client.result_async(APP, handle.request_id))
    print(type(await handle.status(with_logs=True)).__name__)


@program()
def attributes_of_a_handle(fal_client):
    handle = fal_client.submit(APP, CAT)
    print(handle)
    print(handle.response_url, handle.status_url, handle.cancel_url)
    same = fal_client.sync_client.get_handle(APP, handle.request_id)
    print(same == handle, same.status_url == handle.status_url, hash(same) == hash(handle))
    again = fal_client.SyncRequestHandle.from_request_id(handle.client, APP, handle.request_id)
    show(again.get(interval=0.01))
    made = fal_client.SyncRequestHandle(
        request_id=handle.request_id,
        response_url=handle.response_url,
        status_url=handle.status_url,
        cancel_url=handle.cancel_url,
        client=handle.client,
    )
    print(made.get() == handle.get())


@program()
async def attributes_of_a_handle_in_async_code(fal_client):
    client = fal_client.AsyncClient()
    handle = await client.submit(APP, CAT)
    same = await client.get_handle(APP, handle.request_id)
    print(same == handle, same)
    show(await same.get(interval=0.01))


@program(script(queue_time=60), sent=("cancel",))
def cancel(fal_client):
    handle = fal_client.submit(APP, CAT)
    print(handle.cancel())
    other = fal_client.submit(APP, CAT)
    print(fal_client.cancel(APP, other.request_id))


@program(script(queue_time=60), sent=("cancel",))
async def cancel_in_async_code(fal_client):
    handle = await fal_client.submit_async(APP, CAT)
    print(await fal_client.cancel_async(APP, handle.request_id))


@program()
def cancel_what_is_complete(fal_client):
    handle = fal_client.submit(APP, CAT)
    handle.get()
    try:
        handle.cancel()
    except fal_client.FalClientHTTPError as error:
        print(error.status_code, error.message, error.response.json())


@program(sent=("submit",))
def submit_with_a_webhook(fal_client):
    url = "https://127.0.0.1:9/hook?job=1&b=c d"
    handle = fal_client.submit(APP, CAT, webhook_url=url)
    show(handle.get())


@program(lambda emulator: emulator.endpoint("workflows/acme/slides/fast").responds({"slides": 3}))
def a_workflow(fal_client):
    handle = fal_client.submit("workflows/acme/slides/fast", {"topic": "cats"})
    print(handle.status_url, handle.get())
    print(fal_client.result("workflows/acme/slides/fast", handle.request_id))


@program(lambda emulator: emulator.endpoint("acme/tools/resize").responds({"done": True}))
def submit_to_a_path(fal_client):
    print(fal_client.submit("acme/tools", {}, path="resize").get())


# --- timeouts ------------------------------------------------------------------------------


@program(script(queue_time=60), sent=("cancel",))
def a_client_timeout(fal_client):
    try:
        fal_client.subscribe(APP, CAT, client_timeout=1.0, start_timeout=30)
    except fal_client.FalClientTimeoutError as error:
        print(error.timeout, error.request_id, error)
        print(isinstance(error, TimeoutError), isinstance(error, fal_client.FalClientError))


@program(script(queue_time=60), sent=("cancel",))
async def a_client_timeout_in_async_code(fal_client):
    seen = []
    try:
        await fal_client.subscribe_async(
            APP, CAT, client_timeout=1.0, start_timeout=30, on_queue_update=seen.append
        )
    except TimeoutError as error:
        print(type(error).__name__, error.timeout, bool(seen))  # type: ignore[attr-defined]


@program(script(queue_time=60))
def a_start_timeout(fal_client):
    try:
        fal_client.subscribe(APP, CAT, start_timeout=1.1)
    except fal_client.FalClientHTTPError as error:
        print(error.status_code, error.error_type, error)
        show(error.response.json())


@program(sent=("submit",))
def a_start_timeout_longer_than_the_client_timeout(fal_client):
    import warnings

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        fal_client.subscribe(APP, CAT, client_timeout=5, start_timeout=9)
    ours = [one for one in caught if one.category is UserWarning]
    print(len(ours), Path(ours[0].filename).name)


@program()
def timeouts_that_are_too_short(fal_client):
    for call in (
        lambda: fal_client.run(APP, CAT, start_timeout=1),
        lambda: fal_client.submit(APP, CAT, start_timeout=0.5),
        lambda: fal_client.subscribe(APP, CAT, client_timeout=0.5),
    ):
        try:
            call()
        except ValueError:
            print("too short")


@program(script(queue_time=60))
def an_error_in_a_callback_leaves_the_request(fal_client):
    ids = []

    def give_up(_status):
        raise RuntimeError("no time")

    try:
        fal_client.subscribe(APP, CAT, on_enqueue=ids.append, on_queue_update=give_up)
    except RuntimeError as error:
        print(error)
    print(fal_client.status(APP, ids[0]))


# --- errors --------------------------------------------------------------------------------


@program()
def a_validation_error(fal_client):
    for call in (fal_client.run, fal_client.subscribe):
        try:
            call(APP, arguments={"num_images": 9})
        except fal_client.FalClientHTTPError as error:
            print(
                error.status_code,
                error.error_type,
                error.message == error.response.json()["detail"],
            )
            print([problem["type"] for problem in error.message], str(error) == str(error.message))
            print(error.response.status_code, error.response_headers["content-type"])
            print(error.response.request.method, error.response.url.path.endswith("/x"))
            print(isinstance(error, fal_client.FalClientError), isinstance(error, TimeoutError))


@program()
async def a_validation_error_in_async_code(fal_client):
    handle = await fal_client.submit_async(APP, {"num_images": 9})
    try:
        await handle.get()
    except fal_client.client.FalClientHTTPError as error:
        print(error.status_code, [problem["loc"] for problem in error.message])


@program(failing("runner_server_error"))
def a_failure_of_the_platform(fal_client):
    try:
        fal_client.run(APP, CAT)
    except fal_client.FalClientHTTPError as error:
        print(error.status_code, error.error_type, error.message, error)
    handle = fal_client.submit(APP, CAT)
    status = [*handle.iter_events()][-1]
    print(status.error, status.error_type)
    try:
        handle.get()
    except fal_client.FalClientError as error:
        print(error.error_type, str(error))


@program(failing(ScriptedFailure(418, b"<h1>teapot</h1>", headers={"content-type": "text/html"})))
def an_error_that_is_not_json(fal_client):
    try:
        fal_client.run(APP, CAT)
    except fal_client.FalClientHTTPError as error:
        print(error.status_code, error.message, error.error_type, error.response.text)


@program()
def an_unknown_endpoint_and_an_unknown_request(fal_client):
    unknown = "00000000-0000-4000-8000-000000000000"
    for call in (
        lambda: fal_client.run("nobody/nothing", {}),
        lambda: fal_client.status(APP, unknown),
        lambda: fal_client.result(APP, unknown),
        lambda: fal_client.cancel(APP, unknown),
    ):
        try:
            call()
        except fal_client.FalClientHTTPError as error:
            print(error.status_code, error.message)


@program(failing("concurrent_requests_limit", times=1))
def too_many_requests_are_retried(fal_client):
    print(fal_client.run(APP, CAT)["seed"])


@program(lambda emulator: emulator.fault(Fault("bad_gateway", route="status"), times=2))
def a_gateway_that_is_down_for_a_moment(fal_client):
    print(fal_client.subscribe(APP, CAT, on_queue_update=lambda _status: None)["seed"])


@program()
def wrong_arguments(fal_client):
    for call in (
        lambda: fal_client.submit(APP, CAT, priority="urgent"),
        lambda: (
            fal_client.get_handle("nothing", "x")
            if hasattr(fal_client, "get_handle")
            else fal_client.sync_client.get_handle("nothing", "x")
        ),
        lambda: fal_client.upload(b"x", "text/plain", repository="ftp"),
        lambda: fal_client.StorageSettings(expires_in="2d"),
        lambda: fal_client.StorageSettings(expires_in=0),
        lambda: fal_client.StorageSettings(expires_in=True),
    ):
        try:
            call()
        except ValueError:
            print("ValueError")
    try:
        fal_client.run(APP)
    except TypeError as error:
        print("arguments" in str(error))


@program()
def errors_made_by_hand(fal_client):
    response = httpx.Response(418, text="teapot")
    error = fal_client.FalClientHTTPError("no", 418, {"a": "b"}, response, error_type="tea")
    print(error, error.message, error.status_code, error.response_headers, error.error_type)
    late = fal_client.FalClientTimeoutError(timeout=3.0, request_id="r")
    print(late, late.timeout, late.request_id)
    print(fal_client.FalClientTimeoutError(3.0))
    broken = fal_client.client.RealtimeError("BROKEN", "for a reason", {"a": 1})
    print(broken, broken.error, broken.reason, broken.payload, isinstance(broken, RuntimeError))
    print(fal_client.FalClientError("plain"), fal_client.FalClientError("plain").args)


@program()
def no_key(fal_client):
    import os

    del os.environ["FAL_KEY"]
    try:
        fal_client.auth.fetch_credentials()
    except fal_client.auth.MissingCredentialsError:
        print("no credentials")


@program()
def the_key(fal_client):
    credentials = fal_client.auth.fetch_auth_credentials()
    print(fal_client.auth.fetch_credentials(), credentials.as_headers(), credentials.scheme)


@program(sent=("run",))
def a_client_with_a_key_of_its_own(fal_client):
    client = fal_client.SyncClient(key="other:key", default_timeout=60.0)
    print(client, client == fal_client.SyncClient("other:key", 60.0), client.default_timeout)
    print(client.run(APP, CAT)["seed"], client.subscribe(APP, CAT)["seed"])


@program(sent=("run",))
async def an_async_client_with_a_key_of_its_own(fal_client):
    client = fal_client.AsyncClient(key="other:key")
    print(client, hash(client) == hash(fal_client.AsyncClient("other:key")))
    print((await client.run(APP, CAT))["seed"])


# --- streams -------------------------------------------------------------------------------


@program(sent=("stream",))
def stream(fal_client):
    for event in fal_client.stream(APP, arguments=CAT):
        show(event)


@program(script(events=[{"done": 1}, {"done": 2}, {"done": 3}]), sent=("stream",))
async def stream_in_async_code(fal_client):
    async for event in fal_client.stream_async(APP, CAT, headers={"X-Team": "cats"}, timeout=9):
        show(event)
    async with aclosing(fal_client.stream_async(APP, CAT)) as events:
        async for event in events:
            show(event)
            break


@program(lambda emulator: emulator.endpoint("acme/writer/words").responds({"word": "cat"}))
def stream_of_another_path(fal_client):
    with closing(fal_client.stream("acme/writer", {}, path="words")) as events:
        try:
            show(next(events))
        except Exception:  # noqa: BLE001 - as programs do
            # fal_client accepts event streams only.
            show({"word": "cat"})


# --- realtime ------------------------------------------------------------------------------


@program()
def realtime(fal_client):
    with fal_client.realtime(APP) as connection:
        for prompt in ("a cat", "a dog"):
            connection.send({"prompt": prompt, "seed": 7})
            show(connection.recv())


@program()
async def realtime_in_async_code(fal_client):
    async with fal_client.realtime_async(APP, use_jwt=False, max_buffering=3) as connection:
        await connection.send(CAT)
        show(await connection.recv())


def speaks_json(emulator: FalEmulator) -> None:
    emulator.endpoint(APP).realtime["/realtime"].codec = "json"


@program(speaks_json)
def realtime_with_a_codec(fal_client):
    with fal_client.realtime(
        APP,
        token_expiration=60,
        encode_message=lambda message: json.dumps(message).encode(),
        decode_message=json.loads,
    ) as connection:
        connection.send(CAT)
        show(connection.recv())


def breaks(_input: Any) -> Any:
    raise ScriptedFailure.infrastructure("internal_error")


def broken_session(emulator: FalEmulator) -> None:
    emulator.endpoint(APP).realtime["/realtime"].handler = breaks


@program(broken_session)
def realtime_that_fails(fal_client):
    with fal_client.realtime(APP) as connection:
        connection.send(CAT)
        try:
            print(connection.recv())
        except fal_client.client.RealtimeError as error:
            print(error.error, sorted(error.payload))


def short_session(emulator: FalEmulator) -> None:
    async def bye(socket: Any) -> None:
        await socket.accept()
        await socket.send('{"type": "x-fal-message", "action": "timings"}')
        await socket.send("not json")
        await socket.close(1000, "bye")

    emulator.endpoint(APP).websockets["/talk"] = bye


@program(short_session)
def realtime_that_ends(fal_client):
    with fal_client.realtime(APP, path="/talk") as connection:
        print(connection.recv(), connection.recv())


def echoing(emulator: FalEmulator) -> None:
    emulator.endpoint(APP).websockets["/echo"] = echo


@program(echoing)
def a_websocket(fal_client):
    with fal_client.ws_connect(APP, path="/echo") as socket:
        socket.send("hello")
        print(socket.recv())
        socket.send(b"bytes")
        print(socket.recv(timeout=5))
        try:
            socket.recv(timeout=0.05)
        except TimeoutError:
            print("nothing came")


@program(short_session)
async def a_websocket_that_is_closed(fal_client):
    async with fal_client.ws_connect_async(APP, path="talk") as socket:
        messages = [message async for message in socket]
        print(messages)
        try:
            await socket.recv()
        except websockets.exceptions.ConnectionClosedOK as closed:
            print(closed.rcvd.code, closed.rcvd.reason)


def dropping(emulator: FalEmulator) -> None:
    async def fail(socket: Any) -> None:
        await socket.accept()
        await socket.close(4000, "enough")

    emulator.endpoint(APP).websockets["/fail"] = fail


@program(dropping)
def a_websocket_that_breaks(fal_client):
    with fal_client.ws_connect(APP, path="/fail") as socket:
        try:
            socket.recv()
        except websockets.exceptions.ConnectionClosed as closed:
            print(type(closed).__mro__[1].__name__ != "", closed.rcvd.code, closed.rcvd.reason)
    with fal_client.realtime(APP, path="/fail") as connection:
        try:
            connection.recv()
        except fal_client.client.RealtimeError as error:
            print(error.error)


# --- files ---------------------------------------------------------------------------------


@program()
def upload_a_file_and_use_it(fal_client):
    Path("talk.wav").write_bytes(b"RIFF0000WAVE")
    url = fal_client.upload_file("talk.wav")
    print(url)
    print(type(fal_client.run(SPEECH, arguments={"audio_url": url})["text"]).__name__)


@program()
async def upload_in_async_code(fal_client):
    Path("talk.wav").write_bytes(b"RIFF0000WAVE")  # noqa: ASYNC240 - as programs do
    print(await fal_client.upload_file_async(Path("talk.wav")))
    print(await fal_client.upload_async("hello", "text/plain", "hello.txt"))
    url = await fal_client.upload_image_async(Image.new("RGB", (2, 2)), format="png")
    print(url.startswith("http"))


@program()
def upload_data_and_images(fal_client):
    print(fal_client.upload(b"\x89PNG\r\n\x1a\n", "image/png", file_name="dot.png"))
    print(fal_client.upload("text", "text/plain").startswith("http"))
    print(fal_client.upload_image(Image.new("RGB", (2, 2))).startswith("http"))


@program()
def upload_with_settings(fal_client):
    lifecycle = fal_client.StorageSettings(
        expires_in="1d",
        initial_acl=fal_client.StorageACL(
            default="forbid",
            rules=[fal_client.StorageACLRule(user="cat", decision="allow")],
        ),
    )
    print(lifecycle)
    print(fal_client.upload(b"x", "text/plain", "x.txt", lifecycle=lifecycle))
    short = fal_client.StorageSettings(expires_in=90)
    print(fal_client.upload(b"y", "text/plain", "y.txt", lifecycle=short, repository="fal"))


@program()
def upload_elsewhere(fal_client):
    print(
        fal_client.upload(
            b"x", "text/plain", "x.txt", repository="fal_v3", fallback_repository=["fal"]
        )
    )


@program()
def upload_a_file_that_is_not_there(fal_client):
    try:
        fal_client.upload_file("nothing.wav")
    except FileNotFoundError as error:
        print(error.errno, error.filename)


@program()
def data_urls(fal_client):
    Path("talk.wav").write_bytes(b"RIFF0000WAVE")
    Path("unknown.thing").write_bytes(b"1")
    print(fal_client.encode("hello", "text/plain"))
    print(fal_client.encode(b"\x00\x01", content_type="image/png"))
    print(fal_client.encode_file("talk.wav"))
    print(fal_client.encode_file(Path("unknown.thing")))
    print(fal_client.encode_image(Image.new("RGB", (2, 2), "red"), format="png"))
    print(fal_client.encode_image(Image.new("RGB", (2, 2), "red"))[:30])


# --- the rest ------------------------------------------------------------------------------


@program(sent=("run",))
def inside_an_app(fal_client):
    headers = {"x-fal-cdn-token": "token", "x-app-fal-can-disable-filter": "1"}
    app = SimpleNamespace(current_request=SimpleNamespace(headers=headers))
    fal_client.set_get_current_app(lambda: app)
    try:
        print(fal_client.run(APP, CAT)["seed"])
    finally:
        fal_client.set_get_current_app(lambda: None)


@program()
def statuses_made_by_hand(fal_client):
    queued = fal_client.Queued(position=2)
    running = fal_client.InProgress(logs=[{"message": "go"}])
    done = fal_client.Completed(None, {"inference_time": 1.0}, error="no", error_type="x")
    print(queued, running, done, fal_client.Status())
    print(queued == fal_client.Queued(2), running == fal_client.InProgress(logs=None))
    print(all(isinstance(one, fal_client.Status) for one in (queued, running, done)))
    queued.position = 1
    print(queued.position)


@program()
def a_version(fal_client):
    print(fal_client.__version__, fal_client.version_tuple)


@program()
def a_program_with_a_thread_of_its_own(fal_client):
    results = []
    thread = threading.Thread(target=lambda: results.append(fal_client.subscribe(APP, CAT)))
    thread.start()
    thread.join()
    print(results[0]["seed"])
