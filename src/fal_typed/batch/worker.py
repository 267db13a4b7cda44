"""Workers of a batch: signs of life, shares of the concurrency, and what dead ones left behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, insert, select, text, update

from fal_typed.batch import ledger, liveness
from fal_typed.batch.tables import OPEN, SENDING, UNCERTAIN, items, state_is, workers

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from fal_typed.batch.journal import Journal


@dataclass
class Worker:
    """One process that works on a batch.

    Attributes:
        journal: The batch.
        budget: Nanodollars that may be spent or reserved, or None for no limit.
        learns: Whether only results say what an item costs.
        id: Its id in the journal, 0 before it joined.
    """

    journal: Journal
    budget: int | None = None
    learns: bool = False
    id: int = 0

    def join(self) -> None:
        """Become a worker of the batch."""
        with self.journal.engine.begin() as connection:
            ledger.lock(connection, self.journal.batch_id)
            now = _now(connection)
            values = {**self._identity(), "seen": now, "share": 0}
            self.id = connection.execute(
                insert(workers).values(values).returning(workers.c.id)
            ).scalar_one()
            self._living_others(connection, now)
            ledger.recount(connection, self.journal.batch_id)

    def beat(self, ceiling: int, limit: int, in_flight: int) -> int:
        """Give a sign of life, free what dead workers left, and share the concurrency.

        Args:
            ceiling: How many items all workers may have in flight together.
            limit: How many this one may have now.
            in_flight: How many it has.

        Returns:
            How many it may have from now on.
        """
        with self.journal.engine.begin() as connection:
            ledger.lock(connection, self.journal.batch_id)
            now = _now(connection)
            others = self._living_others(connection, now)
            fair = max(1, ceiling // (len(others) + 1))
            free = max(0, ceiling - sum(others))
            if limit > fair:
                # A share shrinks in the journal only after this worker keeps to it.
                share, recorded = fair, max(limit, in_flight)
            else:
                share = min(fair, free)
                recorded = max(share, in_flight)
            values: dict[str, Any] = {"seen": now, "share": recorded}
            mine = workers.c.id == self.id
            if connection.execute(update(workers).where(mine).values(values)).rowcount == 0:
                # This worker was taken for dead, for example because the machine slept.
                values |= {"id": self.id, **self._identity()}
                connection.execute(insert(workers).values(values))
            return share

    def leave(self) -> None:
        """Stop being a worker; what is unfinished is free for others."""
        with self.journal.engine.begin() as connection:
            ledger.lock(connection, self.journal.batch_id)
            self._free(connection, self.id)

    def _identity(self) -> dict[str, Any]:
        return {
            "batch_id": self.journal.batch_id,
            "machine": liveness.this_machine(),
            "process": liveness.this_process(),
        }

    def _living_others(self, connection: Connection, now: float) -> list[int]:
        """Shares of the other workers, after what dead ones left was freed."""
        mine = workers.c.batch_id == self.journal.batch_id
        shares: list[int] = []
        for other in connection.execute(select(workers).where(mine)).all():
            if other.id == self.id:
                continue
            is_late = other.seen < now - liveness.LEASE
            if is_late or liveness.is_gone(other.machine, other.process):
                self._free(connection, other.id)
            else:
                shares.append(other.share)
        return shares

    def _free(self, connection: Connection, worker_id: int) -> None:
        left = and_(items.c.batch_id == self.journal.batch_id, items.c.owner == worker_id)
        unfinished = and_(left, state_is(*OPEN))
        sending = and_(unfinished, state_is(SENDING))
        connection.execute(update(items).where(sending).values(state=UNCERTAIN))
        connection.execute(update(items).where(unfinished).values(owner=None))
        connection.execute(delete(workers).where(workers.c.id == worker_id))


def _now(connection: Connection) -> float:
    """The database's clock, which all workers share."""
    if connection.dialect.name == "postgresql":
        clock = "extract(epoch from clock_timestamp())"
    else:
        clock = "(julianday('now') - 2440587.5) * 86400.0"
    return float(connection.execute(text(f"SELECT {clock}")).scalar_one())
