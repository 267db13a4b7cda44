"""Copies and pickles of objects that hold a connection."""

from __future__ import annotations


def not_copyable(value: object) -> TypeError:
    """The error for copying or pickling an object that holds a connection."""
    return TypeError(
        f"{value!r} holds a connection, so it cannot be copied or pickled. Copy it before it is "
        "opened, or create another one."
    )
