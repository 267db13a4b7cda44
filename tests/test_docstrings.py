"""The examples in docstrings run, against the emulator where they call an endpoint."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import fal_typed_codegen
import pytest

import fal_typed
from fal_typed.testing import FalEmulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType


def modules_of(package: ModuleType) -> list[str]:
    """The package and its hand-written modules, none of them imported for it."""
    root = Path(package.__path__[0])
    files = sorted(path.relative_to(root.parent) for path in root.rglob("*.py"))
    names = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in files]
    return [name for name in names if not name.startswith("fal_typed.endpoints")]


MODULES = modules_of(fal_typed) + modules_of(fal_typed_codegen)


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with FalEmulator() as emulator:
        yield emulator.host


# An example of one line leaves its client, and so its connection, to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore:.*socket:pytest.PytestWarning")
@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_show(
    name: str, host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAL_EMULATOR_HOST", host)
    monkeypatch.chdir(tmp_path)
    words: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for example in doctest.DocTestFinder().find(import_module(name)):
        runner.run(example, out=words.append)
    assert not runner.failures, "".join(words)
