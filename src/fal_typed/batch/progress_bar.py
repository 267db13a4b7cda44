"""A progress bar with rate, errors, cost and time left, in terminals and notebooks."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any

from fal_typed._core.extras import needs

if TYPE_CHECKING:
    from rich.console import Console

    from fal_typed.batch.batch_run import BatchRun
    from fal_typed.batch.concurrency import AdaptiveLimit

_INTERVAL = 0.25


def is_wanted(progress: bool | None) -> bool:
    """Whether to show a bar: as asked, else in terminals and notebooks."""
    if progress is not None:
        return progress
    has_terminal = sys.stderr is not None and sys.stderr.isatty()
    return has_terminal or "ipykernel" in sys.modules


async def show_progress(run: BatchRun[Any], total: int | None, limit: AdaptiveLimit) -> None:
    """Show a run's progress until it is over or this task is cancelled.

    Args:
        run: The run.
        total: How many inputs there are, or None.
        limit: The slots of items in flight.
    """
    with needs("batch", "rich"):
        from rich.console import Console
    console = Console(stderr=True)
    bar = _notebook_bar if console.is_jupyter else terminal_bar
    with bar(console, run.report.endpoint_id, total) as update:
        while True:
            facts = facts_of(run, limit)
            update(run.report.done + run.report.replayed, facts)
            if run.is_over:
                return
            await asyncio.sleep(_INTERVAL)


@contextmanager
def terminal_bar(
    console: Console, title: str, total: int | None
) -> Generator[Callable[[int, str], None]]:
    """A bar that rich draws."""
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[facts]}", markup=False),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console, auto_refresh=False) as bar:
        task = bar.add_task(title, total=total, facts="")
        yield lambda done, facts: bar.update(task, completed=done, facts=facts, refresh=True)


@contextmanager
def _notebook_bar(
    _console: Console, title: str, total: int | None
) -> Generator[Callable[[int, str], None]]:
    """A bar of HTML: that of rich needs widgets, which not every notebook has."""
    # Not a dependency: a notebook brings it.
    display = import_module("IPython.display")
    begun_at = time.monotonic()
    shown = display.display(display.HTML(""), display_id=True)

    def update(done: int, facts: str) -> None:
        seconds = time.monotonic() - begun_at
        shown.update(display.HTML(notebook_line(title, done, total, facts, seconds)))

    yield update


def notebook_line(title: str, done: int, total: int | None, facts: str, seconds: float) -> str:
    """The progress as HTML, with the time so far and the time left."""
    size = "" if total is None else f' value="{done}" max="{total}"'
    count = f"{done}" if total is None else f"{done}/{total}"
    words = [count, facts, str(timedelta(seconds=int(seconds)))]
    if total and 0 < done < total:
        words.append(f"{timedelta(seconds=int(seconds / done * (total - done)))} left")
    return f"{escape(title)} <progress{size}></progress> {escape(', '.join(words))}"


def facts_of(run: BatchRun[Any], limit: AdaptiveLimit) -> str:
    """The facts beside the bar: rate, failures, cost, what is in flight, and any trouble."""
    run.refresh()
    report = run.report
    words = [f"{report.done / report.seconds:.1f}/s" if report.seconds else ""]
    words.append(f"{limit.in_flight} in flight")
    for count, name in ((report.failed, "failed"), (report.uncertain, "uncertain")):
        if count:
            words.append(f"{count} {name}")
    if report.cost is not None:
        words.append(f"${report.cost:.2f}")
    if limit.trouble and limit.pause_seconds():
        words.append(f"waiting: {printable(limit.trouble[:60])}")
    return ", ".join(word for word in words if word)


def printable(text: str) -> str:
    """A text of the platform, without what a terminal would obey."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
