"""Seeded randomness: the emulator's random choices are the same in every run."""

from __future__ import annotations

import random


def seeded(seed: int) -> random.Random:
    """Make a random number generator.

    Args:
        seed: The same seed gives the same numbers.

    Returns:
        The generator.

    >>> seeded(7).random() == seeded(7).random()
    True
    """
    return random.Random(seed)  # noqa: S311  (nothing here is a secret)
