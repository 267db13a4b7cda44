"""`progress=True`: in a terminal, in a pipe, without rich. The notebook is in test_notebook.py."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from fal_typed import FalClient, InProgress, LogEntry, QueueStatus
from fal_typed._queue.job_progress import JobProgress
from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput, flux_dev
from fal_typed.testing import FalEmulator

if TYPE_CHECKING:
    from collections.abc import Iterator

SYNC = """
from fal_typed.endpoints.fal_ai.flux.dev import flux_dev
result = flux_dev.with_options(progress=True).subscribe(prompt="a cat")
print(result.request_id)
"""
ASYNC = """
import asyncio
from fal_typed import AsyncFalClient
from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput
async def main():
    async with AsyncFalClient() as client:
        job = FluxDevInput(prompt="a cat")
        results = await asyncio.gather(*[client.subscribe(job, progress=True) for _ in range(3)])
        print(len(results))
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def emulator() -> Iterator[FalEmulator]:
    with FalEmulator(queue_time=0.3, run_time=0.4) as emulator:
        yield emulator


def run_in_terminal(program: str, host: str) -> tuple[str, str]:
    """Standard output, and what a terminal at standard error receives."""
    main, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=child,
        env={**os.environ, "FAL_EMULATOR_HOST": host, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(child)
    received = bytearray()
    while True:
        try:
            received += (data := os.read(main, 65536))
        except OSError:  # Linux: the other end is closed
            break
        if not data:
            break
    os.close(main)
    output = process.communicate()[0].decode()
    assert process.returncode == 0, received.decode()
    return output, received.decode()


def test_a_terminal_shows_position_time_and_logs(emulator: FalEmulator) -> None:
    output, shown = run_in_terminal(SYNC, emulator.host)
    assert "fal-ai/flux/dev" in shown
    assert "ahead" in shown
    assert "in progress" in shown
    assert " s" in shown
    assert shown.count("Saving result") == 1, "each log line is shown once"
    assert output.count("\n") == 1, "standard output is the program's own"


def test_concurrent_async_jobs_share_the_terminal(emulator: FalEmulator) -> None:
    output, shown = run_in_terminal(ASYNC, emulator.host)
    assert output == "3\n"
    assert shown.count("Saving result") == 3


def test_a_pipe_gets_one_line_per_change(
    mode: Any, emulator: FalEmulator, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
    seen: list[str] = []
    job = FluxDevInput(prompt="a cat")
    mode.client().subscribe(
        job, progress=True, on_queue_update=lambda status: seen.append(status.status)
    )
    _assert_shown(capsys)
    assert "COMPLETED" in seen, "the caller's function is called, too"
    mode.adapt(mode.bare_client().with_options(progress=True)).subscribe(job)
    _assert_shown(capsys)
    mode.client().submit(job).get(progress=True)
    _assert_shown(capsys)
    mode(flux_dev.with_options(progress=True)).subscribe(prompt="a cat")
    _assert_shown(capsys)
    mode.client().subscribe(job)
    assert capsys.readouterr() == ("", "")


def _assert_shown(capsys: pytest.CaptureFixture[str]) -> None:
    output, shown = capsys.readouterr()
    assert output == ""
    lines = shown.splitlines()
    assert "in progress" in lines
    assert lines[-1] == "completed"
    assert len([line for line in lines if "Saving result" in line]) == 1


def test_hostile_log_lines_do_not_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    progress = JobProgress("fal-ai/x")
    log = LogEntry("a\x1b[2J\nb\x9b31m\u202ec")
    with progress:
        progress.update(InProgress("r", "IN_PROGRESS", (log,), (log,)))
        progress.update(QueueStatus("r", "NEW\x1b[2J_STATE"))
    shown = capsys.readouterr().err
    assert "\x1b" not in shown
    assert "\x9b" not in shown
    assert "\u202e" not in shown


def test_without_rich_the_extra_is_named_and_nothing_is_sent(
    mode: Any, emulator: FalEmulator, monkeypatch: Any
) -> None:
    monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setitem(sys.modules, "rich.live", None)
    before = len(emulator.requests)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'fal-typed\[progress\]'"):
        mode.client().subscribe(FluxDevInput(prompt="a cat"), progress=True)
    assert len(emulator.requests) == before


def test_progress_is_an_option_of_subscribe_only() -> None:
    with FalClient() as client, pytest.raises(TypeError, match="progress"):
        client.run("fal-ai/flux/dev", {}, progress=True)  # type: ignore[call-overload]
