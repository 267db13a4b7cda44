"""Shows on standard error how a job is going: live in a terminal, else one line per change."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from fal_typed import Completed, InProgress, Queued
from fal_typed.cli.terminal import console, note, one_line

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live
    from typing_extensions import Self

    from fal_typed import QueueStatus

_UPDATES_PER_SECOND = 10


class JobProgress:
    """Shows the status, the position in the queue, the elapsed time and the logs of a job.

    Used as a context manager around the wait for a job.

    Args:
        endpoint: The endpoint's id.
        quiet: Show nothing.
    """

    def __init__(self, endpoint: str, *, quiet: bool = False) -> None:
        self._endpoint = endpoint
        self._quiet = quiet
        self._started = time.monotonic()
        self._state = "submitting"
        self._shown = ""
        self._live = _live_display(self) if not quiet and is_terminal() else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Remove the live line, before something else is printed."""
        if self._live is not None:
            self._live.stop()

    def update(self, status: QueueStatus) -> None:
        """Show a new status and its new log lines."""
        self._state = _describe(status)
        if self._quiet:
            return
        for log in status.new_logs:
            self._print(f"  {one_line(log.message)}")
        if self._live is None and self._state != self._shown:
            self._shown = self._state
            note(self._state)

    @property
    def elapsed(self) -> float:
        """Seconds since the job was submitted."""
        return time.monotonic() - self._started

    def __rich__(self) -> RenderableType:
        from rich.spinner import Spinner
        from rich.text import Text

        line = Text.assemble(
            (self._endpoint, "bold"),
            "  ",
            (self._state, "cyan"),
            f"  {self.elapsed:.1f} s",
        )
        frames = "dots" if _is_utf8() else "line"
        spinner = Spinner(frames, line)
        spinner.start_time = 0.0
        return spinner

    def _print(self, line: str) -> None:
        if self._live is None:
            note(line)
        else:
            self._live.console.print(line, style="dim", soft_wrap=True)


def is_terminal() -> bool:
    """Whether standard error is a terminal that can redraw lines."""
    return sys.stderr.isatty() and console(of_errors=True).is_terminal


def _live_display(progress: JobProgress) -> Live:
    from rich.live import Live

    return Live(
        progress,
        console=console(of_errors=True),
        transient=True,
        refresh_per_second=_UPDATES_PER_SECOND,
        redirect_stdout=False,
        redirect_stderr=False,
    )


def _describe(status: QueueStatus) -> str:
    if isinstance(status, Queued):
        return "queued" if status.position is None else f"queued, {status.position} ahead"
    if isinstance(status, InProgress):
        return "in progress"
    if isinstance(status, Completed):
        return "completed"
    return one_line(status.status.lower().replace("_", " "))[:100]


def _is_utf8() -> bool:
    return (sys.stderr.encoding or "").lower().replace("-", "") == "utf8"
