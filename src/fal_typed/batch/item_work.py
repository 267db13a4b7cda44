"""The work on one item, from the submit to its result."""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fal_typed.batch import liveness, verdicts
from fal_typed.batch.batch_items import BatchItem, uncertain_error, write_error
from fal_typed.batch.money import dollars
from fal_typed.batch.operations import Mark, TakenItem
from fal_typed.batch.platform_calls import FetchFailed
from fal_typed.batch.tables import ACCEPTED, COMPLETED, FAILED, PLANNED, SENDING, UNCERTAIN
from fal_typed.batch.verdicts import Verdict
from fal_typed.errors import FalConnectionError, FalDownloadError, FalError, FalHTTPError

if TYPE_CHECKING:
    from fal_typed._queue.jobs import Job
    from fal_typed.batch.batch_inputs import PlannedInput
    from fal_typed.batch.batch_report import BatchReport
    from fal_typed.batch.concurrency import AdaptiveLimit
    from fal_typed.batch.engine import BatchEngine
    from fal_typed.results import Result

Out = TypeVar("Out")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0
_MOST_TROUBLES = 20


@dataclass
class RunState:
    """What the work on all items of a run shares.

    Attributes:
        report: What the run did.
        is_aborting: Whether nothing more is submitted.
        cost: Nanodollars that its items cost.
    """

    report: BatchReport
    is_aborting: bool = False
    cost: int = 0


class Slot:
    """A slot of the limit, given back once.

    Attributes:
        begun_at: When it was taken, as the limit said.
        must_finish: Whether a claim or a request is on its way that must not be cut off.
    """

    def __init__(self, limit: AdaptiveLimit, begun_at: float) -> None:
        self._limit = limit
        self._is_taken = True
        self.begun_at = begun_at
        self.must_finish = False

    def release(self) -> None:
        """Give it back."""
        if self._is_taken:
            self._is_taken = False
            self._limit.release()

    async def acquire(self) -> None:
        """Give it back, and wait for another one before everyone else."""
        self.release()
        self.begun_at = await self._limit.acquire(first=True)
        self._is_taken = True


class ItemWork(Generic[Out]):
    """The work on one item that this worker owns, until it is finished.

    Attributes:
        is_unsent: Whether no request was sent for it.
    """

    def __init__(
        self,
        engine: BatchEngine[Out],
        state: RunState,
        item: PlannedInput[Out],
        taken: TakenItem,
        slot: Slot,
    ) -> None:
        self._engine = engine
        self._state = state
        self._writer = engine.writer
        self._limit = engine.limit
        self._calls = engine.calls
        self._item = item
        self._taken = taken
        self._slot = slot
        self._taken_at = time.time()
        self.is_unsent = taken.state != ACCEPTED

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
                if self._state.is_aborting or not await self._may_send(is_sending):
                    return None
                self._slot.must_finish = is_sending = True
                self.is_unsent = False
                try:
                    job = await self._calls.submit(call, self._item.key)
                    self._limit.accepted()
                    self._state.report.submitted += 1
                    note = Mark(self._taken.id, ACCEPTED, request_id=job.request_id)
                    return _Submitted(job, self._writer.mark(note))
                except FalError as error:
                    failure, verdict = error, verdicts.of_submit(error)
                    if verdict is not Verdict.UNCERTAIN and verdict is not Verdict.FAILED:
                        await self._mark(Mark(self._taken.id, PLANNED))
                        is_sending, self.is_unsent = False, True
                finally:
                    self._slot.must_finish = False
            ended = await self._refused(verdict, failure)
            if ended is not None or self._state.is_aborting:
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
        return await self._mark(Mark(self._taken.id, SENDING, sent_at=self._taken_at))

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
        self._state.cost += cost
        await self._mark(
            Mark(
                self._taken.id,
                COMPLETED,
                delta=cost - self._taken.reserved,
                cost=self._taken.prior + cost,
                spent=cost,
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
        self._state.cost += cost
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
