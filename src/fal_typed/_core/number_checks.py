"""Checks numbers that callers pass: times, sizes and counts."""

from __future__ import annotations

from fal_typed.errors import FalInputError

MAX_SECONDS = 1_000_000
"""11 days; operating systems reject waits that are not much longer."""


def check_seconds(name: str, value: object, *, above: float | None = None) -> None:
    """Check a time in seconds; None is accepted.

    Args:
        name: The argument's name.
        value: Its value.
        above: The value must exceed this. Default: it may be 0.

    Raises:
        FalInputError: It is not a number, or too large or too small.
    """
    if value is None:
        return
    low = "from 0 to" if above is None else f"above {above:g} and at most"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        is_enough = value >= 0 if above is None else value > above
        if is_enough and value <= MAX_SECONDS:
            return
    raise FalInputError(f"{name} must be a number of seconds, {low} {MAX_SECONDS:,}, or None.")


def check_count(name: str, value: object, *, low: int, high: int | None = None) -> None:
    """Check a whole number; None is accepted.

    Raises:
        FalInputError: It is not an integer within the bounds.
    """
    if value is None:
        return
    if isinstance(value, int) and not isinstance(value, bool):
        is_within = value >= low and (high is None or value <= high)
        if is_within:
            return
    bounds = f"of at least {low}" if high is None else f"from {low} to {high}"
    raise FalInputError(f"{name} must be an integer {bounds}.")
