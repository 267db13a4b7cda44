"""A progress bar with rate, errors, cost and time left, in terminals and notebooks."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sized
from typing import TYPE_CHECKING, Any

from fal_typed.batch.extras import needs

if TYPE_CHECKING:
    from fal_typed.batch.batch_run import BatchRun

_INTERVAL = 0.25


def is_wanted(progress: bool | None) -> bool:
    """Whether to show a bar: as asked, else in terminals and notebooks."""
    if progress is not None:
        return progress
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def total_of(inputs: object) -> int | None:
    """How many inputs there are, if that is known."""
    return len(inputs) if isinstance(inputs, Sized) else None


async def show_progress(run: BatchRun[Any], total: int | None, limit: Any) -> None:
    """Show a run's progress until it is over or this task is cancelled.

    Args:
        run: The run.
        total: How many inputs there are, or None.
        limit: The slots of items in flight.
    """
    with needs("batch", "rich"):
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[facts]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False) as bar:
        task = bar.add_task(run.report.endpoint_id, total=total, facts="")
        while True:
            bar.update(task, completed=_done(run), facts=facts_of(run, limit), refresh=True)
            if run.is_over:
                return
            await asyncio.sleep(_INTERVAL)


def facts_of(run: BatchRun[Any], limit: Any) -> str:
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
        words.append(f"waiting: {limit.trouble[:60]}")
    return ", ".join(word for word in words if word)


def _done(run: BatchRun[Any]) -> int:
    return run.report.done + run.report.replayed
