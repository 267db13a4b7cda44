"""Formats changes for a terminal, a changelog and programs."""

from __future__ import annotations

import json
import unicodedata
from itertools import groupby
from typing import TYPE_CHECKING

from fal_typed_codegen.diff.change_kinds import LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fal_typed_codegen.diff.changes import Change, Changes

_TITLES = {"breaking": "Breaking", "compatible": "Compatible", "docs": "Documentation"}
_MAX_TEXT = 300


def as_text(changes: Changes) -> str:
    """Format changes for a terminal: one line each, the most severe first."""
    lines = [
        f"{change.level:<10}  {_plain(_where(change))}: {_plain(change.text)}  [{change.kind}]"
        for change in changes.changes
    ]
    lines += [
        f"not compared  {_plain(name)}: {_plain(why)}"
        for name, why in sorted(changes.failed.items())
    ]
    return "\n".join([*lines, _summary(changes)]) + "\n"


def as_markdown(changes: Changes) -> str:
    """Format changes for a changelog or a pull request: by class, then by endpoint."""
    lines = [f"{_summary(changes)[0].upper()}{_summary(changes)[1:]}."]
    for level in LEVELS:
        own = [change for change in changes.changes if change.level == level]
        if own:
            lines += ["", f"## {_TITLES[level]}"]
        for endpoint, group in groupby(own, key=lambda change: change.endpoint):
            lines += ["", f"### {_code(endpoint)}", "", *_bullets(group)]
    if changes.failed:
        lines += ["", "## Not compared", ""]
        lines += [f"- {_code(name)}: {_code(why)}" for name, why in sorted(changes.failed.items())]
    return "\n".join(lines) + "\n"


def as_json(changes: Changes) -> str:
    """Format changes as JSON.

    Returns:
        An object with ``summary`` (number of changes of each class), ``changes`` and ``failed``.
    """
    content = {
        "summary": {level: changes.count(level) for level in LEVELS},
        "changes": [
            {
                "endpoint": change.endpoint,
                "class": change.level,
                "kind": change.kind,
                "place": change.place,
                "old": change.old,
                "new": change.new,
                "text": change.text,
            }
            for change in changes.changes
        ],
        "failed": changes.failed,
    }
    return json.dumps(content, indent=2) + "\n"


def _summary(changes: Changes) -> str:
    missing = f"{_documents(len(changes.failed))} could not be compared" if changes.failed else ""
    if not changes.changes:
        return missing or "no changes"
    counts = ", ".join(f"{changes.count(level)} {level}" for level in LEVELS)
    number = changes.endpoints()
    found = f"{counts} in {number} {'endpoint' if number == 1 else 'endpoints'}"
    return f"{found}; {missing}" if missing else found


def _documents(number: int) -> str:
    return f"{number} {'document' if number == 1 else 'documents'}"


def _where(change: Change) -> str:
    return f"{change.endpoint} {change.place}".rstrip()


def _bullets(group: Iterator[Change]) -> Iterator[str]:
    for change in group:
        text, _, values = change.text.partition(": ")
        place = f"{_code(change.place)}: " if change.place else ""
        yield f"- {place}{text}{': ' + _values(values) if values else ''}"


def _values(values: str) -> str:
    return " → ".join(_code(value) for value in values.split(" → "))


def _code(text: str) -> str:
    """Text of a document as code, so that mentions, links and HTML have no effect."""
    return f"`` {_plain(text)} ``" if "`" in text else f"`{_plain(text)}`"


def _plain(text: str) -> str:
    """Text on one line, without control characters."""
    shown = "".join(c if c.isprintable() or c == " " else _escaped(c) for c in text)
    shown = shown.replace("``", "''")
    return shown if len(shown) <= _MAX_TEXT else f"{shown[: _MAX_TEXT - 1]}…"


def _escaped(character: str) -> str:
    category = unicodedata.category(character)
    return " " if category.startswith("Z") else f"\\u{ord(character):04x}"
