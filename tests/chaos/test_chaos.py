"""Thousands of subscribes over an unreliable network (`make chaos` runs ten times as many).

Each one ends in its own result or in an error that says what happened, and no input is accepted
twice.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from fal_typed import (
    AsyncFalClient,
    FalClient,
    FalConnectionError,
    FalError,
    FalHTTPError,
    FalTimeoutError,
    Result,
    RetryPolicy,
)
from fal_typed.testing import FalEmulator, FaultPlan
from fal_typed.testing.engine.faults import FaultKind
from tests.core.flux import ID, DevInput

LONG = os.environ.get("FAL_TYPED_CHAOS") == "long"
SUBSCRIBES = 10_000 if LONG else 1_000  # in each mode
RATE = 0.05
KINDS: tuple[FaultKind, ...] = (
    "reset_before",
    "reset_after",
    "rate_limited",
    "bad_gateway",
    "unavailable",
    "slow",
    "truncate",
    "drop",
)
PATIENT = RetryPolicy(attempts=12, base_delay=0.005, max_delay=0.1)
SEEDS = range(1, 4) if LONG else range(1, 2)


def subscribe_all_sync(count: int) -> list[Result[object] | FalError]:
    with FalClient(retry=PATIENT) as client, ThreadPoolExecutor(16) as pool:

        def one(seed: int) -> Result[object] | FalError:
            try:
                return client.subscribe(DevInput(prompt="sync", seed=seed), timeout=30)
            except FalError as error:
                return error

        return list(pool.map(one, range(count)))


def subscribe_all_async(count: int) -> list[Result[object] | FalError]:
    async def main() -> list[Result[object] | FalError]:
        gate = asyncio.Semaphore(50)
        async with AsyncFalClient(retry=PATIENT) as client:

            async def one(seed: int) -> Result[object] | FalError:
                async with gate:
                    try:
                        return await client.subscribe(
                            DevInput(prompt="async", seed=seed), timeout=30
                        )
                    except FalError as error:
                        return error

            return await asyncio.gather(*map(one, range(count)))

    return asyncio.run(main())


@pytest.mark.parametrize("subscribe_all", [subscribe_all_sync, subscribe_all_async])
@pytest.mark.parametrize("seed", SEEDS)
def test_no_result_is_lost_silently_and_no_job_runs_twice(subscribe_all, seed, monkeypatch):
    plan = FaultPlan(rates=dict.fromkeys(KINDS, RATE), seed=seed, seconds=0.01)
    with FalEmulator(faults=plan, run_time=0.005) as emulator:
        monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
        outcomes = subscribe_all(SUBSCRIBES)
        jobs = list(emulator.jobs)
        played = Counter(request.fault for request in emulator.requests)
        submits = Counter(request.fault for request in emulator.requests.of("submit"))

    assert len(outcomes) == SUBSCRIBES
    assert all(played[kind] for kind in KINDS)
    accepted = Counter(job.body for job in jobs)
    assert max(accepted.values()) == 1

    job_of = {job.body: job.id for job in jobs}
    lost = 0
    for number, outcome in enumerate(outcomes):
        if isinstance(outcome, Result):
            assert outcome.data.seed == number  # its own result, not another's
            assert outcome.request_id in job_of.values()
        else:
            assert isinstance(outcome, (FalConnectionError, FalHTTPError, FalTimeoutError))
            assert ID in str(outcome)
            lost += 1
    # Only submits that may have been accepted end in an error; all other faults are recovered.
    assert lost == sum(submits[kind] for kind in ("reset_before", "reset_after", "bad_gateway"))
    print(f"\n{SUBSCRIBES - lost} results, {lost} errors; faults played: {dict(played)}")
