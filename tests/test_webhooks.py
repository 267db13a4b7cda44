"""A delivery is accepted only if the platform signed it recently."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from fal_typed import (
    FalConnectionError,
    FalWebhookError,
    RetryPolicy,
    SchemaDriftWarning,
    verify_webhook,
    verify_webhook_async,
)
from fal_typed.webhooks import verification as webhooks
from tests.core.flux import dev
from tests.scripted import Reply, scripted

KEY = Ed25519PrivateKey.generate()
NOW = 1_795_000_000
OUTPUT = {"images": [], "seed": 7, "prompt": "a cat", "timings": {}, "has_nsfw_concepts": []}
OK = {"request_id": "r1", "gateway_request_id": "g1", "status": "OK", "payload": OUTPUT}


@pytest.fixture(autouse=True)
def no_keys_yet(monkeypatch):
    monkeypatch.setattr(webhooks, "_key_sets", webhooks._KeySets())


def jwk(key=KEY):
    public = urlsafe_b64encode(key.public_key().public_bytes_raw()).rstrip(b"=").decode()
    return {"kty": "OKP", "crv": "Ed25519", "kid": "1", "x": public}


JWKS = {"keys": [{"kty": "RSA", "n": "AQAB"}, {"crv": "Ed25519", "x": "short"}, jwk()]}


def signed(content=OK, *, key=KEY, at=NOW, request_id="r1"):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    message = f"{request_id}\nu1\n{at}\n{sha256(body).hexdigest()}".encode()
    headers = {
        "X-Fal-Webhook-Request-Id": request_id,
        "X-Fal-Webhook-User-Id": "u1",
        "X-Fal-Webhook-Timestamp": str(at),
        "X-Fal-Webhook-Signature": key.sign(message).hex(),
    }
    return headers, body


def verify(headers, body, **options):
    return verify_webhook(headers, body, jwks=JWKS, clock=lambda: NOW, **options)


def test_a_signed_delivery_is_parsed():
    event = verify(*signed())
    assert (event.request_id, event.gateway_request_id, event.status) == ("r1", "g1", "OK")
    assert event.data == OUTPUT
    assert event.raw == OK
    assert event.error is None


def test_the_output_is_typed_by_its_endpoint():
    event = verify(*signed(), endpoint=dev)
    assert isinstance(event.data, dev.output)
    assert event.data.prompt == "a cat"


def test_schema_drift_keeps_the_output():
    content = {**OK, "payload": {"prompt": 7}}
    with pytest.warns(SchemaDriftWarning):
        event = verify(*signed(content), endpoint=dev)
    assert event.raw["payload"] == {"prompt": 7}


def test_a_failed_job_has_no_data():
    content = {
        "request_id": "r1",
        "status": "ERROR",
        "error": "Invalid status code: 422",
        "payload": {"detail": [{"loc": ["body", "prompt"], "msg": "m", "type": "missing"}]},
    }
    event = verify(*signed(content), endpoint=dev)
    assert event.status == "ERROR"
    assert event.data is None
    assert event.error == "Invalid status code: 422"
    assert event.raw["payload"]["detail"][0]["type"] == "missing"


def test_a_payload_error_is_reported():
    content = {"request_id": "r1", "status": "OK", "payload": None, "payload_error": "too large"}
    event = verify(*signed(content), endpoint=dev)
    assert event.data is None
    assert event.payload_error == "too large"


@pytest.mark.parametrize(
    "form",
    [
        lambda headers: {name.lower(): value for name, value in headers.items()},
        lambda headers: {name.upper(): [value] for name, value in headers.items()},
        lambda headers: [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        lambda headers: [*headers.items(), *headers.items()],
        lambda headers: {**headers, "Accept": "*/*", "X-Other": "1"},
    ],
)
def test_headers_of_any_framework_are_accepted(form):
    headers, body = signed()
    assert verify(form(headers), body).request_id == "r1"
    assert verify(form(headers), bytearray(body)).request_id == "r1"


@pytest.mark.parametrize("name", list(signed()[0]))
def test_every_header_is_required_exactly_once(name):
    headers, body = signed()
    with pytest.raises(FalWebhookError, match="lacks the header"):
        verify({k: v for k, v in headers.items() if k != name}, body)
    with pytest.raises(FalWebhookError, match="lacks the header"):
        verify({**headers, name: ""}, body)
    with pytest.raises(FalWebhookError, match="twice"):
        verify([*headers.items(), (name, "other")], body)


@pytest.mark.parametrize("offset", [-301, 301])
def test_an_old_or_future_delivery_is_rejected(offset):
    with pytest.raises(FalWebhookError, match="differs by 301 s"):
        verify(*signed(at=NOW + offset))
    assert verify(*signed(at=NOW + offset), tolerance=301).request_id == "r1"


def test_a_changed_body_is_rejected():
    headers, body = signed()
    for other in (body + b" ", b"", body[:-1], body.replace(b"OK", b"NO")):
        with pytest.raises(FalWebhookError):
            verify(headers, other)


def test_an_unknown_key_is_rejected():
    with pytest.raises(FalWebhookError, match="does not match any key"):
        verify(*signed(key=Ed25519PrivateKey.generate()))


@pytest.mark.parametrize("jwks", [{}, {"keys": None}, {"keys": [1, {}, {"crv": "Ed25519"}]}])
def test_a_key_set_without_keys_is_rejected(jwks):
    with pytest.raises(FalWebhookError, match="no valid Ed25519 key"):
        verify_webhook(*signed(), jwks=jwks, clock=lambda: NOW)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff", b"{}", b'{"request_id": 1}'])
def test_a_signed_body_that_is_not_an_event_is_rejected(body):
    with pytest.raises(FalWebhookError, match="not a webhook event"):
        verify(*signed(body))


@pytest.mark.parametrize("headers", [None, 3, "text", [1], [("a",)], {1: 2}, {"a": 1}, object()])
def test_wrong_types_are_rejected(headers):
    with pytest.raises(FalWebhookError):
        verify(headers, b"{}")
    with pytest.raises(FalWebhookError, match="bytes"):
        verify(signed()[0], "text")


texts = st.one_of(st.text(), st.binary(), st.integers(), st.none())


@given(st.lists(st.tuples(st.sampled_from(list(signed()[0])), texts)), st.binary())
def test_arbitrary_input_is_rejected(headers, body):
    with pytest.raises(FalWebhookError):
        verify([*signed()[0].items(), *headers], body)


def platform(keys):
    def respond(seen):
        assert seen.path == "/rest.fal.ai/.well-known/jwks.json"
        assert "authorization" not in seen.headers
        return Reply(200, {"keys": [jwk(key) for key in keys]})

    return scripted(respond)


@pytest.fixture
def verified(mode, monkeypatch):
    """Verify with fetched keys, at a time that the test sets."""

    class Verifier:
        now = float(NOW)

        def __call__(self, headers, body, **options):
            function = verify_webhook_async if mode.is_async else verify_webhook
            client = mode.client("id:secret", retry=RetryPolicy(attempts=1))._target
            options = {"client": client, "clock": lambda: self.now, **options}
            return mode.wait(function(headers, body, **options))

    def at(server):
        monkeypatch.setenv("FAL_EMULATOR_HOST", server.host)
        return Verifier()

    return at


def test_keys_are_fetched_once_and_without_the_fal_key(verified):
    with platform([KEY]) as server:
        verify = verified(server)
        for _ in range(3):
            assert verify(*signed()).request_id == "r1"
        assert len(server.seen) == 1


def test_keys_are_not_cached_longer_than_a_day(verified):
    with platform([KEY]) as server:
        verify = verified(server)
        for hours, fetches in ((0, 1), (23.9, 1), (24.1, 2)):
            verify.now = NOW + hours * 3600
            verify(*signed(at=int(verify.now)))
            assert len(server.seen) == fetches


def test_keys_are_fetched_again_at_most_once_a_minute(verified):
    keys = [Ed25519PrivateKey.generate()]
    with platform(keys) as server:
        verify = verified(server)
        for seconds, fetches in ((0, 1), (1, 1), (59, 1), (61, 2), (62, 2)):
            verify.now = NOW + seconds
            with pytest.raises(FalWebhookError, match="does not match any key"):
                verify(*signed())
            assert len(server.seen) == fetches
        keys.append(KEY)
        verify.now = NOW + 122
        assert verify(*signed()).request_id == "r1"


def test_a_failed_key_fetch_is_a_connection_error(verified):
    with scripted(lambda _: Reply(drop=True)) as server:
        verify = verified(server)
        with pytest.raises(FalConnectionError):
            verify(*signed())


def test_a_malformed_delivery_fetches_nothing(verified):
    with platform([KEY]) as server:
        verify = verified(server)
        with pytest.raises(FalWebhookError):
            verify({}, b"")
        assert not server.seen


def test_the_default_clock_is_the_machines():
    headers, body = signed(at=int(time.time()))
    assert verify_webhook(headers, body, jwks=JWKS).request_id == "r1"


def test_deliveries_of_the_emulator_can_be_verified(mode, fal_emulator):
    with scripted(lambda _: Reply(200, {})) as server:
        hook = f"http://{server.host}/hook"
        handle = mode(dev.with_options(webhook_url=hook)).submit(prompt="a cat", seed=7)
        fal_emulator.webhooks.wait_for(lambda delivery: delivery.accepted)
        (seen,) = server.seen
    function = verify_webhook_async if mode.is_async else verify_webhook
    event = mode.wait(function(seen.headers, seen.body, endpoint=dev))
    assert event.request_id == handle.request_id
    assert (event.status, event.data.seed) == ("OK", 7)
    with pytest.raises(FalWebhookError):
        mode.wait(function(seen.headers, seen.body + b" ", endpoint=dev))
