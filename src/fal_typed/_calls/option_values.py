"""Checks the values of call options, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fal_typed._core.number_checks import check_count, check_seconds
from fal_typed.errors import FalInputError

# What each time must exceed; None where it may be 0.
_SECONDS: Mapping[str, float | None] = {
    "timeout": 0,
    "client_timeout": 0,
    "idle_timeout": 0,
    "start_timeout": 1,
    "interval": None,
    "throttle": None,
}
_COUNTS: Mapping[str, tuple[int, int | None]] = {
    "inline_files": (0, None),
    "max_queue_length": (0, None),
    "max_buffering": (1, 60),
    "token_expiration": (1, None),
}


def check_values(options: Mapping[str, Any]) -> None:
    """Check the values of options.

    Raises:
        FalInputError: A value has the wrong type, or is out of bounds.
    """
    for name, above in _SECONDS.items():
        check_seconds(name, options[name], above=above)
    for name, (low, high) in _COUNTS.items():
        check_count(name, options[name], low=low, high=high)
    if not isinstance(options["headers"], Mapping):
        raise FalInputError("headers must be a mapping of names to values.")
