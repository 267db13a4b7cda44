"""Time of ``fal-typed generate``, the whole process, over a copy of the catalogue.

Wall-clock time hangs on what else the machine does, so the processor's time is shown beside it; the
bounds hold for a machine with two cores to itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure

ROOT = Path(__file__).parents[1]
CHANGED = "fal-ai/flux/dev.json"
ROUNDS = 3


@dataclass(frozen=True)
class Cost:
    """What a run took, in seconds.

    Attributes:
        wall: On the clock.
        processor: On all cores together, in user code and in the system.
    """

    wall: float
    processor: float


def run() -> list[Figure]:
    """Generate from nothing, with nothing changed, and with one document changed."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        shutil.copytree(ROOT / "schemas", work / "schemas")
        nothing = _generate(work)
        unchanged = min((_generate(work) for _ in range(ROUNDS)), key=lambda cost: cost.wall)
        changes = (_generate_changed(work, number) for number in range(ROUNDS))
        changed = min(changes, key=lambda cost: cost.wall)
    return [
        *_figures("all 1,559 endpoints from nothing", nothing, 20),
        *_figures("nothing changed", unchanged, 0.7),
        *_figures("one document changed", changed, 1.5),
    ]


def _generate_changed(work: Path, number: int) -> Cost:
    document = work / "schemas" / CHANGED
    text = document.read_text(encoding="utf-8")
    bound = f'"maximum": {50 + number}'
    assert bound in text
    document.write_text(text.replace(bound, f'"maximum": {51 + number}'), encoding="utf-8")
    return _generate(work)


def _generate(work: Path) -> Cost:
    command = [str(Path(sys.executable).parent / "fal-typed"), "generate"]
    options = ["--schemas", "schemas", "--out", "made_fal", "--package", "made_fal"]
    before, start = os.times(), time.perf_counter()
    subprocess.run([*command, *options], cwd=work, check=True, capture_output=True)
    wall, after = time.perf_counter() - start, os.times()
    user = after.children_user - before.children_user
    return Cost(wall, user + after.children_system - before.children_system)


def _figures(name: str, cost: Cost, budget: float) -> list[Figure]:
    return [
        Figure(name, cost.wall, budget, "s", "budget", at_most=1.0),
        Figure(f"{name}, processor", cost.processor, budget, "s", "budget on the clock"),
    ]
