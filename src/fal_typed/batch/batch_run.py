"""One run of a batch: from inputs to finished items, whatever happens in between."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fal_typed.batch import liveness, verdicts
from fal_typed.batch.batch_errors import BatchKeyError, RowProblem
from fal_typed.batch.batch_items import BatchItem, stored_item, uncertain_error, write_error
from fal_typed.batch.batch_report import BatchReport
from fal_typed.batch.feeding import input_feed
from fal_typed.batch.journal import Claim, Lookup, Mark, Sweep, TakenItem
from fal_typed.batch.money import dollars
from fal_typed.batch.platform_calls import FetchFailed
from fal_typed.batch.rows import numbered
from fal_typed.batch.tables import (
    ACCEPTED,
    COMPLETED,
    FAILED,
    PLANNED,
    SENDING,
    UNCERTAIN,
)
from fal_typed.batch.verdicts import Verdict
from fal_typed.errors import (
    FalConnectionError,
    FalDownloadError,
    FalError,
    FalHTTPError,
    FalInputError,
)

if TYPE_CHECKING:
    from fal_typed._queue.jobs import Job
    from fal_typed.batch.batch_inputs import PlannedInput
    from fal_typed.batch.engine import BatchEngine
    from fal_typed.results import Result

Out = TypeVar("Out")
_AT_ONCE = 256
_OTHERS_PAUSE = 0.5
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0
_MOST_TROUBLES = 20
_STOP_SECONDS = 70.0
"""Longer than any submit may take, so that none is cut off when a run is stopped."""
_MOST_KEYS = 20


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


@dataclass
class _Active(Generic[Out]):
    """An item that is in progress, and those who wait for it because they have its key."""

    digest: str
    outcome: asyncio.Future[BatchItem[Out] | None]


class _Slot:
    """A slot of the limit, given back once."""

    def __init__(self, engine: BatchEngine[Any], begun_at: float) -> None:
        self._limit = engine.limit
        self._is_taken = True
        self.begun_at = begun_at
        self.is_submitting = False

    def release(self) -> None:
        if self._is_taken:
            self._is_taken = False
            self._limit.release()

    async def acquire(self) -> None:
        self.release()
        self.begun_at = await self._limit.acquire(first=True)
        self._is_taken = True


class BatchRun(Generic[Out]):
    """One run; create it in the engine's event loop.

    Attributes:
        report: What it did so far.
        is_over: Whether everything was returned.
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
        self._feed = input_feed(inputs, numbered, engine.planner.plan)
        # Bounds what is anywhere between the inputs and the caller.
        self._room = asyncio.Semaphore(2 * engine.settings.concurrency + 16)
        self._ready: list[BatchItem[Out]] = []
        self._has_ready = asyncio.Event()
        self._out_of_order: dict[int, BatchItem[Out] | None] = {}
        self._started = 0
        self._delivered = 0
        self._tasks: dict[asyncio.Task[None], _Slot] = {}
        self._active: dict[str, _Active[Out]] = {}
        self._spending = 0
        self._one_finished = asyncio.Event()
        self._failure: BaseException | None = None
        self._is_stopping = False  # nothing more is begun
        self._is_aborting = False  # nor is anything submitted again
        self.is_over = False
        self._begun_at = time.monotonic()
        self._refusals = engine.limit.refusals
        self._cost = 0
        self._feeder = asyncio.create_task(self._work())

    async def take(self) -> list[BatchItem[Out]]:
        """The items that are finished by now, at least one; an empty list at the end.

        Raises:
            FalError: The run cannot go on.
        """
        while not self._ready and not self.is_over:
            self._has_ready.clear()
            await self._has_ready.wait()
        taken, self._ready = self._ready, []
        for _ in taken:
            self._room.release()
        if not taken and self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        return taken

    async def stop(self) -> None:
        """End the run: nothing more is submitted, jobs that were accepted go on."""
        if not self.is_over:
            self.report.stopped = self.report.stopped or "interrupted"
        self._is_stopping = self._is_aborting = True
        self._feed.close()
        self._feeder.cancel()
        self._one_finished.set()
        waits_until = time.monotonic() + _STOP_SECONDS
        while self._tasks:
            # A request on its way is waited for, so that its job is known.
            for task, slot in list(self._tasks.items()):
                if not slot.is_submitting or time.monotonic() >= waits_until:
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
        await self._room.acquire()
        position = self._started
        self._started += 1
        if isinstance(item, RowProblem):
            error = FalInputError(str(item))
            invalid: BatchItem[Out] = BatchItem(
                item.key or "", "invalid", error=error, line=item.line
            )
            self._deliver(position, invalid)
            return
        is_same = row is not None and row["digest"] == item.digest
        if row is not None and is_same and row["state"] not in self._orders.again:
            self._deliver(position, stored_item(row, self._engine.planner.output, item.line))
            return
        slot = _Slot(self._engine, await self._limit.acquire())
        self._start(self._outcome(item, slot), position, slot)

    def _start(self, work: Any, position: int, slot: _Slot) -> None:
        task = asyncio.create_task(self._contained(work, position, slot))
        self._tasks[task] = slot
        task.add_done_callback(lambda done: self._ended(done, slot))

    def _ended(self, task: asyncio.Task[None], slot: _Slot) -> None:
        del self._tasks[task]
        slot.release()
        self._one_finished.set()

    async def _contained(self, work: Any, position: int, slot: _Slot) -> None:
        outcome: BatchItem[Out] | None = None
        try:
            outcome = await work
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - raised where items are taken
            self._fail(error)
        finally:
            slot.release()
        self._deliver(position, outcome)

    async def _idle(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _sweep(self) -> None:
        """Finish what others left behind, until nobody works on the batch."""
        while not self._is_stopping or self._failure is None:
            slots = [_Slot(self._engine, await self._limit.acquire())]
            more = self._limit.acquire_more(_AT_ONCE)
            slots += [_Slot(self._engine, slots[0].begun_at) for _ in range(more)]
            sweep = Sweep(len(slots), self._engine.price.expected, submits=not self._is_stopping)
            swept = await self._writer.sweep(sweep)
            for taken, slot in zip(swept.taken, slots):  # noqa: B905 - slots may be left
                await self._room.acquire()
                self._start(self._left_behind(taken, slot), self._started, slot)
                self._started += 1
            for slot in slots[len(swept.taken) :]:
                slot.release()
            if not swept.taken:
                if self._is_stopping or not swept.others_work:
                    return
                await asyncio.sleep(_OTHERS_PAUSE)
            await self._idle()

    # -- one item ----------------------------------------------------------------------------

    async def _outcome(self, item: PlannedInput[Out], slot: _Slot) -> BatchItem[Out] | None:
        twin = self._active.get(item.key)
        if twin is not None:
            slot.release()
            if twin.digest != item.digest:
                raise BatchKeyError(item.key)
            finished = await asyncio.shield(twin.outcome)
            return finished and replace(finished, line=item.line, replayed=True)
        outcome: asyncio.Future[BatchItem[Out] | None] = asyncio.get_running_loop().create_future()
        self._active[item.key] = _Active(item.digest, outcome)
        finished = None
        try:
            finished = await self._claimed(item, slot)
        finally:
            del self._active[item.key]
            outcome.set_result(finished)
        return finished

    async def _claimed(self, item: PlannedInput[Out], slot: _Slot) -> BatchItem[Out] | None:
        while not self._is_stopping:
            claimed = await self._writer.claim(
                Claim(
                    item.key,
                    item.digest,
                    item.text,
                    item.has_files,
                    PLANNED if item.has_files else SENDING,
                    self._engine.price.expected,
                    self._orders.again,
                )
            )
            if claimed.taken is not None:
                return await self._spent(item, claimed.taken, slot)
            if claimed.row is not None:
                return stored_item(claimed.row, self._engine.planner.output, item.line)
            if claimed.outcome == "changed":
                raise BatchKeyError(item.key)
            slot.release()
            if claimed.outcome == "busy":
                if not self._orders.waits:
                    return None
                await asyncio.sleep(_OTHERS_PAUSE)
            elif not self._spending:
                self._stop_for_budget()
                return None
            else:
                # What is in progress may cost less than is reserved for it.
                self._one_finished.clear()
                await self._one_finished.wait()
            await slot.acquire()
        return None

    def _stop_for_budget(self) -> None:
        self.report.stopped = "budget"
        self._is_stopping = True
        self._feed.close()
        self._one_finished.set()

    async def _left_behind(self, taken: TakenItem, slot: _Slot) -> BatchItem[Out] | None:
        item = self._engine.planner.stored(taken.key, taken.digest, taken.text)
        return await self._spent(item, taken, slot)

    async def _spent(
        self, item: PlannedInput[Out], taken: TakenItem, slot: _Slot
    ) -> BatchItem[Out] | None:
        self._spending += 1
        try:
            return await _ItemWork(self, item, taken, slot).finish()
        finally:
            self._spending -= 1
            self._one_finished.set()

    # -- what the work on an item needs ------------------------------------------------------

    @property
    def engine(self) -> BatchEngine[Out]:
        """What the runs of the batch share."""
        return self._engine

    @property
    def is_aborting(self) -> bool:
        """Whether nothing more is submitted."""
        return self._is_aborting

    def add_cost(self, cost: int) -> None:
        """Count what an item did cost."""
        self._cost += cost

    # -- the end -----------------------------------------------------------------------------

    def _deliver(self, position: int, item: BatchItem[Out] | None) -> None:
        if not self._orders.ordered:
            self._hand_out(item)
            return
        self._out_of_order[position] = item
        while self._delivered in self._out_of_order:
            self._hand_out(self._out_of_order.pop(self._delivered))
            self._delivered += 1

    def _hand_out(self, item: BatchItem[Out] | None) -> None:
        if item is None:
            self._room.release()
            return
        self._count(item)
        self._ready.append(item)
        self._has_ready.set()

    def _count(self, item: BatchItem[Out]) -> None:
        report = self.report
        if item.replayed:
            report.replayed += 1
        elif item.state == COMPLETED:
            report.completed += 1
            report.files += len(item.files)
        elif item.state == FAILED:
            report.failed += 1
        elif item.state == ACCEPTED:
            report.unfinished += 1
        elif item.state != UNCERTAIN:
            report.invalid += 1
        if item.state == UNCERTAIN:
            report.replayed -= item.replayed
            report.uncertain += 1
            if len(report.uncertain_keys) < _MOST_KEYS:
                report.uncertain_keys.append(item.key)
        self.refresh()

    def refresh(self) -> None:
        """Bring the report up to date."""
        report = self.report
        report.refusals = self._limit.refusals - self._refusals
        report.seconds = time.monotonic() - self._begun_at
        report.journal_seconds = self._writer.cpu_seconds
        if self._engine.price.is_known:
            report.cost = dollars(self._cost)

    def _fail(self, error: BaseException) -> None:
        if self._failure is None:
            self._failure = error
        self.report.stopped = "error"
        self._is_stopping = self._is_aborting = True
        self._feed.close()
        self._one_finished.set()

    def _finish(self) -> None:
        if not self.is_over:
            self.refresh()
            self.is_over = True
            self._has_ready.set()


class _ItemWork(Generic[Out]):
    """The work on one item that this worker owns, until it is finished."""

    def __init__(
        self, run: BatchRun[Out], item: PlannedInput[Out], taken: TakenItem, slot: _Slot
    ) -> None:
        self._run = run
        self._engine = run.engine
        self._writer = run.engine.writer
        self._limit = run.engine.limit
        self._calls = run.engine.calls
        self._item = item
        self._taken = taken
        self._slot = slot
        self._taken_at = time.time()

    async def finish(self) -> BatchItem[Out] | None:
        """Submit it if it was not, fetch its result, save its files; None when it was lost."""
        noted: asyncio.Future[bool] | None = None
        if self._taken.state == ACCEPTED and self._taken.request_id is not None:
            job = self._calls.known(self._taken.request_id)
        else:
            submitted = await self._submitted()
            if not isinstance(submitted, _Submitted):
                return submitted
            job, noted = submitted.job, submitted.noted
        fetched = await self._fetched(job)
        if noted is not None:
            await noted
        if isinstance(fetched, BatchItem):
            return fetched
        self._slot.release()
        return await self._completed(job.request_id, fetched)

    async def _submitted(self) -> _Submitted[Out] | BatchItem[Out] | None:
        call, is_uploaded = self._item.call, not self._item.has_files
        is_sending = self._taken.state == SENDING
        while True:
            verdict = Verdict.FAILED
            try:
                if not is_uploaded:
                    call, is_uploaded = await self._calls.upload(call), True
            except FalError as error:
                failure, verdict = error, verdicts.of_upload(error)
            else:
                if not await self._may_send(is_sending):
                    return None
                self._slot.is_submitting = is_sending = True
                try:
                    job = await self._calls.submit(call, self._item.key)
                    self._limit.accepted()
                    self._run.report.submitted += 1
                    note = Mark(self._taken.id, ACCEPTED, request_id=job.request_id)
                    return _Submitted(job, self._writer.mark(note))
                except FalError as error:
                    failure, verdict = error, verdicts.of_submit(error)
                    if verdict is not Verdict.UNCERTAIN and verdict is not Verdict.FAILED:
                        await self._mark(Mark(self._taken.id, PLANNED))
                        is_sending = False
                finally:
                    self._slot.is_submitting = False
            ended = await self._refused(verdict, failure)
            if ended is not None or self._run.is_aborting:
                return ended
            await self._slot.acquire()

    async def _may_send(self, is_sending: bool) -> bool:
        """Whether the item is still this worker's; from then on it is `sending` on disk."""
        if is_sending:
            if time.time() - self._taken_at < liveness.LEASE / 2:
                return True
            # The machine slept, and others may have taken this worker for dead.
            await self._mark(Mark(self._taken.id, PLANNED))
        self._taken_at = time.time()
        return await self._mark(Mark(self._taken.id, SENDING))

    async def _refused(self, verdict: Verdict, error: FalError) -> BatchItem[Out] | None:
        """Note a submit that failed; gives the item if it has ended."""
        if verdict is Verdict.REFUSED:
            asked = error.retry_after if isinstance(error, FalHTTPError) else None
            self._limit.refused(self._slot.begun_at, asked, error.message)
        elif verdict is Verdict.UNREACHABLE:
            self._limit.unreachable(self._slot.begun_at, error.message)
        elif verdict is Verdict.UNCERTAIN:
            await self._mark(Mark(self._taken.id, UNCERTAIN))
            uncertain = uncertain_error(self._item.key)
            uncertain.__cause__ = error
            return self._ended(UNCERTAIN, error=uncertain)
        elif verdict is Verdict.FAILED:
            return await self._failed(error, None)
        else:
            raise error
        return None

    async def _fetched(self, job: Job[Out]) -> Result[Out] | BatchItem[Out]:
        troubles = 0
        while True:
            try:
                return await self._calls.finish(job)
            except FetchFailed as failed:
                error, verdict = failed.error, verdicts.of_fetch(failed.error)
            except FalError as failed:
                error, verdict = failed, verdicts.of_wait(failed)
            if verdict is Verdict.FAILED:
                return await self._failed(error, job.request_id)
            if verdict is Verdict.STOP:
                raise error
            troubles += 1
            if isinstance(error, FalConnectionError):
                # Nothing is known of the job while the platform cannot be reached.
                self._limit.unreachable(self._slot.begun_at, error.message)
                troubles = min(troubles, _MOST_TROUBLES - 1)
            elif troubles >= _MOST_TROUBLES:
                return self._ended(ACCEPTED, error=error, request_id=job.request_id)
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** (troubles - 1))
            await asyncio.sleep(pause * (0.5 + random.random() / 2))  # noqa: S311

    async def _completed(self, request_id: str, result: Result[Out]) -> BatchItem[Out]:
        try:
            files = await self._calls.save(self._item.key, result)
        except FalDownloadError as error:
            # The job stays accepted: the next run fetches the result again, and its files.
            return self._ended(ACCEPTED, result=result, error=error, request_id=request_id)
        cost = self._engine.price.of(result.billable_units)
        self._run.add_cost(cost)
        await self._mark(
            Mark(
                self._taken.id,
                COMPLETED,
                delta=cost - self._taken.reserved,
                cost=self._taken.prior + cost,
                output=_output_text(result),
                files=json.dumps([str(path) for path in files]) if files else None,
            )
        )
        return self._ended(
            COMPLETED, result=result, files=tuple(files), request_id=request_id, cost=cost
        )

    async def _failed(self, error: FalError, request_id: str | None) -> BatchItem[Out]:
        units = error.headers.get("x-fal-billable-units") if isinstance(error, FalHTTPError) else ""
        cost = self._engine.price.of(float(units)) if units and _is_number(units) else 0
        self._run.add_cost(cost)
        await self._mark(
            Mark(
                self._taken.id,
                FAILED,
                delta=cost - self._taken.reserved,
                cost=self._taken.prior + cost,
                error=write_error(error),
            )
        )
        return self._ended(FAILED, error=error, request_id=request_id, cost=cost)

    async def _mark(self, mark: Mark) -> bool:
        return await self._writer.mark(mark)

    def _ended(self, state: Any, *, cost: int | None = None, **facts: Any) -> BatchItem[Out]:
        is_known = cost is not None and self._engine.price.is_known
        return BatchItem(
            self._item.key,
            state,
            line=self._item.line,
            cost=dollars(self._taken.prior + (cost or 0)) if is_known else None,
            **facts,
        )


@dataclass(frozen=True)
class _Submitted(Generic[Out]):
    """A job that was accepted, and the write of its request id."""

    job: Job[Out]
    noted: asyncio.Future[bool]


def _output_text(result: Result[Any]) -> str:
    if isinstance(result.raw, str):
        return json.dumps(result.raw)
    body = result.raw_response.body
    return body.decode(json.detect_encoding(body), "surrogatepass")


def _is_number(text: str) -> bool:
    try:
        return float(text) >= 0
    except ValueError:
        return False
