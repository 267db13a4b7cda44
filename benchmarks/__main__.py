"""Run the benchmarks: ``python -m benchmarks [NAME …]``, all of them by default.

A benchmark is a module ``bench_NAME.py`` in this folder with a function ``run`` that returns the
figures it measured, each against fal_client or another rival measured in the same run.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.figures import Figure

PREFIX = "bench_"


def main() -> int:
    """Run what was asked for, print the figures, and fail if one misses its target."""
    known = sorted(path.stem.removeprefix(PREFIX) for path in Path(__file__).parent.glob("bench_*"))
    chosen = sys.argv[1:] or known
    if unknown := set(chosen) - set(known):
        print(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(known)}")
        return 2
    missed = 0
    for name in chosen:
        print(f"\n{name}", flush=True)
        run = cast("Callable[[], list[Figure]]", import_module(f"benchmarks.{PREFIX}{name}").run)
        for figure in run():
            print(f"  {figure}", flush=True)
            missed += figure.missed
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
