"""Warnings that name the caller's line, not one of ours."""

from __future__ import annotations

import inspect
import warnings

_SKIPPED = ("fal_typed", "pydantic", "contextlib", "asyncio")


def warn_caller(message: str, category: type[Warning]) -> None:
    """Warn at the line of the caller's code that led here.

    Python hides warnings of libraries by default, and shows each line's warning once.
    """
    frame, level = inspect.currentframe(), 1
    while frame is not None and _package(frame.f_globals) in _SKIPPED:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _package(names: dict[str, object]) -> str:
    return str(names.get("__name__", "")).partition(".")[0]
