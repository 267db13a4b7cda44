"""Fixtures: fal's own server framework, serving the app in app.py."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.requirements import FAL_PYTHON, need_fal_server

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def real_app() -> Iterator[str]:
    """Address of the server; clients take it as `run_host`."""
    need_fal_server()
    server = subprocess.Popen(
        [FAL_PYTHON, HERE / "app.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    with server, server.stdin:
        yield server.stdout.readline().strip()
