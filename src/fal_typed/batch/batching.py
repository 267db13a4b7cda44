"""`Batch` and `AsyncBatch`: many calls of one endpoint that survive anything.

Both drive the same engine, which is asynchronous: `Batch` runs it in a thread of its own.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterable, AsyncIterator, Coroutine, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Generic, cast, overload

from typing_extensions import Required, Self, TypedDict, TypeVar, Unpack

from fal_typed._core.runner import runner_of
from fal_typed.batch import progress_bar
from fal_typed.batch.batch_errors import BatchInputError
from fal_typed.batch.batch_items import BatchItem, ItemState, stored_item
from fal_typed.batch.batch_report import BatchPlan, BatchReport
from fal_typed.batch.batch_run import BatchRun, RunOrders
from fal_typed.batch.engine import BatchEngine, BatchSettings
from fal_typed.batch.exporting import export_items
from fal_typed.batch.money import ItemPrice, dollars
from fal_typed.batch.planning import plan_rows
from fal_typed.batch.tables import FAILED, UNCERTAIN
from fal_typed.errors import FalInputError

if TYPE_CHECKING:
    from types import TracebackType

    from fal_typed._core.runner import ClientLike
    from fal_typed.batch.journal import Journal
    from fal_typed._endpoint import Endpoint
    from fal_typed.models import Request

T = TypeVar("T")
Out = TypeVar("Out")
_CONCURRENCY = 64


class BatchOptions(TypedDict, total=False):
    """Options of `Batch` and `AsyncBatch`."""

    journal: Required[str | os.PathLike[str]]
    """Where the state of each item is kept: the path of an SQLite file on a local disk, or the URL
    of a PostgreSQL database, `postgresql://user@host/database`. The file is created if needed."""
    name: str | None
    """Name of the batch in its journal; default: the endpoint's id. A journal may keep several."""
    key: str
    """Column of a row that holds the item's key. Default: `key`. Without such a column the key is
    a hash of the input, so rows with equal inputs are one item."""
    concurrency: int
    """The most items in flight, in all processes that share the journal together. Default: 64."""
    budget: float | None
    """Dollars after which nothing more is submitted, for the batch as a whole: earlier runs and
    other processes count. Default: None, no limit."""
    price: float | None
    """Dollars that one item costs at most. Default: the platform's price and what results
    report."""
    save: str | os.PathLike[str] | None
    """Folder for the files of results, or a path with `{key}` or `{request_id}`, and `{index}`,
    `{name}` and `{ext}`. Default: None, files are not saved."""
    webhook_url: str | None
    """URL that the platform posts results to; pass their request ids to `delivered`. The key of
    the item is in its query, as `fal_batch_key`. Default: status streams are followed."""
    client: ClientLike | None
    """Client to call with. Default: the module's own."""
    progress: bool | None
    """Whether to show a progress bar. Default: in terminals and notebooks."""


def batch_engine(endpoint: Any, options: BatchOptions) -> BatchEngine[Any]:
    """The engine of a batch with these options, not opened yet.

    Raises:
        FalInputError: An option is invalid.
        TypeError: An option is unknown or missing.
    """
    if unknown := options.keys() - BatchOptions.__annotations__.keys():
        raise TypeError(f"A batch takes no option {min(unknown)!r}.")
    if "journal" not in options:
        raise TypeError("A batch needs a journal, such as journal='cats.db'.")
    settings = BatchSettings(
        endpoint=endpoint,
        journal=options["journal"],
        name=options.get("name"),
        key=options.get("key", "key"),
        concurrency=options.get("concurrency", _CONCURRENCY),
        budget=options.get("budget"),
        price=options.get("price"),
        save=options.get("save"),
        webhook_url=options.get("webhook_url"),
    )
    client = options.get("client") or getattr(endpoint, "_client", None)
    return BatchEngine(settings, runner_of(client))


class _BatchBase(Generic[Out]):
    """What `Batch` and `AsyncBatch` share."""

    def __init__(self, endpoint: Any, options: BatchOptions) -> None:
        self._engine: BatchEngine[Out] = batch_engine(endpoint, options)
        self._progress = options.get("progress")
        self._runs: list[_ShownRun[Out]] = []
        self._report = BatchReport(self._engine.planner.endpoint_id.full)

    @property
    def report(self) -> BatchReport:
        """What the last run did, so far."""
        return self._runs[-1].run.report if self._runs else self._report

    async def _begin(
        self, inputs: Iterable[Any] | AsyncIterable[Any], orders: RunOrders
    ) -> _ShownRun[Out]:
        if not self._engine.is_open:
            raise RuntimeError(f"Use {type(self).__name__} in a with block.")
        run: BatchRun[Out] = BatchRun(self._engine, inputs, orders)
        is_shown = progress_bar.is_wanted(self._progress)
        shown = _ShownRun(run, self._engine, progress_bar.total_of(inputs), is_shown)
        self._runs.append(shown)
        return shown

    async def _end(self, shown: _ShownRun[Out]) -> None:
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
        journal = self._engine.open_journal()
        try:
            yield journal
        finally:
            journal.engine.dispose()

    def _check(self, inputs: object) -> None:
        """Check every row, if the inputs can be read twice.

        Raises:
            BatchInputError: Some rows are invalid.
        """
        if isinstance(inputs, AsyncIterable) or iter(cast("Any", inputs)) is inputs:
            return
        rows = cast("Iterable[Any]", inputs)
        plan = plan_rows(rows, self._engine.planner, self._engine.journal, ItemPrice(None, 0))
        if plan.problems:
            raise BatchInputError(plan.problems)

    def _planned(self, inputs: Iterable[Any], price: ItemPrice) -> BatchPlan:
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


class _ShownRun(Generic[Out]):
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


class Batch(_BatchBase[Out]):
    """Many calls of one endpoint, in sync code; what was begun is finished after any interruption.

    Args:
        endpoint: The endpoint, its input class, or its id.
        **options: See `BatchOptions`; `journal` is required.

    Raises:
        FalInputError: An option is invalid.
        ModuleNotFoundError: The extra `batch` or `postgres` is not installed.

    Example:
        >>> from fal_typed.batch import Batch
        >>> from fal_typed.endpoints.fal_ai.flux.dev import flux_dev
        >>> rows = [{"key": name, "prompt": f"a {name}"} for name in ("cat", "dog")]
        >>> with Batch(flux_dev, journal="animals.db") as batch:
        ...     sorted(item.key for item in batch.run(rows) if item.result)
        ['cat', 'dog']
    """

    @overload
    def __init__(
        self: Batch[dict[str, Any]], endpoint: str, **options: Unpack[BatchOptions]
    ) -> None: ...
    @overload
    def __init__(
        self,
        endpoint: Endpoint[..., Any, Out] | type[Request[Out]],
        **options: Unpack[BatchOptions],
    ) -> None: ...
    def __init__(self, endpoint: Any, **options: Unpack[BatchOptions]) -> None:
        super().__init__(endpoint, options)
        self._thread = _LoopThread()

    def __enter__(self) -> Self:
        """Open the journal and begin to work on it.

        Raises:
            BatchJournalError: The journal cannot be used for this batch.
            FalInputError: There is a budget, but no price.
        """
        self._thread.start()
        try:
            self._thread.perform(self._engine.open())
        except BaseException:
            self._thread.stop(self._engine.runner.connections.close_async())
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._thread.perform(self._close())
        finally:
            self._thread.stop(self._engine.runner.connections.close_async())

    def run(
        self,
        inputs: Iterable[Any],
        *,
        ordered: bool = False,
        retry_failed: bool = False,
        resubmit_uncertain: bool = False,
    ) -> Iterator[BatchItem[Out]]:
        """Submit every input that was not submitted before, and return items as they finish.

        Inputs that can be read twice (lists, tables, a `RowFile`) are checked before the first
        submit. Of an iterator each row is checked when it is read; an invalid one is returned as
        an item. Iterators are read in a thread of their own, a few rows ahead.

        Args:
            inputs: An iterable of rows: mappings with the endpoint's parameters and, if you like,
                a key; endpoint inputs; or pairs of a key and either. Also a `RowFile`, or a table
                of pandas or Arrow.
            ordered: True returns items in the order of the inputs, instead of as they finish.
            retry_failed: True submits items again that failed in earlier runs.
            resubmit_uncertain: True submits items again that may have been accepted, and so may
                be billed twice.

        Returns:
            The items. Those that were finished earlier are returned as well, from the journal,
            with `replayed=True`; those that another process works on are not.

        Raises:
            BatchInputError: Rows are invalid; nothing was submitted.
            BatchKeyError: The journal has another input under a key.
            FalHTTPError: The platform refuses every call, for example because of the key.
        """
        if not self._engine.is_open:
            raise RuntimeError("Use Batch in a with block.")
        self._check(inputs)
        shown = self._thread.perform(
            self._begin(inputs, _orders(ordered, retry_failed, resubmit_uncertain))
        )
        try:
            while items := self._thread.perform(shown.run.take()):
                yield from items
        finally:
            if shown in self._runs:  # closing the batch has ended it otherwise
                self._thread.perform(self._end(shown))

    def plan(self, inputs: Iterable[Any]) -> BatchPlan:
        """Check every row and say what the run will cost; nothing is submitted.

        Args:
            inputs: As for `run`.
        """
        if self._engine.is_open:
            return self._planned(inputs, self._engine.price)
        thread = _LoopThread()
        thread.start()
        try:
            price = thread.perform(self._engine.read_price())
        finally:
            thread.stop(self._engine.runner.connections.close_async())
        return self._planned(inputs, price)

    def status(self) -> dict[str, int]:
        """How many items of the batch are in each state, by the journal."""
        return self._counted()

    def spent(self) -> float:
        """Dollars that the batch cost so far, with what is reserved for items in progress."""
        return self._spent()

    def items(self, state: ItemState | None = None) -> Iterator[BatchItem[Out]]:
        """The items of the journal.

        Args:
            state: Only those in this state.
        """
        return self._stored(state)

    def export(self, path: str | os.PathLike[str]) -> int:
        """Write the items of the journal to a file.

        Args:
            path: A file that ends in `.parquet` (extra `parquet`), `.csv` or `.jsonl`.

        Returns:
            How many there are.
        """
        return self._exported(path)

    def resolve(self, key: str, request_id: str | None) -> None:
        """Say which job an uncertain item is, after you looked for it on the platform.

        Args:
            key: The item's key.
            request_id: Id of its job, whose result the next run fetches; None when there is no
                job, so that the next run submits it.

        Raises:
            FalInputError: The item is not uncertain.
        """
        self._resolved(key, request_id)

    def delivered(self, request_id: str) -> None:
        """Note that a webhook was delivered, so that the job's result is fetched.

        Args:
            request_id: Id of the job. Verify the delivery first, see `verify_webhook`.
        """
        self._thread.call_soon(self._engine.calls.deliveries.deliver, request_id)


class AsyncBatch(_BatchBase[Out]):
    """Many calls of one endpoint, in async code; what was begun is finished after any interruption.

    Args:
        endpoint: The endpoint, its input class, or its id.
        **options: See `BatchOptions`; `journal` is required.

    Raises:
        FalInputError: An option is invalid.
        ModuleNotFoundError: The extra `batch` or `postgres` is not installed.

    Example:
        >>> from fal_typed.batch import AsyncBatch
        >>> from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput
        >>> async with AsyncBatch(FluxDevInput, journal="async.db") as batch:
        ...     async for item in batch.run([("cat", FluxDevInput(prompt="a cat"))]):
        ...         print(item.key, item.state)
        cat completed
    """

    @overload
    def __init__(
        self: AsyncBatch[dict[str, Any]], endpoint: str, **options: Unpack[BatchOptions]
    ) -> None: ...
    @overload
    def __init__(
        self,
        endpoint: Endpoint[..., Any, Out] | type[Request[Out]],
        **options: Unpack[BatchOptions],
    ) -> None: ...
    def __init__(self, endpoint: Any, **options: Unpack[BatchOptions]) -> None:
        super().__init__(endpoint, options)

    async def __aenter__(self) -> Self:
        """Open the journal and begin to work on it.

        Raises:
            BatchJournalError: The journal cannot be used for this batch.
            FalInputError: There is a budget, but no price.
        """
        await self._engine.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close()

    async def run(
        self,
        inputs: Iterable[Any] | AsyncIterable[Any],
        *,
        ordered: bool = False,
        retry_failed: bool = False,
        resubmit_uncertain: bool = False,
    ) -> AsyncIterator[BatchItem[Out]]:
        """Submit every input that was not submitted before; `Batch.run` for async code.

        Args:
            inputs: As for `Batch.run`, or an asynchronous iterable of rows.
            ordered: True returns items in the order of the inputs, instead of as they finish.
            retry_failed: True submits items again that failed in earlier runs.
            resubmit_uncertain: True submits items again that may have been accepted, and so may
                be billed twice.
        """
        if not self._engine.is_open:
            raise RuntimeError("Use AsyncBatch in a with block.")
        await asyncio.to_thread(self._check, inputs)
        shown = await self._begin(inputs, _orders(ordered, retry_failed, resubmit_uncertain))
        try:
            while items := await shown.run.take():
                for item in items:
                    yield item
        finally:
            if shown in self._runs:  # closing the batch has ended it otherwise
                await self._end(shown)

    async def plan(self, inputs: Iterable[Any]) -> BatchPlan:
        """Check every row and say what the run will cost; nothing is submitted."""
        price = self._engine.price if self._engine.is_open else await self._engine.read_price()
        return await asyncio.to_thread(self._planned, inputs, price)

    async def status(self) -> dict[str, int]:
        """How many items of the batch are in each state, by the journal."""
        return await asyncio.to_thread(self._counted)

    async def spent(self) -> float:
        """Dollars that the batch cost so far, with what is reserved for items in progress."""
        return await asyncio.to_thread(self._spent)

    async def items(self, state: ItemState | None = None) -> AsyncIterator[BatchItem[Out]]:
        """The items of the journal; `Batch.items` for async code."""
        stored = self._stored(state)
        while (item := await asyncio.to_thread(next, stored, None)) is not None:
            yield item

    async def export(self, path: str | os.PathLike[str]) -> int:
        """Write the items of the journal to a file; `Batch.export` for async code."""
        return await asyncio.to_thread(self._exported, path)

    async def resolve(self, key: str, request_id: str | None) -> None:
        """Say which job an uncertain item is; `Batch.resolve` for async code."""
        await asyncio.to_thread(self._resolved, key, request_id)

    async def delivered(self, request_id: str) -> None:
        """Note that a webhook was delivered; `Batch.delivered` for async code."""
        self._engine.calls.deliveries.deliver(request_id)


def _orders(ordered: bool, retry_failed: bool, resubmit_uncertain: bool) -> RunOrders:
    again = {FAILED} if retry_failed else set[str]()
    if resubmit_uncertain:
        again.add(UNCERTAIN)
    return RunOrders(ordered, frozenset(again))


class _LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the loop."""
        loop = self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=loop.run_forever, name="fal-typed-batch", daemon=True
        )
        self._thread.start()

    def perform(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop and wait for it."""
        if self._loop is None:
            work.close()
            raise RuntimeError("Use Batch in a with block.")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def call_soon(self, function: Any, *arguments: object) -> None:
        """Call a function in the loop."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(function, *arguments)

    def stop(self, last: Coroutine[Any, Any, object]) -> None:
        """Run a last coroutine, then end the loop."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            last.close()
            return
        with suppress(Exception):
            self.perform(last)
        self.perform(loop.shutdown_asyncgens())
        self.perform(loop.shutdown_default_executor())
        self._loop = self._thread = None
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
