"""The Python code of every page of the docs runs, from top to bottom, against the emulator.

A block that cannot run by itself has a comment before it that says why: ``<!-- not run: … -->``.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from fal_typed.testing import FalEmulator

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

ROOT = Path(__file__).parent.parent
DOCS, SCHEMAS = ROOT / "docs", ROOT / "schemas"
BLOCK = re.compile(
    r"((?:<!-- not run: [^\n]+ -->\n+)?)^( *)```(\S+)[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL
)
LANGUAGES = {
    "python",
    "console",
    "text",
    "toml",
    "json",
    "mermaid",
    "yaml",
    "diff",
    "js",
    "dockerfile",
}


def python_blocks(page: Path) -> list[str]:
    """The blocks of a page that are meant to run."""
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [code for reason, _, language, code in found if language == "python" and not reason]


PAGES = sorted(page for page in DOCS.rglob("*.md") if python_blocks(page))


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the files that the pages mention, and an emulator."""
    for name in ("cat.jpg", "cat.png", "photo.jpg", "in.png", "mask.png"):
        Image.new("RGB", (64, 48), "teal").save(tmp_path / name)
    (tmp_path / "film.mp4").write_bytes(b"film")
    (tmp_path / "schemas" / "fal-ai" / "flux").mkdir(parents=True)
    for name in ("schemas.lock", "fal-ai/flux/dev.json"):
        shutil.copy(SCHEMAS / name, tmp_path / "schemas" / name)
    monkeypatch.setenv("PROXY_TOKEN", "a token")
    with FalEmulator() as emulator:
        monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
        monkeypatch.chdir(tmp_path)
        yield tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_of_a_page_runs(page: Path, reader: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "page"}
    for number, block in enumerate(python_blocks(page), start=1):
        if "def test_" in block:
            run_as_test(block, reader)
        else:
            run(block, f"{page.name} block {number}", namespace)


def run(block: str, name: str, namespace: dict[str, Any]) -> None:
    with io.StringIO() as nowhere, contextlib.redirect_stdout(nowhere):
        code = compile(block, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        waiting = eval(code, namespace)
        if inspect.isawaitable(waiting):
            asyncio.run(wait(waiting))


async def wait(waiting: Awaitable[object]) -> None:
    await waiting


def run_as_test(block: str, folder: Path) -> None:
    (folder / "test_block.py").write_text(block, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_block.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.stem)
def test_every_block_names_its_language(page: Path) -> None:
    fences = re.findall(r"^ *```(.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    opening = fences[::2]
    assert len(fences) % 2 == 0
    assert {fence.split()[0] if fence else "" for fence in opening} <= LANGUAGES


def test_blocks_that_do_not_run_are_python_all_the_same() -> None:
    for page in DOCS.rglob("*.md"):
        for reason, _, language, code in BLOCK.findall(page.read_text(encoding="utf-8")):
            if reason and language == "python":
                ast.parse(code)
