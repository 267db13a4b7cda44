"""Tokens and handshakes, with the platform played by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from fal_typed import FalAuthenticationError, FalCredentialsError, FalProtocolError, FalServerError
from fal_typed._calls.building import reference_call
from fal_typed._calls.call_options import CallOptions
from fal_typed._core.credentials import Credentials
from fal_typed._core.flow import (
    Draw,
    Flow,
    Now,
    OpenSocket,
    Send,
)
from fal_typed._core.hosts import Hosts
from fal_typed._core.retry import RetryPolicy
from fal_typed._core.settings import Settings
from fal_typed._realtime.connecting import connect, connect_for_runs
from fal_typed._transport.base import HttpRequest, HttpResponse, OpenedSocket

SETTINGS = Settings(credentials=Credentials("id:secret"), retry=RetryPolicy(attempts=3))


@pytest.fixture(autouse=True)
def no_cached_token():
    SETTINGS.realtime_tokens._entries.clear()


def call(**options: Any) -> Any:
    return reference_call("fal-ai/flux/dev", CallOptions(path="/realtime", **options))


class Platform:
    """Answers tokens with `minted`, in turn, and handshakes with what `shake` says."""

    def __init__(self, minted: list[Any], shake: Callable[[str], int]) -> None:
        self.requests: list[HttpRequest] = []
        self._minted = minted
        self._shake = shake

    def play(self, flow: Flow[Any]) -> Any:
        answer: Any = None
        while True:
            try:
                effect = flow.send(answer)
            except StopIteration as stop:
                return stop.value
            answer = self._answer(effect)

    def _answer(self, effect: Any) -> Any:
        if isinstance(effect, (Now, Draw)):
            return 0.0
        if not isinstance(effect, (Send, OpenSocket)):
            return None
        self.requests.append(effect.request)
        if isinstance(effect, Send):
            status, body = self._minted.pop(0)
            return HttpResponse(status, {}, json.dumps(body).encode())
        token = parse_qs(urlsplit(effect.request.url).query).get("fal_jwt_token", [""])[0]
        return OpenedSocket(HttpResponse(self._shake(token), {}, b"", "wss://fal.run"))


def test_a_token_is_made_with_the_key_and_stands_in_for_it():
    platform = Platform([(200, "t-1")], lambda _: 101)
    platform.play(connect(SETTINGS, call()))
    mint, shake = platform.requests
    assert mint.url == "https://rest.fal.ai/tokens/"
    assert mint.headers["authorization"] == "Key id:secret"
    assert isinstance(mint.body, bytes)
    assert json.loads(mint.body) == {"allowed_apps": ["flux"], "token_expiration": 120}
    assert shake.url == "wss://fal.run/fal-ai/flux/dev/realtime?fal_jwt_token=t-1"
    assert "authorization" not in shake.headers
    assert "t-1" not in repr(shake)


def test_a_kept_token_that_is_refused_is_replaced():
    platform = Platform([(200, "old"), (200, "new")], lambda _: 101)
    platform.play(connect(SETTINGS, call()))
    platform._shake = lambda token: 101 if token == "new" else 401
    platform.play(connect(SETTINGS, call()))
    assert [request.method[0] for request in platform.requests] == list("PGGPG")


def test_a_new_token_that_is_refused_is_not_kept():
    platform = Platform([(200, "a"), (200, "b")], lambda _: 401)
    for _ in range(2):
        with pytest.raises(FalAuthenticationError):
            platform.play(connect(SETTINGS, call()))
    assert [request.method for request in platform.requests] == ["POST", "GET", "POST", "GET"]


def test_a_key_that_changed_makes_its_own_token():
    platform = Platform([(200, "a"), (200, "b")], lambda _: 101)
    other = SETTINGS.with_changes(credentials=Credentials("other:secret"))
    for settings in (SETTINGS, other, SETTINGS):
        platform.play(connect(settings, call()))
    assert [r.url.partition("=")[2] for r in platform.requests if r.method == "GET"] == [
        "a",
        "b",
        "a",
    ]


def test_the_newer_route_is_asked_when_the_older_is_gone():
    platform = Platform([(404, {}), (200, {"token": "t"})], lambda _: 101)
    platform.play(connect(SETTINGS, call(token_expiration=60)))
    newer = platform.requests[1]
    assert newer.url == "https://rest.fal.ai/tokens/realtime"
    assert isinstance(newer.body, bytes)
    assert json.loads(newer.body) == {"allowed_apps": ["fal-ai/flux"], "duration": 60}


@pytest.mark.parametrize("answer", ["t", {"token": "t"}, {"detail": "t"}])
def test_a_token_may_come_in_three_forms(answer):
    platform = Platform([(200, answer)], lambda _: 101)
    platform.play(connect(SETTINGS, call()))
    assert platform.requests[-1].url.endswith("fal_jwt_token=t")


def test_an_answer_without_a_token_is_not_quoted():
    platform = Platform([(200, {"jeton": "secret-text"})], lambda _: 101)
    with pytest.raises(FalProtocolError) as caught:
        platform.play(connect(SETTINGS, call()))
    assert "secret-text" not in str(caught.value)


def test_a_handshake_is_repeated_as_the_policy_says():
    platform = Platform([(200, "t")], lambda _: 503)
    with pytest.raises(FalServerError, match="503"):
        platform.play(connect(SETTINGS, call()))
    assert [request.method for request in platform.requests] == ["POST", "GET", "GET", "GET"]


@pytest.mark.parametrize("options", [{"use_jwt": False}, {"token_provider": lambda _: "t"}])
def test_neither_key_nor_token_goes_out_in_the_open(options):
    in_the_open = SETTINGS.with_changes(hosts=Hosts(run="http://fal.example"))
    platform = Platform([], lambda _: 101)
    with pytest.raises(FalCredentialsError):
        platform.play(connect(in_the_open, call(**options)))
    assert platform.requests == []


def test_a_proxy_makes_the_token_and_the_websocket_goes_direct():
    proxied = SETTINGS.with_changes(proxy_url="https://mine.example/fal")
    platform = Platform([(200, "t")], lambda _: 101)
    platform.play(connect(proxied, call()))
    mint, shake = platform.requests
    assert mint.url == "https://mine.example/fal"
    assert mint.headers["x-fal-target-url"] == "https://rest.fal.ai/tokens/"
    assert shake.url.startswith("wss://fal.run/")


def test_a_pipeline_takes_the_key():
    platform = Platform([], lambda _: 101)
    platform.play(connect_for_runs(SETTINGS, call()))
    (shake,) = platform.requests
    assert shake.url == "wss://ws.fal.run/fal-ai/flux/dev"
    assert shake.headers["authorization"] == "Key id:secret"


def test_tokens_are_neither_shown_nor_pickled():
    import pickle

    Platform([(200, "t-1")], lambda _: 101).play(connect(SETTINGS, call()))
    tokens = SETTINGS.realtime_tokens
    assert tokens._entries
    assert "t-1" not in repr(tokens)
    assert not pickle.loads(pickle.dumps(tokens))._entries
