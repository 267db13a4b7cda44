"""The journal: what is known of each item, on disk before anything depends on it.

An item is planned → sending → accepted → completed or failed. It is `sending` on disk before its
request leaves, so whatever was being sent when a process died is known to be uncertain. Each
unfinished item has an owner, the worker that works on it; what a dead worker owned is free again.

Every operation of this module is performed inside a transaction of the caller's, many at once.
Operations that take items or money lock the batch's row first, so processes take turns.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import (
    and_,
    bindparam,
    delete,
    func,
    insert,
    not_,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from fal_typed.batch import liveness
from fal_typed.batch.batch_errors import BatchJournalError
from fal_typed.batch.operations import (
    COLUMNS_OF,
    Claim,
    Claimed,
    Lookup,
    Mark,
    Operation,
    Sweep,
    Swept,
    TakenItem,
)
from fal_typed.batch.tables import (
    ACCEPTED,
    COMPLETED,
    FAILED,
    OPEN,
    PLANNED,
    READING,
    SENDING,
    UNCERTAIN,
    batches,
    items,
    open_engine,
    state_is,
    workers,
)

if TYPE_CHECKING:
    import os

    from sqlalchemy import Connection, Engine, RowMapping, Update

_KEYS_AT_ONCE = 500
_ROWS_AT_ONCE = 500


_MINE = items.c.owner == bindparam("worker_id")
_FROM = {
    PLANNED: and_(_MINE, state_is(SENDING)),
    SENDING: and_(_MINE, state_is(PLANNED)),
    # A worker that was taken for dead still knows best which job it is.
    ACCEPTED: state_is(SENDING, UNCERTAIN),
    UNCERTAIN: and_(_MINE, state_is(SENDING)),
    COMPLETED: not_(state_is(COMPLETED)),
    FAILED: and_(_MINE, state_is(*OPEN)),
}


def _mark_statement(state: str) -> Update:
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in COLUMNS_OF[state]}
    if state == ACCEPTED:
        values["owner"] = bindparam("worker_id")
    where = and_(items.c.id == bindparam("item_id"), _FROM[state])
    return update(items).where(where).values(state=state, **values)


_MARKS = {state: _mark_statement(state) for state in COLUMNS_OF}
_SELECT_STATE = (items.c.id, items.c.key, items.c.digest, items.c.state, items.c.owner,
                 items.c.request_id, items.c.cost, items.c.input)  # fmt: skip


@dataclass
class Journal:
    """One batch in a journal, seen by one worker.

    Attributes:
        batch_id: Id of the batch in the journal.
        worker_id: Id of this worker, 0 before it joined.
        budget: Nanodollars that may be spent or reserved, or None for no limit.
    """

    engine: Engine
    batch_id: int
    budget: int | None = None
    worker_id: int = 0

    @classmethod
    def open(cls, journal: str | os.PathLike[str], name: str, endpoint_id: str) -> Journal:
        """Open a batch, or begin it.

        Raises:
            BatchJournalError: The journal cannot be opened, or its batch is of another endpoint.
        """
        engine = open_engine(journal)
        wanted = select(batches.c.id, batches.c.endpoint).where(batches.c.name == name)
        with engine.begin() as connection:
            found = connection.execute(wanted).one_or_none()
        if found is None:
            try:
                with engine.begin() as connection:
                    values = {"name": name, "endpoint": endpoint_id, "committed": 0}
                    connection.execute(insert(batches).values(values))
            except IntegrityError:
                pass  # another process began it at the same moment
            with engine.begin() as connection:
                found = connection.execute(wanted).one()
        if found.endpoint != endpoint_id:
            engine.dispose()
            raise BatchJournalError(
                f"The batch {name!r} of this journal calls {found.endpoint}, not {endpoint_id}. "
                "Use another journal or another name."
            )
        return cls(engine, found.id)

    # -- operations, many in one transaction ---------------------------------------------------

    def perform(
        self, connection: Connection, operations: Sequence[Operation], *, recount: bool = False
    ) -> list[object]:
        """Perform operations and return their results, in order.

        Args:
            connection: A connection with a transaction.
            operations: At most one of them concerns an item.
            recount: Whether the transaction was begun before with an unknown outcome, so that the
                money has to be counted again.
        """
        results: dict[int, object] = {}
        marks = [o for o in operations if isinstance(o, Mark)]
        claims = [o for o in operations if isinstance(o, Claim)]
        sweeps = [o for o in operations if isinstance(o, Sweep)]
        lookups = [o for o in operations if isinstance(o, Lookup)]
        delta = sum(mark.delta for mark in marks)
        if claims or sweeps or delta or recount:
            money = self._locked_money(connection)
            self._claim(connection, claims, money, results)
            for sweep in sweeps:
                results[id(sweep)] = self._sweep(connection, sweep, money)
            delta += money.taken
        self._mark(connection, marks, results)
        for lookup in lookups:
            results[id(lookup)] = self._look_up(connection, lookup.keys)
        if recount:
            self._recount(connection)
        elif delta:
            connection.execute(_ADD_MONEY, {"wanted_id": self.batch_id, "delta": delta})
        return [results[id(operation)] for operation in operations]

    def _locked_money(self, connection: Connection) -> _Money:
        committed = connection.execute(_LOCK_MONEY, {"wanted_id": self.batch_id}).scalar_one()
        return _Money(None if self.budget is None else self.budget - committed)

    def _recount(self, connection: Connection) -> None:
        mine = items.c.batch_id == self.batch_id
        total = select(func.coalesce(func.sum(items.c.cost), 0)).where(mine).scalar_subquery()
        connection.execute(
            update(batches).where(batches.c.id == self.batch_id).values(committed=total)
        )

    def _claim(
        self,
        connection: Connection,
        claims: Sequence[Claim],
        money: _Money,
        results: dict[int, object],
    ) -> None:
        known = {row["key"]: row for row in self._rows(connection, [c.key for c in claims])}
        new: list[Claim] = []
        takes: list[dict[str, Any]] = []
        for claim in claims:
            row = known.get(claim.key)
            if row is not None:
                results[id(claim)] = self._claim_known(claim, row, money, takes)
            elif money.take(claim.price):
                new.append(claim)
            else:
                results[id(claim)] = Claimed("over_budget")
        if new:
            ids = connection.execute(_INSERT, [self._values(claim) for claim in new]).scalars()
            for claim, item_id in zip(new, ids, strict=True):
                results[id(claim)] = Claimed("taken", _new_item(claim, item_id))
        if takes:
            connection.execute(_TAKE, takes)
        finished = [r for r in results.values() if isinstance(r, Claimed) and r.outcome == "final"]
        if finished:
            keys = [r.row["key"] for r in finished if r.row is not None]
            whole = self._look_up(connection, keys)
            for claim in claims:
                if claim.key in whole:
                    results[id(claim)] = Claimed("final", row=whole[claim.key])

    def _claim_known(
        self, claim: Claim, row: RowMapping, money: _Money, takes: list[dict[str, Any]]
    ) -> Claimed:
        if row["digest"] != claim.digest:
            return Claimed("changed")
        if row["state"] in OPEN and row["owner"] not in (None, self.worker_id):
            return Claimed("busy")
        if row["state"] not in OPEN and row["state"] not in claim.again:
            return Claimed("final", row=row)
        taken = self._take(row, claim.state, claim.price, money, takes)
        return Claimed("over_budget") if taken is None else Claimed("taken", taken)

    def _take(
        self,
        row: RowMapping,
        state: str,
        price: int,
        money: _Money,
        takes: list[dict[str, Any]],
    ) -> TakenItem | None:
        """Take a row that nobody owns; None when the budget does not allow it."""
        # What is reserved for an unfinished item stays so; an attempt that may have cost
        # something is paid beside the new one.
        prior = row["cost"] if row["state"] in (FAILED, UNCERTAIN) else 0
        reserved = row["cost"] - prior
        if row["state"] != ACCEPTED:
            reserved = reserved or price
        if not money.take(prior + reserved - row["cost"]):
            return None
        state = ACCEPTED if row["state"] == ACCEPTED else state
        takes.append(
            {
                "item_id": row["id"],
                "worker_id": self.worker_id,
                "new_state": state,
                "new_cost": prior + reserved,
                "now": time.time(),
            }
        )
        return TakenItem(
            row["id"],
            row["key"],
            state,
            row["request_id"],
            reserved,
            prior,
            row["digest"],
            row["input"],
        )

    def _values(self, claim: Claim) -> dict[str, Any]:
        return {
            "batch_id": self.batch_id,
            "key": claim.key,
            "digest": claim.digest,
            "input": claim.text,
            "has_files": claim.has_files,
            "state": claim.state,
            "owner": self.worker_id,
            "sent_at": time.time(),
            "cost": claim.price,
        }

    def _mark(
        self, connection: Connection, marks: Sequence[Mark], results: dict[int, object]
    ) -> None:
        by_state: dict[str, list[Mark]] = {}
        for mark in marks:
            by_state.setdefault(mark.state, []).append(mark)
        for state, group in by_state.items():
            parameters = [mark.parameters(self.worker_id) for mark in group]
            changed = connection.execute(_MARKS[state], parameters).rowcount
            owned = None if changed == len(group) else self._owned(connection, group)
            for mark in group:
                results[id(mark)] = owned is None or mark.id in owned

    def _owned(self, connection: Connection, marks: Sequence[Mark]) -> set[int]:
        wanted = [mark.id for mark in marks]
        mine = and_(items.c.owner == self.worker_id, items.c.state == marks[0].state)
        found: set[int] = set()
        for start in range(0, len(wanted), _KEYS_AT_ONCE):
            some = items.c.id.in_(wanted[start : start + _KEYS_AT_ONCE])
            found |= set(connection.execute(select(items.c.id).where(some, mine)).scalars())
        return found

    def _sweep(self, connection: Connection, sweep: Sweep, money: _Money) -> Swept:
        wanted = state_is(ACCEPTED)
        if sweep.submits:
            wanted = or_(wanted, and_(state_is(PLANNED), items.c.has_files.is_(False)))
        left = and_(items.c.batch_id == self.batch_id, items.c.owner.is_(None), state_is(*OPEN))
        chosen = select(*_SELECT_STATE).where(left, wanted).limit(sweep.limit)
        rows = connection.execute(chosen).mappings().all()
        takes: list[dict[str, Any]] = []
        found = [self._take(row, SENDING, sweep.price, money, takes) for row in rows]
        if takes:
            connection.execute(_TAKE, takes)
        others = connection.execute(
            select(items.c.id)
            .where(items.c.batch_id == self.batch_id, state_is(*OPEN))
            .where(items.c.owner.is_not(None), items.c.owner != self.worker_id)
            .limit(1)
        ).first()
        return Swept([item for item in found if item is not None], others is not None)

    def _rows(self, connection: Connection, keys: Sequence[str]) -> Iterator[RowMapping]:
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            some = keys[start : start + _KEYS_AT_ONCE]
            parameters = {"wanted_id": self.batch_id, "keys": list(some)}
            yield from connection.execute(_BY_KEYS, parameters).mappings()

    def _look_up(self, connection: Connection, keys: Sequence[str]) -> dict[str, RowMapping]:
        found: dict[str, RowMapping] = {}
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            some = keys[start : start + _KEYS_AT_ONCE]
            parameters = {"wanted_id": self.batch_id, "keys": list(some)}
            rows = connection.execute(_FINISHED, parameters).mappings()
            found |= {row["key"]: row for row in rows}
        return found

    # -- workers -----------------------------------------------------------------------------

    def join(self) -> None:
        """Become a worker of the batch."""
        with self.engine.begin() as connection:
            self._locked_money(connection)
            values = {
                "batch_id": self.batch_id,
                "machine": liveness.this_machine(),
                "process": liveness.this_process(),
                "seen": self._now(connection),
                "share": 0,
            }
            self.worker_id = connection.execute(
                insert(workers).values(values).returning(workers.c.id)
            ).scalar_one()
            self._living_others(connection, self._now(connection))
            self._recount(connection)

    def beat(self, ceiling: int, limit: int, in_flight: int) -> int:
        """Give a sign of life, free what dead workers left, and share the concurrency.

        Args:
            ceiling: How many items all workers may have in flight together.
            limit: How many this one may have now.
            in_flight: How many it has.

        Returns:
            How many it may have from now on.
        """
        with self.engine.begin() as connection:
            self._locked_money(connection)
            now = self._now(connection)
            others = self._living_others(connection, now)
            fair = ceiling if not others else max(1, ceiling // (len(others) + 1))
            free = max(0, ceiling - sum(others))
            if limit > fair:
                # A share shrinks in the journal only after this worker keeps to it.
                share, recorded = fair, max(limit, in_flight)
            else:
                share = min(fair, free)
                recorded = max(share, in_flight)
            values: dict[str, Any] = {"seen": now, "share": recorded}
            mine = workers.c.id == self.worker_id
            if connection.execute(update(workers).where(mine).values(values)).rowcount == 0:
                # This worker was taken for dead, for example because the machine slept.
                values |= {
                    "id": self.worker_id,
                    "batch_id": self.batch_id,
                    "machine": liveness.this_machine(),
                    "process": liveness.this_process(),
                }
                connection.execute(insert(workers).values(values))
            return share

    def leave(self) -> None:
        """Stop being a worker; what is unfinished is free for others."""
        with self.engine.begin() as connection:
            self._locked_money(connection)
            self._free(connection, self.worker_id)

    def _living_others(self, connection: Connection, now: float) -> list[int]:
        """Shares of the other workers, after what dead ones left was freed."""
        found = connection.execute(select(workers).where(workers.c.batch_id == self.batch_id)).all()
        shares: list[int] = []
        for worker in found:
            if worker.id == self.worker_id:
                continue
            is_late = worker.seen < now - liveness.LEASE
            if is_late or liveness.is_gone(worker.machine, worker.process):
                self._free(connection, worker.id)
            else:
                shares.append(worker.share)
        return shares

    def _free(self, connection: Connection, worker_id: int) -> None:
        left = and_(items.c.batch_id == self.batch_id, items.c.owner == worker_id)
        unfinished = and_(left, state_is(*OPEN))
        sending = and_(unfinished, state_is(SENDING))
        connection.execute(update(items).where(sending).values(state=UNCERTAIN))
        connection.execute(update(items).where(unfinished).values(owner=None))
        connection.execute(delete(workers).where(workers.c.id == worker_id))

    def _now(self, connection: Connection) -> float:
        """The database's clock, which all workers share."""
        if connection.dialect.name == "postgresql":
            clock = "extract(epoch from clock_timestamp())"
        else:
            clock = "(julianday('now') - 2440587.5) * 86400.0"
        return float(connection.execute(text(f"SELECT {clock}")).scalar_one())

    # -- reading and corrections ---------------------------------------------------------------

    def counts(self) -> dict[str, int]:
        """How many items are in each state."""
        counted = (
            select(items.c.state, func.count())
            .where(items.c.batch_id == self.batch_id)
            .group_by(items.c.state)
        )
        with self._reading() as connection:
            return {row[0]: row[1] for row in connection.execute(counted)}

    def committed(self) -> int:
        """Nanodollars that are spent or reserved."""
        with self._reading() as connection:
            wanted = select(batches.c.committed).where(batches.c.id == self.batch_id)
            return cast("int", connection.execute(wanted).scalar_one())

    def digests(self, keys: Sequence[str]) -> dict[str, str]:
        """Digests of items that are in the journal, by key."""
        with self._reading() as connection:
            return {row["key"]: row["digest"] for row in self._rows(connection, keys)}

    def rows(self, state: str | None = None) -> Iterator[RowMapping]:
        """All items, or those in a state, in the order they were planned."""
        last = 0
        while True:
            wanted = select(items).where(items.c.batch_id == self.batch_id, items.c.id > last)
            if state is not None:
                wanted = wanted.where(items.c.state == state)
            with self._reading() as connection:
                ordered = wanted.order_by(items.c.id).limit(_ROWS_AT_ONCE)
                found = connection.execute(ordered).mappings().all()
            yield from found
            if len(found) < _ROWS_AT_ONCE:
                return
            last = found[-1]["id"]

    def known_requests(self, request_ids: Sequence[str]) -> set[str]:
        """Those of some request ids that belong to an item."""
        found: set[str] = set()
        with self._reading() as connection:
            for start in range(0, len(request_ids), _KEYS_AT_ONCE):
                some = items.c.request_id.in_(request_ids[start : start + _KEYS_AT_ONCE])
                mine = items.c.batch_id == self.batch_id
                found |= set(
                    connection.execute(select(items.c.request_id).where(mine, some)).scalars()
                )
        return found

    def resolve(self, key: str, request_id: str | None) -> bool:
        """Say which job an uncertain item is, or with None that it is none.

        Returns:
            Whether the item was uncertain.
        """
        values: dict[str, Any] = {"state": ACCEPTED, "request_id": request_id, "owner": None}
        if request_id is None:
            values = {"state": PLANNED, "owner": None}
        wanted = and_(items.c.batch_id == self.batch_id, items.c.key == key, state_is(UNCERTAIN))
        with self.engine.begin() as connection:
            return connection.execute(update(items).where(wanted).values(values)).rowcount > 0

    def _reading(self) -> Any:
        return self.engine.connect().execution_options(**READING)


@dataclass
class _Money:
    """What may still be spent.

    Attributes:
        free: Nanodollars, or None for any amount.
        taken: Nanodollars that were taken in this transaction.
    """

    free: int | None
    taken: int = 0

    def take(self, amount: int) -> bool:
        """Take an amount if there is enough."""
        if self.free is not None and amount > self.free - self.taken:
            return False
        self.taken += amount
        return True


def _new_item(claim: Claim, item_id: int) -> TakenItem:
    return TakenItem(
        item_id, claim.key, claim.state, None, claim.price, 0, claim.digest, claim.text
    )


_LOCK_MONEY = (
    select(batches.c.committed).where(batches.c.id == bindparam("wanted_id")).with_for_update()
)
_ADD_MONEY = (
    update(batches)
    .where(batches.c.id == bindparam("wanted_id"))
    .values(committed=batches.c.committed + bindparam("delta"))
)
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
_WITH_KEYS = and_(
    items.c.batch_id == bindparam("wanted_id"), items.c.key.in_(bindparam("keys", expanding=True))
)
_BY_KEYS = select(*_SELECT_STATE).where(_WITH_KEYS)
_FINISHED = select(items).where(_WITH_KEYS, state_is(COMPLETED, FAILED, UNCERTAIN))
