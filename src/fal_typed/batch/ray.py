"""Batches on a Ray cluster (extra `ray`): datasets of rows to datasets of results.

Ray Data reads, schedules and retries; each of its actors is a worker on one journal, which all of
them share. So a block that Ray runs again submits nothing twice, and the limits of concurrency and
budget hold for the whole cluster.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from typing_extensions import Unpack

from fal_typed._core.extras import imported
from fal_typed.batch.batch_items import BatchItem
from fal_typed.batch.batch_options import BatchOptions, batch_engine
from fal_typed.batch.batch_run import BatchRun, RunOrders
from fal_typed.batch.columns import ItemColumns
from fal_typed.batch.rows import without_missing
from fal_typed.batch.tables import FAILED, UNCERTAIN
from fal_typed.errors import FalError, FalInputError

if TYPE_CHECKING:
    from fal_typed._endpoint import Endpoint

_ROWS_AT_ONCE = 64


class RayDataset(Protocol):
    """A `ray.data.Dataset`; ray itself is large, so type checkers do without it."""

    @property
    def map_batches(self) -> Callable[..., object]:
        """Apply a function or an actor to blocks of rows."""
        raise NotImplementedError


DatasetT = TypeVar("DatasetT", bound=RayDataset)


def map_dataset(
    dataset: DatasetT,
    endpoint: Endpoint[..., Any, Any] | type[Any] | str,
    *,
    actors: int = 1,
    rows_at_once: int = _ROWS_AT_ONCE,
    retry_failed: bool = False,
    resubmit_uncertain: bool = False,
    **options: Unpack[BatchOptions],
) -> DatasetT:
    """Call an endpoint for each row of a dataset.

    Args:
        dataset: Rows with the endpoint's parameters as columns and, if you like, a key; missing
            values are parameters that are not given.
        endpoint: The endpoint, its input class, or its id.
        actors: Actors that work on it. One has up to `concurrency` items in flight, so more are
            needed for its network and its disk only.
        rows_at_once: Rows that an actor takes at a time.
        retry_failed: True submits items again that failed in earlier runs.
        resubmit_uncertain: True submits items again that may have been accepted, and so may be
            billed twice.
        **options: See `BatchOptions`. `journal` is the URL of a PostgreSQL database that every
            node reaches, or for a cluster of one machine a path.

    Returns:
        The dataset with the columns `key`, `state`, `request_id`, `cost`, `error`, `files` and
        `result`, a struct with the fields of the endpoint's output, beside its own.

    Raises:
        FalInputError: An option is invalid.
    """
    if actors < 1 or rows_at_once < 1:
        raise FalInputError("actors and rows_at_once are whole numbers from 1.")
    again = {FAILED} if retry_failed else set[str]()
    if resubmit_uncertain:
        again.add(UNCERTAIN)
    ray_data = imported("ray", "ray.data")
    arguments = {"endpoint": endpoint, "again": frozenset(again), "options": _absolute(options)}
    mapped = dataset.map_batches(
        DatasetActor,
        fn_constructor_kwargs=arguments,
        batch_size=rows_at_once,
        batch_format="pyarrow",
        compute=ray_data.ActorPoolStrategy(size=actors),
        num_cpus=0,  # it waits for the network
    )
    return cast("DatasetT", mapped)


class DatasetActor:
    """What an actor of Ray Data runs: rows in, rows with results out.

    Args:
        endpoint: The endpoint, its input class, or its id.
        again: States of items that are submitted again.
        options: Options of the batch.
    """

    def __init__(self, endpoint: Any, again: frozenset[str], options: BatchOptions) -> None:
        self._engine = batch_engine(endpoint, options)
        self._orders = RunOrders(again=again, waits=True)
        self._lock = asyncio.Lock()

    async def __call__(self, block: Any) -> AsyncIterator[Any]:
        """Call the endpoint for each row of a block.

        Args:
            block: A `pyarrow.Table`.
        """
        engine = self._engine
        async with self._lock:
            if not engine.is_open:
                await engine.open()
        columns = ItemColumns(engine.planner.output)
        rows = [without_missing(row) for row in block.to_pylist()]
        results = columns.table(await self._items(rows))
        for name in reversed(block.column_names):
            if name not in results.column_names:
                results = results.add_column(0, name, block.column(name))
        yield results

    async def _items(self, rows: list[dict[str, Any]]) -> list[BatchItem[Any]]:
        """An item for each row, in order."""
        run = BatchRun(self._engine, rows, self._orders)
        found: dict[int, BatchItem[Any]] = {}
        try:
            while items := await run.take():
                found |= {item.line: item for item in items}
        finally:
            await run.stop()
        left: BatchItem[Any] = BatchItem(
            "", "planned", error=FalError("The budget does not allow another item.")
        )
        key = self._engine.settings.key
        return [
            found.get(line) or replace(left, key=str(row.get(key, "")))
            for line, row in enumerate(rows, start=1)
        ]


def _absolute(options: BatchOptions) -> BatchOptions:
    """The options for actors, whose folder is another one."""
    journal, save = os.fspath(options["journal"]), options.get("save")
    given: BatchOptions = {**options}
    if "://" not in journal:
        given["journal"] = os.path.abspath(journal)  # noqa: PTH100 - it may be a URL
    if save is not None:
        given["save"] = os.path.abspath(save)  # noqa: PTH100 - it may be a template
    return given
