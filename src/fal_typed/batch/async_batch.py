"""`AsyncBatch`, which runs the engine in the caller's event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, overload

from typing_extensions import Self, TypeVar, Unpack

from fal_typed.batch.batch_items import BatchItem, ItemState
from fal_typed.batch.batch_options import BatchOptions
from fal_typed.batch.batch_report import BatchPlan
from fal_typed.batch.batch_rows import AsyncBatchInputs, BatchInputs
from fal_typed.batch.shared_batch import SharedBatch, run_orders

if TYPE_CHECKING:
    from types import TracebackType

    from fal_typed._endpoint import Endpoint
    from fal_typed.models import Request

Out = TypeVar("Out")


class AsyncBatch(SharedBatch[Out]):
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
        inputs: AsyncBatchInputs[Out],
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
        orders = run_orders(ordered, retry_failed, resubmit_uncertain)
        checked, total = await asyncio.to_thread(self._checked, inputs)
        shown = await self._begin(checked, total, orders)
        try:
            while items := await shown.run.take():
                for item in items:
                    yield item
        finally:
            if shown in self._runs:  # closing the batch has ended it otherwise
                await self._end(shown)

    async def plan(self, inputs: BatchInputs[Out]) -> BatchPlan:
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
