"""The command line in general: help, exit codes, imports."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fal_typed import cli
from fal_typed._version import __version__
from fal_typed.cli.command_list import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from fal_typed.testing import FalEmulator
    from tests.cli.conftest import Outcome


def in_fresh_interpreter(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_help_lists_every_command_with_its_summary(fal: Callable[..., Outcome]) -> None:
    outcome = fal("--help")
    assert outcome.code == 0
    for name, command in COMMANDS.items():
        assert f" {name} " in outcome.out
        assert command.summary in outcome.out
    assert "Example: fal-typed " in outcome.out


def test_help_imports_no_command() -> None:
    done = in_fresh_interpreter(
        "import atexit, json, sys\n"
        "atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))\n"
        "from fal_typed.cli import main\nmain(['--help'])"
    )
    loaded = set(json.loads(done.stderr))
    assert not loaded & {f"fal_typed.cli.commands.{name}_command" for name in COMMANDS}
    assert not loaded & {"httpx", "starlette", "datamodel_code_generator"}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_begins_with_its_summary_and_gives_an_example(
    fal: Callable[..., Outcome], name: str
) -> None:
    outcome = fal(name, "--help")
    assert outcome.code == 0
    assert COMMANDS[name].summary in outcome.out
    assert f"Example: fal-typed {name}" in outcome.out
    module = import_module(f"fal_typed.cli.commands.{name}_command")
    assert (module.command.__doc__ or "").splitlines()[0] == COMMANDS[name].summary


def test_version(fal: Callable[..., Outcome]) -> None:
    outcome = fal("--version")
    assert (outcome.code, outcome.out) == (0, f"fal-typed {__version__}\n")


@pytest.mark.parametrize("words", [["nonsense"], ["show"], ["show", "x", "--nonsense"], []])
def test_wrong_use_is_exit_code_2(fal: Callable[..., Outcome], words: list[str]) -> None:
    assert fal(*words).code == 2


@pytest.mark.parametrize(
    ("missing", "command", "extra"),
    [
        ("typer", "show", "cli"),
        ("typer", "run", "cli"),
        ("typer", "emulator", "emulator"),
        ("uvicorn", "emulator", "emulator"),
        ("jinja2", "generate", "codegen"),
    ],
)
def test_a_missing_extra_is_reported_in_one_line(
    missing: str, command: str, extra: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = str(tmp_path_factory.mktemp("out"))
    words = ["--out", out, "--endpoint", "fal-ai/birefnet"] if command == "generate" else []
    done = in_fresh_interpreter(
        f"import sys\nsys.modules[{missing!r}] = None\n"
        "from fal_typed.cli import main\nmain(sys.argv[1:])",
        command,
        *words,
    )
    assert done.returncode == 2
    assert done.stderr == (
        f"error: fal-typed {command} needs {missing}: pip install 'fal-typed[{extra}]'\n"
    )


@pytest.mark.parametrize(
    "words",
    [
        ["search", "background", "removal"],
        ["show", "fal-ai/flux/dev"],
        ["run", "fal-ai/flux/dev", "--help"],
        ["run", "fal-ai/flux/dev", "--prompt", "a cat"],
    ],
    ids=" ".join,
)
def test_commands_work_without_the_dependencies_of_the_generator(
    words: list[str], fal_emulator: FalEmulator
) -> None:
    done = in_fresh_interpreter(
        "import sys\n"
        "for name in ('datamodel_code_generator', 'jinja2', 'tomli', 'ruff', 'PIL', 'uvicorn'):\n"
        "    sys.modules[name] = None\n"
        "from fal_typed.cli import main\nmain(sys.argv[1:])",
        *words,
    )
    assert done.returncode == 0, done.stderr


def test_only_one_module_prints() -> None:
    folder = Path(cli.__file__).parent
    printing = re.compile(r"typer\.echo|(?<![.\w])print\(|sys\.(stdout|stderr)\.write|Console\(")
    found = {path.name for path in folder.rglob("*.py") if printing.search(path.read_text("utf-8"))}
    # The emulator's log and the progress of pull draw with rich; images are escape sequences.
    assert found == {
        "terminal.py", "inline_images.py", "emulator_command.py", "pull_command.py",
        "show_command.py",
    }  # fmt: skip
