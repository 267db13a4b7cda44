"""One run of a batch: from inputs to finished items, whatever happens in between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fal_typed.batch.batch_errors import BatchKeyError, RowProblem
from fal_typed.batch.batch_items import BatchItem, stored_item
from fal_typed.batch.batch_report import BatchReport
from fal_typed.batch.engine import ActiveItem
from fal_typed.batch.feeding import input_feed
from fal_typed.batch.item_work import ItemWork, RunState, Slot
from fal_typed.batch.money import dollars
from fal_typed.batch.operations import Claim, Lookup, Release, Sweep, TakenItem
from fal_typed.batch.outbox import Outbox
from fal_typed.batch.rows import numbered
from fal_typed.batch.tables import (
    PLANNED,
    SENDING,
)
from fal_typed.errors import FalInputError

if TYPE_CHECKING:
    from fal_typed.batch.batch_inputs import PlannedInput
    from fal_typed.batch.engine import BatchEngine

Out = TypeVar("Out")
_Work = Callable[[], Awaitable[BatchItem[Out] | None]]
_AT_ONCE = 256
_OTHERS_PAUSE = 0.5
_STOP_SECONDS = 70.0
"""Longer than any submit may take, so that none is cut off when a run is stopped."""


@dataclass(frozen=True)
class RunOrders:
    """How a run goes.

    Attributes:
        ordered: Whether items are returned in the order of the inputs.
        again: Which of `failed` and `uncertain` items are submitted again.
        waits: Whether it waits for items that other workers work on, and returns them; else it
            leaves these to them, and in the end takes over what they left behind.
    """

    ordered: bool = False
    again: frozenset[str] = frozenset()
    waits: bool = False


class BatchRun(Generic[Out]):
    """One run; create it in the engine's event loop.

    Attributes:
        report: What it did so far.
    """

    def __init__(
        self,
        engine: BatchEngine[Out],
        inputs: Iterable[Any] | AsyncIterable[Any],
        orders: RunOrders,
    ) -> None:
        self._engine = engine
        self._orders = orders
        self._calls = engine.calls
        self._writer = engine.writer
        self._limit = engine.limit
        self.report = BatchReport(engine.planner.endpoint_id.full)
        self._state = RunState(self.report)
        self._feed = input_feed(inputs, numbered, engine.planner.plan)
        size = 2 * engine.settings.concurrency + 16
        self._outbox: Outbox[Out] = Outbox(size, self.report, ordered=orders.ordered)
        self._tasks: dict[asyncio.Task[None], Slot] = {}
        self._active = engine.active
        self._spending = 0
        self._one_finished = asyncio.Event()
        self._failure: BaseException | None = None
        self._is_stopping = False  # nothing more is begun
        self._begun_at = time.monotonic()
        self._refusals = engine.limit.refusals
        self._feeder = asyncio.create_task(self._work())

    @property
    def is_over(self) -> bool:
        """Whether everything was finished."""
        return self._outbox.is_closed

    async def take(self) -> list[BatchItem[Out]]:
        """The items that are finished by now, at least one; an empty list at the end.

        Raises:
            FalError: The run cannot go on.
        """
        taken = await self._outbox.take()
        if not taken and self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        return taken

    async def stop(self) -> None:
        """End the run: nothing more is submitted, jobs that were accepted go on."""
        if not self.is_over:
            self.report.stopped = self.report.stopped or "interrupted"
        self._is_stopping = self._state.is_aborting = True
        self._feed.close()
        self._feeder.cancel()
        self._one_finished.set()
        waits_until = time.monotonic() + _STOP_SECONDS
        while self._tasks:
            # A request on its way is waited for, so that its job is known.
            for task, slot in list(self._tasks.items()):
                if not slot.must_finish or time.monotonic() >= waits_until:
                    task.cancel()
            await asyncio.wait(self._tasks, timeout=0.1)
        await asyncio.gather(self._feeder, return_exceptions=True)
        self._finish()

    # -- feeding -----------------------------------------------------------------------------

    async def _work(self) -> None:
        try:
            await self._read()
            await self._idle()
            if not self._orders.waits:
                await self._sweep()
                await self._idle()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - raised where items are taken
            self._fail(error)
            await self._idle()
        self._finish()

    async def _read(self) -> None:
        looks = bool(await asyncio.to_thread(self._engine.journal.counts))
        while not self._is_stopping and (planned := await self._feed.take(_AT_ONCE)):
            keys = [item.key for item in planned if not isinstance(item, RowProblem)]
            found = await self._writer.look_up(Lookup(keys)) if looks and keys else {}
            for item in planned:
                if self._is_stopping:
                    return
                await self._begin(item, None if item.key is None else found.get(item.key))

    async def _begin(self, item: PlannedInput[Out] | RowProblem, row: Any) -> None:
        position = await self._outbox.reserve()
        if isinstance(item, RowProblem):
            error = FalInputError(str(item))
            invalid: BatchItem[Out] = BatchItem(
                item.key or "", "invalid", error=error, line=item.line
            )
            self._outbox.put(position, invalid)
            return
        is_same = row is not None and row["digest"] == item.digest
        if row is not None and is_same and row["state"] not in self._orders.again:
            self._outbox.put(position, stored_item(row, self._engine.planner.output, item.line))
            return
        slot = Slot(self._limit, await self._limit.acquire())
        self._start(partial(self._outcome, item, slot), position, slot)

    def _start(self, work: _Work[Out], position: int, slot: Slot) -> None:
        task = asyncio.create_task(self._contained(work, position, slot))
        self._tasks[task] = slot
        task.add_done_callback(lambda done: self._ended(done, slot))

    def _ended(self, task: asyncio.Task[None], slot: Slot) -> None:
        del self._tasks[task]
        slot.release()
        self._one_finished.set()

    async def _contained(self, work: _Work[Out], position: int, slot: Slot) -> None:
        outcome: BatchItem[Out] | None = None
        try:
            outcome = await work()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - raised where items are taken
            self._fail(error)
        finally:
            slot.release()
        self._outbox.put(position, outcome)

    async def _idle(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _sweep(self) -> None:
        """Finish what others left behind, until nobody works on the batch."""
        while not self._is_stopping or self._failure is None:
            slots = [Slot(self._limit, await self._limit.acquire())]
            more = self._limit.acquire_more(_AT_ONCE)
            slots += [Slot(self._limit, slots[0].begun_at) for _ in range(more)]
            try:
                sweep = Sweep(
                    len(slots), self._engine.price.expected, submits=not self._is_stopping
                )
                swept = await self._writer.sweep(sweep)
                for taken in swept.taken:
                    position = await self._outbox.reserve()
                    slot = slots.pop()
                    self._start(partial(self._left_behind, taken, slot), position, slot)
            finally:
                for slot in slots:
                    slot.release()
            if not swept.taken:
                if self._is_stopping or not swept.others_work:
                    return
                await asyncio.sleep(_OTHERS_PAUSE)
            await self._idle()

    # -- one item ----------------------------------------------------------------------------

    async def _outcome(self, item: PlannedInput[Out], slot: Slot) -> BatchItem[Out] | None:
        while (twin := self._active.get(item.key)) is not None:
            slot.release()
            if twin.digest != item.digest:
                raise BatchKeyError(item.key)
            finished = await asyncio.shield(twin.outcome)
            if finished is not None:
                return replace(finished, line=item.line, replayed=True)
            if self._is_stopping:
                return None
            await slot.acquire()
        outcome: asyncio.Future[BatchItem[Out] | None] = asyncio.get_running_loop().create_future()
        self._active[item.key] = ActiveItem(item.digest, outcome)
        finished = None
        try:
            finished = await self._claimed(item, slot)
        finally:
            del self._active[item.key]
            outcome.set_result(finished)
        return finished

    async def _claimed(self, item: PlannedInput[Out], slot: Slot) -> BatchItem[Out] | None:
        claim = Claim(
            item.key,
            item.digest,
            item.text,
            item.has_files,
            PLANNED if item.has_files else SENDING,
            self._engine.price.expected,
            self._orders.again,
        )
        while not self._is_stopping:
            slot.must_finish = True
            claimed = await self._writer.claim(claim)
            slot.must_finish = False
            if claimed.taken is not None:
                return await self._spent(item, claimed.taken, slot)
            if claimed.row is not None:
                return stored_item(claimed.row, self._engine.planner.output, item.line)
            if claimed.outcome == "changed":
                raise BatchKeyError(item.key)
            slot.release()
            if claimed.outcome == "busy" and not self._orders.waits:
                return None
            if claimed.outcome == "over_budget" and not self._spending:
                self._stop_for_budget()
                return None
            # What is in progress may cost less than is reserved for it.
            await self._change(_OTHERS_PAUSE)
            await slot.acquire()
        return None

    async def _change(self, most_seconds: float) -> None:
        """Wait until an item of this run has finished, or for some time."""
        self._one_finished.clear()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._one_finished.wait(), most_seconds)

    def _stop_for_budget(self) -> None:
        self.report.stopped = "budget"
        self._is_stopping = True
        self._feed.close()
        self._one_finished.set()

    async def _left_behind(self, taken: TakenItem, slot: Slot) -> BatchItem[Out] | None:
        item = self._engine.planner.stored(taken.key, taken.digest, taken.text)
        return await self._spent(item, taken, slot)

    async def _spent(
        self, item: PlannedInput[Out], taken: TakenItem, slot: Slot
    ) -> BatchItem[Out] | None:
        work = ItemWork(self._engine, self._state, item, taken, slot)
        self._spending += 1
        try:
            return await work.finish()
        finally:
            self._spending -= 1
            self._one_finished.set()
            if work.is_unsent or taken.is_probe:
                self._writer.release(Release(taken.id, work.is_unsent))

    # -- the end -----------------------------------------------------------------------------

    def refresh(self) -> None:
        """Bring the report up to date."""
        report = self.report
        report.refusals = self._limit.refusals - self._refusals
        report.seconds = time.monotonic() - self._begun_at
        report.journal_seconds = self._writer.cpu_seconds
        if self._engine.price.is_known:
            report.cost = dollars(self._state.cost)

    def _fail(self, error: BaseException) -> None:
        if self._failure is None:
            self._failure = error
        self.report.stopped = "error"
        self._is_stopping = self._state.is_aborting = True
        self._feed.close()
        self._one_finished.set()

    def _finish(self) -> None:
        if not self.is_over:
            self.refresh()
            self._outbox.close()
