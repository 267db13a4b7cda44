from __future__ import annotations

from collections.abc import Iterator

import pytest

from fal_typed.testing import FalEmulator
from tests.faults.callers import KINDS, Caller

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_TLS = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*_PROXIES, *map(str.upper, _PROXIES), *_TLS):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=KINDS)
def caller(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Caller]:
    caller = Caller(request.param, monkeypatch)
    yield caller
    caller.close()


@pytest.fixture(scope="module")
def shared_emulator() -> Iterator[FalEmulator]:
    with FalEmulator(run_time=0.0) as emulator:
        yield emulator


@pytest.fixture
def emulator(
    shared_emulator: FalEmulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FalEmulator]:
    monkeypatch.setenv("FAL_EMULATOR_HOST", shared_emulator.host)
    yield shared_emulator
    shared_emulator.reset()
