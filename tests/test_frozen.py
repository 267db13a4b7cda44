"""Frozen programs find what this package imports and reads."""

from __future__ import annotations

import ast
import importlib.metadata
import runpy
from pathlib import Path

import fal_typed
from fal_typed.cli.command_list import COMMANDS
from tests.test_architecture import parsed

PACKAGE = Path(fal_typed.__file__).parent
IMPORTERS = {"import_module", "__import__"}
IN_NOTEBOOKS = {"google.colab.userdata", "IPython.display"}  # where no program is frozen


def hooks():
    (entry,) = importlib.metadata.entry_points(group="pyinstaller40", name="hook-dirs")
    (folder,) = entry.load()()
    return {path.stem: runpy.run_path(str(path)) for path in Path(folder).glob("hook-*.py")}


def test_no_package_is_imported_by_a_string_that_no_tool_sees():
    found = set()
    for path in PACKAGE.rglob("*.py"):
        if "endpoints" in path.parts:
            continue
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in IMPORTERS:
                found |= {each.value for each in node.args if isinstance(each, ast.Constant)}
    assert found <= IN_NOTEBOOKS


def test_pyinstaller_finds_the_commands_and_the_files():
    found = hooks()
    assert found.keys() == {"hook-fal_typed.cli", "hook-fal_typed.testing"}
    commands = found["hook-fal_typed.cli"]["hiddenimports"]
    for name in COMMANDS:
        assert f"fal_typed.cli.commands.{name}_command" in commands
    page = found["hook-fal_typed.testing"]["datas"]
    assert (
        str(PACKAGE / "testing/services/page/index.html"),
        "fal_typed/testing/services/page",
    ) in page
    for hook in found.values():
        assert all(Path(source).is_file() for source, _ in hook["datas"])
