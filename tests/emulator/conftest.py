from __future__ import annotations

from collections.abc import Iterator

import fal_client
import httpx
import pytest

from fal_typed.testing import FalEmulator


@pytest.fixture(scope="module")
def shared() -> Iterator[FalEmulator]:
    with FalEmulator(run_time=0.0) as emulator:
        yield emulator


@pytest.fixture
def emulator(shared: FalEmulator) -> Iterator[FalEmulator]:
    yield shared
    shared.reset()


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with httpx.Client() as client:
        yield client


@pytest.fixture
def official(
    emulator: FalEmulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[fal_client.SyncClient]:
    """The official client, with its fixed hosts replaced by the emulator.

    It never closes its connections, so the fixture does.
    """
    module = "fal_client.client."
    monkeypatch.setattr(module + "RUN_URL_FORMAT", f"{emulator.url}/fal.run/")
    monkeypatch.setattr(module + "QUEUE_URL_FORMAT", f"{emulator.url}/queue.fal.run/")
    monkeypatch.setattr(module + "REALTIME_URL_FORMAT", f"ws://{emulator.host}/fal.run/")
    monkeypatch.setattr(module + "REST_URL", f"{emulator.url}/rest.fal.ai")
    monkeypatch.setattr(module + "CDN_URL", f"{emulator.url}/v3.fal.media")
    opened: list[httpx.Client] = []
    original = httpx.Client.__init__

    def remember(self, *args, **kwargs) -> None:
        original(self, *args, **kwargs)
        opened.append(self)

    monkeypatch.setattr(httpx.Client, "__init__", remember)
    yield fal_client.SyncClient(key="id:secret")
    for client in opened:
        client.close()
