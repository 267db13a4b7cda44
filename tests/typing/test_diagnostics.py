"""What mypy and pyright say of right and wrong programs, word for word.

The words stand in files beside the programs. After a change that is meant:
``UPDATE_GOLDEN=1 make test TESTS=tests/typing/test_diagnostics.py``, then read the difference.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.typing.checkers import mypy, pyright

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAMS = Path(__file__).parent / "programs"
NAMES = sorted(path.name for path in PROGRAMS.glob("*.py"))
CHECKERS: dict[str, Callable[[Path], dict[str, str]]] = {"mypy": mypy, "pyright": pyright}

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


def test_every_mistake_is_found_by_both() -> None:
    """Each statement of the wrong program is complained of; no other program is."""
    source = (PROGRAMS / "wrong.py").read_text(encoding="utf-8").splitlines()
    calls = [
        n for n, line in enumerate(source, 1) if line.startswith(("flux_dev.", "client.", "print("))
    ]
    for checker in CHECKERS:
        complaints = complaints_of("wrong", checker)
        assert [line for line in calls if line not in complaints] == []
        assert not complaints_of("right", checker)
        assert not complaints_of("right_async", checker)
        assert not complaints_of("batches", checker)


def complaints_of(program: str, checker: str) -> set[int]:
    """Numbers of the lines in which a checker found an error."""
    lines = (PROGRAMS / f"{program}.{checker}.txt").read_text(encoding="utf-8").splitlines()
    return {int(line.partition(":")[0]) for line in lines if ": error: " in line}
