"""Finds endpoint ids in source code without importing it."""

from __future__ import annotations

import ast
import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fal_typed._documents.regular_files import read_regular_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SHAPED_LIKE_ID = re.compile(r"[\w.-]+(?:/[\w.-]+)+")
_QUOTED_ID = re.compile(rb"""["'][\w.-]+(?:/[\w.-]+)+/?["']""")
_IMPORTS_A_CLIENT = re.compile(rb"^\s*(?:import|from)\s[^\n]*fal", re.MULTILINE)
_FIRST_ARGUMENT = "application"
_VERBS = frozenset({"run", "subscribe", "submit", "stream", "realtime", "status", "result"})


@dataclass(frozen=True)
class Mention:
    """A string in the source that looks like an endpoint id.

    Attributes:
        id: The string.
        path: The file.
        line: Line number, starting at 1.
        is_called: Whether it is the endpoint argument of a call such as `subscribe`.
    """

    id: str
    path: Path
    line: int
    is_called: bool


@dataclass(frozen=True)
class Scan:
    """Strings that were found, and files that cannot be parsed."""

    mentions: list[Mention]
    unreadable: dict[Path, str]


def scan(places: Iterable[Path], *, without: Path) -> Scan:
    """Find strings that look like endpoint ids in arguments, defaults and assignments.

    Args:
        places: Folders and files of Python source.
        without: Folder to skip: the generated code, which contains every id.

    Returns:
        The strings, in the order of the files.
    """
    found = Scan([], {})
    for path in dict.fromkeys(_python_files(places, without.resolve())):
        try:
            content = read_regular_file(path)
        except OSError as error:
            found.unreadable[path] = error.strerror or str(error)
            continue
        if not _QUOTED_ID.search(content):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(content)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            found.unreadable[path] = str(error)
            continue
        uses_a_client = _IMPORTS_A_CLIENT.search(content) is not None
        found.mentions.extend(
            Mention(node.value, path, node.lineno, is_called and uses_a_client)
            for node, is_called in _texts(tree)
            if isinstance(node.value, str) and _SHAPED_LIKE_ID.fullmatch(node.value)
        )
    return found


def _python_files(places: Iterable[Path], without: Path) -> Iterator[Path]:
    for place in places:
        if place.is_file():
            yield place
            continue
        for folder, names, files in os.walk(place):
            names[:] = sorted(name for name in names if _is_source(Path(folder, name), without))
            yield from (Path(folder, name) for name in sorted(files) if name.endswith(".py"))


def _is_source(folder: Path, without: Path) -> bool:
    if folder.name.startswith(".") or folder.name in {"__pycache__", "node_modules"}:
        return False
    return folder.resolve() != without and not (folder / "pyvenv.cfg").exists()


def _texts(tree: ast.Module) -> Iterator[tuple[ast.Constant, bool]]:
    """Strings where an id can be, and whether it is the endpoint that is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = _called(node)
            values = [*node.args, *(item.value for item in node.keywords)]
            yield from ((text, value is called) for value in values for text in _choices(value))
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            yield from ((text, False) for text in _choices(node.value))
        elif isinstance(node, ast.arguments):
            defaults = [*node.defaults, *filter(None, node.kw_defaults)]
            yield from ((text, False) for value in defaults for text in _choices(value))


def _called(call: ast.Call) -> ast.expr | None:
    """Endpoint argument of a call such as `subscribe`."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else ""
    name = function.id if isinstance(function, ast.Name) else name
    if name.removesuffix("_async") not in _VERBS:
        return None
    by_name = (item.value for item in call.keywords if item.arg == _FIRST_ARGUMENT)
    return next(iter([*call.args, *by_name]), None)


def _choices(value: ast.expr) -> Iterator[ast.Constant]:
    """Possible values of an expression such as `"a/b" if fast else "a/c"`."""
    waiting = [value]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.IfExp):
            waiting = [node.body, node.orelse, *waiting]
        elif isinstance(node, ast.Constant):
            yield node
