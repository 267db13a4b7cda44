"""Tokens and handshakes, without I/O."""

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
    """Responds to token requests with `tokens` in turn, and to handshakes with `handshake`."""

    def __init__(self, tokens: list[Any], handshake: Callable[[str], int]) -> None:
        self.requests: list[HttpRequest] = []
        self._tokens = tokens
        self._handshake = handshake

    def play(self, flow: Flow[Any]) -> Any:
        value: Any = None
        while True:
            try:
                effect = flow.send(value)
            except StopIteration as stop:
                return stop.value
            value = self._perform(effect)

    def _perform(self, effect: Any) -> Any:
        if isinstance(effect, (Now, Draw)):
            return 0.0
        if not isinstance(effect, (Send, OpenSocket)):
            return None
        self.requests.append(effect.request)
        if isinstance(effect, Send):
            status, body = self._tokens.pop(0)
            return HttpResponse(status, {}, json.dumps(body).encode())
        token = parse_qs(urlsplit(effect.request.url).query).get("fal_jwt_token", [""])[0]
        return OpenedSocket(HttpResponse(self._handshake(token), {}, b"", "wss://fal.run"))


def test_a_token_is_created_with_the_key_and_replaces_it():
    platform = Platform([(200, "t-1")], lambda _: 101)
    platform.play(connect(SETTINGS, call()))
    token_request, handshake = platform.requests
    assert token_request.url == "https://rest.fal.ai/tokens/"
    assert token_request.headers["authorization"] == "Key id:secret"
    assert isinstance(token_request.body, bytes)
    assert json.loads(token_request.body) == {"allowed_apps": ["flux"], "token_expiration": 120}
    assert handshake.url == "wss://fal.run/fal-ai/flux/dev/realtime?fal_jwt_token=t-1"
    assert "authorization" not in handshake.headers
    assert "t-1" not in repr(handshake)


def test_a_rejected_cached_token_is_replaced():
    platform = Platform([(200, "old"), (200, "new")], lambda _: 101)
    platform.play(connect(SETTINGS, call()))
    platform._handshake = lambda token: 101 if token == "new" else 401
    platform.play(connect(SETTINGS, call()))
    assert [request.method[0] for request in platform.requests] == list("PGGPG")


def test_a_rejected_new_token_is_not_cached():
    platform = Platform([(200, "a"), (200, "b")], lambda _: 401)
    for _ in range(2):
        with pytest.raises(FalAuthenticationError):
            platform.play(connect(SETTINGS, call()))
    assert [request.method for request in platform.requests] == ["POST", "GET", "POST", "GET"]


def test_a_changed_key_gets_its_own_token():
    platform = Platform([(200, "a"), (200, "b")], lambda _: 101)
    other = SETTINGS.with_changes(credentials=Credentials("other:secret"))
    for settings in (SETTINGS, other, SETTINGS):
        platform.play(connect(settings, call()))
    assert [r.url.partition("=")[2] for r in platform.requests if r.method == "GET"] == [
        "a",
        "b",
        "a",
    ]


def test_the_newer_token_route_is_used_if_the_older_is_missing():
    platform = Platform([(404, {}), (200, {"token": "t"})], lambda _: 101)
    platform.play(connect(SETTINGS, call(token_expiration=60)))
    newer = platform.requests[1]
    assert newer.url == "https://rest.fal.ai/tokens/realtime"
    assert isinstance(newer.body, bytes)
    assert json.loads(newer.body) == {"allowed_apps": ["fal-ai/flux"], "duration": 60}


@pytest.mark.parametrize("content", ["t", {"token": "t"}, {"detail": "t"}])
def test_three_formats_of_token_responses_are_accepted(content):
    platform = Platform([(200, content)], lambda _: 101)
    platform.play(connect(SETTINGS, call()))
    assert platform.requests[-1].url.endswith("fal_jwt_token=t")


def test_a_response_without_a_token_is_not_quoted():
    platform = Platform([(200, {"jeton": "secret-text"})], lambda _: 101)
    with pytest.raises(FalProtocolError) as caught:
        platform.play(connect(SETTINGS, call()))
    assert "secret-text" not in str(caught.value)


def test_a_handshake_is_retried_by_the_policy():
    platform = Platform([(200, "t")], lambda _: 503)
    with pytest.raises(FalServerError, match="503"):
        platform.play(connect(SETTINGS, call()))
    assert [request.method for request in platform.requests] == ["POST", "GET", "GET", "GET"]


@pytest.mark.parametrize("options", [{"use_jwt": False}, {"token_provider": lambda _: "t"}])
def test_neither_key_nor_token_is_sent_without_tls(options):
    without_tls = SETTINGS.with_changes(hosts=Hosts(run="http://fal.example"))
    platform = Platform([], lambda _: 101)
    with pytest.raises(FalCredentialsError):
        platform.play(connect(without_tls, call(**options)))
    assert platform.requests == []


def test_with_a_proxy_the_token_is_proxied_and_the_websocket_is_direct():
    proxied = SETTINGS.with_changes(proxy_url="https://mine.example/fal")
    platform = Platform([(200, "t")], lambda _: 101)
    platform.play(connect(proxied, call()))
    token_request, handshake = platform.requests
    assert token_request.url == "https://mine.example/fal"
    assert token_request.headers["x-fal-target-url"] == "https://rest.fal.ai/tokens/"
    assert handshake.url.startswith("wss://fal.run/")


def test_a_pipeline_uses_the_key():
    platform = Platform([], lambda _: 101)
    platform.play(connect_for_runs(SETTINGS, call()))
    (handshake,) = platform.requests
    assert handshake.url == "wss://ws.fal.run/fal-ai/flux/dev"
    assert handshake.headers["authorization"] == "Key id:secret"


def test_tokens_are_neither_shown_nor_pickled():
    import pickle

    Platform([(200, "t-1")], lambda _: 101).play(connect(SETTINGS, call()))
    tokens = SETTINGS.realtime_tokens
    assert tokens._entries
    assert "t-1" not in repr(tokens)
    assert not pickle.loads(pickle.dumps(tokens))._entries
