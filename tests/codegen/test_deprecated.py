"""Deprecations: in docstrings, when a parameter is set, and in type checkers."""

from __future__ import annotations

import asyncio
import inspect
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fal_typed._calls.checking import dump_input
from fal_typed.models import InputModel
from tests.codegen.building import Packages, document, ref
from tests.typing import checkers

OLD = {"type": "string", "deprecated": True, "description": "How it was."}
PARTS = {
    "Part": {"type": "object", "properties": {"old": OLD, "new": {"type": "string"}}},
}
FIELDS = document(
    {
        "old": OLD,
        "new": {"type": "string"},
        "old name": {**OLD, "default": "x"},
        "part": ref("Part", default={"old": "x"}),
    },
    components=PARTS,
    output={"type": "object", "properties": {"old": OLD, "new": {"type": "string"}}},
)


def gone(one: dict[str, Any]) -> dict[str, Any]:
    post = {**one["paths"]["/acme/echo"]["post"], "deprecated": True}
    return {**one, "paths": {**one["paths"], "/acme/echo": {"post": post}}}


def warned(call: Callable[[], object]) -> list[tuple[str, str]]:
    """Warnings of a call, and their files."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert all(item.category is DeprecationWarning for item in caught)
    return [(str(item.message), item.filename) for item in caught]


def old(name: str, model: str = "EchoInput") -> tuple[str, str]:
    return (f"Parameter {name!r} of {model} is deprecated.", __file__)


@pytest.fixture
def made(packages: Packages) -> ModuleType:
    return packages.module(FIELDS)


def test_setting_a_deprecated_parameter_warns(made: ModuleType) -> None:
    assert warned(lambda: made.Input(old="a")) == [old("old")]
    assert warned(lambda: made.Input(old_name="a")) == [old("old_name")]
    assert warned(lambda: made.Input(**{"old name": "a"})) == [old("old_name")]
    assert warned(lambda: made.Part(old="a")) == [old("old", "Part")]
    assert warned(lambda: dump_input(made.Input(new="a", part={"new": "b"}))) == []
    assert warned(lambda: repr(made.Input(new="a"))) == []


def test_calls_warn_in_the_callers_file(made: ModuleType) -> None:
    def call(**arguments: str) -> None:
        with pytest.raises(TypeError):
            made.echo.with_options(no_such_option=1)
        made.echo.stream(**arguments)

    async def call_async() -> None:
        made.echo.stream_async(old="a")

    assert warned(lambda: call(old="a")) == [old("old")]
    assert warned(lambda: asyncio.run(call_async())) == [old("old")]
    assert warned(lambda: call(new="a")) == []


def test_reading_a_deprecated_field_warns(made: ModuleType) -> None:
    result = made.Output(old="a", new="b")
    assert warned(lambda: result.new) == []
    assert warned(lambda: result.old) == [("deprecated", __file__)]
    assert warned(result.model_dump) == []


def test_docstrings_mention_deprecation(made: ModuleType) -> None:
    assert '"""How it was. Deprecated."""' in inspect.getsource(made.Input)
    assert "Deprecated" not in (made.echo.__doc__ or "")
    assert made.Input.model_fields["old"].deprecated is True


def test_a_deprecated_endpoint(packages: Packages) -> None:
    made = packages.module(gone(document({"new": {"type": "string"}})))
    text = ("acme/echo is deprecated.", __file__)
    assert warned(lambda: made.Input(new="a")) == [text]
    assert warned(lambda: made.echo.stream(new="a")) == [text]
    source = inspect.getsource(made)
    assert source.startswith('"""acme/echo — Deprecated. ')
    assert issubclass(made.Input, InputModel)


PROGRAM = """from {package}.acme.echo import EchoInput, echo

EchoInput(new="a")
echo.subscribe(new="a")
"""


def test_type_checkers_report_deprecation(packages: Packages, tmp_path: Path) -> None:
    package, _ = packages.make(gone(FIELDS))
    folder = tmp_path / "program"
    folder.mkdir()
    shutil.copytree(packages.folder / package, folder / package)
    (folder / "use.py").write_text(PROGRAM.format(package=package))
    found = checkers.pyright(folder)
    assert list(found) == ["use.py"]
    assert 'The class "EchoInput" is deprecated' in found["use.py"]
    assert "acme/echo is deprecated." in found["use.py"]
    # What mypy says of it is an error only where a project asks for that.
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--enable-error-code", "deprecated", "use.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "acme/echo is deprecated." in done.stdout
    assert checkers.mypy(folder) == {}
