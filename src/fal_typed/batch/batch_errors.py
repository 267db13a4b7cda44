"""Errors that only a batch raises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fal_typed.errors import FalError, FalInputError

_MOST_SHOWN = 50


@dataclass(frozen=True)
class RowProblem:
    """A row that cannot be sent.

    Attributes:
        line: Line of the file, or number of the row, from 1.
        key: The item's key, or None when it has none yet.
        message: What is wrong.
    """

    line: int
    key: str | None
    message: str

    def __str__(self) -> str:
        name = "" if self.key is None else f" ({self.key})"
        return f"line {self.line}{name}: {self.message}"


class BatchInputError(FalInputError):
    """Rows of a batch are invalid; nothing was submitted.

    Attributes:
        problems: Every invalid row, with its line.
    """

    def __init__(self, problems: Sequence[RowProblem]) -> None:
        shown = "\n".join(f"  {problem}" for problem in problems[:_MOST_SHOWN])
        more = len(problems) - _MOST_SHOWN
        rest = f"\n  … and {more} more; see `problems`" if more > 0 else ""
        count = "1 row is" if len(problems) == 1 else f"{len(problems)} rows are"
        super().__init__(f"{count} invalid; nothing was submitted.\n{shown}{rest}")
        self.problems = list(problems)


class BatchKeyError(FalInputError):
    """A key is in the journal with another input.

    Attributes:
        key: The item's key.
    """

    def __init__(self, key: str) -> None:
        super().__init__(
            f"The journal has another input under the key {key!r}. Use a new key, or another "
            "journal or batch name."
        )
        self.key = key


class BatchUncertainError(FalError):
    """An item was being submitted when its process or its connection ended.

    The platform may or may not have accepted it, so it was not submitted again. Look for it at
    https://fal.ai/dashboard: pass the request id to `resolve`, or run the batch with
    `resubmit_uncertain=True`.
    """


class BatchJournalError(FalError):
    """The journal cannot be used for this batch."""
