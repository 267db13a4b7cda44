"""A process that works on a batch until it is killed: JOURNAL COUNT CONCURRENCY [SAVE]."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from fal_typed.batch import Batch
from tests.core.flux import dev


def inputs(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {"key": f"k{number}", "prompt": f"cat {number}"}


def main(journal: str, count: str, concurrency: str) -> None:
    print("started", flush=True)
    with Batch(dev, journal=journal, concurrency=int(concurrency), progress=False) as batch:
        for _ in batch.run(inputs(int(count))):
            pass
        print(batch.report, batch.status())


if __name__ == "__main__":
    main(*sys.argv[1:])
