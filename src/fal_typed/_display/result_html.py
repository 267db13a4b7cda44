"""HTML of results, models and files: the media first, then the other fields as a table."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any, cast

from fal_typed._display.media_html import files_html, files_in, is_file
from fal_typed._display.short_repr import shortened

# Notebooks typeset formulas in HTML; prompts contain dollar signs.
_BOX = '<div class="tex2jax_ignore mathjax_ignore">{}</div>'
_TABLE = '<table style="margin-top: 4px">{}</table>'
_ROW = (
    '<tr><th style="text-align: left; vertical-align: top">{}</th>'
    '<td style="text-align: left; white-space: pre-wrap; overflow-wrap: anywhere">{}</td></tr>'
)
_NOTE = '<div style="font-size: 85%; opacity: 0.75">{}</div>'
_MAX_ROWS = 50
_MAX_TEXT = 5000


def html_of(shown: Any) -> str:
    """The HTML of a result, a model or a file."""
    is_result = hasattr(shown, "raw_response")
    data = shown.data if is_result else shown
    files = files_in(data)
    parts = [files_html(files)] if files else []
    rows = [] if is_file(data) else _rows(data)
    if rows:
        parts.append(_TABLE.format("".join(rows[:_MAX_ROWS])))
    if is_result:
        parts.append(_NOTE.format(escape(_facts(shown))))
    return _BOX.format("".join(parts))


def _rows(data: object) -> list[str]:
    return [
        _ROW.format(escape(str(name)[:100]), _text(value))
        for name, value in _fields(data)
        if not _is_only_files(value)
    ]


def _fields(data: object) -> Iterable[tuple[object, object]]:
    if isinstance(data, dict):
        return cast("dict[object, object]", data).items()
    if hasattr(type(data), "model_fields"):
        return cast("Iterable[tuple[object, object]]", data)
    return [("data", data)]


def _is_only_files(value: object) -> bool:
    if isinstance(value, list):
        items = cast("list[object]", value)
        return bool(items) and all(is_file(item) for item in items)
    return is_file(value)


def _text(value: object) -> str:
    short = shortened(value)
    text = short if isinstance(short, str) else repr(short)
    return escape(text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…")


def _facts(result: Any) -> str:
    words = [f"request {result.request_id}"] if result.request_id else []
    seconds = result.metrics.get("inference_time")
    if isinstance(seconds, (int, float)):
        words.append(f"{seconds:.2f} s of run time")
    return ", ".join(words)
