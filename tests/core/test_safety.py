"""The key is sent to the platform only, and nothing is submitted twice."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from fal_typed import (
    FalConnectionError,
    FalCredentialsError,
    FalHTTPError,
    FalRateLimitError,
    FalServerError,
    RetryPolicy,
)
from tests.core.flux import ID, dev
from tests.scripted import Reply, scripted

KEY = "id-of-key:very-secret"
ARGUMENTS = {"prompt": "a cat"}
QUICK = RetryPolicy(attempts=3, base_delay=0.001)


def client_at(mode, *servers, **options):
    hosts = [server.host for server in servers]
    return mode.client(KEY, run_host=hosts[0], queue_host=hosts[-1], retry=QUICK, **options)


def accepted(seen, **urls):
    if seen.method == "POST":
        return Reply(200, {"request_id": "r1", "status": "IN_QUEUE", **urls})
    if "stream" in seen.path:
        return Reply(404, {"detail": "no stream"})
    if "status" in seen.path:
        return Reply(200, {"status": "COMPLETED", "request_id": "r1"})
    return Reply(200, {"prompt": "a cat"})


def test_urls_outside_the_platform_are_not_followed(mode):
    with scripted(lambda _: Reply(200, {})) as elsewhere:
        base = f"http://{elsewhere.host}"
        urls = {
            "status_url": f"{base}/status",
            "response_url": f"{base}/response",
            "cancel_url": f"{base}/cancel",
        }
        with scripted(lambda seen: accepted(seen, **urls)) as home:
            result = client_at(mode, home).subscribe(ID, ARGUMENTS)
            assert result.data == {"prompt": "a cat"}
            assert "/fal-ai/flux/requests/r1" in home.paths("GET")
        assert not elsewhere.seen


def test_a_redirect_is_not_followed_with_the_key(mode):
    with scripted(lambda _: Reply(200, {})) as elsewhere:
        away = Reply(307, {}, {"location": f"http://{elsewhere.host}/x"})
        with scripted(lambda _: away) as home, pytest.raises(FalHTTPError, match="not followed"):
            client_at(mode, home).run(ID, ARGUMENTS)
        assert not elsewhere.seen


def test_two_clients_send_their_own_keys(mode, fal_emulator):
    one, two = mode.client("one:1"), mode.client(lambda: "two:2")
    for client in (one, two, one):
        client.run(ID, ARGUMENTS)
    sent = [request.headers["authorization"] for request in fal_emulator.requests]
    assert sent == ["Key one:1", "Key two:2", "Key one:1"]


@pytest.mark.parametrize(
    "variables", [{"FAL_KEY": KEY}, {"FAL_KEY_ID": "id-of-key", "FAL_KEY_SECRET": "very-secret"}]
)
def test_the_key_comes_from_the_environment(variables, mode, fal_emulator, monkeypatch):
    client = mode.client()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    client.run(ID, ARGUMENTS)
    assert fal_emulator.requests[0].headers["authorization"] == f"Key {KEY}"


def test_without_a_key_nothing_is_sent(mode):
    with scripted(lambda _: Reply()) as home:
        client = mode.client(run_host=home.host)
        with pytest.raises(FalCredentialsError, match="FAL_KEY"):
            client.run(ID, ARGUMENTS)
        assert not home.seen


def test_a_key_with_invalid_characters_is_rejected_and_not_shown(mode, fal_emulator):
    with pytest.raises(FalCredentialsError) as caught:
        mode.client("secret\r\nx-evil: 1").run(ID, ARGUMENTS)
    assert "secret" not in str(caught.value)
    assert not len(fal_emulator.requests)


def test_the_key_is_in_no_repr_pickle_or_exception(mode, fal_emulator):
    client = mode.client(KEY, headers={"x-own": "1"})
    fal_emulator.endpoint(ID).fails("runner_disconnected")
    with pytest.raises(FalServerError) as caught:
        client.run(ID, ARGUMENTS)
    inner = client._target
    shown = [
        repr(inner),
        repr(inner._runner.settings()),
        str(caught.value),
        repr(caught.value.__dict__),
    ]
    assert not any("very-secret" in text for text in shown)
    for thing in (inner, caught.value):
        assert b"very-secret" not in pickle.dumps(thing)
    assert type(pickle.loads(pickle.dumps(inner))) is type(inner)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(drop=True),
        Reply(502, b"<html>nginx</html>"),
        Reply(504, b"<html>nginx</html>"),
        Reply(500, {"detail": "broken"}),
        Reply(409, {"detail": "conflict"}),
    ],
)
def test_a_request_that_may_have_been_accepted_is_not_retried(reply, mode):
    for call in ("run", "submit"):
        with scripted(lambda _: reply) as home:
            with pytest.raises((FalConnectionError, FalHTTPError)) as caught:
                getattr(client_at(mode, home), call)(ID, ARGUMENTS)
            assert len(home.seen) == 1
            if isinstance(caught.value, FalConnectionError):
                assert caught.value.maybe_accepted
                assert "may have accepted" in str(caught.value)


@pytest.mark.parametrize(
    "rejection",
    [
        Reply(429, {"detail": "slow down"}, {"retry-after": "0"}),
        Reply(503, b"<html>nginx</html>"),
        Reply(503, {"detail": "busy"}, {"x-fal-needs-retry": "1", "x-fal-request-id": "x"}),
    ],
)
def test_a_rejected_request_is_retried(rejection, mode):
    for call in ("run", "submit"):
        replies = [rejection, Reply(200, {"request_id": "r1"})]
        with scripted(lambda _, replies=replies: replies.pop(0)) as home:  # type: ignore[misc]
            getattr(client_at(mode, home), call)(ID, ARGUMENTS)
            assert len(home.seen) == 2


def test_retries_end(mode):
    with scripted(lambda _: Reply(429, {"detail": "slow down"})) as home:
        with pytest.raises(FalRateLimitError, match="slow down"):
            client_at(mode, home).submit(ID, ARGUMENTS)
        assert len(home.seen) == QUICK.attempts


def test_a_retry_after_beyond_the_policy_raises_at_once(mode):
    reply = Reply(429, {"detail": "slow down"}, {"retry-after": "3600"})
    with scripted(lambda _: reply) as home:
        with pytest.raises(FalRateLimitError) as caught:
            client_at(mode, home).submit(ID, ARGUMENTS)
        assert caught.value.retry_after == 3600
        assert len(home.seen) == 1


def test_an_expired_start_timeout_is_not_retried(mode):
    late = Reply(504, {"detail": "late"}, {"x-fal-request-timeout-type": "user"})
    with scripted(lambda _: late) as home:
        with pytest.raises(TimeoutError):
            client_at(mode, home).run(ID, ARGUMENTS, start_timeout=2)
        assert home.seen[0].headers["x-fal-request-timeout"] == "2"
        assert len(home.seen) == 1


def test_a_truncated_submit_response_is_recovered_by_its_request_id(mode):
    def respond(seen):
        reply = accepted(seen)
        if seen.method == "POST":
            reply.headers["x-fal-request-id"] = "r1"
            reply.cut = 5
        return reply

    with scripted(respond) as home:
        result = client_at(mode, home).subscribe(ID, ARGUMENTS)
        assert result.data == {"prompt": "a cat"}
        assert len(home.paths("POST")) == 1


def test_a_lost_connection_leaves_the_job_running_and_reports_its_id(mode):
    def respond(seen):
        return accepted(seen) if seen.method == "POST" else Reply(drop=True)

    with scripted(respond) as home:
        with pytest.raises(FalConnectionError) as caught:
            client_at(mode, home).subscribe(ID, ARGUMENTS)
        assert caught.value.request_id == "r1"
        assert not home.paths("PUT")


def test_status_and_result_requests_survive_transient_failures(mode):
    failures = [Reply(502, b"<html>nginx</html>"), Reply(drop=True)]

    def respond(seen):
        if seen.method == "GET" and "stream" not in seen.path and failures:
            return failures.pop()
        return accepted(seen)

    with scripted(respond) as home:
        assert client_at(mode, home).subscribe(ID, ARGUMENTS).data == {"prompt": "a cat"}
        assert not failures


def test_options_are_sent_as_headers_and_query(mode, fal_emulator):
    from fal_typed import Lifecycle

    options: dict[str, Any] = {
        "start_timeout": 30.0,
        "hint": "lora:a",
        "priority": "low",
        "output_lifecycle": Lifecycle(expires_in=3600),
        "store_io": False,
        "server_retry": False,
        "tags": {"team": "a"},
        "max_queue_length": 9,
        "webhook_url": "https://example.com/hook?a=1&b=2",
        "headers": {"X-Own": "1"},
    }
    mode(dev.with_options(**options)).submit(prompt="a cat")
    request = fal_emulator.requests.of("submit")[0]
    sent = request.headers
    assert sent["x-fal-request-timeout"] == "30"
    assert sent["x-fal-runner-hint"] == "lora:a"
    assert sent["x-fal-queue-priority"] == "low"
    assert '"expiration_duration_seconds": 3600' in sent["x-fal-object-lifecycle-preference"]
    assert sent["x-fal-store-io"] == "0"
    assert sent["x-fal-no-retry"] == "1"
    assert sent["x-fal-tags"] == "team=a"
    assert sent["x-own"] == "1"
    assert request.query == {
        "fal_webhook": ["https://example.com/hook?a=1&b=2"],
        "fal_max_queue_length": ["9"],
    }


def test_a_model_failure_is_fetched_once(mode, fal_emulator):
    from fal_typed.testing import ScriptedFailure

    failure = ScriptedFailure(503, {"detail": "busy"}, headers={"x-fal-needs-retry": "1"})
    fal_emulator.endpoint(ID).fails(failure)
    with pytest.raises(FalServerError) as caught:
        mode(dev).subscribe(prompt="a cat")
    assert caught.value.needs_retry is True
    assert len(fal_emulator.requests.of("result")) == 1
