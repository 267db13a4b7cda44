"""Taking items: those of the inputs, and those that others left behind."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, insert, or_, select, update

from fal_typed.batch.ledger import Ledger
from fal_typed.batch.operations import Claim, Claimed, Sweep, Swept, TakenItem
from fal_typed.batch.tables import (
    ACCEPTED,
    COMPLETED,
    FAILED,
    OPEN,
    PLANNED,
    SENDING,
    UNCERTAIN,
    items,
    state_is,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection, Executable, RowMapping

    from fal_typed.batch.worker import Worker

_KEYS_AT_ONCE = 500


class ItemTaker:
    """Takes items for a worker inside one transaction.

    Args:
        connection: A connection with a transaction.
        worker: The worker.
        ledger: The money of the batch.
    """

    def __init__(self, connection: Connection, worker: Worker, ledger: Ledger) -> None:
        self._connection = connection
        self._worker = worker
        self._batch_id = worker.journal.batch_id
        self._ledger = ledger
        self._taken: list[dict[str, Any]] = []

    def claim(self, claims: Sequence[Claim]) -> list[Claimed]:
        """Take items of the inputs; those that are not known yet are added."""
        keys = [claim.key for claim in claims]
        known = {
            row["key"]: row for row in _by_keys(self._connection, _KNOWN, self._batch_id, keys)
        }
        results: list[Claimed | None] = []
        new: list[Claim] = []
        for claim in claims:
            row = known.get(claim.key)
            if row is not None:
                results.append(self._claim_known(claim, row))
            elif (refusal := self._ledger.refusal(self._ledger.price(claim.price))) is not None:
                results.append(Claimed(refusal))
            else:
                new.append(claim)
                results.append(None)
        added = iter(self._add(new))
        self._write()
        return self._with_whole_rows([result or next(added) for result in results])

    def sweep(self, sweep: Sweep) -> Swept:
        """Take items that nobody owns."""
        wanted = state_is(ACCEPTED)
        if sweep.submits:
            wanted = or_(wanted, and_(state_is(PLANNED), items.c.has_files.is_(False)))
        mine = and_(items.c.batch_id == self._batch_id, state_is(*OPEN))
        left = select(*_COLUMNS).where(mine, items.c.owner.is_(None), wanted).limit(sweep.limit)
        rows = self._connection.execute(left).mappings().all()
        claimed = [self._take(row, SENDING, sweep.price) for row in rows]
        self._write()
        owned = and_(items.c.owner.is_not(None), items.c.owner != self._worker.id)
        others = self._connection.execute(select(items.c.id).where(mine, owned).limit(1)).first()
        taken = [each.taken for each in claimed if each.taken is not None]
        return Swept(taken, others is not None or any(c.outcome == "unpriced" for c in claimed))

    def _claim_known(self, claim: Claim, row: RowMapping) -> Claimed:
        if row["digest"] != claim.digest:
            return Claimed("changed")
        if row["state"] in OPEN and row["owner"] not in (None, self._worker.id):
            return Claimed("busy")
        if row["state"] not in OPEN and row["state"] not in claim.again:
            return Claimed("final", row=row)
        return self._take(row, claim.state, claim.price)

    def _take(self, row: RowMapping, state: str, expected: int) -> Claimed:
        """Take a row that nobody else owns, if the budget allows it."""
        # An attempt that may have cost something is paid beside the new one.
        prior = row["cost"] if row["state"] in (FAILED, UNCERTAIN) else 0
        reserved = row["cost"] - prior
        if row["state"] == ACCEPTED:
            state = ACCEPTED
        elif row["state"] not in OPEN or row["owner"] != self._worker.id:
            # Otherwise this transaction was performed before.
            price = max(reserved, self._ledger.price(expected))
            if (refusal := self._ledger.refusal(price - reserved)) is not None:
                return Claimed(refusal)
            reserved = price
            self._ledger.probe(row["id"])
        self._taken.append(
            {
                "item_id": row["id"],
                "worker_id": self._worker.id,
                "new_state": state,
                "new_cost": prior + reserved,
                "now": time.time(),
            }
        )
        item = TakenItem(
            row["id"],
            row["key"],
            state,
            row["request_id"],
            reserved,
            prior,
            row["digest"],
            row["input"],
            self._ledger.needs_probe,
        )
        return Claimed("taken", item)

    def _write(self) -> None:
        if self._taken:
            self._connection.execute(_TAKE, self._taken)
            self._taken.clear()

    def _add(self, claims: Sequence[Claim]) -> list[Claimed]:
        if not claims:
            return []
        rows = [self._new_row(claim) for claim in claims]
        ids = self._connection.execute(_INSERT, rows).scalars().all()
        self._ledger.probe(ids[0])
        return [
            Claimed("taken", self._new_item(claim, item_id))
            for claim, item_id in zip(claims, ids, strict=True)
        ]

    def _new_item(self, claim: Claim, item_id: int) -> TakenItem:
        return TakenItem(
            item_id,
            claim.key,
            claim.state,
            None,
            self._ledger.price(claim.price),
            0,
            claim.digest,
            claim.text,
            self._ledger.needs_probe,
        )

    def _new_row(self, claim: Claim) -> dict[str, Any]:
        return {
            "batch_id": self._batch_id,
            "key": claim.key,
            "digest": claim.digest,
            "input": claim.text,
            "has_files": claim.has_files,
            "state": claim.state,
            "owner": self._worker.id,
            "sent_at": time.time(),
            "cost": self._ledger.price(claim.price),
        }

    def _with_whole_rows(self, results: list[Claimed]) -> list[Claimed]:
        """The results, with the outputs of those that are final."""
        keys = [r.row["key"] for r in results if r.row is not None]
        whole = finished_rows(self._connection, self._batch_id, keys)
        return [r if r.row is None else Claimed("final", row=whole[r.row["key"]]) for r in results]


def finished_rows(
    connection: Connection, batch_id: int, keys: Sequence[str]
) -> dict[str, RowMapping]:
    """The rows of those items that are finished or uncertain, by key."""
    return {row["key"]: row for row in _by_keys(connection, _FINISHED, batch_id, keys)}


def _by_keys(
    connection: Connection, wanted: Executable, batch_id: int, keys: Sequence[str]
) -> Iterator[RowMapping]:
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        some = list(keys[start : start + _KEYS_AT_ONCE])
        parameters = {"wanted_id": batch_id, "wanted_keys": some}
        yield from connection.execute(wanted, parameters).mappings()


_COLUMNS = (items.c.id, items.c.key, items.c.digest, items.c.state, items.c.owner,
            items.c.request_id, items.c.cost, items.c.input)  # fmt: skip
_WITH_KEYS = and_(
    items.c.batch_id == bindparam("wanted_id"),
    items.c.key.in_(bindparam("wanted_keys", expanding=True)),
)
_KNOWN = select(*_COLUMNS).where(_WITH_KEYS)
_FINISHED = select(items).where(_WITH_KEYS, state_is(COMPLETED, FAILED, UNCERTAIN))
_INSERT = insert(items).returning(items.c.id, sort_by_parameter_order=True)
_TAKE = (
    update(items)
    .where(items.c.id == bindparam("item_id"))
    .values(
        state=bindparam("new_state"),
        owner=bindparam("worker_id"),
        cost=bindparam("new_cost"),
        sent_at=bindparam("now"),
    )
)
