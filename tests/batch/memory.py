"""Runs a batch over a generator and prints its peak memory: JOURNAL COUNT NEW.

All items but the last NEW are finished in the journal before, as when a long batch is resumed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from fal_typed.batch import Batch
from fal_typed.batch.batch_inputs import InputPlanner
from fal_typed.batch.journal import Journal
from fal_typed.batch.rows import Row
from fal_typed.batch.tables import COMPLETED, items
from tests.core.flux import ID, dev

_AT_ONCE = 5_000
_OUTPUT = (
    '{"images":[{"url":"https://v3.fal.media/files/a.png","content_type":"image/png"}],"seed":1,'
    '"prompt":"a cat","timings":{"inference":0.1},"has_nsfw_concepts":[false]}'
)


def inputs(count: int, start: int = 0) -> Iterator[dict[str, Any]]:
    for number in range(start, count):
        yield {"key": f"k{number}", "prompt": f"cat {number} on a windowsill in the evening"}


def finish(journal: str, count: int) -> None:
    """Put items into the journal as finished."""
    batch = Journal.open(journal, ID, ID)
    planner: InputPlanner[Any] = InputPlanner(dev, {}, "key")
    rows: list[dict[str, Any]] = []
    for number, row in enumerate(inputs(count), start=1):
        planned: Any = planner.plan(Row(number, row))
        rows.append(
            {
                "batch_id": batch.batch_id,
                "key": planned.key,
                "digest": planned.digest,
                "input": planned.text,
                "has_files": False,
                "state": COMPLETED,
                "cost": 0,
                "output": _OUTPUT,
            }
        )
        if len(rows) == _AT_ONCE or number == count:
            with batch.engine.begin() as connection:
                connection.execute(insert(items), rows)
            rows.clear()
    batch.engine.dispose()


def main(journal: str, count: str, new: str) -> None:
    finish(journal, int(count) - int(new))
    done = 0
    # The server of the benchmarks knows no prices.
    options: dict[str, Any] = {"price": 0, "concurrency": 64, "progress": False}
    with Batch(dev, journal=journal, **options) as batch:
        for item in batch.run(inputs(int(count))):
            assert item.state == "completed"
            done += 1
        print(batch.report)
    assert done == int(count)
    # Not `getrusage`, which counts what the parent had before this program was loaded.
    lines = Path("/proc/self/status").read_text().splitlines()
    print(next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")))


if __name__ == "__main__":
    main(*sys.argv[1:])
