"""Tests of the tasks in a real worker, on the emulator: no key, no network and no broker."""

from __future__ import annotations

from celery.contrib.testing.worker import start_worker
from tasks import app, fetch, generate

from fal_typed.testing import FalEmulator, Fault


def test_a_worker_generates_an_image_and_pays_once(fal_emulator: FalEmulator) -> None:
    # The status and the result fail, more often than the SDK itself retries.
    fal_emulator.fault(Fault("bad_gateway", route="result"), times=8)
    fetch.retry_backoff = False
    fetch.default_retry_delay = 0
    with start_worker(app, pool="solo", perform_ping_check=False):
        urls = generate("a cat").delay().get(timeout=60)
    assert urls[0].startswith("http")
    assert len(fal_emulator.requests.of("submit")) == 1
