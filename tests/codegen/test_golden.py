"""Whole packages, compared with reviewed ones.

To accept a change: FAL_TYPED_UPDATE_GOLDEN=1 pytest tests/codegen/test_golden.py, then read the
difference.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fal_typed_codegen.generate import generate

from tests.codegen.building import contents

GOLDEN = Path(__file__).parent / "golden"
# The suffix keeps formatters and checkers of this repository away from it.
SUFFIX = ".txt"
ROOT = Path(__file__).parents[2]


def test_packages_match_the_golden_files(tmp_path: Path) -> None:
    generate(GOLDEN / "schemas", tmp_path, "golden_package", jobs=1)
    made = {path + SUFFIX: content.decode() for path, content in contents(tmp_path).items()}
    if os.environ.get("FAL_TYPED_UPDATE_GOLDEN"):
        update(made)
    expected = {
        path.relative_to(GOLDEN / "expected").as_posix(): path.read_text(encoding="utf-8")
        for path in (GOLDEN / "expected").rglob("*" + SUFFIX)
    }
    assert made == expected


def update(made: dict[str, str]) -> None:
    for old in (GOLDEN / "expected").rglob("*" + SUFFIX):
        old.unlink()
    for path, text in made.items():
        target = GOLDEN / "expected" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


PROGRAM = """
from golden_package.acme.painter import ImageSize, LoraWeight, painter
from golden_package.acme.painter.n2_5_fast import ANode, Input

result = painter.subscribe(
    prompt="a cat",
    image_size=ImageSize(width=1),
    schema_="v2",
    image_url=b"",
    loras=[LoraWeight(path="x")],
)
reveal_type(result.data.images[0].url)
reveal_type(result.data.preview)
weight = LoraWeight(path="x")
reveal_type(Input(lora=weight, tree=ANode(children=[]), pair=(1, "a")).free)
painter.subscribe(prompt=1)
painter.subscribe(prompt="", style=None)
painter.subscribe(prompt="", image_size="huge")
painter.subscribe()
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    generate(GOLDEN / "schemas", tmp_path / "golden_package", "golden_package", jobs=1)
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


def test_mypy_understands_a_package(program: Path) -> None:
    environment = {**os.environ, "MYPYPATH": f"{program.parent}:{ROOT / 'src'}"}
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--python-version=3.10",
         f"--cache-dir={program.parent / 'cache'}", "program.py", "golden_package"],
        cwd=program.parent, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told_by(done.stdout) == {
        ("program.py", 12, 'Revealed type is "str"'),
        ("program.py", 13, 'Revealed type is "golden_package.acme.painter._endpoint.Clip | None"'),
        ("program.py", 15, 'Revealed type is "Any"'),
        ("program.py", 16, "arg-type"),
        ("program.py", 17, "arg-type"),
        ("program.py", 18, "arg-type"),
        ("program.py", 19, "call-arg"),
    }


def told_by(output: str) -> set[tuple[str, int, str]]:
    """Locations, with error codes and revealed types."""
    found: set[tuple[str, int, str]] = set()
    for line in output.splitlines():
        match = re.match(r"(.*?):(\d+): (?:error: .*\[(.*)\]|note: (Revealed .*))", line)
        if match:
            found.add((match[1], int(match[2]), match[3] or match[4]))
    return found


def test_pyright_understands_a_package(program: Path) -> None:
    (program.parent / "pyrightconfig.json").write_text(
        json.dumps({"typeCheckingMode": "strict", "pythonVersion": "3.10"})
    )
    done = subprocess.run(
        [Path(sys.executable).parent / "pyright", "--outputjson", f"--pythonpath={sys.executable}",
         "program.py", "golden_package"],
        cwd=program.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = {
        (
            Path(diagnostic["file"]).name,
            diagnostic["range"]["start"]["line"] + 1,
            diagnostic.get("rule") or diagnostic["message"],
        )
        for diagnostic in json.loads(done.stdout)["generalDiagnostics"]
    }
    assert found == {
        ("program.py", 12, 'Type of "result.data.images[0].url" is "str"'),
        ("program.py", 13, 'Type of "result.data.preview" is "Clip | None"'),
        (
            "program.py",
            15,
            'Type of "Input(lora=weight, tree=ANode(children=[]), pair=(1, "a")).free" is "Any"',
        ),
        ("program.py", 16, "reportArgumentType"),
        ("program.py", 17, "reportArgumentType"),
        ("program.py", 18, "reportArgumentType"),
        ("program.py", 19, "reportCallIssue"),
    }
