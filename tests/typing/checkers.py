"""Runs type checkers over small programs, as a user's project would, and reads their messages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from tests.requirements import need

BIN = Path(sys.executable).parent
PYTHON = "3.10"
"""The version that is checked for, so that the words don't hang on the one that runs."""

_MYPY_LINE = re.compile(r"(?P<file>[^:]+):(?P<line>\d+): (?P<message>.*)")


def mypy(folder: Path) -> dict[str, str]:
    """Check a folder with ``mypy --strict`` and an empty cache; gives its words by program."""
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--no-error-summary",
        f"--python-version={PYTHON}",
        "--hide-error-context",
    ]
    done = subprocess.run(
        [*command, "--cache-dir", folder / ".mypy_cache", "."],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr, done.stderr
    lines: dict[str, list[str]] = defaultdict(list)
    for match in map(_MYPY_LINE.fullmatch, done.stdout.splitlines()):
        assert match, done.stdout
        if match["message"].startswith("note:     def "):
            continue  # each overload in full, with all the options there are
        lines[match["file"]].append(f"{match['line']}: {match['message']}\n")
    return {file: "".join(words) for file, words in lines.items()}


def pyright(folder: Path) -> dict[str, str]:
    """Check a folder with pyright in strict mode; gives its words by program."""
    config = {
        "typeCheckingMode": "strict",
        "pythonVersion": PYTHON,
        "venvPath": str(BIN.parent.parent),
        "venv": BIN.parent.name,
        "reportUnusedExpression": False,
        "reportUnusedCoroutine": False,
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(config))
    done = subprocess.run(
        [BIN / "pyright", "--outputjson"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    lines: dict[str, list[str]] = defaultdict(list)
    for found in cast("list[dict[str, Any]]", json.loads(done.stdout)["generalDiagnostics"]):
        number = found["range"]["start"]["line"] + 1
        rule = f" [{found['rule']}]" if "rule" in found else ""
        message = found["message"].replace("\xa0", " ")
        lines[Path(found["file"]).name].append(f"{number}: {found['severity']}: {message}{rule}\n")
    return {file: "".join(words) for file, words in lines.items()}


def ty(folder: Path) -> dict[str, str]:
    """Check a folder with ty; returns its messages by program."""
    return _lines(
        [_installed("ty"), "check", "--python", BIN.parent, "--python-version", PYTHON,
         "--output-format", "concise", "--error-on-warning", "."],
        folder,
        r"(?P<file>[^:]+):(?P<line>\d+):\d+: (?P<kind>\w+)\[(?P<rule>[\w-]+)\] (?P<message>.*)",
    )  # fmt: skip


def pyrefly(folder: Path) -> dict[str, str]:
    """Check a folder with pyrefly's strict preset; returns its messages by program."""
    interpreter = json.dumps(str(BIN / "python"))
    (folder / "pyrefly.toml").write_text(
        f'preset = "strict"\npython-version = "{PYTHON}"\nproject-includes = ["**/*.py"]\n'
        f"python-interpreter-path = {interpreter}\n"
    )
    return _lines(
        [_installed("pyrefly"), "check", "--output-format", "min-text", "--summary=none"],
        folder,
        r" *(?P<kind>[A-Z]+) (?P<file>[^:]+):(?P<line>\d+):[\d:-]+: "
        r"(?P<message>.*) \[(?P<rule>[\w-]+)\]",
    )


def zuban(folder: Path) -> dict[str, str]:
    """Check a folder with zuban in strict mode; returns its messages by program."""
    return _lines(
        [_installed("zuban"), "check", "--strict", "--python-executable", BIN / "python",
         "--python-version", PYTHON, "."],
        folder,
        r"(?P<file>[^:]+):(?P<line>\d+): (?P<kind>\w+): (?P<message>.*?)"
        r"(?:  \[(?P<rule>[\w-]+)\])?",
    )  # fmt: skip


CHECKERS: dict[str, Callable[[Path], dict[str, str]]] = {
    "mypy": mypy,
    "pyright": pyright,
    "ty": ty,
    "pyrefly": pyrefly,
    "zuban": zuban,
}


def _installed(program: str) -> Path:
    path = BIN / program
    need(program, found=path.exists(), install="run `make setup`")
    return path


def _lines(command: list[str | Path], folder: Path, pattern: str) -> dict[str, str]:
    """Messages of a checker that prints one per line, sorted by line."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for line in done.stdout.splitlines():
        match = re.fullmatch(pattern, line)
        if match is None or match["message"].startswith("    def "):
            continue  # a summary, or an overload in full, with all its options
        rule = f" [{match['rule']}]" if match["rule"] else ""
        text = f"{match['line']}: {match['kind'].lower()}: {match['message']}{rule}\n"
        found[match["file"]].append((int(match["line"]), text))
    assert found or done.returncode == 0, done.stdout + done.stderr
    return {file: "".join(text for _, text in sorted(lines)) for file, lines in found.items()}
