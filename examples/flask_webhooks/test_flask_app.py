"""Tests of the service, with the fixture of the emulator: no key and no network."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from flask_app import app
from werkzeug.serving import make_server

from fal_typed.testing import FalEmulator


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    app.config["DATABASE"] = tmp_path / "images.sqlite"
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_delivered_image_can_be_fetched(fal_emulator: FalEmulator, url: str) -> None:
    accepted = httpx.post(f"{url}/jobs", json={"prompt": "a cat"})
    assert accepted.status_code == 202
    fal_emulator.webhooks.wait_for(lambda delivery: delivery.accepted)
    found = httpx.get(f"{url}/jobs/{accepted.json()['request_id']}")
    assert found.json()["url"].startswith("http")


def test_invalid_parameters_and_unknown_jobs(fal_emulator: FalEmulator, url: str) -> None:
    rejected = httpx.post(f"{url}/jobs", json={"num_images": 99})
    assert rejected.status_code == 422
    assert len(rejected.json()["detail"]) == 2
    assert httpx.get(f"{url}/jobs/unknown").status_code == 404
    assert not fal_emulator.requests.of("submit")


def test_an_unsigned_delivery_is_rejected(fal_emulator: FalEmulator, url: str) -> None:
    assert httpx.post(f"{url}/webhook", json={"status": "OK"}).status_code == 400
