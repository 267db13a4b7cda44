"""What type checkers say of programs that send bodies which are no plain object, word for word.

After a change that is meant: ``UPDATE_GOLDEN=1 make test TESTS=tests/typing/test_bodies.py``, then
read the difference.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fal_typed_codegen.generate import generate

from tests.codegen.body_app import app
from tests.typing.checkers import mypy, pyright

if TYPE_CHECKING:
    from collections.abc import Callable

BODIES = Path(__file__).parent / "bodies"
PACKAGE = "fal_bodies"
PROGRAMS = ("right.py", "wrong.py")
CHECKERS: dict[str, Callable[[Path], dict[str, str]]] = {"mypy": mypy, "pyright": pyright}

pytestmark = pytest.mark.xdist_group("bodies")


@pytest.fixture(scope="module", params=CHECKERS)
def words(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, str]]:
    """One checker's name and its words by program."""
    folder = tmp_path_factory.mktemp(request.param)
    document = folder / "schemas/acme/bodies.json"
    document.parent.mkdir(parents=True)
    document.write_text(json.dumps(app.openapi()))
    report = generate(folder / "schemas", folder / PACKAGE, PACKAGE, jobs=1)
    assert report.failed == {}
    for name in PROGRAMS:
        shutil.copy(BODIES / name, folder)
    return request.param, CHECKERS[request.param](folder)


@pytest.mark.parametrize("name", PROGRAMS)
def test_words_are_as_recorded(words: tuple[str, dict[str, str]], name: str) -> None:
    checker, said = words
    golden = BODIES / f"{Path(name).stem}.{checker}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(said.get(name, ""), encoding="utf-8")
    assert said.get(name, "") == golden.read_text(encoding="utf-8")


def test_generated_code_is_clean_in_strict_mode(words: tuple[str, dict[str, str]]) -> None:
    _, said = words
    assert said.keys() <= {"wrong.py"}


@pytest.mark.parametrize("checker", CHECKERS)
def test_every_mistake_is_found(checker: str) -> None:
    source = (BODIES / "wrong.py").read_text(encoding="utf-8").splitlines()
    calls = {n for n, line in enumerate(source, 1) if re.match(r"\w+\.\w+\(", line)}
    found = (BODIES / f"wrong.{checker}.txt").read_text(encoding="utf-8")
    errors = {int(line) for line in re.findall(r"^(\d+): error", found, re.MULTILINE)}
    assert errors == calls
    assert (BODIES / f"right.{checker}.txt").read_text(encoding="utf-8") == ""
