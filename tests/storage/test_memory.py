"""Memory use is bounded by the parts in flight, whatever the file size."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

MIB = 2**20
SIZE = 192 * MIB
PROGRAM = """
import asyncio, resource, sys
from pathlib import Path
from fal_typed import AsyncFalClient, FalClient, Multipart

kind, path = sys.argv[1:]
multipart = Multipart(threshold=4 << 20, part_size=4 << 20, parallel=4)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
idle = None

def warm(sent, total):
    global idle
    if idle is None and sent:
        idle = peak()

class Pipe:
    def __init__(self, file):
        self.read = file.read

def source():
    return Path(path) if "disk" in kind else Pipe(open(path, "rb", buffering=0))

async def main():
    async with AsyncFalClient() as client:
        await client.upload(b"x", on_progress=warm)
        return await client.upload(source(), multipart=multipart)

if "async" in kind:
    url = asyncio.run(main())
else:
    with FalClient() as client:
        client.upload(b"x", on_progress=warm)
        url = client.upload(source(), multipart=multipart)
print(url, idle, peak())
"""


@pytest.mark.parametrize("kind", ["disk", "pipe", "async-disk", "async-pipe"])
def test_a_large_file_is_never_in_memory(emulator, tmp_path, kind):
    pytest.importorskip("resource")
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(SIZE)
        file.write(b"begin")
    out = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, kind, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert out.returncode == 0, out.stderr
    url, idle, peak = out.stdout.split()
    (stored,) = [file for file in emulator.files if url.endswith(file.path)]
    with stored.on_disk.open("rb") as there, path.open("rb") as here:
        assert _hash(there) == _hash(here)
    # Four parts of 4 MiB, plus buffers.
    assert int(peak) - int(idle) < 64


def _hash(file):
    digest = hashlib.sha256()
    while chunk := file.read(MIB):
        digest.update(chunk)
    return digest.hexdigest()
