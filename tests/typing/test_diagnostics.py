"""The exact messages of type checkers for correct and incorrect programs.

They are in files beside the programs. After a change that is meant to change them:
``UPDATE_GOLDEN=1 make test TESTS=tests/typing/test_diagnostics.py``, then read the difference.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.typing.checkers import CHECKERS

PROGRAMS = Path(__file__).parent / "programs"
NAMES = sorted(path.name for path in PROGRAMS.glob("*.py"))
_OVERLAP = "a value that is never equal"
UNNOTICED = {
    "ty": {"an option that isn't there", _OVERLAP},
    "pyrefly": {_OVERLAP},
}
"""Comments above mistakes that a checker does not find: ty accepts any keyword for `Unpack`."""

# One worker runs them all, so that each checker starts once.
pytestmark = pytest.mark.xdist_group("checkers")


@pytest.fixture(scope="module", params=CHECKERS)
def words(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, str]]:
    """One checker's name and its words by program."""
    folder = tmp_path_factory.mktemp(request.param)
    for name in NAMES:
        shutil.copy(PROGRAMS / name, folder)
    return request.param, CHECKERS[request.param](folder)


@pytest.mark.parametrize("name", NAMES)
def test_words_are_as_recorded(words: tuple[str, dict[str, str]], name: str) -> None:
    checker, said = words
    golden = PROGRAMS / f"{Path(name).stem}.{checker}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(said.get(name, ""), encoding="utf-8")
    assert said.get(name, "") == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("checker", CHECKERS)
def test_every_mistake_is_found(checker: str) -> None:
    """Each statement of the incorrect programs has an error; no other line has one."""
    for name in NAMES:
        expected = mistakes(PROGRAMS / name, UNNOTICED.get(checker, set()))
        assert complaints_of(Path(name).stem, checker) == expected, name


def mistakes(program: Path, unnoticed: set[str]) -> set[int]:
    """Lines of a program's statements that come after a comment, if it is an incorrect one."""
    if not program.name.startswith("wrong"):
        return set()
    found: set[int] = set()
    comment = ""
    for number, line in enumerate(program.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("# "):
            comment = line.removeprefix("# ").partition(";")[0]
        elif comment and line.strip() and not line.startswith("with ") and comment not in unnoticed:
            found.add(number)
    return found


def complaints_of(program: str, checker: str) -> set[int]:
    """Numbers of the lines in which a checker found an error."""
    lines = (PROGRAMS / f"{program}.{checker}.txt").read_text(encoding="utf-8").splitlines()
    return {int(line.partition(":")[0]) for line in lines if ": error: " in line}
