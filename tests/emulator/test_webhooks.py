"""Webhooks are signed and retried until they are accepted (docs/protocol.md section 9)."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from fal_typed.testing import FalEmulator, ScriptedFailure, VirtualClock

DEV = "fal-ai/flux/dev"


@pytest.fixture
def receiver():
    """A receiver that responds with the statuses in ``receiver.statuses``, then 200."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            server.got.append((self.path, dict(self.headers), body))
            self.send_response(server.statuses.pop(0) if server.statuses else 200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.statuses = [], []
    server.url = f"http://127.0.0.1:{server.server_port}/hook?x=1"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def submit(http, emulator, hook: str, body: object = None) -> str:
    response = http.post(
        f"{emulator.url}/queue.fal.run/{DEV}",
        params={"fal_webhook": hook},
        json=body or {"prompt": "a cat"},
        headers={"Authorization": "Key me:secret"},
    )
    return response.json()["request_id"]


def verify(http, emulator, delivery) -> None:
    (key,) = http.get(f"{emulator.url}/rest.fal.ai/.well-known/jwks.json").json()["keys"]
    assert (key["kty"], key["crv"]) == ("OKP", "Ed25519")
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "="))
    names = ("request-id", "user-id", "timestamp")
    parts = [delivery.headers[f"x-fal-webhook-{name}"] for name in names]
    message = "\n".join([*parts, hashlib.sha256(delivery.body).hexdigest()])
    signature = bytes.fromhex(delivery.headers["x-fal-webhook-signature"])
    public.verify(signature, message.encode())
    with pytest.raises(InvalidSignature):
        public.verify(signature, message.encode() + b"\n")


def test_a_finished_job_is_reported_and_signed(emulator, http, receiver):
    request_id = submit(http, emulator, receiver.url)
    delivery = emulator.webhooks.wait_for(lambda one: one.accepted)
    verify(http, emulator, delivery)
    (path, headers, body) = receiver.got[0]
    assert path == "/hook?x=1"
    assert headers["content-type"] == "application/json"
    assert delivery.headers["x-fal-webhook-user-id"] == "me"
    event = json.loads(body)
    assert (event["request_id"], event["status"]) == (request_id, "OK")
    assert event["payload"]["prompt"] == "a cat"
    assert event["error"] is None


def test_failures_are_reported(emulator, http, receiver):
    submit(http, emulator, receiver.url, {"num_images": 9})
    event = json.loads(emulator.webhooks.wait_for(lambda one: one.accepted).body)
    assert (event["status"], event["error"]) == ("ERROR", "Invalid status code: 422")
    assert event["payload"]["detail"][0]["type"] == "missing"


def test_a_result_that_is_not_json(emulator, http, receiver):
    emulator.endpoint(DEV).fails(ScriptedFailure(200, b"\xff\x00"))
    submit(http, emulator, receiver.url)
    event = json.loads(emulator.webhooks.wait_for(lambda one: one.accepted).body)
    assert (event["status"], event["payload"]) == ("OK", None)
    assert event["payload_error"]


def test_it_waits_for_the_end_and_retries_with_growing_pauses(http, receiver):
    clock = VirtualClock()
    receiver.statuses = [500, 503]
    with FalEmulator(clock=clock, queue_time=10, run_time=10) as emulator:
        submit(http, emulator, receiver.url)
        assert not receiver.got
        clock.advance(20)
        for attempt, pause in ((1, 1), (2, 2), (3, 4)):
            delivery = emulator.webhooks.wait_for(lambda one, n=attempt: one.attempt == n)  # type: ignore[misc]
            assert delivery.accepted is (attempt == 3)
            http.get(emulator.url)  # by its response, the emulator is waiting again
            clock.advance(pause)
        assert len(receiver.got) == 3
        assert len({body for _, _, body in receiver.got}) == 1


def test_a_redirect_is_final(emulator, http, receiver):
    receiver.statuses = [302]
    submit(http, emulator, receiver.url)
    assert emulator.webhooks.wait_for(lambda one: True).status == 302


def test_an_unreachable_receiver_is_an_error(emulator, http):
    for url in ("http://127.0.0.1:1/", "http://[broken/", "not a url"):
        submit(http, emulator, url)
        delivery = emulator.webhooks.wait_for(lambda one, url=url: one.url == url)
        assert delivery.status is None
        assert delivery.error


def test_a_cancelled_job_is_reported(http, receiver):
    with FalEmulator(queue_time=60) as emulator:
        request_id = submit(http, emulator, receiver.url)
        http.put(f"{emulator.url}/queue.fal.run/{DEV}/requests/{request_id}/cancel")
        event = json.loads(emulator.webhooks.wait_for(lambda one: one.accepted).body)
        assert event["error"] == "Invalid status code: 499"
