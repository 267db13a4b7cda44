"""Tests of the service, with the fixture of the emulator: no key and no network."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
from service import app

from fal_typed.testing import FalEmulator, ScriptedFailure


def with_client(use: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    """Call a function with a client of the service."""

    async def run() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            await use(client)

    asyncio.run(run())


def test_a_typed_body_gives_a_typed_response(fal_emulator: FalEmulator) -> None:
    """Parameters and results are those of the model; invalid ones are a 422."""

    async def use(client: httpx.AsyncClient) -> None:
        response = await client.post("/images", json={"prompt": "a cat", "num_images": 2})
        assert len(response.raise_for_status().json()["images"]) == 2
        assert (await client.post("/images", json={"num_images": 99})).status_code == 422
        assert (await client.get("/openapi.json")).status_code == 200

    with_client(use)
    assert len(fal_emulator.requests.of("submit")) == 1


def test_a_failure_of_the_model_has_its_request_id(fal_emulator: FalEmulator) -> None:
    fal_emulator.endpoint("fal-ai/flux/dev").fails(ScriptedFailure(500, "out of memory"))

    async def use(client: httpx.AsyncClient) -> None:
        response = await client.post("/images", json={"prompt": "a cat"})
        assert response.status_code == 502
        assert response.json()["request_id"]

    with_client(use)


def test_progress_is_streamed_until_the_job_is_complete(fal_emulator: FalEmulator) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        accepted = await client.post("/jobs", json={"prompt": "a cat"})
        assert accepted.status_code == 202
        progress = await client.get(f"/jobs/{accepted.json()['request_id']}/progress")
        assert "event: COMPLETED" in progress.text

    with_client(use)


def test_an_unsigned_delivery_is_rejected(fal_emulator: FalEmulator) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        assert (await client.post("/webhook", json={"status": "OK"})).status_code == 400

    with_client(use)
