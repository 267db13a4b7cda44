"""The emulator as a process of its own; prints its address, serves until standard input ends."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def serve() -> None:
    """Serve; runs take as many seconds as the first argument says."""
    from fal_typed.testing import FalEmulator

    with FalEmulator(run_time=float(sys.argv[1])) as emulator:
        print(emulator.host, flush=True)
        sys.stdin.read()


@contextmanager
def running(run_time: float) -> Iterator[tuple[str, int]]:
    """The emulator in another process; gives its address and its process id."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.emulator_server", str(run_time)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip(), process.pid
    finally:
        process.communicate("")


if __name__ == "__main__":
    serve()
