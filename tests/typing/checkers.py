"""Runs the type checkers over small programs, as a user's project would, and reads their words."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, cast

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
