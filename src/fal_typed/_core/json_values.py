"""Type narrowing for parsed JSON from outside."""

from __future__ import annotations

import json
from typing import Any, cast


def parse_json(text: str | bytes | bytearray) -> Any:
    """Parse JSON of any depth and with numbers of any size.

    Raises:
        ValueError: The text is not JSON, or it is too much to be parsed.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def as_object(value: object) -> dict[str, Any] | None:
    """The value if it is a JSON object, else None."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def as_list(value: object) -> list[Any] | None:
    """The value if it is a JSON list, else None."""
    return value if isinstance(value, list) else None  # pyright: ignore[reportUnknownVariableType]


def as_text(value: object) -> str | None:
    """The value if it is a string, else None."""
    return value if isinstance(value, str) else None
