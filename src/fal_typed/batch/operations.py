"""Operations on the journal, and their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from fal_typed.batch.tables import ACCEPTED, COMPLETED, FAILED, PLANNED, SENDING, UNCERTAIN

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

COLUMNS_OF: Mapping[str, tuple[str, ...]] = {
    PLANNED: (),
    SENDING: ("sent_at",),
    ACCEPTED: ("request_id",),
    UNCERTAIN: (),
    COMPLETED: ("output", "files", "cost"),
    FAILED: ("error", "cost"),
}
"""Columns that a mark sets beside the state, by state."""


@dataclass(frozen=True)
class Claim:
    """Take an item; gives a `Claimed`.

    Attributes:
        state: `sending` to submit it at once, `planned` when files are uploaded first.
        price: Nanodollars to reserve for it.
        again: Which of `failed` and `uncertain` items are taken to be submitted again.
    """

    key: str
    digest: str
    text: str
    has_files: bool
    state: str
    price: int
    again: frozenset[str] = frozenset()


class TakenItem(NamedTuple):
    """An item that this worker owns.

    Attributes:
        state: `planned`, `sending`, or `accepted` when only its result has to be fetched.
        reserved: Nanodollars reserved for it.
        prior: Nanodollars that earlier attempts did or may have cost.
        is_probe: Whether the others wait to know what it costs.
    """

    id: int
    key: str
    state: str
    request_id: str | None
    reserved: int
    prior: int
    digest: str
    text: str
    is_probe: bool = False


class Claimed(NamedTuple):
    """What came of a claim.

    Attributes:
        outcome: `taken`; `busy`: another worker has it; `final`: it is finished; `changed`: the
            key has another input; `over_budget`; `unpriced`: the item that says what all others
            cost is in progress.
        taken: The item, when it was taken.
        row: The row of the journal, when it is final.
    """

    outcome: Literal["taken", "busy", "final", "changed", "over_budget", "unpriced"]
    taken: TakenItem | None = None
    row: RowMapping | None = None


@dataclass(frozen=True)
class Mark:
    """Move an item to another state; gives whether this worker still owned it.

    Attributes:
        delta: Nanodollars by which what is spent or reserved changes.
        cost: Nanodollars that the item cost in all.
        spent: Nanodollars that this attempt cost, when its result says so.
        sent_at: When it is sent, by the clock of the system.
    """

    id: int
    state: str
    delta: int = 0
    cost: int = 0
    spent: int | None = None
    request_id: str | None = None
    error: str | None = None
    output: str | None = None
    files: str | None = None
    sent_at: float | None = None

    def parameters(self, worker_id: int) -> dict[str, Any]:
        """Values of the statement of its state."""
        values: dict[str, Any] = {"item_id": self.id, "worker_id": worker_id}
        for name in COLUMNS_OF[self.state]:
            values[f"new_{name}"] = getattr(self, name)
        return values


@dataclass(frozen=True)
class Sweep:
    """Take items that dead or finished workers left behind; gives a `Swept`.

    Attributes:
        limit: The most to take.
        price: Nanodollars to reserve for an item that has not been submitted.
        submits: Whether items that have not been submitted are taken as well.
    """

    limit: int
    price: int
    submits: bool


class Swept(NamedTuple):
    """Items that were left behind, and whether other workers still work on some."""

    taken: list[TakenItem]
    others_work: bool


@dataclass(frozen=True)
class Lookup:
    """Look up items; gives the rows of those that are finished or uncertain, by key."""

    keys: Sequence[str]


@dataclass(frozen=True)
class Release:
    """Note that the work on an item ended, finished or not; gives nothing.

    Attributes:
        is_unsent: Whether its request was not sent, so that the item is free for others.
    """

    id: int
    is_unsent: bool


Operation = Claim | Mark | Sweep | Lookup | Release
