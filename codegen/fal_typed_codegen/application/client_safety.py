"""Verifies the modules of an application package that are not endpoints.

They only declare types: every function body is ``...``, and only a few names are called. Anything
else would be text of a document that became code.
"""

from __future__ import annotations

import ast

from fal_typed_codegen.rendering.safety import parse, require

_MODULES = frozenset(
    {
        "__future__", "collections.abc", "typing", "typing_extensions", "fal_typed",
        "fal_typed.application", "fal_typed.files", "fal_typed.models", "fal_typed.options",
    }
)  # fmt: skip
_CALLED = frozenset({"AsyncClient", "Client", "ParamSpec", "TypeVar", "TypedDict"})
_STATEMENTS = (
    ast.ImportFrom, ast.ClassDef, ast.AnnAssign, ast.Assign, ast.If, ast.FunctionDef,
    ast.AsyncFunctionDef, ast.Expr,
)  # fmt: skip
_PARTS = (
    ast.alias, ast.arg, ast.arguments, ast.Attribute, ast.BinOp, ast.BitOr, ast.Call, ast.Constant,
    ast.Dict, ast.List, ast.Load, ast.Name, ast.Store, ast.Subscript, ast.Tuple, ast.UnaryOp,
    ast.USub,
)  # fmt: skip
_CLIENTS = frozenset({"client", "async_client"})


def verify(source: str, package: str) -> None:
    """Reject a module that contains anything but declarations.

    Args:
        source: The module's text.
        package: Full name of its package, from which it can import.

    Raises:
        UnsafeModuleError: It contains unexpected code or is not valid Python.
    """
    tree = parse(source)
    for node in ast.walk(tree):
        require(node, node is tree or _is_expected(node, package))


def _is_expected(node: ast.AST, package: str) -> bool:
    if isinstance(node, ast.ImportFrom):
        module = node.module or ""
        return node.level == 0 and (module in _MODULES or module.startswith(f"{package}."))
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return [ast.unparse(part) for part in node.body] == ["..."] and all(
            ast.unparse(decorator) == "overload" for decorator in node.decorator_list
        )
    if isinstance(node, ast.ClassDef):
        return not node.decorator_list and not node.keywords
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING" and not node.orelse
    if isinstance(node, ast.Call):
        callee = node.func
        return isinstance(callee, ast.Name) and callee.id in _CALLED and not node.keywords
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, ast.Name) and node.value.id in _CLIENTS
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, _STATEMENTS + _PARTS)
