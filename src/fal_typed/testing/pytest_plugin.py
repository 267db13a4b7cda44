"""The pytest fixtures ``fal_emulator`` and ``fal_emulator_session``.

pytest loads this module in every project that has fal-typed installed, so it imports nothing heavy
before a test requests a fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fal_typed.testing.server.fal_emulator import FalEmulator


@pytest.fixture
def fal_emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[FalEmulator]:
    """An emulator for one test, with ``FAL_EMULATOR_HOST`` pointing at it.

    Args:
        monkeypatch: Sets the variable and resets it.

    Yields:
        The running emulator.
    """
    from fal_typed.testing import FalEmulator

    with FalEmulator() as emulator:
        for name, value in emulator.environ().items():
            monkeypatch.setenv(name, value)
        yield emulator


@pytest.fixture(scope="session")
def fal_emulator_session() -> Iterator[FalEmulator]:
    """One emulator for the whole test session (one per worker under pytest-xdist).

    It does not change the environment; `FalEmulator.reset` removes what a test left behind.

    Yields:
        The running emulator.
    """
    from fal_typed.testing import FalEmulator

    with FalEmulator() as emulator:
        yield emulator
