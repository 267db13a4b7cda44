"""What a run did, and what a batch will cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from fal_typed.batch.batch_errors import RowProblem
from fal_typed.batch.tables import ACCEPTED, COMPLETED, FAILED, UNCERTAIN

if TYPE_CHECKING:
    from fal_typed.batch.batch_items import BatchItem

_MOST_KEYS = 20
_STOPPED = {
    "budget": "stopped: the budget does not allow another item",
    "error": "stopped by an error; run the batch again to continue",
    "interrupted": "stopped before the end; run the batch again to continue",
}


@dataclass
class BatchReport:
    """What a run did.

    Attributes:
        endpoint_id: Id of the endpoint.
        completed: Items that this run finished with a result.
        failed: Items that this run finished with an error.
        uncertain: Items that may or may not have been accepted.
        unfinished: Items that were accepted, and whose result could not be fetched.
        invalid: Items that were never sent.
        replayed: Items that were finished before this run came to them.
        submitted: Requests that the platform accepted.
        refusals: How often the platform refused a request for the moment.
        files: Files that were saved.
        cost: Dollars that the items of this run cost, or None when the price is unknown.
        seconds: How long the run took.
        journal_seconds: CPU time of the journal.
        stopped: `budget` when the budget did not allow more, `error` or `interrupted` when the
            run ended early, else None.
        uncertain_keys: The first keys of uncertain items.
    """

    endpoint_id: str
    completed: int = 0
    failed: int = 0
    uncertain: int = 0
    unfinished: int = 0
    invalid: int = 0
    replayed: int = 0
    submitted: int = 0
    refusals: int = 0
    files: int = 0
    cost: float | None = None
    seconds: float = 0.0
    journal_seconds: float = 0.0
    stopped: Literal["budget", "error", "interrupted"] | None = None
    uncertain_keys: list[str] = field(default_factory=list[str])

    @property
    def done(self) -> int:
        """Items that this run came to."""
        return self.completed + self.failed + self.uncertain + self.unfinished + self.invalid

    def count(self, item: BatchItem[Any]) -> None:
        """Count an item that is returned."""
        if item.state == UNCERTAIN:
            self.uncertain += 1
            if len(self.uncertain_keys) < _MOST_KEYS:
                self.uncertain_keys.append(item.key)
        elif item.replayed:
            self.replayed += 1
        elif item.state == COMPLETED:
            self.completed += 1
            self.files += len(item.files)
        elif item.state == FAILED:
            self.failed += 1
        elif item.state == ACCEPTED:
            self.unfinished += 1
        else:
            self.invalid += 1

    def __str__(self) -> str:
        lines = [f"{self.endpoint_id}: {self.completed} completed, {self.failed} failed"]
        for count, words in (
            (self.replayed, "finished earlier"),
            (self.invalid, "invalid"),
            (self.unfinished, "accepted, not fetched yet; run the batch again"),
        ):
            if count:
                lines.append(f"{count} {words}")
        if self.uncertain:
            more = " …" if self.uncertain > len(self.uncertain_keys) else ""
            keys = ", ".join(self.uncertain_keys) + more
            lines.append(f"{self.uncertain} uncertain, the next run looks them up: {keys}")
        if self.stopped is not None:
            lines.append(_STOPPED[self.stopped])
        rate = self.done / self.seconds if self.seconds else 0.0
        cost = "" if self.cost is None else f", ${self.cost:.4f}"
        lines.append(f"{self.seconds:.1f} s, {rate:.1f} items/s{cost}")
        return "\n".join(lines)


@dataclass(frozen=True)
class BatchPlan:
    """What a run would do; nothing was submitted.

    Attributes:
        items: Valid items.
        known: Those of them that are in the journal already.
        problems: Invalid rows, with their lines.
        unit_price: Dollars for one unit, or None when the price is unknown.
        cost: Dollars that the items that are not in the journal are expected to cost, or None.
    """

    items: int
    known: int
    problems: Sequence[RowProblem]
    unit_price: float | None
    cost: float | None

    def __str__(self) -> str:
        cost = "an unknown price" if self.cost is None else f"about ${self.cost:.4f}"
        known = f"{self.known} of them in the journal"
        invalid = f"{len(self.problems)} invalid"
        first = f"{self.items} valid rows, {known}, {invalid}; the rest costs {cost}"
        return "\n".join([first, *map(str, self.problems)])
