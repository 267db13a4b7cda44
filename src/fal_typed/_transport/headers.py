"""Response headers as flows read them."""

from __future__ import annotations

from collections.abc import Iterable


def header_map(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by lower-case name; the values of a repeated header are joined with commas."""
    headers: dict[str, str] = {}
    for key, value in items:
        name = key.lower()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
