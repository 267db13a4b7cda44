"""The CDN token, played by hand: no time passes and nothing is sent."""

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
from tests.storage.fake import Hand, reply

NO_DEADLINE = Deadline(None, None)


def settings(key="id:secret", **changes):
    return Settings(credentials=Credentials(key), **changes)


def minting(**answer):
    """A platform that numbers its tokens."""
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
        return reply(body | answer)

    return Hand(respond)


def token(hand, configured):
    return hand.run(cdn.cdn_token(configured, NO_DEADLINE)).authorization


def test_a_token_is_kept_and_renewed_before_it_ends():
    hand, configured = minting(), settings()
    assert token(hand, configured) == "Bearer t1"
    hand.time += 3600 - 61
    assert token(hand, configured) == "Bearer t1"
    hand.time += 2
    assert token(hand, configured) == "Bearer t2"
    (request, _) = hand.sent
    assert request.url == "https://rest.fal.ai/storage/auth/token?storage_type=fal-cdn-v3"
    assert (request.body, request.headers["authorization"]) == (b"{}", "Key id:secret")


def test_a_short_token_is_not_all_leeway():
    hand, configured = minting(expires_at="2026-01-01T00:00:20Z"), settings()
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
def test_how_a_time_may_be_written(text, seconds):
    hand, configured = minting(expires_at=text), settings()
    token(hand, configured)
    if seconds:
        hand.time += seconds - 61
        assert token(hand, configured) == "Bearer t1"
    else:
        assert token(hand, configured) == "Bearer t2", "what may be over is asked for again"


def test_without_the_platforms_clock_ours_is_taken():
    ends = datetime.now(timezone.utc) + timedelta(hours=1)
    hand, configured = minting(created_at=None, expires_at=ends.isoformat()), settings()
    token(hand, configured)
    hand.time += 3500
    assert token(hand, configured) == "Bearer t1"
    hand.time += 100
    assert token(hand, configured) == "Bearer t2"


def test_every_key_has_a_token_of_its_own():
    hand, configured = minting(), settings("a")
    other = replace(configured, credentials=Credentials("b"))
    assert [token(hand, each) for each in (configured, other, configured, other)] == [
        "Bearer t1",
        "Bearer t2",
        "Bearer t1",
        "Bearer t2",
    ]


def test_others_wait_for_the_flow_that_asks():
    configured = settings()
    hand = minting()
    first = cdn.cdn_token(configured, NO_DEADLINE)
    effect = next(first)
    while not isinstance(effect, Send):
        effect = first.send(hand.perform(effect))
    second = cdn.cdn_token(configured, NO_DEADLINE)
    assert isinstance(second.send(hand.perform(next(second))), Sleep), "it does not ask as well"
    got = hand.run(_rest(first, hand.perform(effect)))
    assert hand.run(_rest(second, None)) is got
    assert len(hand.sent) == 1


def _rest(flow, value):
    """A flow that stands at an effect, from there on."""
    while True:
        try:
            effect = flow.send(value)
        except StopIteration as stop:
            return stop.value
        value = yield effect


@pytest.mark.parametrize("end", ["close", "throw"])
def test_a_flow_that_gave_up_is_not_waited_for(end):
    hand, configured = minting(), settings()
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


def test_a_claim_nobody_lets_go_of_ends():
    hand, configured = minting(), settings()
    configured.cdn_tokens.claim(cdn._owner(configured))
    assert token(hand, configured) == "Bearer t1"
    assert 1030 <= hand.time < 1031


def test_no_token_no_upload():
    hand = Hand(lambda request: reply({"detail": "down"}, 503))
    with pytest.raises(FalServerError, match="down"):
        token(hand, settings(retry=RetryPolicy(attempts=2)))
    assert len(hand.sent) == 2


def test_tokens_are_in_no_repr_and_no_pickle():
    hand, configured = minting(token="the-token"), settings()
    found = hand.run(cdn.cdn_token(configured, NO_DEADLINE))
    assert "the-token" not in repr(found) + repr(configured) + repr(configured.cdn_tokens)
    for again in (copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))):
        assert vars(again(configured.cdn_tokens)) == {"_entries": {}, "_claims": {}}
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
def test_what_the_storages_hosts_are(url, is_cdn):
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
    # Those who come at the very same moment may ask twice; the rest wait.
    assert len(tokens) < 8


def test_a_time_limit_holds_for_every_request_of_an_upload():
    def respond(request):
        hand.time += 3.0
        body = {"token": "t", "expires_at": "2999-01-01T00:00:00Z", "access_url": "https://x/f"}
        return reply(body)

    hand = Hand(respond)
    url = hand.run(storage_flows.upload(settings(), b"x", timeout=10))
    assert url == "https://x/f"
    assert [request.timeout for request in hand.sent] == [10.0, 7.0]


def test_a_request_may_take_longer_the_more_it_sends():
    assert cdn.time_to_send(b"") == 60
    assert cdn.time_to_send(bytes(16 * 1024 * 100)) == 160
