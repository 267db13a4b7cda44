"""Attacks on the emulator: by web pages, by other machines, and by whoever fills its memory."""

from __future__ import annotations

import json
import socket

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from fal_typed.testing import FalEmulator
from fal_typed.testing.tape.request_log import RecordedConnection, RecordedRequest, RequestLog
from tests.security.raw import exchange, request

DEV = "fal-ai/flux/dev"
KEY = "0123-id:very-secret-half"
ROUTES = [
    ("GET", "/"),
    ("GET", "/_emulator/requests"),
    ("GET", "/_emulator/state"),
    ("POST", "/_emulator/reset"),
    ("POST", f"/_emulator/endpoints/{DEV}"),
    ("POST", f"/fal.run/{DEV}"),
    ("POST", f"/queue.fal.run/{DEV}?fal_webhook=http://127.0.0.1:9/inside"),
    ("POST", "/rest.fal.ai/storage/auth/token"),
    ("POST", "/v3.fal.media/files/upload"),
    ("GET", "/v3.fal.media/files/b/x/y"),
    ("GET", "/api.fal.ai/v1/models"),
    ("POST", "/api/fal/proxy"),
]


@pytest.fixture(scope="module")
def shared():
    with FalEmulator(run_time=0.0) as emulator:
        yield emulator


@pytest.fixture
def emulator(shared):
    yield shared
    shared.reset()


REBOUND = [
    "evil.example",
    "evil.example:80",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "evil.example@127.0.0.1",
    "127.0.0.1@evil.example",
    "fal.run.evil.example",
    "queue.fal.run@evil.example",
    "192.0.2.7",
    "0x7f000001",
    "localhost.",
    "",
    " ",
    "[::ffff:192.0.2.7]",
]


@pytest.mark.parametrize("name", REBOUND)
def test_a_name_that_is_rebound_to_this_machine_is_refused(emulator, name):
    host = emulator.host
    for method, path in ROUTES:
        status, _, _ = request(host, path, ("host", name), method=method, body=b"{}")
        assert status == 421, (method, path)
    assert not list(emulator.requests)
    assert not list(emulator.jobs)


def test_a_request_names_exactly_one_host(emulator):
    twice = (("host", emulator.host), ("host", "evil.example"))
    assert request(emulator.host, "/_emulator/requests", *twice)[0] in (400, 421)
    assert request(emulator.host, "/_emulator/requests")[0] in (400, 421)


@pytest.mark.parametrize(
    "name", ["localhost", "127.0.0.1:1", "127.0.0.9", "[::1]:80", "LOCALHOST", "queue.fal.run"]
)
def test_names_of_this_machine_and_of_the_platform_are_served(emulator, name):
    assert request(emulator.host, "/", ("host", name))[0] in (200, 405)


FOREIGN = [
    [("origin", "https://evil.example")],
    [("origin", "null")],
    [("origin", "http://localhost:3000")],
    [("origin", "http://127.0.0.1")],
    [("origin", "http://127.0.0.1.evil.example")],
    [("origin", "")],
    [("sec-fetch-site", "cross-site")],
    [("sec-fetch-site", "same-site")],
    [("sec-fetch-site", "cross-site"), ("referer", "https://evil.example/")],
    [("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_page_of_another_origin_reaches_no_route(emulator, headers):
    host = emulator.host
    for method, path in ROUTES:
        sent = [("host", host), ("content-type", "text/plain"), *headers]
        status, received, _ = request(host, path, *sent, method=method, body=b"{}")
        assert status == 403, (method, path)
        assert not [name for name in received if name.startswith("access-control-")]
    assert not list(emulator.requests)
    assert not list(emulator.jobs)
    assert not list(emulator.webhooks)


@pytest.mark.parametrize("path", [f"/fal.run/{DEV}/realtime", f"/ws.fal.run/{DEV}"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_a_page_of_another_origin_opens_no_websocket(emulator, path, origin):
    url = f"ws://{emulator.host}{path}"
    with connect(url):
        pass
    with pytest.raises(InvalidStatus) as refused, connect(url, origin=origin):
        pass
    assert refused.value.response.status_code == 403
    assert len(emulator.requests) == 1


def test_a_rebound_name_opens_no_websocket(emulator):
    head = (
        f"GET /ws.fal.run/{DEV} HTTP/1.1\r\nhost: evil.example\r\nconnection: upgrade\r\n"
        "upgrade: websocket\r\nsec-websocket-version: 13\r\n"
        "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    assert exchange(emulator.host, head.encode()).startswith(b"HTTP/1.1 421 ")


def test_the_emulators_own_page_is_served(emulator):
    own = [("host", emulator.host), ("origin", f"http://{emulator.host}")]
    own.append(("sec-fetch-site", "same-origin"))
    assert request(emulator.host, "/_emulator/state", *own)[0] == 200
    typed = [("host", emulator.host), ("sec-fetch-site", "none")]
    assert request(emulator.host, "/", *typed)[0] == 200


def test_names_that_are_configured_are_trusted():
    with FalEmulator(allow_hosts=["fal", "app.test"]) as emulator:
        assert request(emulator.host, "/", ("host", "fal:8765"))[0] == 200
        page = [("host", "fal:8765"), ("origin", "http://app.test:3000")]
        assert request(emulator.host, "/_emulator/state", *page)[0] == 200
        image = [("host", "fal"), ("sec-fetch-site", "cross-site"), ("referer", "http://app.test/")]
        assert request(emulator.host, "/", *image)[0] == 200
        assert request(emulator.host, "/", ("host", "fal.evil.example"))[0] == 421


def test_on_all_addresses_it_serves_the_one_it_was_reached_by():
    emulator = FalEmulator(host="0.0.0.0")
    with pytest.warns(UserWarning, match="not on loopback alone"):
        emulator.start()
    try:
        reached = emulator.host.replace("0.0.0.0", "127.0.0.1")
        assert request(reached, "/", ("host", emulator.host))[0] == 200
        assert request(reached, "/", ("host", "192.0.2.7"))[0] == 421
        assert request(reached, "/", ("host", "evil.example"))[0] == 421
    finally:
        emulator.stop()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("authorization", f"Key {KEY}"),
        ("authorization", f"Bearer {KEY}"),
        ("x-fal-cdn-token", KEY),
        ("cookie", f"session={KEY}"),
        ("proxy-authorization", f"Basic {KEY}"),
        ("x-api-key", KEY),
    ],
)
def test_shown_requests_hold_no_credentials(emulator, name, value):
    url = f"{emulator.url}/queue.fal.run/{DEV}?fal_jwt_token={KEY}&logs=1"
    body = {"prompt": f"echo {KEY}", "nested": [{"hf_token": "another-secret"}]}
    job = httpx.post(url, json=body, headers={name: value}).json()
    shown = [
        httpx.get(f"{emulator.url}/_emulator/requests").text,
        httpx.get(f"{emulator.url}/_emulator/state").text,
        httpx.get(f"{emulator.url}/_emulator/call", params={"id": job["request_id"]}).text,
        repr(emulator.requests[0]),
    ]
    for text in shown:
        assert KEY not in text
        assert "very-secret-half" not in text
        assert "another-secret" not in text
    (record,) = json.loads(shown[0])
    assert record["query"]["logs"] == ["1"]
    assert "scrubbed" in record["headers"][name]
    assert emulator.requests[0].headers[name] == value, "the test's own process sees all"


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/x"])
def test_an_uploaded_file_is_never_a_page(emulator, kind):
    headers = {"content-type": kind, "x-fal-file-name": "evil"}
    evil = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
    upload = f"{emulator.url}/v3.fal.media/files/upload"
    url = httpx.post(upload, content=evil, headers=headers).json()["access_url"]
    for wanted in ({}, {"range": "bytes=0-9"}, {"range": "bytes=999-"}):
        received = httpx.get(url, headers=wanted).headers
        assert received["x-content-type-options"] == "nosniff"
        assert "sandbox" in received["content-security-policy"]
        assert "script" not in received["content-security-policy"]


def test_every_response_is_data_to_a_browser(emulator):
    for method, path in ROUTES:
        received = httpx.request(method, emulator.url + path, json={}).headers
        assert received["x-content-type-options"] == "nosniff", path
        assert "default-src 'none'" in received.get("content-security-policy", "default-src 'none'")


@pytest.mark.parametrize(
    "endless",
    [
        b"G" * 4096,
        b"GET /" + b"a" * 4096,
        b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 4096,
        b"GET / HTTP/1.1\r\nhost: x\r\n" + b"x: y\r\n" * 512,
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: " + b"a" * 4096,
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1;" + b"a" * 4096,
        b"\r\n" * 2048,
    ],
    ids=lambda data: repr(data[:60] + data[-8:]),
)
def test_a_head_that_never_ends_is_cut(emulator, endless):
    name, _, port = emulator.host.rpartition(":")
    filler = endless[-4096:]
    with socket.create_connection((name, int(port)), timeout=10) as connection:
        connection.sendall(endless)
        connection.settimeout(0.0)
        answer = b""
        for _ in range(4096):  # 16 MB, where 64 KB are too much
            connection.settimeout(10.0)
            try:
                connection.sendall(filler)
                connection.settimeout(0.0)
                answer += connection.recv(4096)
                break
            except BlockingIOError:
                continue
            except ConnectionError:
                break
        else:
            pytest.fail("the emulator read on and on")
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer[:100]


def test_half_open_connections_do_not_stop_it(emulator):
    name, _, port = emulator.host.rpartition(":")
    begun = [socket.create_connection((name, int(port)), timeout=10) for _ in range(300)]
    try:
        for connection in begun:
            connection.sendall(b"POST /fal.run/a/b HTTP/1.1\r\nhost: localhost\r\ncontent-le")
        assert httpx.get(emulator.url).status_code == 200
    finally:
        for connection in begun:
            connection.close()


def record(body=b"", headers=()):
    return RecordedRequest("", "POST", "/", "", list(headers), body)


def test_recorded_requests_keep_to_a_budget_in_total():
    log = RequestLog(budget=1_000_000)
    kept = [record(b"x" * 100_000) for _ in range(50)]
    for one in kept:
        log.add(one)
    assert 0 < len(log) < 10
    assert list(log) == kept[-len(log) :]
    for _ in range(50):
        log.add(record(headers=[(b"x", b"y" * 60_000)]))
    assert len(log) < 20
    for _ in range(5000):
        log.add(record())
    assert len(log) < 1000
    log.clear()
    assert log._bytes == 0


def test_outputs_and_messages_count_as_well():
    log = RequestLog(budget=1_000_000)
    first, second = record(), record()
    log.add(first)
    log.add(second)
    for size in (900_000, 200_000, 998_500):
        log.keep_response(second, b"x" * size)
    assert list(log) == [second]
    socket_record = record()
    log.add(socket_record)
    connection = RecordedConnection(socket_record, log)
    for _ in range(10_000):
        connection.on_message(b"x" * 1000)
    assert sum(map(len, socket_record.messages)) <= 250_000
    assert log._bytes <= 1_000_000


def test_inputs_of_jobs_keep_to_a_budget_in_total(monkeypatch):
    with FalEmulator(run_time=0.0) as emulator:
        emulator.jobs._budget = 300_000
        urls = [
            httpx.post(f"{emulator.url}/queue.fal.run/{DEV}", json={"prompt": "x" * 50_000}).json()[
                "response_url"
            ]
            for _ in range(20)
        ]
        assert len(emulator.jobs) < 10
        assert httpx.get(urls[-1]).status_code == 200
        assert httpx.get(urls[0]).status_code == 404


INVALID = [
    {"methods": [1]},
    {"methods": ["GET\r\nx: y"]},
    {"methods": "POST"},
    {"positions": ["a"]},
    {"positions": [-1]},
    {"positions": [1.5]},
    {"logs": [1]},
    {"logs": [None]},
    {"log_level": 7},
    {"queue_time": "1"},
    {"queue_time": True},
    {"queue_time": -1},
    {"queue_time": 1e400},
    {"run_time": [1]},
    {"run_time": 10**400},
    {"honors_cancel": 1},
    {"events": "x"},
    {"checks_input": None},
    {"concurrency": True},
    {"concurrency": 1.5},
    {"concurrency": 10**30},
    {"rate": "1"},
    {"responds": [{"response": {}, "times": "x"}]},
    {"responds": [{"response": {}, "times": 0}]},
    {"responds": [{"response": {}, "times": True}]},
    {"fails": [{"status": 99, "body": {}}]},
    {"fails": [{"status": 1000, "body": {}}]},
    {"fails": [{"status": True, "body": {}}]},
    {"fails": [{"status": 500, "body": {}, "headers": {"a\r\nb": "c"}}]},
    {"fails": [{"status": 500, "body": {}, "headers": {"a": "b\r\nset-cookie: c"}}]},
    {"fails": [{"status": 500, "body": {}, "headers": {"a": "☃"}}]},
    {"fails": [{"status": 500, "body": {}, "headers": {"a": 1}}]},
    {"fails": [{"status": 500, "body": {}, "headers": ["a"]}]},
    {"fails": [{"error_type": ["runner_disconnected"]}]},
    {"fails": [{"error_type": "runner_disconnected", "detail": 1}]},
    {"faults": [{"kind": ["slow"]}]},
    {"faults": [{"kind": "slow", "seconds": "x"}]},
    {"faults": [{"kind": "slow", "seconds": -1}]},
    {"faults": [{"kind": "drop", "after": "x"}]},
    {"faults": [{"kind": "drop", "after": -1}]},
    {"faults": [{"kind": "slow", "route": 1}]},
    {"faults": [{"kind": "slow", "times": 1.5}]},
    {"faults": [{"kind": "slow", "endpoint_id": "other/app"}]},
]


@pytest.mark.parametrize("script", INVALID, ids=lambda script: json.dumps(script)[:70])
def test_an_ill_typed_script_is_a_422_and_changes_nothing(emulator, script):
    url = f"{emulator.url}/_emulator/endpoints/{DEV}"
    content = json.dumps({"run_time": 9.5, **script}).replace("Infinity", "1e400")
    headers = {"content-type": "application/json"}
    response = httpx.post(url, content=content, headers=headers)
    assert response.status_code == 422, response.text
    assert response.json()["detail"]
    before = emulator.endpoint(DEV).run_time
    assert before != 9.5
    ran = httpx.post(f"{emulator.url}/fal.run/{DEV}", json={"prompt": "a cat"})
    assert ran.status_code == 200
