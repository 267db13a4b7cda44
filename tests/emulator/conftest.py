from __future__ import annotations

from collections.abc import Iterator

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
