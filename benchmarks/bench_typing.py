"""Type checkers without a cache over one program, its models generated or by hand; completion."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks.figures import Figure, in_turn
from tests.typing.lsp import CARET, LanguageServer

ROUNDS = 3
COMPLETIONS = 20
PROGRAMS = Path(__file__).parent / "programs"
BIN = Path(sys.executable).parent
CALL = f"from fal_typed.endpoints.fal_ai.flux.dev import flux_dev\nflux_dev.subscribe({CARET}"


def run() -> list[Figure]:
    """Measure five generated endpoints against the same five written out in one file."""
    generated, by_hand, rival, ours, hand = in_turn(
        ROUNDS,
        partial(mypy_seconds, "generated.py"),
        partial(mypy_seconds, "by_hand.py"),
        partial(mypy_seconds, "with_fal_client.py"),
        partial(pyright_seconds, "generated.py"),
        partial(pyright_seconds, "by_hand.py"),
    )
    name, same = "five endpoints, cold", "same models by hand in one file"
    return [
        Figure(f"mypy --strict, {name}", generated, by_hand, "s", same, at_most=1.3),
        Figure(
            f"mypy --strict, {name}", generated, rival, "s", "models by hand, called by fal_client"
        ),
        Figure(f"pyright, strict, {name}", ours, hand, "s", same, at_most=1.3),
        Figure(
            "completion of parameters, warm", completion(), 60, "ms", "budget on an idle machine",
            at_most=1.0,
        ),
    ]  # fmt: skip


def mypy_seconds(program: str) -> float:
    """Check a program as a user's project would, with a cache of its own."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", cache]
        return _seconds([*command, PROGRAMS / program], cache)


def pyright_seconds(program: str) -> float:
    """Check a program with pyright, which has no cache."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"venvPath": str(BIN.parent.parent), "venv": BIN.parent.name}
        config = {"typeCheckingMode": "strict", "include": ["."], **environment}
        Path(folder, "pyrightconfig.json").write_text(json.dumps(config))
        shutil.copy(PROGRAMS / program, folder)
        return _seconds([BIN / "pyright"], folder)


def completion() -> float:
    """Milliseconds until pyright's language server completes a call that it has seen before."""
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder, LanguageServer(Path(folder)) as server:
        for number in range(COMPLETIONS + 1):
            caret = server.open("program.py", f"{CALL}\n# {number}")
            start = time.perf_counter()
            assert "prompt=" in server.completions(caret)
            times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times[1:])


def _seconds(command: list[str | Path], folder: str) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start
