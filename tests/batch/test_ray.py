"""Batches on a local Ray cluster whose workers are killed (`make batch`, which installs Ray)."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fal_typed.batch import Batch
from fal_typed.testing import FalEmulator
from tests.batch.conftest import LONG, answer, submitted
from tests.core.flux import ID, dev

pytest.importorskip("ray", reason="ray is not installed; `make batch` installs it")
pytestmark = [
    pytest.mark.xdist_group("batch_survival"),
    # Ray's own processes and sockets outlive it.
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[FalEmulator]:
    import ray

    with FalEmulator(queue_time=0.02, run_time=0.1) as emulator:
        emulator.endpoint(ID).handler = answer
        monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
        monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent.parent))
        monkeypatch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
        ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
        try:
            ray.data.DataContext.get_current().enable_progress_bars = False
            yield emulator
        finally:
            ray.shutdown()


def kill_actors(journal: str, emulator: FalEmulator, items: int, kills: int) -> list[int]:
    """Kill a process of the journal's workers at each of some moments, in a thread."""
    from sqlalchemy import select

    from fal_typed.batch.tables import open_engine, workers

    killed: list[int] = []
    engine = open_engine(journal)
    for number in range(1, kills + 1):
        while len(emulator.jobs) < items * number / (kills + 1):
            time.sleep(0.01)
        with engine.connect() as connection:
            found = [row.process.split()[0] for row in connection.execute(select(workers))]
        alive = [int(pid) for pid in found if Path(f"/proc/{pid}").exists()]
        if alive:
            os.kill(alive[number % len(alive)], signal.SIGKILL)
            killed.append(alive[number % len(alive)])
    engine.dispose()
    return killed


def prove(journal: str, emulator: FalEmulator, items: int, kills: int) -> None:
    import ray

    from fal_typed.batch.ray import map_dataset

    rows = [{"key": f"k{n}", "prompt": f"cat {n}"} for n in range(items)]
    dataset = ray.data.from_items(rows, override_num_blocks=max(4, items // 500))
    killed: list[int] = []
    killer = threading.Thread(
        target=lambda: killed.extend(kill_actors(journal, emulator, items, kills))
    )
    started = time.monotonic()
    killer.start()
    mapped = map_dataset(dataset, dev, actors=2, journal=journal, concurrency=64)
    results: dict[str, Any] = {row["key"]: row for row in mapped.iter_rows()}
    seconds = time.monotonic() - started
    killer.join()
    assert len(results) == items, "every row came back"
    states = {row["state"] for row in results.values()}
    assert states <= {"completed", "uncertain"}
    assert all(r["result"]["prompt"] == r["prompt"] for r in results.values() if r["result"])
    uncertain = [key for key, row in results.items() if row["state"] == "uncertain"]
    counts = submitted(emulator)
    jobs = {json.loads(job.body)["prompt"]: job.id for job in emulator.jobs}
    known = [key for key in uncertain if f"cat {key[1:]}" in jobs]
    print(
        f"\n{items} rows, {len(killed)} kills, {seconds:.0f} s: lost"
        f" {items - len(counts) - len(uncertain) + len(known)},"
        f" twice {sum(n > 1 for n in counts.values())}, uncertain {len(uncertain)},"
        f" of them accepted {len(known)}"
    )
    assert len(killed) == kills
    assert set(counts.values()) == {1}
    with Batch(dev, journal=journal, progress=False) as batch:
        for key in uncertain:
            batch.resolve(key, jobs.get(f"cat {key[1:]}"))
        assert sum(item.state == "completed" for item in batch.run(rows)) == items
    assert set(submitted(emulator).values()) == {1}
    assert len(submitted(emulator)) == items


def test_a_dataset_survives_a_killed_actor(cluster: FalEmulator, tmp_path: Path) -> None:
    prove(str(tmp_path / "journal.db"), cluster, 200, kills=1)


@pytest.mark.skipif(not LONG, reason="long")
def test_a_dataset_survives_five_killed_actors(cluster: FalEmulator, database: str) -> None:
    prove(database, cluster, 20_000, kills=5)
