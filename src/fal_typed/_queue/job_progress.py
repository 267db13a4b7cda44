"""Shows how a job is going: in a terminal, in a notebook, or as one line per change."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any, TypeVar, cast

from fal_typed._core.extras import imported
from fal_typed._display.safe_text import clean, one_line
from fal_typed._queue.statuses import Completed, InProgress, Queued, QueueStatus

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live
    from typing_extensions import Self

    from fal_typed._calls.call import Call

Out = TypeVar("Out")
_UPDATES_PER_SECOND = 10
_NOTEBOOK_INTERVAL = 0.5
_NOTEBOOK_LOGS = 20


@contextmanager
def shown_call(call: Call[Out]) -> Generator[Call[Out]]:
    """With the option `progress`, show the job of a call until it ends.

    Yields:
        The call, whose status updates go to the display and then to the caller.

    Raises:
        ModuleNotFoundError: rich is not installed.
    """
    options = call.options
    if not options.progress:
        yield call
        return
    with JobProgress(call.endpoint.full) as progress:

        def update(status: QueueStatus) -> object:
            progress.update(status)
            return None if options.on_queue_update is None else options.on_queue_update(status)

        shown = replace(options, progress=False, with_logs=True, on_queue_update=update)
        yield replace(call, options=shown)


class JobProgress:
    """Shows the status, the position in the queue, the elapsed time and the logs of a job.

    Used as a context manager around the wait for a job.

    Args:
        endpoint: The endpoint's id.
        quiet: Show nothing.

    Raises:
        ModuleNotFoundError: rich is not installed.
    """

    def __init__(self, endpoint: str, *, quiet: bool = False) -> None:
        self.endpoint = endpoint
        self.state = "submitting"
        self._started = time.monotonic()
        self._display = _Nothing() if quiet else _display_of(self)

    def __enter__(self) -> Self:
        self._display.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.state = f"ended with {kind.__name__}"
        self.stop()

    def stop(self) -> None:
        """End the display, before something else is printed."""
        self._display.stop()

    def update(self, status: QueueStatus) -> None:
        """Show a new status and its new log lines."""
        self.state = _describe(status)
        self._display.show(self.state, [one_line(log.message) for log in status.new_logs])

    @property
    def elapsed(self) -> float:
        """Seconds since the job was submitted."""
        return time.monotonic() - self._started

    def __rich__(self) -> RenderableType:
        from rich.spinner import Spinner
        from rich.text import Text

        line = Text.assemble(
            (self.endpoint, "bold"),
            "  ",
            (self.state, "cyan"),
            f"  {self.elapsed:.1f} s",
        )
        frames = "dots" if _is_utf8() else "line"
        spinner = Spinner(frames, line)
        spinner.start_time = 0.0
        return spinner


def _display_of(progress: JobProgress) -> _Nothing:
    if _is_notebook():
        return _InNotebook(progress)
    imported("progress", "rich.live")
    return _InTerminal(progress) if is_terminal() else _Lines()


def is_terminal() -> bool:
    """Whether standard error is a terminal that can redraw lines."""
    if sys.stderr is None or not sys.stderr.isatty():
        return False
    from rich.console import Console

    return Console(stderr=True).is_terminal


def _is_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return hasattr(shell, "kernel")


class _Nothing:
    """A display that shows nothing."""

    def start(self) -> None:
        """Begin to show the job."""

    def stop(self) -> None:
        """End the display."""

    def show(self, state: str, logs: list[str]) -> None:
        """Show a change of the state, and new log lines."""


class _Lines(_Nothing):
    """A line for each change, for standard error that is a file or a pipe."""

    def __init__(self) -> None:
        self._shown = ""

    def show(self, state: str, logs: list[str]) -> None:
        lines = [f"  {log}" for log in logs]
        if state != self._shown:
            self._shown = state
            lines.append(state)
        if sys.stderr is not None:
            sys.stderr.write("".join(f"{clean(line)}\n" for line in lines))
            sys.stderr.flush()


class _InTerminal(_Nothing):
    """A line that is redrawn, below the log lines."""

    def __init__(self, progress: JobProgress) -> None:
        self._progress = progress

    def start(self) -> None:
        _region.add(self._progress)

    def stop(self) -> None:
        _region.remove(self._progress)

    def show(self, state: str, logs: list[str]) -> None:  # noqa: ARG002 - the region reads the state
        for log in logs:
            _region.print(f"  {log}")


class _LiveRegion:
    """The redrawn lines of all jobs of this process: a terminal has room for one such region."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: list[JobProgress] = []
        self._live: Live | None = None

    def add(self, job: JobProgress) -> None:
        with self._lock:
            self._jobs.append(job)
            if self._live is None:
                self._live = self._new_live()
                self._live.start(refresh=True)

    def remove(self, job: JobProgress) -> None:
        with self._lock:
            if job in self._jobs:
                self._jobs.remove(job)
            if not self._jobs and self._live is not None:
                self._live.stop()
                self._live = None

    def print(self, line: str) -> None:
        with self._lock:
            if self._live is not None:
                self._live.console.print(line, style="dim", soft_wrap=True)

    def __rich__(self) -> RenderableType:
        from rich.console import Group

        return Group(*tuple(self._jobs))

    def _new_live(self) -> Live:
        from rich.console import Console
        from rich.live import Live

        return Live(
            self,
            console=Console(stderr=True, highlight=False, markup=False, emoji=False),
            transient=True,
            refresh_per_second=_UPDATES_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        )


_region = _LiveRegion()


class _InNotebook(_Nothing):
    """An output of the cell that is redrawn."""

    def __init__(self, progress: JobProgress) -> None:
        self._progress = progress
        self._logs: deque[str] = deque(maxlen=_NOTEBOOK_LOGS)
        self._stopped = threading.Event()
        self._handle: Any = None

    def start(self) -> None:
        display = cast("Any", sys.modules["IPython"]).display
        self._handle = display.display(self, display_id=True)
        threading.Thread(target=self._tick, name="fal-typed-progress", daemon=True).start()

    def stop(self) -> None:
        if not self._stopped.is_set():
            self._stopped.set()
            self._handle.update(self)

    def show(self, state: str, logs: list[str]) -> None:  # noqa: ARG002 - the HTML reads the state
        self._logs.extend(logs)
        self._handle.update(self)

    def _tick(self) -> None:
        while not self._stopped.wait(_NOTEBOOK_INTERVAL):
            self._handle.update(self)

    def __repr__(self) -> str:
        progress = self._progress
        return f"{progress.endpoint}  {progress.state}  {progress.elapsed:.1f} s"

    def _repr_html_(self) -> str:
        progress = self._progress
        logs = "\n".join(escape(log) for log in self._logs)
        return (
            f"<div><b>{escape(progress.endpoint)}</b> {escape(progress.state)}, "
            f"{progress.elapsed:.1f} s</div>"
            + (f'<pre style="opacity: 0.75; margin: 0 0 4px">{logs}</pre>' if logs else "")
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
