"""Attacks on the server-side proxy: where it can be sent to, who may use it, what caches keep."""

from __future__ import annotations

import json

import pytest

from fal_typed import AsyncFalClient, ProxyApp
from fal_typed._core.hosts import Hosts
from fal_typed.proxy import app
from fal_typed.proxy.target import AccessRules, Target
from tests.scripted import Reply, scripted
from tests.security.conftest import KEY
from tests.security.raw import request
from tests.test_proxy import serving

RUN = "https://fal.run/fal-ai/flux/dev"
QUEUE = "https://queue.fal.run/fal-ai/flux/dev"
DISGUISED = [
    "",
    " ",
    RUN.replace("https", "http"),
    RUN.replace("https", "HTTPS"),
    RUN.replace("https://", "//"),
    RUN.replace("https://", "https:/"),
    RUN.replace("https://", "https:\\\\"),
    RUN.replace("https://", " https://"),
    f"{RUN} ",
    f"{RUN}#x",
    f"{RUN}\t",
    "https://fal.run@evil.example/a/b",
    "https://fal.run:443/a/b",
    "https://fal.run:443@evil.example/a/b",
    "https://fal.run.evil.example/a/b",
    "https://evil.example/https://fal.run/a/b",
    "https://evil.example?https://fal.run/a/b",
    "https://evil.example#https://fal.run/a/b",
    "https://evil.example\\@fal.run/a/b",
    "https://fal.run\\@evil.example/a/b",
    "https://fal.run%2f@evil.example/a/b",
    "https://fal.run./a/b",
    "https://FAL.RUN/a/b",
    "https://f\u0430l.run/a/b",
    "https://xn--fl-7kc.run/a/b",
    "https://fal\u3002run/a/b",
    "https://[::1]/a/b",
    "https://127.0.0.1/a/b",
    "https://169.254.169.254/latest/meta-data",
    "https://fal.run/../queue.fal.run/a/b",
    "https://fal.run/a/../../b",
    "https://fal.run/a/..;/b",
    "https://fal.run/a/%2e%2e/b",
    "https://fal.run/a/%252e%252e/b",
    "https://fal.run/a/b%00",
    "https://fal.run/a/b%0d%0ax-evil:%201",
    "https://fal.run/a/b\r\nx-evil: 1",
    "https://fal.run/a//b",
    "https://fal.run//a/b",
    "https://fal.run/.a/b",
    "https://fal.run/a\\b",
    "https://fal.run/a/b;x",
    "https://fal.run/a/b?x=\r\ny: z",
    "https://fal.run/a/b?x#y",
    "https://fal.run/",
    "https://fal.run",
    "https://rest.fal.ai/keys",
    "https://rest.fal.ai/storage/auth/token",
    "https://rest.fal.ai/storage/upload/initiate",
    "https://rest.fal.ai/storage/upload/initiate?storage_type=gcs",
    "https://rest.fal.ai/storage/upload/initiate?storage_type=fal-cdn-v3&x=1",
    "https://rest.fal.ai/storage/upload/../../tokens/",
    "https://rest.fal.ai/tokens/",
    "https://api.fal.ai/v1/models/usage",
    "https://v3.fal.media/files/upload",
    "https://falrun.com/a/b",
    "https://queue.falrun.com/a/b",
    "javascript:alert(1)",
    "file:///etc/passwd",
]


@pytest.mark.parametrize("target", DISGUISED, ids=ascii)
def test_a_disguised_target_leads_nowhere(target):
    found = Target.parse(target, Hosts())
    assert found is None or AccessRules().error_status("POST", found) == 400


@pytest.fixture
def proxied():
    """A proxy and the platform behind it, whose responses ask to be cached."""
    cached = {
        "cache-control": "public, max-age=3600",
        "etag": '"1"',
        "last-modified": "Thu, 01 Jan 1970 00:00:00 GMT",
        "expires": "Thu, 31 Dec 2099 00:00:00 GMT",
        "age": "1",
        "vary": "*",
        "set-cookie": "a=b",
        "access-control-allow-origin": "*",
        "location": "https://evil.example/",
        "x-fal-request-id": "r1",
        "content-encoding": "identity",
    }

    def answer(_):
        return Reply(status[0], {"secret": "of one user"}, cached)

    def is_allowed(asked):
        return asked.headers.get("cookie") == "session=1"

    status = [200]
    with scripted(answer) as home:
        client = AsyncFalClient(KEY, run_host=home.host, queue_host=home.host)
        proxy = ProxyApp(
            is_allowed, allowed_endpoints=["fal-ai/flux/**"], client=client, max_body=99
        )
        with serving(proxy) as url:
            host, _, path = url.removeprefix("http://").partition("/")

            def send(*headers, method="POST", body=b"{}"):
                given = [("host", host), *headers]
                return request(host, f"/{path}", *given, method=method, body=body)

            yield send, home, status


ALLOWED = ("cookie", "session=1")
TARGET = ("x-fal-target-url", RUN)


@pytest.mark.parametrize("status", [200, 202, 304, 400, 404, 422, 500])
@pytest.mark.parametrize("target", [RUN, f"{QUEUE}/requests/r1", f"{QUEUE}/requests/r1/status"])
def test_no_response_is_cached(proxied, status, target):
    send, _, statuses = proxied
    statuses[0] = status
    method = "POST" if target == RUN else "GET"
    _, received, _ = send(ALLOWED, ("x-fal-target-url", target), method=method)
    assert received["cache-control"] == "no-store"
    unwanted = {"etag", "last-modified", "expires", "age", "set-cookie", "location"}
    assert not unwanted & set(received)
    assert not [name for name in received if name.startswith("access-control-")]


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [ALLOWED],
        [TARGET],
        [TARGET, ("cookie", "session=2")],
        [ALLOWED, ("x-fal-target-url", "https://fal.run/other/app")],
        [ALLOWED, ("x-fal-target-url", "https://evil.example/")],
        [ALLOWED, TARGET, TARGET],
    ],
    ids=str,
)
def test_no_refusal_is_cached_and_nothing_is_sent(proxied, headers):
    send, home, _ = proxied
    status, received, _ = send(*headers)
    assert status in (400, 401, 403)
    assert received["cache-control"] == "no-store"
    assert not home.seen


@pytest.mark.parametrize("length", ["9" * 5000, "9" * 18, "100"])
def test_an_announced_length_of_any_size_is_too_large(proxied, length):
    send, home, _ = proxied
    status, received, _ = send(ALLOWED, TARGET, body=b"x" * 100)
    assert (status, received["cache-control"]) == (413, "no-store")
    assert not home.seen
    scope = {"headers": [(b"content-length", length.encode())], "type": "http"}

    with pytest.raises(app._ErrorResponse) as refused:
        _run(app._body(scope, _nothing, 99))
    assert refused.value._status == 413


@pytest.mark.parametrize("length", ["-1", "+5", "1e1", "0x1", " ", "5, 5", "\u0661"])
def test_an_announced_length_that_is_no_number_is_refused(length):

    scope = {"headers": [(b"content-length", length.encode())], "type": "http"}
    with pytest.raises(app._ErrorResponse):
        _run(app._body(scope, _nothing, 99))


async def _nothing():
    raise AssertionError("the body is not read")


def _run(coroutine):
    with pytest.raises(StopIteration):
        coroutine.send(None)


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", "Key evil:key")],
        [("cookie", "session=1"), ("connection", "x-fal-request-timeout")],
        [("x-fal-cdn-token", "evil")],
        [("x-fal-client-proxy", "evil")],
        [("x-forwarded-for", "127.0.0.1"), ("x-forwarded-host", "evil.example")],
        [("transfer-encoding", "identity")],
        [("proxy-authorization", "Basic evil")],
        [("te", "trailers"), ("upgrade", "websocket")],
        [("origin", "https://evil.example"), ("referer", "https://evil.example/")],
        [("x-http-method-override", "DELETE")],
    ],
    ids=str,
)
def test_headers_of_the_browser_stay_here(proxied, headers):
    send, home, _ = proxied
    send(ALLOWED, TARGET, *headers)
    for seen in home.seen:
        assert seen.headers["authorization"] == f"Key {KEY}"
        assert seen.headers["host"] == home.host
        assert "evil" not in json.dumps(seen.headers)
        assert not {"cookie", "origin", "referer", "te", "upgrade"} & set(seen.headers)


@pytest.mark.parametrize("hook", [None, True, "everybody", {"user": True}])
def test_who_may_use_it_must_be_decided_by_a_function(hook):
    with pytest.raises(TypeError, match="who may use your key"):
        ProxyApp(hook)
    with pytest.raises(TypeError):
        ProxyApp(*[])


def test_a_hook_that_fails_lets_nobody_through():
    def broken(_):
        raise RuntimeError("the session store is down")

    with scripted(lambda _: Reply(200, {})) as home:
        client = AsyncFalClient(KEY, run_host=home.host)
        with serving(ProxyApp(broken, client=client)) as url:
            host, _, path = url.removeprefix("http://").partition("/")
            status, _, _ = request(host, f"/{path}", ("host", host), TARGET, method="POST")
        assert status == 500
        assert not home.seen
