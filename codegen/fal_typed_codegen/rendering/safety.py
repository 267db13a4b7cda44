"""Verifies that a generated module contains only the expected forms of code.

The renderers already keep text of documents inside literals and docstrings. This check does not
rely on them: it parses the finished module.
"""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING

from fal_typed_codegen.interface.naming import IMPORTED

if TYPE_CHECKING:
    from collections.abc import Container

MODULES = frozenset(
    {
        "__future__", "collections.abc", "typing", "typing_extensions", "pydantic", "fal_typed",
        "fal_typed.files", "fal_typed.models", "fal_typed.options",
    }
)  # fmt: skip
_TYPES = frozenset({"bool", "bytes", "dict", "float", "int", "list", "str", "tuple"})
METHODS = frozenset(
    f"{verb}{ending}"
    for verb in ("run", "subscribe", "submit", "stream", "realtime", "send", "pipeline")
    for ending in ("", "_async")
)
_EXPRESSIONS = (
    ast.Name, ast.Constant, ast.Subscript, ast.Tuple, ast.BinOp, ast.BitOr, ast.List, ast.Dict,
    ast.UnaryOp, ast.USub, ast.Load, ast.Store,
)  # fmt: skip
_LAZY_ENDINGS = (
    """
if not TYPE_CHECKING:
    from importlib import import_module
    from pkgutil import iter_modules

    def __getattr__(name):
        if name in {""}:
            return getattr(import_module(""), name)
        if any(module.name == name for module in iter_modules(__path__)):
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        modules = (module.name for module in iter_modules(__path__))
        return sorted({*__all__, *(name for name in modules if not name.startswith("_"))})
""",
    """
if not TYPE_CHECKING:
    from importlib import import_module
    from pkgutil import iter_modules

    def __getattr__(name):
        if any(module.name == name for module in iter_modules(__path__)):
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        modules = (module.name for module in iter_modules(__path__))
        return sorted(name for name in modules if not name.startswith("_"))
""",
)


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


def parse_expression(source: str) -> ast.expr:
    """Parse an expression in a generated module.

    Raises:
        UnsafeModuleError: It is not valid Python.
    """
    tree = parse(f"({source})")
    statement = tree.body[0] if len(tree.body) == 1 else tree
    require(tree, isinstance(statement, ast.Expr))
    return statement.value if isinstance(statement, ast.Expr) else ast.Constant(None)


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
        self._objects: set[str] = set()
        self._classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
        for node in tree.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                self._classes.add(node.target.id)
            elif isinstance(node, ast.If):
                self._classes |= {it.name for it in node.body if isinstance(it, ast.ClassDef)}
                self._classes |= {_target(it) for it in node.body if isinstance(it, ast.Assign)}

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
        elif isinstance(node, ast.AnnAssign):
            self._alias(node)
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
        elif isinstance(node, ast.If):
            require(node, ast.unparse(node.test) == "TYPE_CHECKING" and not node.orelse)
            require(node, len(node.body) == 1)
            self._method(node.body[0], {"__init__"})
        else:
            self._docstring(node)

    def _assignment(self, node: ast.Assign) -> None:
        target = node.targets[0]
        require(node, len(node.targets) == 1 and isinstance(target, ast.Name))
        if not (isinstance(node.value, ast.Name) and node.value.id in self._objects):
            self._expression(node.value)
        if isinstance(target, ast.Name):
            self._objects.add(target.id)

    def _condition(self, node: ast.If) -> None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for statement in node.body:
                if isinstance(statement, ast.ClassDef):
                    self._typing_class(statement)
                elif isinstance(statement, ast.Assign):
                    self._dict_type(statement)
                elif isinstance(statement, ast.Expr):
                    self._docstring(statement)
                else:
                    require(statement, isinstance(statement, ast.ImportFrom))
                    self._statement(statement)
            for statement in node.orelse:
                require(statement, isinstance(statement, ast.Assign))
                self._statement(statement)
            return
        blanked = ast.dump(_without_text(node))
        endings = (ast.dump(_without_text(_first_if(ending))) for ending in _LAZY_ENDINGS)
        require(node, blanked in endings)

    def _typing_class(self, node: ast.ClassDef) -> None:
        require(node, not node.decorator_list and not node.keywords)
        require(node, node.name.isidentifier() and not hasattr(builtins, node.name))
        for base in node.bases:
            self._expression(base)
        is_dict = [ast.unparse(base) for base in node.bases] == ["TypedDict"]
        for statement in node.body:
            if is_dict:
                require(statement, not isinstance(statement, (ast.Assign, ast.If)))
                self._member(statement)
            else:
                self._method(statement, METHODS)

    def _dict_type(self, node: ast.Assign) -> None:
        """``XDict = TypedDict("XDict", {"a key": "its type"})``."""
        call = node.value
        require(node, isinstance(call, ast.Call) and ast.unparse(call.func) == "TypedDict")
        if not isinstance(call, ast.Call):
            return
        require(node, len(call.args) == 2 and not call.keywords)  # noqa: PLR2004
        require(node, ast.unparse(call.args[0]) == repr(_target(node)))
        entries = call.args[1]
        require(node, isinstance(entries, ast.Dict))
        if isinstance(entries, ast.Dict):
            for key, value in zip(entries.keys, entries.values, strict=True):
                require(node, isinstance(key, ast.Constant) and isinstance(key.value, str))
                require(node, isinstance(value, ast.Constant) and isinstance(value.value, str))
                self._expression(parse_expression(str(ast.literal_eval(value))))

    def _method(self, node: ast.stmt, names: Container[str]) -> None:
        is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        require(node, is_function)
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return
        decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
        require(node, decorators in ([], ["overload"]) and node.name in names)
        require(node, len(node.body) == 2 and ast.unparse(node.body[1]) == "...")  # noqa: PLR2004
        self._docstring(node.body[0])
        arguments = node.args
        body = arguments.posonlyargs[1:]
        starred = filter(None, [arguments.vararg, arguments.kwarg])
        parameters = [*body, *arguments.kwonlyargs, *starred]
        leading = [[it.arg for it in part] for part in (arguments.posonlyargs, arguments.args)]
        require(node, leading in ([[], ["self"]], [["self", "body"], []]))
        require(node, not arguments.defaults)
        for parameter in parameters:
            require(node, parameter.arg.isascii() and parameter.annotation is not None)
        annotations = [*(parameter.annotation for parameter in parameters), node.returns]
        for part in filter(None, [*annotations, *arguments.kw_defaults]):
            self._expression(part)

    def _alias(self, node: ast.AnnAssign) -> None:
        require(node, isinstance(node.target, ast.Name) and node.target.id.isidentifier())
        require(node, ast.unparse(node.annotation) == "TypeAlias" and node.value is not None)
        self._expression(node.value or node.annotation)

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
        allowed = {"ByTag", "Field", "ConfigDict", "SchemaRule"} | self._classes
        require(node, isinstance(callee, ast.Name) and callee.id in allowed)
        require(node, all(keyword.arg is not None for keyword in node.keywords))


def _target(node: ast.Assign) -> str:
    return ast.unparse(node.targets[0])


def _is_deprecation(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call) or not node.args:
        return False
    blanked = ast.Call(node.func, [ast.Constant(""), *node.args[1:]], node.keywords)
    is_text = isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
    return is_text and ast.unparse(blanked) == "deprecated('', category=None)"


def _first_if(source: str) -> ast.If:
    return next(node for node in ast.parse(source).body if isinstance(node, ast.If))


def _without_text(node: ast.If) -> ast.If:
    """Blank every text, and leave one in each set."""
    copy = _first_if(ast.unparse(node))
    for part in ast.walk(copy):
        if isinstance(part, ast.Set) and all(isinstance(it, ast.Constant) for it in part.elts):
            part.elts = part.elts[:1]
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            part.value = ""
    return copy
