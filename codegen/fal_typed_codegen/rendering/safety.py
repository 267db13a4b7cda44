"""Verifies that a generated module contains only the expected forms of code.

The renderers already keep text of documents inside literals and docstrings. This check does not
rely on them: it parses the finished module.
"""

from __future__ import annotations

import ast
import builtins

from fal_typed_codegen.interface.naming import IMPORTED

MODULES = frozenset(
    {
        "__future__", "typing", "pydantic", "fal_typed.endpoint", "fal_typed.files",
        "fal_typed._core.lazy", "fal_typed.models", "typing_extensions",
    }
)  # fmt: skip
_TYPES = frozenset({"bool", "bytes", "dict", "float", "int", "list", "str", "tuple"})
_EXPRESSIONS = (
    ast.Name, ast.Constant, ast.Subscript, ast.Tuple, ast.BinOp, ast.BitOr, ast.List, ast.Dict,
    ast.UnaryOp, ast.USub, ast.Load, ast.Store,
)  # fmt: skip
_LAZY_ENDING = """
if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_module("", globals())
"""


class UnsafeModuleError(Exception):
    """A generated module contains unexpected code; the message says where."""


def verify(source: str, package: str) -> None:
    """Reject a module that contains unexpected code.

    Args:
        source: The module's text.
        package: Full name of its package, from which it can import.

    Raises:
        UnsafeModuleError: It contains unexpected code or is not valid Python.
    """
    _Check(parse(source), package).run()


def parse(source: str) -> ast.Module:
    """Parse a generated module.

    Raises:
        UnsafeModuleError: It is not valid Python.
    """
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnsafeModuleError(f"not valid Python: {error}") from error


def require(node: ast.AST, expected: bool) -> None:
    """Reject a part of a module that is not expected.

    Raises:
        UnsafeModuleError: `expected` is false.
    """
    if not expected:
        where = f"line {getattr(node, 'lineno', '?')}"
        raise UnsafeModuleError(f"{where}: {type(node).__name__} is not expected there")


class _Check:
    def __init__(self, tree: ast.Module, package: str) -> None:
        self._tree = tree
        self._package = package
        self._classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}

    def run(self) -> None:
        for node in self._tree.body:
            self._statement(node)

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.ImportFrom):
            self._import(node)
        elif isinstance(node, ast.ClassDef):
            self._class(node)
        elif isinstance(node, ast.Assign):
            self._assignment(node)
        elif isinstance(node, ast.If):
            self._condition(node)
        else:
            self._docstring(node)

    def _import(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        inside = module.startswith(f"{self._package}.")
        require(node, node.level == 0 and (module in MODULES or inside))
        for alias in node.names:
            require(node, alias.asname in (None, alias.name))
            require(node, alias.name.isidentifier())
            if inside:
                self._classes.add(alias.name)

    def _class(self, node: ast.ClassDef) -> None:
        require(node, all(map(_is_deprecation, node.decorator_list)) and not node.keywords)
        require(node, node.name.isidentifier() and not hasattr(builtins, node.name))
        for base in node.bases:
            self._expression(base)
        for statement in node.body:
            self._member(statement)

    def _member(self, node: ast.stmt) -> None:
        if isinstance(node, ast.AnnAssign):
            require(node, isinstance(node.target, ast.Name))
            self._expression(node.annotation)
            if node.value is not None:
                self._expression(node.value)
        elif isinstance(node, ast.Assign):
            require(node, ast.unparse(node.targets[0]) == "model_config")
            self._expression(node.value)
        else:
            self._docstring(node)

    def _assignment(self, node: ast.Assign) -> None:
        require(node, len(node.targets) == 1 and isinstance(node.targets[0], ast.Name))
        self._expression(node.value)

    def _condition(self, node: ast.If) -> None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            require(node, not node.orelse)
            for statement in node.body:
                require(statement, isinstance(statement, ast.ImportFrom))
                self._statement(statement)
            return
        blanked = ast.dump(_without_text(node))
        require(node, blanked == ast.dump(ast.parse(_LAZY_ENDING).body[0]))

    def _docstring(self, node: ast.stmt) -> None:
        value = node.value if isinstance(node, ast.Expr) else None
        is_text = isinstance(value, ast.Constant) and isinstance(value.value, str)
        require(node, is_text)

    def _expression(self, node: ast.expr) -> None:
        for part in ast.walk(node):
            if isinstance(part, ast.Call):
                self._call(part)
            elif isinstance(part, ast.Name):
                require(part, part.id in IMPORTED | _TYPES | self._classes)
            elif not isinstance(part, ast.keyword):
                require(part, isinstance(part, _EXPRESSIONS))

    def _call(self, node: ast.Call) -> None:
        callee = node.func
        require(node, isinstance(callee, ast.Name))
        allowed = {"Field", "ConfigDict", "Endpoint", "SchemaRule"} | self._classes
        require(node, isinstance(callee, ast.Name) and callee.id in allowed)
        require(node, all(keyword.arg is not None for keyword in node.keywords))


def _is_deprecation(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call) or not node.args:
        return False
    blanked = ast.Call(node.func, [ast.Constant(""), *node.args[1:]], node.keywords)
    is_text = isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
    return is_text and ast.unparse(blanked) == "deprecated('', category=None)"


def _without_text(node: ast.If) -> ast.If:
    copy = ast.parse(ast.unparse(node)).body[0]
    for part in ast.walk(copy):
        if isinstance(part, ast.Constant):
            part.value = ""
    return copy if isinstance(copy, ast.If) else node
