"""The request log of ``fal-typed emulator``: one line for each request."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.text import Text

from fal_typed._display.safe_text import one_line

if TYPE_CHECKING:
    from fal_typed.testing import RecordedRequest

_LONGEST_PATH = 120
_SWITCHED = 101
_BAD, _WORSE = 400, 500


def line(record: RecordedRequest) -> Text:
    """Format a request as a line of the log.

    Args:
        record: The request, with its response.

    Returns:
        Time, status, duration, method, route and target. Control characters that a client sent
        are replaced.
    """
    begun = time.strftime("%H:%M:%S", time.localtime(record.at))
    status = "---" if record.status is None else str(record.status)
    lasted = f"{(record.seconds or 0) * 1000:6.0f} ms"
    about = record.endpoint_id or f"{record.service}{record.path}"
    text = Text(f"{begun} ", style="dim", end="")
    text.append(status, style=_color(record.status))
    text.append(f" {lasted} ", style="dim")
    text.append(f"{one_line(record.method):7} {record.route:20} ")
    text.append(one_line(about)[:_LONGEST_PATH], style="cyan")
    if record.fault is not None:
        text.append(f" fault: {record.fault}", style="magenta")
    return text


def _color(status: int | None) -> str:
    if status is None or status >= _WORSE:
        return "bold red"
    return "yellow" if status >= _BAD else "green"
