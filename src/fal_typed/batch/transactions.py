"""Performing many operations on a journal in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fal_typed.batch import ledger
from fal_typed.batch.ledger import Ledger
from fal_typed.batch.marking import mark_items, release_items
from fal_typed.batch.operations import Claim, Lookup, Mark, Operation, Release, Sweep
from fal_typed.batch.taking import ItemTaker, finished_rows

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from fal_typed.batch.worker import Worker


def perform(
    connection: Connection,
    worker: Worker,
    operations: Sequence[Operation],
    *,
    recount: bool = False,
) -> list[object]:
    """Perform operations and return their results, in order.

    Args:
        connection: A connection with a transaction.
        worker: Who performs them.
        operations: At most one of them concerns an item.
        recount: Whether the transaction was performed before with an unknown outcome, so that the
            money has to be counted again.
    """
    batch_id = worker.journal.batch_id
    results: dict[int, object] = {}
    # The batch's row is locked before those of items, so transactions never wait for each other
    # in a circle.
    money: Ledger | None = None
    if recount or _needs_money(worker, operations):
        money = Ledger(connection, batch_id, worker.budget, learns=worker.learns)
        _take(ItemTaker(connection, worker, money), operations, results)
    marks = [o for o in operations if isinstance(o, Mark)]
    _collect(results, marks, mark_items(connection, worker.id, marks))
    for operation in operations:
        if isinstance(operation, Lookup):
            results[id(operation)] = finished_rows(connection, batch_id, operation.keys)
    releases = [o for o in operations if isinstance(o, Release)]
    release_items(connection, worker.id, releases)
    if money is not None:
        money.close(marks, releases)
    if recount:
        ledger.recount(connection, batch_id)
    return [results.get(id(operation)) for operation in operations]


def _needs_money(worker: Worker, operations: Sequence[Operation]) -> bool:
    return any(
        o.delta != 0 or (worker.learns and o.spent is not None)
        if isinstance(o, Mark)
        else not isinstance(o, Lookup)
        for o in operations
    )


def _take(taker: ItemTaker, operations: Sequence[Operation], results: dict[int, object]) -> None:
    claims = [o for o in operations if isinstance(o, Claim)]
    _collect(results, claims, taker.claim(claims))
    for operation in operations:
        if isinstance(operation, Sweep):
            results[id(operation)] = taker.sweep(operation)


def _collect(
    results: dict[int, object], operations: Sequence[object], outcomes: Sequence[object]
) -> None:
    for operation, outcome in zip(operations, outcomes, strict=True):
        results[id(operation)] = outcome
