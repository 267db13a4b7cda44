"""Fixtures: fal's own server framework, serving the app in app.py."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
INTERPRETER = HERE.parent.parent / ".venv-fal" / "bin" / "python"


@pytest.fixture(scope="session")
def real_app() -> Iterator[str]:
    """Address of the server, for `run_host`."""
    if not INTERPRETER.exists():
        pytest.skip("fal's server framework is not installed: `make test` creates .venv-fal for it")
    server = subprocess.Popen(
        [INTERPRETER, HERE / "app.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    with server, server.stdin:
        yield server.stdout.readline().strip()
