"""Tests of the service, with the fixture of the emulator: no key and no network."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from wsgiref.simple_server import WSGIServer, make_server

import httpx
import pytest
from django.core.wsgi import get_wsgi_application
from django.test import AsyncClient, Client
from django_app import finished

from fal_typed.testing import FalEmulator, ScriptedFailure


@pytest.fixture
def server() -> Iterator[WSGIServer]:
    with make_server("127.0.0.1", 0, get_wsgi_application()) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_an_async_view_generates_an_image(fal_emulator: FalEmulator) -> None:
    async def use() -> None:
        post = AsyncClient().post
        response = await post("/images", {"prompt": "a cat"}, "application/json")
        assert response.json()["images"][0]["width"] == 1024
        response = await post("/images", {"num_images": 99}, "application/json")
        assert response.status_code == 422
        assert len(response.json()["detail"]) == 2
        fal_emulator.endpoint("fal-ai/flux/dev").fails(ScriptedFailure(500, "out of memory"))
        response = await post("/images", {"prompt": "a cat"}, "application/json")
        assert response.status_code == 502

    asyncio.run(use())


def test_the_webhook_stores_the_result(fal_emulator: FalEmulator, server: WSGIServer) -> None:
    url = f"http://127.0.0.1:{server.server_port}/jobs"
    accepted = httpx.post(url, data={"prompt": "a cat"})
    assert accepted.status_code == 202
    fal_emulator.webhooks.wait_for(lambda delivery: delivery.accepted)
    assert finished[accepted.json()["request_id"]].images


def test_an_unsigned_delivery_is_rejected(fal_emulator: FalEmulator) -> None:
    assert Client().post("/webhook", {"status": "OK"}, "application/json").status_code == 400
