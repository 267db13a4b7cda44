"""JSON bodies as the emulator reads and writes them."""

from __future__ import annotations

import json
from typing import Any


def dump(value: Any) -> bytes:
    """Serialize to compact JSON.

    Args:
        value: Any JSON value.

    Returns:
        ASCII bytes, so that even half a surrogate pair from an input survives.
    """
    return json.dumps(value, separators=(",", ":")).encode()


def parse(body: bytes) -> Any:
    """Parse JSON strictly: NaN and Infinity are invalid.

    Args:
        body: The text.

    Returns:
        The value.

    Raises:
        ValueError: The text is not valid JSON.
    """

    def reject(name: str) -> Any:
        raise ValueError(f"{name} is not valid JSON")

    try:
        return json.loads(body, parse_constant=reject)
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error
