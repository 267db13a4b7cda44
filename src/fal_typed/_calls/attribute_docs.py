"""The docstrings below the attributes of a class, read from its source when they are needed."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from collections.abc import Mapping


@functools.cache
def attribute_docs(cls: type) -> Mapping[str, str]:
    """Return the docstring of each annotated attribute, inherited ones included.

    Classes whose source is missing, as in a frozen program, have none.
    """
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        found.update(_own_docs(base))
    return found


def _own_docs(cls: type) -> dict[str, str]:
    nodes = [node for node in _classes(cls.__module__) if node.name == cls.__name__]
    return _docs(nodes[-1]) if nodes and cls.__qualname__ == cls.__name__ else {}


@functools.cache
def _classes(module: str) -> list[ast.ClassDef]:
    """The classes at the top level of a module of annotated attributes."""
    if module in ("builtins", "pydantic.main"):
        return []
    try:
        source = inspect.getsource(sys.modules[module])
    except (KeyError, OSError, TypeError):
        return []
    return [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]


def _docs(node: ast.ClassDef) -> dict[str, str]:
    found: dict[str, str] = {}
    for statement, following in zip(node.body, node.body[1:], strict=False):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
            and isinstance(following.value.value, str)
        ):
            found[statement.target.id] = inspect.cleandoc(following.value.value).strip()
    return found
