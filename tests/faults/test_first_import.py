"""Faults that only the first import of a library meets."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import asyncio
from fal_typed import AsyncFalClient, FalInputError
try:
    asyncio.run(AsyncFalClient("key").run("fal-ai/flux/dev", {}))
except FalInputError as error:
    print(error)
"""


def test_aiohttp_with_a_key_log_that_cannot_be_written(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "SSLKEYLOGFILE": str(tmp_path / "missing" / "log")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("SSLKEYLOGFILE is "), done.stderr
