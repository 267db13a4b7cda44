"""Checks rows before anything is submitted, and says what they will cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from fal_typed.batch.batch_errors import BatchKeyError, RowProblem
from fal_typed.batch.batch_report import BatchPlan
from fal_typed.batch.money import dollars
from fal_typed.batch.rows import numbered

if TYPE_CHECKING:
    from fal_typed.batch.batch_inputs import InputPlanner, PlannedInput
    from fal_typed.batch.journal import Journal
    from fal_typed.batch.money import ItemPrice

_AT_ONCE = 500


def plan_rows(
    inputs: Iterable[Any],
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
    valid = known = 0
    problems: list[RowProblem] = []
    for rows in _pieces(map(planner.plan, numbered(inputs))):
        planned: list[PlannedInput[Any]] = []
        for item in rows:
            if isinstance(item, RowProblem):
                problems.append(item)
            else:
                planned.append(item)
        digests = {} if journal is None else journal.digests([item.key for item in planned])
        for item in planned:
            digest = digests.get(item.key)
            if digest in (None, item.digest):
                valid += 1
                known += digest is not None
            else:
                problem = BatchKeyError(item.key).message
                problems.append(RowProblem(item.line, item.key, problem))
    cost = dollars((valid - known) * price.expected) if price.is_known else None
    unit = None if price.unit is None else dollars(price.unit)
    return BatchPlan(valid, known, problems, unit, cost)


def _pieces(items: Iterator[Any]) -> Iterator[list[Any]]:
    while piece := list(islice(items, _AT_ONCE)):
        yield piece
