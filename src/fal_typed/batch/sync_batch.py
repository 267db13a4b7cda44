"""`Batch`, which runs the engine in a thread of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, overload

from typing_extensions import Self, TypeVar, Unpack

from fal_typed.batch.batch_items import BatchItem, ItemState
from fal_typed.batch.batch_options import BatchOptions
from fal_typed.batch.batch_report import BatchPlan
from fal_typed.batch.batch_rows import BatchInputs
from fal_typed.batch.loop_thread import LoopThread
from fal_typed.batch.shared_batch import SharedBatch, run_orders

if TYPE_CHECKING:
    from types import TracebackType

    from fal_typed._endpoint import Endpoint
    from fal_typed.models import Request

Out = TypeVar("Out")


class Batch(SharedBatch[Out]):
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
        self._thread = LoopThread()

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
        inputs: BatchInputs[Out],
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
        orders = run_orders(ordered, retry_failed, resubmit_uncertain)
        checked, total = self._checked(inputs)
        shown = self._thread.perform(self._begin(checked, total, orders))
        try:
            while items := self._thread.perform(shown.run.take()):
                yield from items
        finally:
            if shown in self._runs:  # closing the batch has ended it otherwise
                self._thread.perform(self._end(shown))

    def plan(self, inputs: BatchInputs[Out]) -> BatchPlan:
        """Check every row and say what the run will cost; nothing is submitted.

        Args:
            inputs: As for `run`.
        """
        if self._engine.is_open:
            return self._planned(inputs, self._engine.price)
        thread = LoopThread()
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
