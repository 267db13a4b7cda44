"""Programs that some tests need and that pip does not install."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FAL_PYTHON = ROOT / ".venv-fal" / "bin" / "python"
"""The interpreter with fal's server framework, which `make test` installs."""
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")


def need(what: str, *, found: bool, install: str) -> None:
    """Skip the test when something is missing; in CI, where all must be there, fail it."""
    if found:
        return
    message = f"{what} is missing: {install}"
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"{message} (a test may not skip in CI)", pytrace=False)
    pytest.skip(message)


def need_browser() -> None:
    """Chromium and the driver that selenium talks to."""
    found = CHROMIUM is not None and CHROMEDRIVER is not None
    need("Chromium", found=found, install="apt-get install chromium chromium-driver")


def need_fal_server() -> None:
    """The server framework behind fal's apps."""
    need("fal's server framework", found=FAL_PYTHON.exists(), install="run `make test`")


def need_js_client() -> None:
    """Node, and fal's JavaScript client."""
    need("Node", found=shutil.which("node") is not None, install="install Node and npm")
    client = ROOT / "tests" / "clients" / "js" / "node_modules" / "@fal-ai"
    need("fal's JavaScript client", found=client.exists(), install="run `make test`")
