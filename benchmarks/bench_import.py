"""Import time, in a fresh interpreter each, of what programs import first."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

from benchmarks.figures import Figure, in_turn

ROUNDS = 9
ENDPOINT = "from fal_typed.endpoints.fal_ai.flux.dev import flux_dev"


def run() -> list[Figure]:
    """Measure the package, one endpoint module, and everything a first call needs."""
    package, endpoint, client, rival = in_turn(
        ROUNDS,
        partial(milliseconds, "import fal_typed"),
        partial(milliseconds, ENDPOINT),
        partial(milliseconds, f"{ENDPOINT}\nfrom fal_typed import FalClient\nFalClient(key='k:s')"),
        partial(milliseconds, "import fal_client"),
    )
    compared = partial(Figure, theirs=rival, unit="ms", rival="import fal_client")
    return [
        compared("import fal_typed", package, at_most=0.1),
        compared("import one endpoint", endpoint, at_most=1.0),
        compared("import one endpoint and make a client", client),
    ]


def milliseconds(statement: str) -> float:
    """Run a statement in a fresh interpreter and return how long it took."""
    program = (
        f"import time\nstart = time.perf_counter()\n{statement}\n"
        "print((time.perf_counter() - start) * 1000)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return float(done.stdout)
