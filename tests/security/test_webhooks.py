"""Attacks on a receiver of webhooks: forged, repeated and shifted deliveries, and key sets."""

from __future__ import annotations

import asyncio
import json
import threading
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fal_typed import (
    AsyncFalClient,
    FalClient,
    FalConnectionError,
    FalError,
    FalWebhookError,
    RetryPolicy,
    verify_webhook,
    verify_webhook_async,
)
from fal_typed.webhooks import verification
from tests.scripted import Reply, scripted
from tests.test_webhooks import JWKS, KEY, NOW, OK, jwk, signed

ONCE = RetryPolicy(attempts=1)


@pytest.fixture(autouse=True)
def no_keys_yet(monkeypatch):
    monkeypatch.setattr(verification, "_key_sets", verification._KeySets())


def changed(**headers):
    given, body = signed()
    return {**given, **{f"X-Fal-Webhook-{name}": value for name, value in headers.items()}}, body


FORGED = {
    "another body": (signed()[0], b'{"request_id": "r1", "status": "OK"}'),
    "a blank more": (signed()[0], signed()[1] + b" "),
    "another id": changed(**{"Request-Id": "r2"}),
    "another user": changed(**{"User-Id": "u2"}),
    "another time": changed(Timestamp=str(NOW + 1)),
    "parts moved": changed(**{"Request-Id": "r1\nu1", "User-Id": ""}),
    "a signature of another key": signed(key=Ed25519PrivateKey.generate()),
    "a signature of zeros": changed(Signature="0" * 128),
    "a short signature": changed(Signature=signed()[0]["X-Fal-Webhook-Signature"][:-2]),
    "a long signature": changed(Signature=signed()[0]["X-Fal-Webhook-Signature"] + "00"),
    "a signature in Arabic digits": changed(Signature="\u0660" * 128),
    "a signature with blanks": changed(Signature=" ".join(["00"] * 64)),
    "a time in Arabic digits": changed(Timestamp="\u0661\u0662\u0663"),
    "a time that is negative": changed(Timestamp="-1"),
    "a time of a thousand digits": changed(Timestamp="9" * 1000),
    "a time with a fraction": changed(Timestamp=f"{NOW}.5"),
    "a time as an exponent": changed(Timestamp="1e9"),
    "no time": changed(Timestamp=""),
    "a replay of yesterday": signed(at=NOW - 86_400),
    "a replay just too old": signed(at=NOW - 301),
    "from the future": signed(at=NOW + 301),
    "no event": signed(b"[]"),
    "deep JSON": signed(b"[" * 100_000 + b"]" * 100_000),
    "a huge number": signed(b'{"request_id": ' + b"9" * 10_000 + b"}"),
    "half a surrogate": (signed()[0], '{"request_id": "\ud800"}'.encode("utf-8", "surrogatepass")),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_delivery_is_refused(name):
    headers, body = FORGED[name]
    with pytest.raises(FalWebhookError):
        verify_webhook(headers, body, jwks=JWKS, clock=lambda: NOW)


@pytest.mark.parametrize("clock", [float("nan"), float("inf"), float("-inf"), 0.0, -1.0, 1e300])
def test_a_clock_that_is_wrong_believes_nothing(clock):
    with pytest.raises(FalWebhookError):
        verify_webhook(*signed(), jwks=JWKS, clock=lambda: clock)


KEY_SETS: dict[str, Any] = {
    "none": {"keys": []},
    "no list": {"keys": {"x": 1}},
    "not Ed25519": {"keys": [{"kty": "RSA", "crv": "P-256", "x": "AQAB"}]},
    "short": {"keys": [{**jwk(), "x": "AAAA"}]},
    "not base64": {"keys": [{**jwk(), "x": "\u2603" * 43}]},
    "no text": {"keys": [{**jwk(), "x": 7}]},
    "too many": {"keys": [jwk()] * 10_000},
    "the zero point": {"keys": [{**jwk(), "x": urlsafe_b64encode(bytes(32)).decode()}]},
}


@pytest.mark.parametrize("name", KEY_SETS)
def test_an_odd_key_set_believes_nothing(name):
    with pytest.raises(FalWebhookError):
        verify_webhook(*changed(Signature="0" * 128), jwks=KEY_SETS[name], clock=lambda: NOW)


class Receiver:
    """Verifies deliveries against a platform of the test's own, at a time of its own."""

    def __init__(self, server, monkeypatch, *, is_async: bool) -> None:
        monkeypatch.setenv("FAL_EMULATOR_HOST", server.host)
        self.now = float(NOW)
        self._is_async = is_async

    def verify(self, headers, body):
        options: Any = {"clock": lambda: self.now}
        if not self._is_async:
            with FalClient("id:secret", retry=ONCE) as client:
                return verify_webhook(headers, body, client=client, **options)

        async def inside():
            async with AsyncFalClient("id:secret", retry=ONCE) as client:
                return await verify_webhook_async(headers, body, client=client, **options)

        return asyncio.run(inside())


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def receiver(request, monkeypatch):
    return lambda server: Receiver(server, monkeypatch, is_async=request.param)


REFUSED = {
    "unreachable": Reply(drop=True),
    "failing": Reply(500, {"detail": "no"}),
    "gone": Reply(404, {"detail": "no"}),
    "no JSON": Reply(200, b"<html>"),
    "no object": Reply(200, []),
    "deep": Reply(200, b"[" * 100_000 + b"]" * 100_000),
    "too large": Reply(200, {"keys": [jwk()], "x": "y" * (2 << 20)}),
    "too many": Reply(200, {"keys": [jwk()] * 1000}),
    "redirected": Reply(302, {}, {"location": "https://evil.example/jwks"}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_keys_that_cannot_be_had_are_no_verdict_and_no_storm(receiver, name):
    with scripted(lambda _: REFUSED[name]) as server:
        ours = receiver(server)
        for _ in range(20):
            with pytest.raises(FalError):
                ours.verify(*signed())
        once = len(server.seen)
        assert once <= 2  # aiohttp itself asks a second time when a connection ends
        ours.now += 11
        with pytest.raises(FalError):
            ours.verify(*signed(at=int(ours.now)))
        assert len(server.seen) == 2 * once


def test_forged_deliveries_are_no_storm(receiver):
    with scripted(lambda _: Reply(200, {"keys": [jwk()]})) as server:
        ours = receiver(server)
        stranger = Ed25519PrivateKey.generate()
        for _ in range(20):
            with pytest.raises(FalWebhookError):
                ours.verify(*signed(key=stranger))
        assert len(server.seen) == 1


def test_many_deliveries_at_once_fetch_the_keys_once(monkeypatch):
    may_answer = threading.Event()

    def answer(_):
        may_answer.wait(10)
        return Reply(200, {"keys": [jwk()]})

    with scripted(answer) as server, ThreadPoolExecutor(16) as pool:
        ours = Receiver(server, monkeypatch, is_async=False)
        asked = [pool.submit(ours.verify, *signed()) for _ in range(16)]
        may_answer.set()
        assert {one.result().request_id for one in asked} == {"r1"}
        assert len(server.seen) == 1


def test_rotated_keys_are_found_and_withdrawn_ones_forgotten(receiver):
    successor = Ed25519PrivateKey.generate()
    keys = [KEY]
    with scripted(lambda _: Reply(200, {"keys": [jwk(one) for one in keys]})) as server:
        ours = receiver(server)
        ours.verify(*signed())
        keys[:] = [successor]
        ours.now += 61
        assert ours.verify(*signed(key=successor, at=int(ours.now))).request_id == "r1"
        with pytest.raises(FalWebhookError):
            ours.verify(*signed(at=int(ours.now)))
        assert len(server.seen) == 2


def test_a_clock_that_jumps_back_keeps_no_key_for_ever(receiver):
    with scripted(lambda _: Reply(200, {"keys": [jwk()]})) as server:
        ours = receiver(server)
        ours.now = NOW + 1e6
        ours.verify(*signed(at=int(ours.now)))
        ours.now = NOW
        ours.verify(*signed())
        assert len(server.seen) == 2


def test_a_platform_that_is_back_is_believed_again(receiver):
    replies = iter([Reply(500, {}), Reply(200, {"keys": [jwk()]})])
    with scripted(lambda _: next(replies)) as server:
        ours = receiver(server)
        with pytest.raises(FalError):
            ours.verify(*signed())
        with pytest.raises(FalConnectionError, match="a moment ago"):
            ours.verify(*signed())
        ours.now += 11
        assert ours.verify(*signed(at=int(ours.now))).request_id == "r1"


def test_a_body_can_be_read_twice_and_in_any_buffer():
    headers, body = signed()
    buffers: list[Any] = [body, bytearray(body), memoryview(body)]
    for buffer in buffers:
        event = verify_webhook(headers, buffer, jwks=JWKS, clock=lambda: NOW)
        again = verify_webhook(headers, buffer, jwks=JWKS, clock=lambda: NOW)
        assert event.raw == again.raw == OK
    wrongs: list[Any] = [body.decode(), json.loads(body), None]
    for wrong in wrongs:
        with pytest.raises(FalWebhookError):
            verify_webhook(headers, wrong, jwks=JWKS, clock=lambda: NOW)
