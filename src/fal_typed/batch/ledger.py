"""The money of a batch: what is spent or reserved, and what an item is known to cost.

The batch's row is locked as long as a ledger is used, so processes take turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from sqlalchemy import bindparam, func, select, update

from fal_typed.batch.tables import OPEN, batches, items, state_is

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from fal_typed.batch.operations import Mark, Release


class Ledger:
    """The money of a batch inside one transaction.

    While a budget depends on what results report, the first item is submitted alone: it is the
    *probe* that says what the others cost.

    Args:
        connection: A connection with a transaction.
        batch_id: Id of the batch.
        budget: Nanodollars that may be spent or reserved, or None for no limit.
        learns: Whether only results say what an item costs.

    Attributes:
        needs_probe: Whether what is granted now is the probe.
    """

    def __init__(
        self, connection: Connection, batch_id: int, budget: int | None, *, learns: bool
    ) -> None:
        self._connection = connection
        self._batch_id = batch_id
        found = lock(connection, batch_id)
        self._free = None if budget is None else budget - found.committed
        self._highest: int | None = found.highest_cost
        self._learns = learns
        self.needs_probe = budget is not None and learns and found.highest_cost is None
        self._is_probing = self.needs_probe and _is_in_progress(connection, found.probe)
        self._change = 0
        self._probe: int | None = found.probe

    def price(self, expected: int) -> int:
        """What to reserve for an item: its expected price, or the most that one did cost."""
        return max(expected, self._highest or 0)

    def refusal(self, amount: int) -> Literal["over_budget", "unpriced"] | None:
        """Why an amount may not be reserved now; None reserves it."""
        if self._is_probing:
            return "unpriced"
        if self._free is not None and amount > self._free - self._change:
            return "over_budget"
        self._change += amount
        self._is_probing = self.needs_probe
        return None

    def probe(self, item_id: int) -> None:
        """Note the item that was granted, if it is the probe."""
        if self.needs_probe:
            self._probe = item_id

    def close(self, marks: Sequence[Mark], releases: Sequence[Release]) -> None:
        """Write what the transaction changed.

        Args:
            marks: The items that were marked, with what they cost.
            releases: The items on which the work ended.
        """
        costs = [mark.spent for mark in marks if mark.spent is not None]
        highest = self._highest
        if costs and self._learns:
            highest = max(*costs, highest or 0)
        if self._probe in [release.id for release in releases]:
            self._probe = None
        change = self._change + sum(mark.delta for mark in marks)
        values = {"wanted_id": self._batch_id, "change": change, "highest": highest}
        self._connection.execute(_CLOSE, {**values, "item_id": self._probe})


class _Locked(NamedTuple):
    committed: int
    highest_cost: int | None
    probe: int | None


def lock(connection: Connection, batch_id: int) -> _Locked:
    """Lock a batch for this transaction; gives its money."""
    return _Locked(*connection.execute(_LOCK, {"wanted_id": batch_id}).one())


def recount(connection: Connection, batch_id: int) -> None:
    """Count what is spent or reserved from the items."""
    mine = items.c.batch_id == batch_id
    total = select(func.coalesce(func.sum(items.c.cost), 0)).where(mine).scalar_subquery()
    connection.execute(update(batches).where(batches.c.id == batch_id).values(committed=total))


def _is_in_progress(connection: Connection, item_id: int | None) -> bool:
    if item_id is None:
        return False
    owned = select(items.c.id).where(items.c.id == item_id, items.c.owner.is_not(None))
    return connection.execute(owned.where(state_is(*OPEN))).first() is not None


_MINE = batches.c.id == bindparam("wanted_id")
_LOCK = (
    select(batches.c.committed, batches.c.highest_cost, batches.c.probe)
    .where(_MINE)
    .with_for_update()
)
_CLOSE = (
    update(batches)
    .where(_MINE)
    .values(
        committed=batches.c.committed + bindparam("change"),
        highest_cost=bindparam("highest"),
        probe=bindparam("item_id"),
    )
)
