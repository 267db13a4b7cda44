"""What a benchmark reports, and how two programs are timed fairly."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Figure:
    """One thing measured for this SDK and for a rival in the same run.

    Attributes:
        name: What was measured.
        ours: The figure of this SDK.
        theirs: The figure of the rival.
        unit: Unit of both.
        rival: What the rival is.
        at_most: Largest ratio ours / theirs that is good enough; None if there is no such bound.
        at_least: Smallest ratio ours / theirs that is good enough; None if there is none.
    """

    name: str
    ours: float
    theirs: float
    unit: str
    rival: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def ratio(self) -> float:
        """Ours as a multiple of theirs."""
        return self.ours / self.theirs

    @property
    def missed(self) -> bool:
        """Say whether the ratio is outside its bounds."""
        too_high = self.at_most is not None and self.ratio > self.at_most
        too_low = self.at_least is not None and self.ratio < self.at_least
        return too_high or too_low

    def __str__(self) -> str:
        parts = [
            f"{self.name}: {self.ours:,.2f} {self.unit}",
            f"{self.rival} {self.theirs:,.2f} {self.unit}",
            f"ratio {self.ratio:.2f}",
        ]
        if self.at_most is not None:
            parts.append(f"target at most {self.at_most:g}")
        if self.at_least is not None:
            parts.append(f"target at least {self.at_least:g}")
        if self.missed:
            parts.append("MISSED")
        return ", ".join(parts)


def in_turn(rounds: int, *measures: Callable[[], float]) -> list[float]:
    """Take each measure once a round, in turn, so that a slow spell of the machine hits all.

    Args:
        rounds: How often each is taken.
        measures: What measures and returns one figure.

    Returns:
        The median figure of each, in the order given.
    """
    figures = [[measure() for measure in measures] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*figures, strict=True)]
