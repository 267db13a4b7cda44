"""Shortens what `repr` shows of long values: embeddings, data URIs, long texts and bytes."""

from __future__ import annotations

from typing import Any, cast

_MAX_ITEMS = 20
_FIRST_ITEMS, _LAST_ITEMS = 3, 2
_MAX_TEXT, _MAX_DATA_URI, _MAX_BYTES = 2000, 80, 80
_SHOWN_TEXT, _SHOWN_DATA, _SHOWN_BYTES = 1000, 48, 24
_MAX_DEPTH = 40


class _Shown:
    """Stands for a value in a `repr`."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def shortened(value: object, depth: int = 0) -> Any:
    """Replace the long parts of a value by something with a short `repr`.

    Args:
        value: Any value; models shorten their own fields.
        depth: How deep it is nested.

    >>> shortened(list(range(1536)))
    [0, 1, 2, … 1,531 more, 1534, 1535]
    >>> shortened({"url": "data:image/png;base64," + "A" * 5000})
    {'url': 'data:image/png;base64,AAAAAAAAAAAAAAAAAAAAAAAAAA…' (5,022 characters)}
    """
    if isinstance(value, str):
        return _short_text(value)
    if isinstance(value, (bytes, bytearray)):
        return _short_bytes(bytes(value)) if len(value) > _MAX_BYTES else value
    if depth > _MAX_DEPTH and isinstance(value, (list, tuple, dict)):
        return _Shown("…")
    if type(value) is list:
        return _short_items(cast("list[object]", value), depth)
    if type(value) is tuple:
        return tuple(_short_items(list(cast("tuple[object, ...]", value)), depth))
    if type(value) is dict:
        items = cast("dict[object, object]", value).items()
        return {key: shortened(item, depth + 1) for key, item in items}
    return value


def _short_items(items: list[object], depth: int) -> list[object]:
    if len(items) <= _MAX_ITEMS:
        return [shortened(item, depth + 1) for item in items]
    first = [shortened(item, depth + 1) for item in items[:_FIRST_ITEMS]]
    last = [shortened(item, depth + 1) for item in items[-_LAST_ITEMS:]]
    more = len(items) - _FIRST_ITEMS - _LAST_ITEMS
    return [*first, _Shown(f"… {more:,} more"), *last]


def _short_text(text: str) -> object:
    is_data = text[:5].lower() == "data:"
    if len(text) <= (_MAX_DATA_URI if is_data else _MAX_TEXT):
        return text
    is_prose = not is_data and any(space in text[:_SHOWN_TEXT] for space in " \n")
    shown = text[: _SHOWN_TEXT if is_prose else _SHOWN_DATA]
    return _Shown(f"{f'{shown}…'!r} ({len(text):,} characters)")


def _short_bytes(content: bytes) -> _Shown:
    return _Shown(f"{content[:_SHOWN_BYTES]!r}… ({len(content):,} bytes)")
