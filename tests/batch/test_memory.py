"""Memory does not grow with the input (`FAL_TYPED_BATCH=long` for a million inputs)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.queue_server import running
from tests.batch.conftest import LONG, python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
MOST = 200
"""MiB."""


def peak(journal: Path, count: int, new: int) -> float:
    with running() as host:
        words = ("-m", "tests.batch.memory", str(journal), str(count), str(new))
        process = python(*words, FAL_EMULATOR_HOST=host)
        out, error = process.communicate()
    assert process.returncode == 0, error
    *report, memory = out.splitlines()
    print(f"\n{count} inputs, {new} of them new: {float(memory):.0f} MiB;", "; ".join(report))
    return float(memory)


def test_memory_does_not_grow_with_the_input(tmp_path: Path) -> None:
    few, many = peak(tmp_path / "few.db", 1_000, 500), peak(tmp_path / "many.db", 20_000, 500)
    assert many < few + 20
    assert many < MOST


@pytest.mark.skipif(not LONG, reason="long")
@pytest.mark.parametrize("new", [100_000])
def test_a_million_inputs(tmp_path: Path, new: int) -> None:
    assert peak(tmp_path / "journal.db", 1_000_000, new) < MOST
