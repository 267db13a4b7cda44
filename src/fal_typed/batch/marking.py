"""Moving items that a worker owns to another state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, not_, select, update

from fal_typed.batch.operations import COLUMNS_OF, Mark, Release
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
    from sqlalchemy import Connection, Update

_IDS_AT_ONCE = 500


def mark_items(connection: Connection, worker_id: int, marks: Sequence[Mark]) -> list[bool]:
    """Move items to other states.

    Args:
        connection: A connection with a transaction.
        worker_id: The worker that owns them.
        marks: The items and their states.

    Returns:
        For each whether the worker still owned it.
    """
    by_state: dict[str, list[Mark]] = {}
    for mark in marks:
        by_state.setdefault(mark.state, []).append(mark)
    lost: set[int] = set()
    for state, group in by_state.items():
        parameters = [mark.parameters(worker_id) for mark in group]
        if connection.execute(_STATEMENTS[state], parameters).rowcount != len(group):
            ids = [mark.id for mark in group]
            lost |= set(ids) - _owned(connection, worker_id, state, ids)
    return [mark.id not in lost for mark in marks]


def release_items(connection: Connection, worker_id: int, releases: Sequence[Release]) -> None:
    """Give items back that were not sent."""
    unsent = [{"worker_id": worker_id, "item_id": each.id} for each in releases if each.is_unsent]
    if unsent:
        connection.execute(_RELEASE, unsent)


def _owned(connection: Connection, worker_id: int, state: str, ids: Sequence[int]) -> set[int]:
    mine = and_(items.c.owner == worker_id, items.c.state == state)
    found: set[int] = set()
    for start in range(0, len(ids), _IDS_AT_ONCE):
        some = items.c.id.in_(ids[start : start + _IDS_AT_ONCE])
        found |= set(connection.execute(select(items.c.id).where(some, mine)).scalars())
    return found


def _statement(state: str) -> Update:
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in COLUMNS_OF[state]}
    if state == ACCEPTED:
        values["owner"] = bindparam("worker_id")
    where = and_(items.c.id == bindparam("item_id"), _FROM[state])
    return update(items).where(where).values(state=state, **values)


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
_STATEMENTS = {state: _statement(state) for state in COLUMNS_OF}
_RELEASE = (
    update(items)
    .where(items.c.id == bindparam("item_id"), _MINE, state_is(PLANNED, SENDING))
    .values(state=PLANNED, owner=None)
)
