"""The examples in docstrings run, against the emulator if they call an endpoint."""

from __future__ import annotations

import ast
import asyncio
import doctest
import inspect
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import fal_typed_codegen
import pytest

import fal_typed
from fal_typed.testing import FalEmulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, ModuleType


def modules_of(package: ModuleType) -> list[str]:
    """Names of a package and its hand-written modules, found without importing them."""
    root = Path(package.__path__[0])
    files = sorted(path.relative_to(root.parent) for path in root.rglob("*.py"))
    names = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in files]
    outside = ("fal_typed.endpoints", "fal_typed._pyinstaller.hook-")
    return [name for name in names if not name.startswith(outside)]


MODULES = modules_of(fal_typed) + modules_of(fal_typed_codegen)


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with FalEmulator() as emulator:
        yield emulator.host


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def allow_await(loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let examples use `await` at top level, as `python -m asyncio` does."""
    monkeypatch.setattr(asyncio, "run", loop.run_until_complete)

    def compiled(source: str, name: str, mode: str, flags: int, inherit: bool) -> CodeType:
        flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        return compile(source, name, mode, flags, inherit)

    def executed(code: CodeType, names: dict[str, object]) -> None:
        if code.co_flags & inspect.CO_COROUTINE:
            loop.run_until_complete(eval(code, names))
        else:
            exec(code, names)

    monkeypatch.setattr(doctest, "compile", compiled, raising=False)
    monkeypatch.setattr(doctest, "exec", executed, raising=False)


# One-line examples leave their client and its connection to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore:.*socket:pytest.PytestWarning")
@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_show(
    name: str,
    host: str,
    loop: asyncio.AbstractEventLoop,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FAL_EMULATOR_HOST", host)
    monkeypatch.chdir(tmp_path)
    allow_await(loop, monkeypatch)
    words: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for example in doctest.DocTestFinder().find(import_module(name)):
        runner.run(example, out=words.append)
    assert not runner.failures, "".join(words)
