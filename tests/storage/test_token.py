"""The CDN token, with a driver that neither waits nor sends anything."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from fal_typed import FalClient, FalServerError, RetryPolicy
from fal_typed._core.credentials import Credentials
from fal_typed._core.flow import Deadline, Send, Sleep
from fal_typed._core.hosts import Hosts
from fal_typed._core.settings import Settings
from fal_typed._uploads import cdn
from fal_typed._uploads import storage as storage_flows
from tests.storage.fake import ManualDriver, reply

NO_DEADLINE = Deadline(None, None)


def settings(key="id:secret", **changes):
    return Settings(credentials=Credentials(key), **changes)


def issuing(**fields):
    """A platform that issues numbered tokens."""
    count = 0

    def respond(request):
        nonlocal count
        count += 1
        body = {
            "token": f"t{count}",
            "token_type": "Bearer",
            "base_url": "https://v3.fal.media",
            "created_at": "2026-01-01T00:00:00Z",
            "expires_at": "2026-01-01T01:00:00Z",
        }
        return reply(body | fields)

    return ManualDriver(respond)


def token(hand, configured):
    return hand.run(cdn.cdn_token(configured, NO_DEADLINE)).authorization


def test_a_token_is_cached_and_renewed_before_it_expires():
    hand, configured = issuing(), settings()
    assert token(hand, configured) == "Bearer t1"
    hand.time += 3600 - 61
    assert token(hand, configured) == "Bearer t1"
    hand.time += 2
    assert token(hand, configured) == "Bearer t2"
    (request, _) = hand.sent
    assert request.url == "https://rest.fal.ai/storage/auth/token?storage_type=fal-cdn-v3"
    assert (request.body, request.headers["authorization"]) == (b"{}", "Key id:secret")


def test_a_short_lived_token_is_cached_too():
    hand, configured = issuing(expires_at="2026-01-01T00:00:20Z"), settings()
    token(hand, configured)
    hand.time += 14
    assert token(hand, configured) == "Bearer t1"
    hand.time += 2
    assert token(hand, configured) == "Bearer t2"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-01T01:00:00Z", 3600),
        ("2026-01-01T01:00:00z", 3600),
        ("2026-01-01T01:00:00.123456789Z", 3600),
        ("2026-01-01T01:00:00.5+00:00", 3600),
        ("2026-01-01 03:00:00+0200", 3600),
        ("2025-12-31T22:00:00-03:00", 3600),
        ("2026-01-01T01:00:00", 3600),
        ("2020-01-01T00:00:00Z", 0),
        ("2026-13-01T01:00:00Z", 0),
        ("soon", 0),
        (None, 0),
        (17, 0),
    ],
)
def test_expiry_time_formats(text, seconds):
    hand, configured = issuing(expires_at=text), settings()
    token(hand, configured)
    if seconds:
        hand.time += seconds - 61
        assert token(hand, configured) == "Bearer t1"
    else:
        assert token(hand, configured) == "Bearer t2", "a token that may have expired is renewed"


def test_the_local_clock_is_used_without_the_platforms():
    ends = datetime.now(timezone.utc) + timedelta(hours=1)
    hand, configured = issuing(created_at=None, expires_at=ends.isoformat()), settings()
    token(hand, configured)
    hand.time += 3500
    assert token(hand, configured) == "Bearer t1"
    hand.time += 100
    assert token(hand, configured) == "Bearer t2"


def test_each_key_has_its_own_token():
    hand, configured = issuing(), settings("a")
    other = replace(configured, credentials=Credentials("b"))
    assert [token(hand, each) for each in (configured, other, configured, other)] == [
        "Bearer t1",
        "Bearer t2",
        "Bearer t1",
        "Bearer t2",
    ]


def test_other_flows_wait_for_the_one_that_requests_a_token():
    configured = settings()
    hand = issuing()
    first = cdn.cdn_token(configured, NO_DEADLINE)
    effect = next(first)
    while not isinstance(effect, Send):
        effect = first.send(hand.perform(effect))
    second = cdn.cdn_token(configured, NO_DEADLINE)
    assert isinstance(second.send(hand.perform(next(second))), Sleep), (
        "it does not request a token, too"
    )
    got = hand.run(_rest(first, hand.perform(effect)))
    assert hand.run(_rest(second, None)) is got
    assert len(hand.sent) == 1


def _rest(flow, value):
    """The rest of a flow, after the effect it is paused at."""
    while True:
        try:
            effect = flow.send(value)
        except StopIteration as stop:
            return stop.value
        value = yield effect


@pytest.mark.parametrize("end", ["close", "throw"])
def test_flows_do_not_wait_for_one_that_stopped(end):
    hand, configured = issuing(), settings()
    first = cdn.cdn_token(configured, NO_DEADLINE)
    effect = next(first)
    while not isinstance(effect, Send):
        effect = first.send(hand.perform(effect))
    if end == "close":
        first.close()
    else:
        with pytest.raises(asyncio.CancelledError):
            first.throw(asyncio.CancelledError())
    assert token(hand, configured) == "Bearer t1"
    assert hand.time == 1000.0


def test_a_claim_that_is_not_released_times_out():
    hand, configured = issuing(), settings()
    configured.cdn_tokens.claim(cdn._owner(configured))
    assert token(hand, configured) == "Bearer t1"
    assert 1030 <= hand.time < 1031


def test_a_failed_token_request_raises():
    hand = ManualDriver(lambda request: reply({"detail": "down"}, 503))
    with pytest.raises(FalServerError, match="down"):
        token(hand, settings(retry=RetryPolicy(attempts=2)))
    assert len(hand.sent) == 2


def test_tokens_are_in_no_repr_and_no_pickle():
    hand, configured = issuing(token="the-token"), settings()
    found = hand.run(cdn.cdn_token(configured, NO_DEADLINE))
    assert "the-token" not in repr(found) + repr(configured) + repr(configured.cdn_tokens)
    assert copy.deepcopy(configured.cdn_tokens) is configured.cdn_tokens
    assert not pickle.loads(pickle.dumps(configured.cdn_tokens))._entries
    assert b"the-token" not in pickle.dumps(configured)


@pytest.mark.parametrize(
    ("url", "is_cdn"),
    [
        ("https://v3.fal.media/files/upload", True),
        ("https://v3b.fal.media/files/b/x", True),
        ("https://v3.fal.media:443/files", True),
        ("http://v3.fal.media/files", False),
        ("https://v3.fal.media:8443/files", False),
        ("https://fal.media.evil.example/", False),
        ("https://evilfal.media/", False),
        ("https://evil.example/.fal.media", False),
        ("https://evil.example#.fal.media", False),
        ("https://a:b@v3.fal.media/", False),
        ("https://evil.example\\@v3.fal.media/", False),
        ("https://v3.fal.media\n.evil.example/", False),
        ("https://v3.fal.media/../x", False),
        ("https://v3.fal.medi\u00e0/", False),
        ("https://rest.fal.ai/", False),
        ("https://fal.run/", False),
        ("//v3.fal.media/", False),
        ("https://[::1/", False),
        ("", False),
    ],
)
def test_which_urls_are_on_the_storage(url, is_cdn):
    assert Hosts().is_cdn(url) is is_cdn
    assert not Hosts.emulated("127.0.0.1:1").is_cdn(url)


def test_threads_share_a_token(server, storage):
    gate = threading.Barrier(8)
    with FalClient() as client:

        def upload():
            gate.wait()
            client.upload(b"x")

        threads = [threading.Thread(target=upload) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    uploads = [seen for seen in server.seen if seen.path.endswith("/files/upload")]
    tokens = [seen for seen in server.seen if "/auth/token" in seen.path]
    assert len(uploads) == 8
    # Threads that start at the same moment may each request a token; the rest wait.
    assert len(tokens) < 8


def test_a_timeout_covers_all_requests_of_an_upload():
    def respond(request):
        hand.time += 3.0
        body = {"token": "t", "expires_at": "2999-01-01T00:00:00Z", "access_url": "https://x/f"}
        return reply(body)

    hand = ManualDriver(respond)
    url = hand.run(storage_flows.upload(settings(), b"x", timeout=10))
    assert url == "https://x/f"
    assert [request.timeout for request in hand.sent] == [10.0, 7.0]


def test_the_request_timeout_grows_with_the_body():
    assert cdn.time_to_send(b"") == 60
    assert cdn.time_to_send(bytes(16 * 1024 * 100)) == 160
