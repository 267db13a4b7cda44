"""`mypy --strict` with an empty cache over one program, its models generated or by hand."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks.figures import Figure, in_turn

ROUNDS = 3
PROGRAMS = Path(__file__).parent / "programs"


def run() -> list[Figure]:
    """Measure five generated endpoints against the same five written out in one file."""
    generated, by_hand, rival = in_turn(
        ROUNDS,
        partial(seconds, "generated.py"),
        partial(seconds, "by_hand.py"),
        partial(seconds, "with_fal_client.py"),
    )
    compared = partial(Figure, "mypy --strict, five endpoints, cold", generated, unit="s")
    return [
        compared(theirs=by_hand, rival="same models by hand in one file", at_most=1.3),
        compared(theirs=rival, rival="pydantic models by hand, called by fal_client"),
    ]


def seconds(program: str) -> float:
    """Check a program as a user's project would, with a cache of its own."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", cache]
        start = time.perf_counter()
        subprocess.run([*command, PROGRAMS / program], cwd=cache, check=True, capture_output=True)
        return time.perf_counter() - start
