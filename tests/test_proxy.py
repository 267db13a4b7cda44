"""The server-side proxy, over real sockets: who passes, with what, and where to."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import threading
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from fal_typed import AsyncFalClient, FalAuthenticationError, FalPermissionError, ProxyApp
from fal_typed._core.hosts import Hosts
from fal_typed.proxy.target import Allowance, Target
from fal_typed.testing import FalEmulator
from tests.clients.drivers import JS
from tests.core.flux import ID
from tests.requirements import need_js_client
from tests.scripted import Reply, scripted

KEY = "id:secret"
QUEUE = f"https://queue.fal.run/{ID}"
RUN = f"https://fal.run/{ID}"
JOB = "https://queue.fal.run/fal-ai/flux/requests/r1"
INITIATE = "https://rest.fal.ai/storage/upload/initiate?storage_type=fal-cdn-v3"
TOKENS = "https://rest.fal.ai/tokens/"


def everybody(_):
    return True


@contextmanager
def serving(app):
    """The URL of an application that uvicorn serves in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", ws="none"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/api/fal/proxy"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def fal(monkeypatch):
    with FalEmulator(keys={KEY: "API"}) as emulator:
        monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
        yield emulator


@pytest.fixture
def ours():
    return AsyncFalClient(KEY)


@pytest.fixture
def proxy(fal, ours):
    with serving(ProxyApp(everybody, client=ours)) as url:
        yield url


def ask(url, target, arguments=None, *, method="POST", **headers):
    """A request as fal's JavaScript client makes it in a browser."""
    sent = {"accept": "application/json", "x-fal-target-url": target}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    body = None if arguments is None else json.dumps(arguments)
    return httpx.request(method, url, headers=sent, content=body)


def test_every_kind_of_call_works_through_it_without_a_key(mode, fal, proxy):
    client = mode.client(proxy_url=proxy)
    assert client.run(ID, {"prompt": "a cat"}).data["prompt"] == "a cat"
    result = client.subscribe(ID, {"prompt": "a cat"}, with_logs=True)
    assert result.data["prompt"] == "a cat"
    handle = client.submit(ID, {"prompt": "a cat"})
    assert client.result(ID, handle.request_id).request_id == handle.request_id
    events = mode.items(client._target.stream(ID, {"prompt": "a cat"}))
    assert events[-1]["prompt"] == "a cat"
    assert {request.headers.get("authorization") for request in fal.requests} == {f"Key {KEY}"}
    assert "status_stream" in {request.route for request in fal.requests}


def test_a_file_is_uploaded_through_it(mode, fal, proxy):
    client = mode.client(proxy_url=proxy)
    url = client.upload(b"picture", "image/png")
    assert httpx.get(url).content == b"picture"
    assert "initiate" in {request.route for request in fal.requests}


def test_the_steps_of_the_javascript_client(fal, proxy):
    submitted = ask(proxy, QUEUE, {"prompt": "a cat"}, x_fal_queue_priority="low")
    assert submitted.status_code == 200
    job = f"https://queue.fal.run/fal-ai/flux/requests/{submitted.json()['request_id']}"
    with httpx.stream("GET", proxy, headers={"x-fal-target-url": f"{job}/status/stream"}) as sse:
        assert sse.headers["content-type"].startswith("text/event-stream")
        assert any("COMPLETED" in line for line in sse.iter_lines())
    assert ask(proxy, f"{job}/status?logs=1", method="GET").json()["status"] == "COMPLETED"
    assert ask(proxy, job, method="GET").json()["prompt"] == "a cat"
    assert ask(proxy, f"{job}/cancel", method="PUT").status_code == 400
    [request] = fal.requests.of("submit")
    assert request.headers["x-fal-queue-priority"] == "low"
    assert request.headers["x-fal-client-proxy"].startswith("fal-typed/")


def test_events_pass_as_they_come(fal, proxy):
    def events(_):
        yield {"part": 1}
        may_end.wait(10)
        yield {"part": 2}

    may_end = threading.Event()
    fal.endpoint(ID).handler = events
    headers = {"x-fal-target-url": f"{RUN}/stream", "accept": "text/event-stream"}
    with httpx.stream("POST", proxy, headers=headers, json={"prompt": "a cat"}) as stream:
        data = (line for line in stream.iter_lines() if line.startswith("data:"))
        assert json.loads(next(data)[5:]) == {"part": 1}
        may_end.set()
        assert json.loads(next(data)[5:]) == {"part": 2}


def test_a_caller_who_leaves_ends_the_request_to_the_platform():
    from tests.transport.wire import playing

    async def silent(connection):
        await connection.request()
        arrived.set()
        await connection.request()

    arrived = threading.Event()
    with playing(silent) as wire:
        app = ProxyApp(everybody, client=AsyncFalClient(KEY, run_host=wire.host))
        with serving(app) as url:
            address = urlsplit(url)
            with socket.create_connection((address.hostname, address.port or 0)) as caller:
                caller.sendall(
                    f"POST / HTTP/1.1\r\nhost: x\r\nx-fal-target-url: {RUN}\r\n"
                    "content-length: 2\r\n\r\n{}".encode()
                )
                assert arrived.wait(5)
            assert wire.closed.acquire(timeout=5)


def test_only_what_is_meant_for_the_platform_passes():
    headers = {
        "cookie": "session=1",
        "authorization": "Key theirs:1",
        "x-fal-runner-hint": "h",
        "x-fal-cdn-token": "t",
        "x-app-fal-anything": "1",
        "x-forwarded-for": "10.0.0.1",
        "referer": "https://page.example",
    }
    answer = {"x-fal-request-id": "r1", "set-cookie": "a=b", "location": "https://e.example"}
    answer |= {"access-control-allow-origin": "*", "alt-svc": 'h3="e.example:1"'}
    with scripted(lambda _: Reply(201, {"a": 1}, answer)) as home:
        client = AsyncFalClient(KEY, run_host=home.host)
        with serving(ProxyApp(everybody, client=client)) as url:
            target = {"x-fal-target-url": RUN}
            response = httpx.post(url, headers=headers | target, json={"prompt": "a"})
        [seen] = home.seen
    assert seen.path == f"/{ID}"
    assert seen.body == b'{"prompt":"a"}'
    assert seen.headers["authorization"] == f"Key {KEY}"
    assert seen.headers["x-fal-runner-hint"] == "h"
    hidden = {"cookie", "x-fal-cdn-token", "x-app-fal-anything", "x-forwarded-for", "referer"}
    assert not (hidden | {"x-fal-target-url"}) & seen.headers.keys()
    assert (response.status_code, response.json()) == (201, {"a": 1})
    assert response.headers["x-fal-request-id"] == "r1"
    assert not (answer.keys() - {"x-fal-request-id"}) & response.headers.keys()
    assert KEY not in response.text + str(response.headers)


@pytest.mark.parametrize(("asked", "expected"), [(False, f"Key {KEY}"), (True, "Key theirs:1")])
def test_a_callers_own_key_is_used_only_when_that_is_wanted(asked, expected):
    with scripted(lambda _: Reply(200, {})) as home:
        client = AsyncFalClient(KEY, run_host=home.host)
        app = ProxyApp(everybody, client=client, forward_authorization=asked)
        with serving(app) as url:
            ask(url, RUN, {}, authorization="Key theirs:1")
            ask(url, RUN, {})
        assert [seen.headers["authorization"] for seen in home.seen] == [expected, f"Key {KEY}"]


ELSEWHERE = [
    "",
    "https://evil.example/",
    "https://fal.run.evil.example/a/b",
    "https://evil.example/https://fal.run/a/b",
    "https://user@fal.run/a/b",
    "https://fal.run@evil.example/a/b",
    "https://fal.run:443@evil.example/a/b",
    "https://fal.run:8443/a/b",
    "https://fal.run\\@evil.example/a/b",
    "https://fal.run/\\evil.example",
    "https://fal.run//evil.example/a",
    "https://fal.run/../a/b",
    "https://fal.run/a/./b",
    "https://fal.run/a/%2e%2e/b",
    "https://fal.run/a%2Fb",
    "https://fal.run/a/b#@evil.example",
    "https://fal.run/a/b c",
    "https://fal.run/a/b\tc",
    "https://fal.run",
    "https://fal.run/",
    "https://FAL.RUN/a/b",
    "http://fal.run/a/b",
    "wss://fal.run/a/b",
    "//fal.run/a/b",
    "file:///etc/passwd",
    "https://169.254.169.254/latest/meta-data",
    "https://localhost/a/b",
    "https://api.fal.ai/v1/models/usage",
    "https://v3.fal.media/files/upload",
    "https://fal.ai/api/openapi",
    "https://ws.fal.run/a/b",
    "https://x.fal.run/a/b",
    "https://rest.fal.ai/storage/auth/token?storage_type=fal-cdn-v3",
    "https://rest.fal.ai/storage/upload/initiate",
    "https://rest.fal.ai/storage/upload/initiate?storage_type=gcs",
    "https://rest.fal.ai/storage/upload/initiate?storage_type=fal-cdn-v3&a=b",
    "https://rest.fal.ai/storage/upload/initiate/?storage_type=fal-cdn-v3",
    "https://rest.fal.ai/storage/upload/initiate-multipart?storage_type=fal-cdn-v3",
    "https://rest.fal.ai/tokens/",
    "https://rest.fal.ai/tokens/realtime",
    "https://rest.fal.ai/keys",
]


@pytest.mark.parametrize("target", ELSEWHERE)
def test_it_leads_nowhere_else(target):
    found = Target.parse(target, Hosts())
    assert found is None or Allowance().refusal("POST", found) == 400


def test_what_leads_elsewhere_is_refused_and_nothing_is_sent(fal, proxy):
    for target in ("https://evil.example/", "https://fal.run@evil.example/a/b", TOKENS):
        refused = ask(proxy, target, {})
        assert (refused.status_code, refused.json()) == (400, {"detail": "Invalid request"})
    assert httpx.post(proxy, json={}).status_code == 400
    two = [("x-fal-target-url", RUN), ("x-fal-target-url", "https://evil.example/")]
    assert httpx.post(proxy, headers=two, json={}).status_code == 400
    assert ask(proxy, RUN, method="OPTIONS").status_code == 400
    assert not list(fal.requests)


def test_a_redirection_is_not_followed():
    with scripted(lambda _: Reply(200, {})) as elsewhere:
        away = Reply(307, {}, {"location": f"http://{elsewhere.host}/x"})
        with scripted(lambda _: away) as home:
            client = AsyncFalClient(KEY, run_host=home.host)
            with serving(ProxyApp(everybody, client=client)) as url:
                response = ask(url, RUN, {})
        assert response.status_code == 307
        assert "location" not in response.headers
        assert not elsewhere.seen


@pytest.mark.parametrize(
    ("pattern", "method", "target", "status"),
    [
        ("fal-ai/flux/dev", "POST", RUN, None),
        ("fal-ai/flux/dev", "POST", f"{RUN}/stream", None),
        ("fal-ai/flux/dev", "POST", QUEUE, None),
        ("fal-ai/flux/dev", "GET", JOB, None),
        ("fal-ai/flux/dev", "GET", f"{JOB}/status/stream", None),
        ("fal-ai/flux/dev", "PUT", f"{JOB}/cancel", None),
        ("fal-ai/flux/dev", "POST", f"{RUN}/image-to-image", 403),
        ("fal-ai/flux/dev", "GET", f"{RUN}/image-to-image", 403),
        ("fal-ai/flux/dev", "POST", "https://fal.run/fal-ai/flux/requests/x", 403),
        ("fal-ai/flux/dev", "POST", "https://queue.fal.run/fal-ai/sana", 403),
        ("fal-ai/flux/dev", "GET", "https://queue.fal.run/fal-ai/sana/requests/r1", 403),
        ("fal-ai/flux/*", "POST", QUEUE, None),
        ("fal-ai/flux/*", "POST", f"{QUEUE}/image-to-image", 403),
        ("fal-ai/flux/**", "POST", f"{QUEUE}/image-to-image", None),
        ("fal-ai/f.ux/dev", "POST", QUEUE, 403),
        ("fal-ai/flux/de", "POST", QUEUE, 403),
        ("workflows/me/mine", "GET", "https://queue.fal.run/workflows/me/mine/requests/1", None),
        ("**", "GET", JOB, None),
        ("**", "POST", JOB, 400),
        ("**", "GET", QUEUE, 400),
        ("**", "DELETE", JOB, 400),
        ("**", "GET", f"{JOB}/cancel", 400),
        ("**", "POST", INITIATE, None),
        ("**", "GET", INITIATE, 400),
    ],
)
def test_only_allowed_endpoints_pass(pattern, method, target, status):
    found = Target.parse(target, Hosts())
    assert found is not None
    assert Allowance((pattern,)).refusal(method, found) == status


def test_an_endpoint_that_is_not_allowed_is_a_permission_error(mode, fal, ours):
    with serving(ProxyApp(everybody, allowed_endpoints=["fal-ai/sana"], client=ours)) as url:
        with pytest.raises(FalPermissionError):
            mode.client(proxy_url=url).subscribe(ID, {"prompt": "a cat"})
        assert not list(fal.requests)


def test_multipart_and_tokens_are_options():
    multipart = Target.parse(INITIATE.replace("initiate", "initiate-multipart"), Hosts())
    tokens = Target.parse(TOKENS, Hosts())
    assert multipart is not None
    assert tokens is not None
    everything = Allowance(tokens=True, multipart=True)
    assert everything.refusal("POST", multipart) is None
    assert everything.refusal("POST", tokens) is None
    assert Allowance(tokens=True).refusal("POST", multipart) == 400
    assert Allowance(multipart=True).refusal("POST", tokens) == 400


@pytest.mark.parametrize(
    ("wish", "passes"),
    [
        ({"allowed_apps": ["flux"], "token_expiration": 120}, True),
        ({"allowed_apps": ["flux"], "duration": 3600}, True),
        ({"allowed_apps": ["flux"]}, True),
        ({"allowed_apps": ["flux"], "token_expiration": 3601}, False),
        ({"allowed_apps": ["flux"], "token_expiration": 60, "duration": 1e9}, False),
        ({"allowed_apps": ["flux"], "token_expiration": "120"}, False),
        ({"allowed_apps": ["flux"], "token_expiration": -1}, False),
        ({"allowed_apps": ["flux", "sana"]}, False),
        ({"allowed_apps": ["*"]}, False),
        ({"allowed_apps": []}, False),
        ({"allowed_apps": "flux"}, False),
        ({}, False),
        ([], False),
    ],
)
def test_a_token_opens_no_more_than_the_proxy_does(wish, passes):
    written = Allowance(("fal-ai/flux/**",), tokens=True).token_wish(json.dumps(wish).encode())
    assert (written is not None) is passes
    assert written is None or json.loads(written) == wish


def test_a_token_is_fetched_by_the_javascript_clients_request(fal, ours):
    with serving(ProxyApp(everybody, allow_tokens=True, client=ours)) as url:
        token = ask(url, TOKENS, {"allowed_apps": ["flux"], "token_expiration": 120})
        assert token.status_code == 200
        assert isinstance(token.json(), str)
        assert ask(url, TOKENS, {"allowed_apps": ["flux"], "duration": 1e9}).status_code == 403
        garbled = httpx.post(url, headers={"x-fal-target-url": TOKENS}, content=b"[" * 100_000)
        assert garbled.status_code == 403


@pytest.mark.parametrize("is_async", [False, True])
def test_who_may_call_is_asked_first(fal, ours, is_async):
    asked = []

    def plain(request):
        asked.append((request.method, request.endpoint, request.scope["path"]))
        return request.headers.get("cookie") == "session=1"

    async def coroutine(request):
        return plain(request)

    with serving(ProxyApp(coroutine if is_async else plain, client=ours)) as url:
        refused = ask(url, QUEUE, {"prompt": "a cat"})
        assert (refused.status_code, refused.json()) == (401, {"detail": "Unauthorized"})
        assert not list(fal.requests)
        assert ask(url, QUEUE, {"prompt": "a cat"}, cookie="session=1").status_code == 200
    assert asked == [("POST", ID, "/api/fal/proxy")] * 2


def test_without_a_key_of_its_own_it_answers_as_to_a_stranger(mode):
    with scripted(lambda _: Reply(200, {})) as home:
        app = ProxyApp(everybody, client=AsyncFalClient())
        with serving(app) as url, pytest.raises(FalAuthenticationError):
            mode.client(proxy_url=url).run(ID, {"prompt": "a cat"})
        assert not home.seen


def test_large_requests_are_refused_announced_or_not(fal, ours):
    def chunks():
        for _ in range(20):
            yield b"x" * 100

    with serving(ProxyApp(everybody, max_body=1000, client=ours)) as url:
        headers = {"x-fal-target-url": RUN}
        assert httpx.post(url, headers=headers, content=b"x" * 1001).status_code == 413
        assert httpx.post(url, headers=headers, content=chunks()).status_code == 413
        assert not list(fal.requests)


def test_a_platform_that_is_not_reached_may_be_asked_again_a_broken_one_not():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        nobody = f"127.0.0.1:{listening.getsockname()[1]}"
    with serving(ProxyApp(everybody, client=AsyncFalClient(KEY, run_host=nobody))) as url:
        unreached = ask(url, RUN, {})
    assert (unreached.status_code, unreached.headers["x-fal-needs-retry"]) == (503, "1")
    with scripted(lambda _: Reply(drop=True)) as home:
        client = AsyncFalClient(KEY, run_host=home.host)
        with serving(ProxyApp(everybody, client=client)) as url:
            broken = ask(url, RUN, {})
    assert broken.status_code == 502
    assert "x-fal-needs-retry" not in broken.headers


def test_a_host_that_is_not_reached_has_its_twin_asked():
    def answer(request):
        if request.url.host == "queue.fal.run":
            raise httpx.ConnectError("no way", request=request)
        return httpx.Response(200, json={"asked": str(request.url)})

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    client = AsyncFalClient(KEY, http_client=http)
    with serving(ProxyApp(everybody, client=client)) as url:
        assert ask(url, QUEUE, {}).json() == {"asked": f"https://queue.falrun.com/{ID}"}


def test_an_answer_that_is_cut_looks_cut():
    with scripted(lambda _: Reply(200, {"a": "long" * 100}, cut=20)) as home:
        client = AsyncFalClient(KEY, run_host=home.host)
        app = ProxyApp(everybody, client=client)
        with serving(app) as url, pytest.raises(httpx.TransportError):
            ask(url, RUN, {})


def test_it_is_a_route_of_a_framework(fal, ours):
    app = Starlette(routes=[Route("/api/fal/proxy", ProxyApp(everybody, client=ours))])
    with serving(app) as url:
        assert ask(url, RUN, {"prompt": "a cat"}).json()["prompt"] == "a cat"
        assert ask(url.replace("proxy", "other"), RUN, {}).status_code == 404


def test_websockets_are_refused():
    sent = []

    async def send(message):
        sent.append(message["type"])

    async def receive():
        return {"type": "websocket.connect"}

    asyncio.run(ProxyApp(everybody)({"type": "websocket"}, receive, send))
    assert sent == ["websocket.close"]


def test_fals_own_javascript_client_works_through_it(fal, ours):
    need_js_client()
    with serving(ProxyApp(everybody, allowed_endpoints=[ID], client=ours)) as url:
        done = subprocess.run(
            ["node", JS / "proxied.cjs", url],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    said = json.loads(done.stdout)
    assert said["prompts"] == ["a cat"] * 4
    assert httpx.get(said["url"]).content == b"picture"
    assert said["refused"] == 403
    assert {request.headers.get("authorization") for request in fal.requests.of("submit")} == {
        f"Key {KEY}"
    }
