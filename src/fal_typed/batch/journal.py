"""The journal: what is known of each item, on disk before anything depends on it.

An item is planned → sending → accepted → completed or failed. It is `sending` on disk before its
request leaves, so whatever was being sent when a process died is known to be uncertain. Each
unfinished item has an owner, the worker that works on it; what a dead worker owned is free again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import and_, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from fal_typed.batch.batch_errors import BatchJournalError
from fal_typed.batch.tables import (
    ACCEPTED,
    PLANNED,
    READING,
    UNCERTAIN,
    batches,
    items,
    open_engine,
    state_is,
)

if TYPE_CHECKING:
    import os

    from sqlalchemy import Engine, RowMapping

_ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class Journal:
    """One batch in a journal: reading it, and correcting what is uncertain.

    Attributes:
        engine: The database.
        batch_id: Id of the batch in it.
    """

    engine: Engine
    batch_id: int

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
            # Another process may begin it at the same moment.
            with suppress(IntegrityError), engine.begin() as connection:
                values = {"name": name, "endpoint": endpoint_id, "committed": 0}
                connection.execute(insert(batches).values(values))
            with engine.begin() as connection:
                found = connection.execute(wanted).one()
        if found.endpoint != endpoint_id:
            engine.dispose()
            raise BatchJournalError(
                f"The batch {name!r} of this journal calls {found.endpoint}, not {endpoint_id}. "
                "Use another journal or another name."
            )
        return cls(engine, found.id)

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
        """Digests of items that are in the journal, by key; 500 keys at most."""
        mine = and_(items.c.batch_id == self.batch_id, items.c.key.in_(keys))
        with self._reading() as connection:
            rows = connection.execute(select(items.c.key, items.c.digest).where(mine))
            return {row.key: row.digest for row in rows}

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
            for start in range(0, len(request_ids), _ROWS_AT_ONCE):
                some = items.c.request_id.in_(request_ids[start : start + _ROWS_AT_ONCE])
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
