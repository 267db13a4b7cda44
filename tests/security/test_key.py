"""Attacks on the key: to where it may be sent, and where it might be seen."""

from __future__ import annotations

import contextlib
import copy
import logging
import pickle
import traceback
from functools import partial
from typing import Any, cast

import pytest

from fal_typed import FalClient, FalError, FalInputError, Lifecycle
from fal_typed._core.hosts import Hosts
from fal_typed.files import File
from tests.scripted import Reply, scripted
from tests.security.conftest import KEY, QUICK

ID = "fal-ai/flux/dev"
HALF = "very-secret-half"
ELSEWHERE = [
    "http://fal.run/x",
    "http://queue.fal.run/x",
    "ws://fal.run/x",
    "https://fal.run.evil.example/x",
    "https://evilfal.run/x",
    "https://fal.run@evil.example/x",
    "https://fal.run:443@evil.example/x",
    "https://user@fal.run/x",
    "https://user:pass@fal.run/x",
    "https://evil.example/https://fal.run/x",
    "https://evil.example#@fal.run/x",
    "https://evil.example?@fal.run/x",
    "https://evil.example\\@fal.run/x",
    "https://fal.run\\@evil.example/x",
    "https://fal.run:8443/x",
    "https://fal.run:80/x",
    "https://fal.run:0443x/x",
    "https://fal.run./x",
    "https://fal\u3002run/x",
    "https://\uff46al.run/x",
    "https://xn--fl-fka.run/x",
    "https://f\u0430l.run/x",
    "https://fal.run%00.evil.example/x",
    "https://fal.run%2eevil.example/x",
    "https://fal.run\t.evil.example/x",
    "https://fal.run\r\n.evil.example/x",
    "https://fal.run .evil.example/x",
    "https:///fal.run/x",
    "https:fal.run/x",
    "//fal.run/x",
    "file://fal.run/x",
    "javascript://fal.run/%0aalert(1)",
    "https://v3.fal.media.evil.example/x",
    "https://evilfal.media/x",
    "https://[::1]/x",
    "https://127.0.0.1/x",
    "https://fal.run/../x",
    "https://fal.run/%2e%2e/x",
    "",
    "https://",
    "https://[",
]


@pytest.mark.parametrize("url", ELSEWHERE, ids=ascii)
def test_the_key_is_for_the_platforms_own_hosts(url):
    hosts = Hosts()
    assert not hosts.owns(url)
    assert not hosts.is_cdn(url)


@pytest.mark.parametrize("url", ELSEWHERE, ids=ascii)
def test_an_authorization_of_the_callers_own_goes_no_farther(url):
    client = FalClient(KEY, headers={"Authorization": f"Key {KEY}"})
    with pytest.raises(FalError):
        client._runner.settings().request("GET", url)


@pytest.mark.parametrize(
    "host",
    [
        "fal.run@evil.example",
        "evil.example/fal.run",
        "https://fal.run",
        "fal.run?x",
        "fal.run#x",
        "fal.run:port",
        "fal.run:99999999",
        "fal.run\r\nx: y",
        "fal.run evil.example",
        "\\\\evil.example",
        "[::1",
        " fal.run",
    ],
    ids=ascii,
)
@pytest.mark.parametrize("name", ["run_host", "queue_host"])
def test_a_host_is_a_name_and_a_port_only(host, name):
    with pytest.raises(FalInputError):
        FalClient(KEY, **{name: host}).run(ID, {})


INJECTED = [
    "\r\nx-evil: 1",
    "\nx-evil: 1",
    "\rx-evil: 1",
    "\r\n\r\nPOST /evil HTTP/1.1\r\nx-evil: 1",
    "\0x-evil: 1",
    "\x0bx-evil: 1",
    "\x85x-evil: 1",
    "\u2028x-evil: 1",
    "\u010d\u010ax-evil: 1",  # cut to bytes, these are a line end
    "%0d%0ax-evil:%201",
    "\ud800x-evil: 1",
    " HTTP/1.1\r\nx-evil: 1\r\n",
]
PLACES: dict[str, Any] = {
    "id": lambda client, text: (client.run, f"{ID}{text}", {}, {}),
    "path": lambda client, text: (client.run, ID, {}, {"path": f"x{text}"}),
    "hint": lambda client, text: (client.run, ID, {}, {"hint": f"x{text}"}),
    "tag": lambda client, text: (client.run, ID, {}, {"tags": {"a": f"x{text}"}}),
    "name of a tag": lambda client, text: (client.run, ID, {}, {"tags": {f"a{text}": "x"}}),
    "header": lambda client, text: (client.run, ID, {}, {"headers": {"x-a": f"x{text}"}}),
    "name of a header": lambda client, text: (client.run, ID, {}, {"headers": {f"x{text}": "x"}}),
    "method": lambda client, text: (client.run, ID, {}, {"method": f"POST{text}"}),
    "webhook": lambda client, text: (
        client.submit,
        ID,
        {},
        {"webhook_url": f"https://example.com/{text}"},
    ),
    "priority": lambda client, text: (client.submit, ID, {}, {"priority": f"low{text}"}),
    "lifecycle": lambda client, text: (
        client.run,
        ID,
        {},
        {"output_lifecycle": Lifecycle(cast("Any", f"1d{text}"))},
    ),
    "query": lambda client, text: (client.run, ID, {"a": f"x{text}"}, {"method": "GET"}),
    "request id": lambda client, text: (client.status, ID, f"r1{text}", {}),
    "cancel": lambda client, text: (client.cancel, ID, f"r1{text}", {}),
}


@pytest.mark.parametrize("place", PLACES)
def test_no_option_adds_a_header_or_a_request(caller, place):
    """Each text is refused before anything is sent, or it arrives as a part of its place."""
    answer = Reply(200, {"request_id": "r1", "status": "IN_QUEUE"})
    with scripted(lambda _: answer) as home:
        client = caller.client(home.host)
        for text in INJECTED:
            del home.seen[:]
            with contextlib.suppress(FalError):
                function, first, second, options = PLACES[place](client, text)
                caller(function, first, second, **options)
            assert len(home.seen) <= QUICK.attempts, ascii(text)
            for seen in home.seen:
                assert "x-evil" not in seen.headers, ascii(text)
                assert seen.headers["authorization"] == f"Key {KEY}"
                assert seen.headers["host"] == home.host
                assert "evil" not in seen.path.partition("?")[0].split("/")[1], ascii(text)


@pytest.mark.parametrize("key", [f"{KEY}{text}" for text in INJECTED if "%" not in text], ids=ascii)
def test_a_key_that_is_no_header_value_is_not_sent_or_shown(key):
    with scripted(lambda _: Reply(200, {})) as home:
        client = FalClient(key, run_host=home.host, queue_host=home.host)
        with pytest.raises(FalError) as refused:
            client.run(ID, {})
        assert not home.seen
    assert HALF not in str(refused.value)


def _same(reply, _):
    return reply


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_take_the_key_nowhere(caller, status):
    with scripted(lambda _: Reply(200, {"request_id": "r1"})) as elsewhere:
        places = [
            f"http://{elsewhere.host}/x",
            f"//{elsewhere.host}/x",
            f"http://user@{elsewhere.host}/",
            "http://[",
        ]
        for place in places:
            away = Reply(status, {}, {"location": place})
            with scripted(partial(_same, away)) as home:
                client = caller.client(home.host)
                for call in (client.run, client.submit, client.subscribe):
                    with contextlib.suppress(FalError):
                        caller(call, ID, {})
                for call in (client.status, client.cancel):
                    with contextlib.suppress(FalError):
                        caller(call, ID, "r1")
        assert not elsewhere.seen


def test_a_response_names_no_place_for_the_key(caller):
    """Status, response and cancel URLs come from the response to the submit."""
    with scripted(lambda _: Reply(200, {"status": "COMPLETED"})) as elsewhere:

        def answer(seen):
            if seen.method != "POST":
                return Reply(200, {"status": "COMPLETED", "request_id": "r1"})
            return Reply(200, {"request_id": "r1", **urls})

        urls = {}

        with scripted(answer) as home:
            client = caller.client(home.host)
            for place in (
                f"http://{elsewhere.host}/x",
                f"http://{home.host}@{elsewhere.host}/x",
                f"http://{home.host}#@{elsewhere.host}/x",
                f"http://{elsewhere.host}\\@{home.host}/x",
                f"//{elsewhere.host}/x",
                "javascript:alert(1)",
                f"http://{home.host}/../x",
            ):
                urls |= dict.fromkeys(("status_url", "response_url", "cancel_url"), place)
                caller(client.subscribe, ID, {}, interval=0.001)
                handle = caller(client.submit, ID, {})
                caller(handle.cancel)
            assert all(seen.headers["host"] == home.host for seen in home.seen)
        assert not elsewhere.seen


@pytest.mark.parametrize(
    "request_id",
    [
        "../../../evil",
        "r1/../../../evil",
        "..",
        "r1?x=1",
        "r1#x",
        "r1\r\nx: y",
        "r1%2f..%2f",
        "",
        7,
    ],
    ids=ascii,
)
def test_a_request_id_of_a_response_stays_one_segment(request_id):
    def answer(seen):
        if seen.method == "POST":
            return Reply(200, {"request_id": request_id})
        return Reply(200, {"status": "COMPLETED", "request_id": "r1"})

    with scripted(answer) as home:
        client = FalClient(KEY, run_host=home.host, queue_host=home.host, retry=QUICK)
        with contextlib.suppress(FalError), client:
            client.subscribe(ID, {}, interval=0.001)
        for seen in home.seen[1:]:
            path = seen.path.partition("?")[0]
            assert path.startswith("/fal-ai/flux/requests/"), path
            assert ".." not in path.split("/"), path
            assert path.count("/") <= 6, path


FAILURES = {
    "refused": Reply(401, {"detail": "no"}),
    "failed": Reply(500, {"detail": "broken"}),
    "dropped": Reply(drop=True),
    "cut": Reply(200, {"a": "b" * 100}, cut=5),
    "no JSON": Reply(200, b"<html>"),
    "echoed": Reply(422, {"detail": [{"loc": ["body"], "msg": "bad", "type": "bad"}]}),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failures_show_no_key_in_tracebacks_with_locals(caller, name):
    with scripted(lambda _: FAILURES[name]) as home:
        client = caller.client(home.host)
        with pytest.raises(FalError) as failed:
            caller(client.submit, ID, {"prompt": "a cat"})
    shown = traceback.TracebackException.from_exception(failed.value, capture_locals=True)
    for text in ("".join(shown.format()), repr(failed.value), str(vars(failed.value))):
        assert HALF not in text


@pytest.mark.parametrize("name", FAILURES)
def test_logs_and_hooks_show_no_key(caller, caplog, name):
    caplog.set_level(logging.DEBUG)
    seen = []
    hooks = {kind: [seen.append] for kind in ("request", "response", "retry")}
    with scripted(lambda _: FAILURES[name]) as home:
        client = caller.client(home.host, event_hooks=hooks, headers={"x-api-key": HALF})
        for call in (client.run, client.submit):
            with contextlib.suppress(FalError):
                caller(call, f"{ID}", {}, headers={"cookie": f"a={HALF}"})
        with contextlib.suppress(FalError):
            caller(client.status, ID, "r1")
    assert seen
    for text in (caplog.text, repr(seen), str([vars(event) for event in seen])):
        assert HALF not in text


def test_what_is_copied_pickled_or_shown_holds_no_key():
    answer = Reply(200, {"request_id": "r1"})
    with scripted(lambda _: answer) as home:
        client = FalClient(
            KEY,
            run_host=home.host,
            queue_host=home.host,
            headers={"Authorization": f"Key {KEY}"},
        )
        handle = client.submit(ID, {})
        result = client.run(ID, {})
        client.close()
    for thing in (client, handle, result, client._runner, client._runner.settings()):
        assert HALF not in repr(thing)
        assert HALF not in str(thing)
    for thing in (client, handle, result):
        assert HALF.encode() not in pickle.dumps(thing)
    assert HALF not in repr(copy.copy(client))


def test_downloads_take_no_key_with_them(caller):
    with scripted(lambda _: Reply(200, b"file")) as storage:
        client = caller.client(storage.host)
        url = f"http://{storage.host}/file.png"
        assert caller(File(url=url).read, client=client) == b"file"
        assert "authorization" not in storage.seen[0].headers
        assert "cookie" not in storage.seen[0].headers
