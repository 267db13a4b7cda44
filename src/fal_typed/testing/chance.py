"""Seeded chance: what is not decided by an input is decided by this."""

from __future__ import annotations

import random


def chance(seed: int) -> random.Random:
    """A source of numbers that repeats itself.

    Args:
        seed: Same seed, same numbers.

    Returns:
        The source.

    >>> chance(7).random() == chance(7).random()
    True
    """
    return random.Random(seed)  # noqa: S311  (the answers of an emulator guard no secret)
