"""Money, counted in whole nanodollars so that a hundred cents are a dollar."""

from __future__ import annotations

from dataclasses import dataclass

_NANO = 1_000_000_000


def nanodollars(dollars: float) -> int:
    """Dollars as whole nanodollars."""
    return round(dollars * _NANO)


def dollars(nano: int) -> float:
    """Nanodollars as dollars."""
    return nano / _NANO


@dataclass(frozen=True)
class ItemPrice:
    """What an item is expected to cost, and what it did cost.

    Attributes:
        unit: Price of a unit, in nanodollars, or None when it is unknown.
        expected: What is reserved for an item before it is sent, unless another one did cost more.
        is_per_item: Whether an item costs `unit`, however many units its result reports.
    """

    unit: int | None
    expected: int
    is_per_item: bool = False

    @property
    def is_known(self) -> bool:
        """Whether costs can be counted."""
        return self.unit is not None

    def of(self, units: float | None) -> int:
        """What a finished item costs.

        Args:
            units: Billable units that its result reports, or None if it reports none.
        """
        if self.unit is None or units == 0:
            return 0
        if units is None or self.is_per_item:
            return self.expected
        return round(self.unit * units)
