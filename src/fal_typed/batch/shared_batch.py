"""What `Batch` and `AsyncBatch` share: both drive the same engine, which is asynchronous."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, cast

from typing_extensions import TypeVar

from fal_typed.batch import progress_bar
from fal_typed.batch.batch_errors import BatchInputError, BatchJournalError
from fal_typed.batch.batch_items import BatchItem, ItemState, stored_item
from fal_typed.batch.batch_options import BatchOptions, batch_engine
from fal_typed.batch.batch_report import BatchPlan, BatchReport
from fal_typed.batch.batch_rows import AsyncBatchInputs, BatchInputs
from fal_typed.batch.batch_run import BatchRun, RunOrders
from fal_typed.batch.engine import BatchEngine
from fal_typed.batch.exporting import export_items
from fal_typed.batch.money import ItemPrice, dollars
from fal_typed.batch.planning import plan_rows
from fal_typed.batch.rows import can_be_read_twice, read_again
from fal_typed.batch.tables import FAILED, UNCERTAIN
from fal_typed.errors import FalInputError

if TYPE_CHECKING:
    from fal_typed.batch.journal import Journal

Out = TypeVar("Out")


class SharedBatch(Generic[Out]):
    """What `Batch` and `AsyncBatch` share."""

    def __init__(self, endpoint: Any, options: BatchOptions) -> None:
        self._engine: BatchEngine[Out] = batch_engine(endpoint, options)
        self._progress = options.get("progress")
        self._runs: list[ShownRun[Out]] = []
        self._report = BatchReport(self._engine.planner.endpoint_id.full)

    @property
    def report(self) -> BatchReport:
        """What the last run did, so far."""
        return self._runs[-1].run.report if self._runs else self._report

    async def _begin(
        self, inputs: Iterable[Any] | AsyncIterable[Any], total: int | None, orders: RunOrders
    ) -> ShownRun[Out]:
        if not self._engine.is_open:
            raise RuntimeError(f"Use {type(self).__name__} in a with block.")
        run: BatchRun[Out] = BatchRun(self._engine, inputs, orders)
        is_shown = progress_bar.is_wanted(self._progress)
        shown = ShownRun(run, self._engine, total, is_shown)
        self._runs.append(shown)
        return shown

    async def _end(self, shown: ShownRun[Out]) -> None:
        await shown.stop()
        self._runs.remove(shown)
        self._report = shown.run.report

    async def _close(self) -> None:
        for shown in list(self._runs):
            await self._end(shown)
        await self._engine.close()

    @contextmanager
    def _journal(self) -> Generator[Journal]:
        if self._engine.is_open:
            yield self._engine.journal
            return
        if not self._has_journal():
            raise BatchJournalError(
                f"There is no journal {self._engine.settings.journal} yet. Check the path, or run "
                "the batch first."
            )
        journal = self._engine.open_journal()
        try:
            yield journal
        finally:
            journal.engine.dispose()

    def _checked(
        self, inputs: AsyncBatchInputs[Out]
    ) -> tuple[Iterable[Any] | AsyncIterable[Any], int | None]:
        """Check every row, if the inputs can be read twice.

        Returns:
            What to read then, and how many rows there are, if that is known.

        Raises:
            BatchInputError: Some rows are invalid.
        """
        if not can_be_read_twice(inputs):
            return cast("Iterable[Any] | AsyncIterable[Any]", inputs), None
        rows = cast("Iterable[Any]", inputs)
        plan = plan_rows(rows, self._engine.planner, self._engine.journal, ItemPrice(None, 0))
        if plan.problems:
            raise BatchInputError(plan.problems)
        return (read_again(rows) if plan.items else rows), plan.items

    def _planned(self, inputs: BatchInputs[Out], price: ItemPrice) -> BatchPlan:
        if not self._engine.is_open and not self._has_journal():
            return plan_rows(inputs, self._engine.planner, None, price)
        with self._journal() as journal:
            return plan_rows(inputs, self._engine.planner, journal, price)

    def _has_journal(self) -> bool:
        """Whether there may be a journal, so that a plan does not create one."""
        journal = os.fspath(self._engine.settings.journal)
        return "://" in journal or os.path.exists(journal)  # noqa: PTH110 - it may be a URL

    def _counted(self) -> dict[str, int]:
        with self._journal() as journal:
            return journal.counts()

    def _spent(self) -> float:
        with self._journal() as journal:
            return dollars(journal.committed())

    def _stored(self, state: ItemState | None) -> Iterator[BatchItem[Out]]:
        with self._journal() as journal:
            for row in journal.rows(state):
                yield stored_item(row, self._engine.planner.output)

    def _exported(self, path: str | os.PathLike[str]) -> int:
        return export_items(self._stored(None), self._engine.planner.output, path)

    def _resolved(self, key: str, request_id: str | None) -> None:
        with self._journal() as journal:
            if not journal.resolve(key, request_id):
                raise FalInputError(f"The item {key!r} is not uncertain.")


class ShownRun(Generic[Out]):
    """A run and its progress bar."""

    def __init__(
        self, run: BatchRun[Out], engine: BatchEngine[Out], total: int | None, is_shown: bool
    ) -> None:
        self.run = run
        self._bar: asyncio.Task[None] | None = None
        if is_shown:
            self._bar = asyncio.create_task(progress_bar.show_progress(run, total, engine.limit))

    async def stop(self) -> None:
        """End the run, then the bar."""
        await self.run.stop()
        if self._bar is not None:
            await self._bar


def run_orders(ordered: bool, retry_failed: bool, resubmit_uncertain: bool) -> RunOrders:
    """How a run goes, by the arguments of `run`."""
    again = {FAILED} if retry_failed else set[str]()
    if resubmit_uncertain:
        again.add(UNCERTAIN)
    return RunOrders(ordered, frozenset(again))
