"""The server-side proxy over real sockets: authorization, headers and targets."""

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
from fal_typed.proxy.target import AccessRules, Target
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


def allow_all(_):
    return True


@contextmanager
def serving(app):
    """Serve an application with uvicorn in a thread; yields its URL."""
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
def key_client():
    return AsyncFalClient(KEY)


@pytest.fixture
def proxy(fal, key_client):
    with serving(ProxyApp(allow_all, client=key_client)) as url:
        yield url


def send(url, target, arguments=None, *, method="POST", **headers):
    """Send a request like fal's JavaScript client in a browser."""
    sent = {"accept": "application/json", "x-fal-target-url": target}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    body = None if arguments is None else json.dumps(arguments)
    return httpx.request(method, url, headers=sent, content=body)


def test_all_calls_work_through_the_proxy_without_a_key(mode, fal, proxy):
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


def test_a_file_is_uploaded_through_the_proxy(mode, fal, proxy):
    client = mode.client(proxy_url=proxy)
    url = client.upload(b"image", "image/png")
    assert httpx.get(url).content == b"image"
    assert "initiate" in {request.route for request in fal.requests}


def test_the_steps_of_the_javascript_client(fal, proxy):
    submitted = send(proxy, QUEUE, {"prompt": "a cat"}, x_fal_queue_priority="low")
    assert submitted.status_code == 200
    job = f"https://queue.fal.run/fal-ai/flux/requests/{submitted.json()['request_id']}"
    with httpx.stream("GET", proxy, headers={"x-fal-target-url": f"{job}/status/stream"}) as sse:
        assert sse.headers["content-type"].startswith("text/event-stream")
        assert any("COMPLETED" in line for line in sse.iter_lines())
    assert send(proxy, f"{job}/status?logs=1", method="GET").json()["status"] == "COMPLETED"
    assert send(proxy, job, method="GET").json()["prompt"] == "a cat"
    assert send(proxy, f"{job}/cancel", method="PUT").status_code == 400
    [request] = fal.requests.of("submit")
    assert request.headers["x-fal-queue-priority"] == "low"
    assert request.headers["x-fal-client-proxy"].startswith("fal-typed/")


def test_events_are_streamed_as_they_arrive(fal, proxy):
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


def test_a_client_disconnect_cancels_the_platform_request():
    from tests.transport.wire import playing

    async def silent(connection):
        await connection.request()
        arrived.set()
        await connection.request()

    arrived = threading.Event()
    with playing(silent) as wire:
        app = ProxyApp(allow_all, client=AsyncFalClient(KEY, run_host=wire.host))
        with serving(app) as url:
            address = urlsplit(url)
            with socket.create_connection((address.hostname, address.port or 0)) as caller:
                caller.sendall(
                    f"POST / HTTP/1.1\r\nhost: x\r\nx-fal-target-url: {RUN}\r\n"
                    "content-length: 2\r\n\r\n{}".encode()
                )
                assert arrived.wait(5)
            assert wire.closed.acquire(timeout=5)


def test_only_platform_headers_are_forwarded():
    headers = {
        "cookie": "session=1",
        "authorization": "Key theirs:1",
        "x-fal-runner-hint": "h",
        "x-fal-cdn-token": "t",
        "x-app-fal-anything": "1",
        "x-forwarded-for": "10.0.0.1",
        "referer": "https://page.example",
    }
    returned = {"x-fal-request-id": "r1", "set-cookie": "a=b", "location": "https://e.example"}
    returned |= {"access-control-allow-origin": "*", "alt-svc": 'h3="e.example:1"'}
    with scripted(lambda _: Reply(201, {"a": 1}, returned)) as home:
        client = AsyncFalClient(KEY, run_host=home.host)
        with serving(ProxyApp(allow_all, client=client)) as url:
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
    assert not (returned.keys() - {"x-fal-request-id"}) & response.headers.keys()
    assert KEY not in response.text + str(response.headers)


@pytest.mark.parametrize(("enabled", "expected"), [(False, f"Key {KEY}"), (True, "Key theirs:1")])
def test_a_callers_own_key_is_used_only_if_enabled(enabled, expected):
    with scripted(lambda _: Reply(200, {})) as home:
        client = AsyncFalClient(KEY, run_host=home.host)
        app = ProxyApp(allow_all, client=client, forward_authorization=enabled)
        with serving(app) as url:
            send(url, RUN, {}, authorization="Key theirs:1")
            send(url, RUN, {})
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
def test_foreign_targets_are_rejected(target):
    found = Target.parse(target, Hosts())
    assert found is None or AccessRules().error_status("POST", found) == 400


def test_a_rejected_target_sends_nothing(fal, proxy):
    for target in ("https://evil.example/", "https://fal.run@evil.example/a/b", TOKENS):
        rejected = send(proxy, target, {})
        assert (rejected.status_code, rejected.json()) == (400, {"detail": "Invalid request"})
    assert httpx.post(proxy, json={}).status_code == 400
    two = [("x-fal-target-url", RUN), ("x-fal-target-url", "https://evil.example/")]
    assert httpx.post(proxy, headers=two, json={}).status_code == 400
    assert send(proxy, RUN, method="OPTIONS").status_code == 400
    assert not list(fal.requests)


def test_a_redirect_is_not_followed():
    with scripted(lambda _: Reply(200, {})) as elsewhere:
        away = Reply(307, {}, {"location": f"http://{elsewhere.host}/x"})
        with scripted(lambda _: away) as home:
            client = AsyncFalClient(KEY, run_host=home.host)
            with serving(ProxyApp(allow_all, client=client)) as url:
                response = send(url, RUN, {})
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
def test_only_allowed_endpoints_are_forwarded(pattern, method, target, status):
    found = Target.parse(target, Hosts())
    assert found is not None
    assert AccessRules((pattern,)).error_status(method, found) == status


def test_an_endpoint_that_is_not_allowed_is_a_permission_error(mode, fal, key_client):
    with serving(ProxyApp(allow_all, allowed_endpoints=["fal-ai/sana"], client=key_client)) as url:
        with pytest.raises(FalPermissionError):
            mode.client(proxy_url=url).subscribe(ID, {"prompt": "a cat"})
        assert not list(fal.requests)


def test_multipart_and_tokens_are_options():
    multipart = Target.parse(INITIATE.replace("initiate", "initiate-multipart"), Hosts())
    tokens = Target.parse(TOKENS, Hosts())
    assert multipart is not None
    assert tokens is not None
    everything = AccessRules(tokens=True, multipart=True)
    assert everything.error_status("POST", multipart) is None
    assert everything.error_status("POST", tokens) is None
    assert AccessRules(tokens=True).error_status("POST", multipart) == 400
    assert AccessRules(multipart=True).error_status("POST", tokens) == 400


@pytest.mark.parametrize(
    ("content", "is_allowed"),
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
def test_tokens_are_limited_to_allowed_endpoints(content, is_allowed):
    allowed = AccessRules(("fal-ai/flux/**",), tokens=True).token_request(
        json.dumps(content).encode()
    )
    assert (allowed is not None) is is_allowed
    assert allowed is None or json.loads(allowed) == content


def test_the_token_request_of_the_javascript_client_works(fal, key_client):
    with serving(ProxyApp(allow_all, allow_tokens=True, client=key_client)) as url:
        token = send(url, TOKENS, {"allowed_apps": ["flux"], "token_expiration": 120})
        assert token.status_code == 200
        assert isinstance(token.json(), str)
        assert send(url, TOKENS, {"allowed_apps": ["flux"], "duration": 1e9}).status_code == 403
        garbled = httpx.post(url, headers={"x-fal-target-url": TOKENS}, content=b"[" * 100_000)
        assert garbled.status_code == 403


@pytest.mark.parametrize("is_async", [False, True])
def test_is_allowed_is_called_first(fal, key_client, is_async):
    calls = []

    def plain(request):
        calls.append((request.method, request.endpoint, request.scope["path"]))
        return request.headers.get("cookie") == "session=1"

    async def coroutine(request):
        return plain(request)

    with serving(ProxyApp(coroutine if is_async else plain, client=key_client)) as url:
        rejected = send(url, QUEUE, {"prompt": "a cat"})
        assert (rejected.status_code, rejected.json()) == (401, {"detail": "Unauthorized"})
        assert not list(fal.requests)
        assert send(url, QUEUE, {"prompt": "a cat"}, cookie="session=1").status_code == 200
    assert calls == [("POST", ID, "/api/fal/proxy")] * 2


def test_without_a_key_the_proxy_returns_401(mode):
    with scripted(lambda _: Reply(200, {})) as home:
        app = ProxyApp(allow_all, client=AsyncFalClient())
        with serving(app) as url, pytest.raises(FalAuthenticationError):
            mode.client(proxy_url=url).run(ID, {"prompt": "a cat"})
        assert not home.seen


def test_large_requests_are_rejected_with_and_without_content_length(fal, key_client):
    def chunks():
        for _ in range(20):
            yield b"x" * 100

    with serving(ProxyApp(allow_all, max_body=1000, client=key_client)) as url:
        headers = {"x-fal-target-url": RUN}
        assert httpx.post(url, headers=headers, content=b"x" * 1001).status_code == 413
        assert httpx.post(url, headers=headers, content=chunks()).status_code == 413
        assert not list(fal.requests)


def test_an_unreachable_platform_allows_a_retry_and_a_broken_connection_does_not():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        unreachable_host = f"127.0.0.1:{listening.getsockname()[1]}"
    with serving(ProxyApp(allow_all, client=AsyncFalClient(KEY, run_host=unreachable_host))) as url:
        unreachable = send(url, RUN, {})
    assert (unreachable.status_code, unreachable.headers["x-fal-needs-retry"]) == (503, "1")
    with scripted(lambda _: Reply(drop=True)) as home:
        client = AsyncFalClient(KEY, run_host=home.host)
        with serving(ProxyApp(allow_all, client=client)) as url:
            broken = send(url, RUN, {})
    assert broken.status_code == 502
    assert "x-fal-needs-retry" not in broken.headers


def test_an_unreachable_host_falls_back_to_the_backup_domain():
    def respond(request):
        if request.url.host == "queue.fal.run":
            raise httpx.ConnectError("unreachable", request=request)
        return httpx.Response(200, json={"requested": str(request.url)})

    http = httpx.AsyncClient(transport=httpx.MockTransport(respond))
    client = AsyncFalClient(KEY, http_client=http)
    with serving(ProxyApp(allow_all, client=client)) as url:
        assert send(url, QUEUE, {}).json() == {"requested": f"https://queue.falrun.com/{ID}"}


def test_a_truncated_response_stays_truncated():
    with scripted(lambda _: Reply(200, {"a": "long" * 100}, cut=20)) as home:
        client = AsyncFalClient(KEY, run_host=home.host)
        app = ProxyApp(allow_all, client=client)
        with serving(app) as url, pytest.raises(httpx.TransportError):
            send(url, RUN, {})


def test_the_proxy_can_be_mounted_in_a_framework(fal, key_client):
    app = Starlette(routes=[Route("/api/fal/proxy", ProxyApp(allow_all, client=key_client))])
    with serving(app) as url:
        assert send(url, RUN, {"prompt": "a cat"}).json()["prompt"] == "a cat"
        assert send(url.replace("proxy", "other"), RUN, {}).status_code == 404


def test_websockets_are_rejected():
    sent = []

    async def send(message):
        sent.append(message["type"])

    async def receive():
        return {"type": "websocket.connect"}

    asyncio.run(ProxyApp(allow_all)({"type": "websocket"}, receive, send))
    assert sent == ["websocket.close"]


def test_fals_javascript_client_works_through_the_proxy(fal, key_client):
    need_js_client()
    with serving(ProxyApp(allow_all, allowed_endpoints=[ID], client=key_client)) as url:
        done = subprocess.run(
            ["node", JS / "proxied.cjs", url],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    output = json.loads(done.stdout)
    assert output["prompts"] == ["a cat"] * 4
    assert httpx.get(output["url"]).content == b"image"
    assert output["refused"] == 403
    assert {request.headers.get("authorization") for request in fal.requests.of("submit")} == {
        f"Key {KEY}"
    }
