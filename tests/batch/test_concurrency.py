"""The limit of what is in flight: it grows with acceptance and shrinks with refusals."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fal_typed.batch import concurrency
from fal_typed.batch.concurrency import AdaptiveLimit


class FakeTime:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    fake = FakeTime()
    monkeypatch.setattr(concurrency, "time", fake)
    return fake


async def fill(limit: AdaptiveLimit) -> list[float]:
    return [await limit.acquire() for _ in range(int(limit.limit) - limit.in_flight)]


def run(test: Any) -> None:
    asyncio.run(test())


def test_it_doubles_then_grows_by_one_a_round(clock: FakeTime) -> None:
    async def test() -> None:
        limit = AdaptiveLimit(64)
        assert limit.limit == 10
        for begun in (await fill(limit))[:10]:
            limit.accepted()
            assert begun == clock.now
        assert limit.limit > 11
        while limit.limit < 64:
            await fill(limit)
            limit.accepted()
        limit.accepted()
        assert limit.limit == 64, "the ceiling"
        before = clock.now
        await fill(limit)
        limit.refused(before, 0.0, "429")
        assert limit.limit == 32
        for _ in range(20):  # the same sign
            limit.refused(before - 1, 0.0, "429")
        assert limit.limit == 32
        for _ in range(32):
            limit.accepted()
        assert 32.9 < limit.limit <= 33, "slowly from then on"

    run(test)


def test_a_refusal_pauses_everything_as_long_as_it_asks(clock: FakeTime) -> None:
    async def test() -> None:
        limit = AdaptiveLimit(10)
        limit.refused(await limit.acquire(), 5.0, "too many")
        limit.release()
        waiting = asyncio.ensure_future(limit.acquire())
        await asyncio.sleep(0)
        assert not waiting.done()
        assert limit.pause_seconds() == 5.0
        assert limit.trouble == "too many"
        clock.now += 5.1
        limit.accepted()
        await waiting
        assert limit.trouble == ""

    run(test)


def test_a_platform_out_of_reach_is_tried_ever_more_rarely(clock: FakeTime) -> None:
    async def test() -> None:
        limit = AdaptiveLimit(10)
        pauses: list[float] = []
        for _ in range(12):
            limit.unreachable(clock.now, "no network")
            pauses.append(limit.pause_seconds())
            clock.now += pauses[-1] + 0.01
        assert pauses[0] <= 0.25
        assert 15 <= pauses[-1] <= 30

    run(test)


def test_what_was_refused_goes_before_what_is_new(clock: FakeTime) -> None:
    async def test() -> None:
        limit = AdaptiveLimit(1)
        await limit.acquire()
        new = asyncio.ensure_future(limit.acquire())
        again = asyncio.ensure_future(limit.acquire(first=True))
        await asyncio.sleep(0)
        limit.release()
        await again
        assert not new.done()
        limit.release()
        await new
        assert limit.in_flight == 1

    run(test)


def test_a_cancelled_wait_takes_no_slot(clock: FakeTime) -> None:
    async def test() -> None:
        limit = AdaptiveLimit(1)
        await limit.acquire()
        waiting = asyncio.ensure_future(limit.acquire())
        await asyncio.sleep(0)
        limit.release()  # hands the slot over
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert limit.in_flight == 0

    run(test)


def test_the_ceiling_can_be_moved(clock: FakeTime) -> None:
    async def test() -> None:
        limit = AdaptiveLimit(0)
        waiting = asyncio.ensure_future(limit.acquire())
        await asyncio.sleep(0)
        assert not waiting.done()
        limit.set_ceiling(4)
        await waiting
        assert limit.limit == 4
        limit.set_ceiling(2)
        assert limit.limit == 2

    run(test)
