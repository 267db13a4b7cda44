"""Docstrings of the methods that take an endpoint's parameters.

Generated modules write these methods out for type checkers and editors only. At run time the
methods of `Endpoint` show the docstrings from there.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import textwrap

_SECTION = "\n\nRaises:\n"
_WIDTH = 96


def with_parameters(doc: str, parameters: str) -> str:
    """Add parameters to a docstring, before its errors.

    Args:
        doc: The docstring.
        parameters: Lines of its section ``Args``; empty if there are no parameters.

    Returns:
        The new docstring.

    >>> print(with_parameters("Call it.", "    seed: Random seed."))
    Call it.
    <BLANKLINE>
    Args:
        seed: Random seed.
    """
    if not parameters:
        return doc
    before, found, after = doc.partition(_SECTION)
    return f"{before}\n\nArgs:\n{parameters}{found}{after}"


@functools.cache
def written_docs(model: type, owner: str) -> dict[str, str]:
    """Docstrings that the module of a generated input has for methods with its parameters.

    Args:
        model: The input class.
        owner: Name of the class of the methods, such as `Endpoint` or `Pipeline`.

    Returns:
        Docstrings by method; empty for a class that was not generated or has no source text.
    """
    for statement in _statements(model.__module__):
        if not (isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"):
            continue
        for node in statement.body:
            if isinstance(node, ast.ClassDef) and _is_kind_of(node, owner):
                return _docs(node)
    return {}


def _statements(module: str) -> list[ast.stmt]:
    spec = importlib.util.find_spec(module)
    read = getattr(spec and spec.loader, "get_source", None)
    try:
        source: str | None = read(module) if read is not None else None
    except ImportError:  # there is only bytecode
        source = None
    return ast.parse(source or "").body


def _is_kind_of(node: ast.ClassDef, owner: str) -> bool:
    base = ast.unparse(node.bases[0]) if node.bases else ""
    return base.startswith(f"{owner}[...,")


def _docs(node: ast.ClassDef) -> dict[str, str]:
    return {
        method.name: _wrapped(ast.get_docstring(method) or "")
        for method in node.body
        if isinstance(method, (ast.FunctionDef, ast.AsyncFunctionDef))
    }


def _wrapped(doc: str) -> str:
    """A docstring with its long lines wrapped; generated ones have a line per parameter."""
    return "\n".join(
        line
        if len(line) <= _WIDTH
        else textwrap.fill(line, _WIDTH, subsequent_indent=" " * 8, break_on_hyphens=False)
        for line in doc.splitlines()
    )
