"""Checks rows before anything is submitted, and says what they will cost."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

from fal_typed.batch.batch_errors import BatchKeyError, RowProblem
from fal_typed.batch.batch_report import BatchPlan
from fal_typed.batch.money import dollars
from fal_typed.batch.rows import numbered

if TYPE_CHECKING:
    from fal_typed.batch.batch_inputs import InputPlanner, PlannedInput
    from fal_typed.batch.batch_rows import BatchInputs
    from fal_typed.batch.journal import Journal
    from fal_typed.batch.money import ItemPrice

_AT_ONCE = 500


def plan_rows(
    inputs: BatchInputs[Any],
    planner: InputPlanner[Any],
    journal: Journal | None,
    price: ItemPrice,
) -> BatchPlan:
    """Check every row.

    Args:
        inputs: The inputs of a run.
        planner: Makes items of rows.
        journal: The batch so far, or None when there is none yet.
        price: What an item costs.
    """
    valid = known = new = 0
    problems: list[RowProblem] = []
    with closing(_SeenKeys()) as seen:
        for rows in _pieces(map(planner.plan, numbered(inputs))):
            planned = [item for item in rows if not isinstance(item, RowProblem)]
            problems += [item for item in rows if isinstance(item, RowProblem)]
            digests = {} if journal is None else journal.digests([item.key for item in planned])
            for item in planned:
                problem, is_new = _checked(item, digests.get(item.key), seen)
                if problem is not None:
                    problems.append(problem)
                    continue
                valid += 1
                known += item.key in digests
                new += is_new
    problems.sort(key=lambda problem: problem.line)
    cost = dollars(new * price.expected) if price.is_known else None
    unit = None if price.unit is None else dollars(price.unit)
    return BatchPlan(valid, known, problems, unit, cost)


def _checked(
    item: PlannedInput[Any], stored: str | None, seen: _SeenKeys
) -> tuple[RowProblem | None, bool]:
    """What is wrong with the key of an item, and whether the item is a new one."""
    if stored is not None:
        is_same = stored == item.digest
        message = BatchKeyError(item.key).message
        return None if is_same else RowProblem(item.line, item.key, message), False
    line, digest = seen.first(item)
    if digest != item.digest:
        message = f"line {line} has another input under this key"
        return RowProblem(item.line, item.key, message), False
    return None, line == item.line


class _SeenKeys:
    """The keys of the rows so far, in a temporary file when there are many."""

    def __init__(self) -> None:
        self._rows = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._rows.execute("CREATE TABLE seen (key PRIMARY KEY, line, digest) WITHOUT ROWID")
        self._rows.execute("BEGIN")

    def first(self, item: PlannedInput[Any]) -> tuple[int, str]:
        """The line and the digest of the first row with the item's key, which may be its own."""
        values = (item.key, item.line, item.digest)
        if self._rows.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", values).rowcount:
            return item.line, item.digest
        found = self._rows.execute("SELECT line, digest FROM seen WHERE key = ?", (item.key,))
        line, digest = found.fetchone()
        return line, digest

    def close(self) -> None:
        """Remove the file."""
        self._rows.close()


def _pieces(items: Iterator[Any]) -> Iterator[Sequence[Any]]:
    while piece := list(islice(items, _AT_ONCE)):
        yield piece
