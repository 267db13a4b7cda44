"""Batches that are killed at random moments and resumed (`FAL_TYPED_BATCH=long` for the long ones).

Each item is accepted once by the emulator's record, or reported as uncertain.
"""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from fal_typed.batch import Batch
from fal_typed.testing import FalEmulator
from tests.batch.conftest import LONG, answer, python, submitted
from tests.core.flux import ID, dev

pytestmark = pytest.mark.xdist_group("batch_survival")


@pytest.fixture
def slow_emulator(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An emulator whose jobs take a moment, so that kills meet items in every state."""
    with FalEmulator(queue_time=0.02, run_time=0.05) as emulator:
        emulator.endpoint(ID).handler = answer
        monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
        yield emulator


def run_and_kill(
    journal: str, emulator: FalEmulator, items: int, kills: int, processes: int
) -> int:
    """Run workers and kill one of them at random moments, then let them finish.

    Returns:
        How many kills met a worker at work.
    """
    chance = random.Random(7)
    concurrency = 64 if items > 1_000 else 16
    words = ("-m", "tests.batch.worker", journal, str(items), str(concurrency))
    workers = [python(*words) for _ in range(processes)]
    # At each kill that many more items are known than at the one before, give or take.
    step = items / (kills + 1)
    for number in range(1, kills + 1):
        wanted = step * (number - 0.5 + chance.random() / 2)
        while len(emulator.jobs) < wanted and any(w.poll() is None for w in workers):
            time.sleep(0.002)
        victim = chance.randrange(processes)
        workers[victim].send_signal(signal.SIGKILL)
        workers[victim].communicate()
        workers[victim] = python(*words)
    for worker in workers:
        out, error = worker.communicate(timeout=1_200)
        assert worker.returncode == 0, out + error
    return kills


def settle(journal: str, emulator: FalEmulator, items: int) -> tuple[int, int]:
    """Resolve what is uncertain by the emulator's record, as people do by the dashboard.

    Returns:
        How many items were uncertain, and how many of them the emulator had accepted.
    """
    import json

    jobs = {json.loads(job.body)["prompt"]: job.id for job in emulator.jobs}
    prompts = [{"key": f"k{n}", "prompt": f"cat {n}"} for n in range(items)]
    with Batch(dev, journal=journal, progress=False) as batch:
        keys = [item.key for item in batch.items("uncertain")]
        found = {key: jobs.get(f"cat {key[1:]}") for key in keys}
        for key, request_id in found.items():
            batch.resolve(key, request_id)
        finished = [item for item in batch.run(prompts) if item.state == "completed"]
        assert len(finished) == items
        assert batch.status() == {"completed": items}
    return len(keys), sum(request_id is not None for request_id in found.values())


def prove(journal: str, emulator: FalEmulator, items: int, kills: int, processes: int) -> None:
    started = time.monotonic()
    run_and_kill(journal, emulator, items, kills, processes)
    with Batch(dev, journal=journal, progress=False) as batch:
        before = batch.status()
    assert before.get("completed", 0) + before.get("uncertain", 0) == items, before
    assert max(submitted(emulator).values()) == 1, "nothing was accepted twice"
    uncertain, accepted = settle(journal, emulator, items)
    counts = submitted(emulator)
    seconds = time.monotonic() - started
    print(
        f"\n{items} items, {kills} kills, {processes} processes, {seconds:.0f} s:"
        f" lost {items - len(counts)}, twice {sum(n > 1 for n in counts.values())},"
        f" uncertain {uncertain}, of them accepted {accepted}"
    )
    assert len(counts) == items
    assert set(counts.values()) == {1}


def test_a_killed_batch_resumes(slow_emulator: FalEmulator, tmp_path: Path) -> None:
    prove(str(tmp_path / "j.db"), slow_emulator, 400, kills=4, processes=1)


def test_processes_share_a_journal_file(slow_emulator: FalEmulator, tmp_path: Path) -> None:
    prove(str(tmp_path / "j.db"), slow_emulator, 200, kills=1, processes=2)


def test_processes_share_a_database(slow_emulator: FalEmulator, database: str) -> None:
    prove(database, slow_emulator, 200, kills=2, processes=2)


@pytest.mark.skipif(not LONG, reason="long")
def test_twenty_thousand_items_and_twenty_kills(slow_emulator: FalEmulator, tmp_path: Path) -> None:
    prove(str(tmp_path / "j.db"), slow_emulator, 20_000, kills=20, processes=1)


@pytest.mark.skipif(not LONG, reason="long")
def test_twenty_thousand_items_by_four_processes(slow_emulator: FalEmulator, database: str) -> None:
    prove(database, slow_emulator, 20_000, kills=20, processes=4)
