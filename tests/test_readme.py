"""Every snippet of the README runs against the emulator."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from fal_typed._documents.catalog import Catalog
from fal_typed.testing import FalEmulator

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


PYTHON = [block for block in blocks("python") if "def test_" not in block]
TESTS = [block for block in blocks("python") if "def test_" in block]
COMMANDS = [
    line.removeprefix("$ ")
    for block in blocks("console")
    for line in block.splitlines()
    if line.startswith("$ fal-typed")
]
TARGETS = re.findall(r"^\$ make (\w[\w ]*)", README, re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a reader would work in."""
    return tmp_path_factory.mktemp("reader")


@pytest.fixture(autouse=True)
def use_emulator(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with FalEmulator() as emulator:
        monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
        monkeypatch.chdir(folder)
        yield


@pytest.mark.parametrize("snippet", PYTHON)
def test_each_snippet_runs_alone(snippet: str, folder: Path) -> None:
    Image.new("RGB", (64, 48), "teal").save(folder / "cat.jpg")
    namespace: dict[str, Any] = {}
    exec(compile(snippet, "snippet of the README", "exec"), namespace)


def test_the_snippet_of_errors_prints_every_problem(capsys: pytest.CaptureFixture[str]) -> None:
    [snippet] = [block for block in PYTHON if "FalInputError" in block]
    exec(compile(snippet, "snippet of the README", "exec"), {})
    shown = capsys.readouterr().out
    assert [word for word in ("promt", "image_size", "num_images") if word not in shown] == []


@pytest.mark.parametrize("snippet", TESTS)
def test_test_snippet_passes(snippet: str, folder: Path) -> None:
    (folder / "test_snippet.py").write_text(textwrap.dedent(snippet))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "test_snippet.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout


def test_commands_succeed_in_order(folder: Path) -> None:
    (folder / "prompts.jsonl").write_text('{"prompt": "a cat"}\n', encoding="utf-8")
    for command in COMMANDS:
        done = subprocess.run(
            [BIN / "fal-typed", *shlex.split(command)[1:]],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert (folder / "src" / "my_endpoints" / "fal_ai" / "birefnet.py").is_file()


def test_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = {target for targets in TARGETS for target in targets.split()}
    assert {"demo", "test", "check"} <= named
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in named)


def test_ci_runs_the_test_command() -> None:
    assert "\n$ make check test\n" in README
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").endswith("\nmake check test\n")


def test_the_number_of_endpoints_matches_the_catalog() -> None:
    assert f"each of {len(Catalog().ids()):,} endpoints" in README
