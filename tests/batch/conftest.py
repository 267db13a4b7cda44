"""What the tests of batches share: an emulator, and batches in sync and async mode."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fal_typed import RetryPolicy
from fal_typed.batch import AsyncBatch, Batch
from fal_typed.testing import FalEmulator
from tests.conftest import Mode
from tests.core.flux import ID, dev
from tests.requirements import need

LONG = os.environ.get("FAL_TYPED_BATCH") == "long"
PATIENT = RetryPolicy(attempts=4, base_delay=0.01, max_delay=0.05)


def answer(arguments: dict[str, Any]) -> dict[str, Any]:
    """A small result, so that tests measure the batch and not the making of images."""
    return {
        "images": [],
        "seed": 1,
        "prompt": arguments["prompt"],
        "timings": {},
        "has_nsfw_concepts": [],
    }


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[FalEmulator]:
    with FalEmulator(run_time=0) as emulator:
        emulator.endpoint(ID).handler = answer
        monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
        yield emulator


class Batches:
    """Runs batches in one mode on one journal."""

    def __init__(self, mode: Mode, folder: Path) -> None:
        self.mode = mode
        self.journal: Any = folder / "journal.db"
        self.report: Any = None

    def open(self, endpoint: Any = dev, **options: Any) -> Any:
        """A batch, to be used by `mode.inside`."""
        kind = AsyncBatch if self.mode.is_async else Batch
        client = self.mode.bare_client(retry=PATIENT)
        given = {"journal": self.journal, "client": client, "progress": False, **options}
        return kind(endpoint, **given)

    def run(
        self, inputs: Any, endpoint: Any = dev, orders: Any = None, **options: Any
    ) -> list[Any]:
        """The items of one run."""
        batch = self.open(endpoint, **options)
        with self.mode.inside(batch):
            try:
                return self.mode.items(batch.run(inputs, **(orders or {})))
            finally:
                self.report = batch.report


@pytest.fixture
def batches(mode: Mode, tmp_path: Path) -> Batches:
    return Batches(mode, tmp_path)


def rows(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [{"key": f"k{n}", "prompt": f"cat {n}"} for n in range(start, start + count)]


def submitted(emulator: FalEmulator) -> Counter[str]:
    """How often each prompt was accepted, by the emulator's record."""
    return Counter(json.loads(job.body)["prompt"] for job in emulator.jobs)


# -- PostgreSQL ------------------------------------------------------------------------------------


def _server_program(name: str) -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)  # Debian keeps it off the PATH


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """URL of a private PostgreSQL server, from the system's packages."""
    initdb = _server_program("initdb")
    need("PostgreSQL", found=initdb is not None, install="apt-get install postgresql")
    assert initdb is not None
    # Not in pytest's own folder, which only its owner may enter, and whose paths are too long for
    # a socket.
    folder = Path(tempfile.mkdtemp(prefix="fal-typed-"))
    as_user: list[str] = []
    if os.getuid() == 0:  # which initdb refuses
        as_user = ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres")
    data = folder / "data"
    create = [*as_user, initdb, "-D", str(data), "-A", "trust", "-U", "fal", "--no-sync"]
    subprocess.run(create, check=True, capture_output=True, cwd=folder)
    # No TCP port, so servers of parallel test processes do not meet.
    options = ["-k", str(folder), "-c", "listen_addresses="]
    # pg_ctl returns when the server accepts connections.
    control = [*as_user, str(Path(initdb).with_name("pg_ctl")), "-D", str(data)]
    start = [*control, "-w", "-l", str(folder / "log"), "-o", " ".join(options), "start"]
    subprocess.run(start, check=True, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        yield f"postgresql://fal@/postgres?host={folder}"
    finally:
        stop = [*control, "-m", "immediate", "-w", "stop"]
        subprocess.run(stop, check=True, cwd=folder, stdout=subprocess.DEVNULL)
        shutil.rmtree(folder)


@pytest.fixture
def database(postgresql: str, request: pytest.FixtureRequest) -> str:
    """URL of an empty database on it."""
    import psycopg

    name = f"t{abs(hash(request.node.nodeid))}"
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return postgresql.replace("/postgres?", f"/{name}?")


def python(*words: str, **environment: str) -> subprocess.Popen[str]:
    """A Python process that can be killed."""
    root = Path(__file__).parent.parent.parent
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
