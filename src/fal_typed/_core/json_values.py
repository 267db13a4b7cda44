"""Type narrowing for parsed JSON from outside."""

from __future__ import annotations

from typing import Any, cast


def as_object(value: object) -> dict[str, Any] | None:
    """The value if it is a JSON object, else None."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def as_list(value: object) -> list[Any] | None:
    """The value if it is a JSON list, else None."""
    return value if isinstance(value, list) else None  # pyright: ignore[reportUnknownVariableType]


def as_text(value: object) -> str | None:
    """The value if it is a string, else None."""
    return value if isinstance(value, str) else None
