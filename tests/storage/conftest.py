from __future__ import annotations

from collections.abc import Iterator

import pytest

from fal_typed.testing import FalEmulator
from tests.scripted import ScriptedServer, scripted
from tests.storage.fake import Storage


@pytest.fixture(scope="module")
def shared() -> Iterator[FalEmulator]:
    with FalEmulator(run_time=0.0) as emulator:
        yield emulator


@pytest.fixture
def emulator(shared: FalEmulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[FalEmulator]:
    monkeypatch.setenv("FAL_EMULATOR_HOST", shared.host)
    yield shared
    shared.reset()


@pytest.fixture
def storage() -> Storage:
    return Storage()


@pytest.fixture
def server(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    with scripted(storage) as server:
        storage.host = server.host
        monkeypatch.setenv("FAL_EMULATOR_HOST", server.host)
        yield server
