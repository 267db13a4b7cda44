"""Everything that commands print.

Standard output is for results, standard error for everything else. Text from servers, documents
and files may contain escape sequences that control a terminal, so every line passes `clean`.
"""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING, Any, TextIO

from fal_typed._display.safe_text import clean, is_unsafe, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console


def say(text: str) -> None:
    """Print a line to standard output."""
    _write(sys.stdout, f"{clean(text)}\n")


def note(text: str) -> None:
    """Print a line to standard error."""
    _write(sys.stderr, f"{clean(text)}\n")


def say_json(value: Any) -> None:
    """Print a value as JSON to standard output, with colors in a terminal."""
    text = json_text(value, ascii_only=not _can_print(value))
    if not on_terminal(sys.stdout):
        _write(sys.stdout, f"{text}\n")
        return
    from rich.highlighter import JSONHighlighter
    from rich.text import Text

    console().print(JSONHighlighter()(Text(text)), soft_wrap=True)


def json_text(value: Any, *, ascii_only: bool = False) -> str:
    r"""Write a value as JSON that is safe to print; unsafe characters are escaped.

    >>> json_text("\x9b2J é")
    '"\\u009b2J é"'
    """
    text = json.dumps(value, indent=2, ensure_ascii=ascii_only)
    if text.isascii():
        return text.replace("\x7f", "\\u007f")
    return "".join(
        f"\\u{ord(letter):04x}" if letter != "\n" and is_unsafe(letter) else letter
        for letter in text
    )


def say_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table to standard output; the last column is shortened to fit a terminal.

    The other columns are never cut, so that ids can be copied.
    """
    if not rows:
        return
    rows = [[one_line(cell) for cell in row] for row in rows]
    table = [header, *rows]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    room = shutil.get_terminal_size().columns if on_terminal(sys.stdout) else None
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        line = "  ".join([*cells, row[-1]]).rstrip()
        least = sum(widths[:-1]) + 2 * len(widths[:-1])
        say(line if room is None or len(line) <= room else f"{line[: max(least, room - 1)]}…")


def console(*, of_errors: bool = False) -> Console:
    """Return a rich console for standard output or standard error."""
    from rich.console import Console

    return Console(stderr=of_errors, highlight=False, markup=False, emoji=False)


def prepare_streams() -> None:
    """Make sure that no character fails to print on consoles such as cp1252 or ASCII."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def on_terminal(stream: TextIO | None) -> bool:
    """Whether a stream, which programs without a console lack, is a terminal."""
    return stream is not None and stream.isatty()


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # closed by the shell, or a program without a console
        raise OSError("the stream is closed")
    stream.write(text)
    stream.flush()


def _can_print(value: Any) -> bool:
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    try:
        json_text(value).encode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True
