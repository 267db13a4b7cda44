"""A file of 1 GiB from disk: memory above idle, and speed, against fal_client.

In this SDK's run one part loses its connection three times; fal_client gives up on the first, so
its run is spared. The hash of what arrived is compared with the file's.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

GIB = 1 << 30
MOST_MEMORY = 200.0
BROKEN_PART = 17

PROGRAM = """
import asyncio, resource, sys, time
from pathlib import Path
library, mode, source, port, path = sys.argv[1:]
base = f"http://127.0.0.1:{port}"

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

class Pipe:
    def __init__(self):
        self.read = open(path, "rb", buffering=0).read

if library == "fal_client":
    import fal_client.client as module
    module.REST_URL = base + "/rest.fal.ai"
    module.CDN_URL = base + "/v3.fal.media"
    client = module.SyncClient(key="k") if mode == "sync" else module.AsyncClient(key="k")
else:
    import fal_typed
    client = fal_typed.FalClient() if mode == "sync" else fal_typed.AsyncFalClient()

def small():
    return client.upload(b"x", "text/plain")

def large():
    return client.upload(Pipe()) if source == "pipe" else client.upload_file(Path(path))

async def both():
    await small()
    idle, start = peak(), time.perf_counter()
    await large()
    return idle, start

if mode == "sync":
    small()
    idle, start = peak(), time.perf_counter()
    large()
else:
    idle, start = asyncio.run(both())
print(peak() - idle, time.perf_counter() - start)
"""


def run() -> list[Figure]:
    """Measure both modes from disk, and a pipe."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.bin"
        digest = _write(path)
        for mode, source in (("sync", "disk"), ("async", "disk"), ("sync", "pipe")):
            name = f"upload 1 GiB, {mode}, {source}"
            ours = _measure("fal_typed", mode, source, path, digest)
            theirs = _measure("fal_client", mode, "disk", path, digest)
            figures += [
                Figure(
                    f"{name}: peak memory above idle",
                    ours[0],
                    MOST_MEMORY,
                    "MiB",
                    "limit",
                    at_most=1.0,
                ),
                Figure(f"{name}: memory", ours[0], theirs[0], "MiB", "fal_client (disk)"),
                Figure(f"{name}: time", ours[1], theirs[1], "s", "fal_client (disk)"),
            ]
    return figures


def _write(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(GIB >> 20):
            block = os.urandom(1 << 20)
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def _measure(library: str, mode: str, source: str, path: Path, digest: str) -> tuple[float, float]:
    broken = BROKEN_PART if library == "fal_typed" else 0
    with _server(broken) as port:
        out = subprocess.run(
            [sys.executable, "-c", PROGRAM, library, mode, source, str(port), str(path)],
            env={**os.environ, "FAL_EMULATOR_HOST": f"127.0.0.1:{port}"},
            check=True,
            capture_output=True,
            text=True,
        )
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/digest") as answer:
            arrived = json.load(answer)["digest"]
    if arrived != digest:
        raise AssertionError(f"{library}: what arrived is not what was sent")
    memory, seconds = map(float, out.stdout.split())
    return memory, seconds


@contextmanager
def _server(broken_part: int) -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.upload_server", "--break", str(broken_part)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()
