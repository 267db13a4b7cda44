"""The types of what callers can pass for a parameter.

They accept what the input models accept: a dict for a nested input, and any sequence for a list of
nested inputs.
"""

from __future__ import annotations

import ast
import functools
from typing import TYPE_CHECKING

from typing_extensions import override

from fal_typed_codegen.interface.specs import dict_name, model_references

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fal_typed_codegen.interface.specs import ModelSpec


def typed_dicts(models: Mapping[str, ModelSpec]) -> dict[str, str]:
    """Name the dict types of nested inputs.

    Args:
        models: The models of an endpoint.

    Returns:
        Names by class, for the inputs that other models refer to.
    """
    nested = set[str]().union(*(model_references(model) for model in models.values()))
    return {
        name: dict_name(name)
        for name, model in models.items()
        if name in nested and model.direction == "input" and model.root is None
    }


def types_of_nested(models: Mapping[str, ModelSpec]) -> dict[str, str]:
    """Types of the arguments that stand for nested inputs, by class."""
    return {
        name: f"{name} | {or_any_dict(own, is_open=models[name].is_open)}"
        for name, own in typed_dicts(models).items()
    }


def or_any_dict(own: str, *, is_open: bool) -> str:
    """The type of a dict; with additional keys, if the model allows them."""
    return f"{own} | dict[str, Any]" if is_open else own


def argument_type(annotation: str, nested: Mapping[str, str]) -> str:
    """Convert the type of a model's field to the type of an argument.

    Args:
        annotation: The field's type.
        nested: Types of the arguments that stand for nested inputs, by class.

    Returns:
        The type, without pydantic's bounds, which are in the parameter's text.

    >>> argument_type("Annotated[list[Box], Field(max_length=3)] | None", {"Box": "Box | BoxDict"})
    'Sequence[Box | BoxDict] | None'
    >>> argument_type("Annotated[tuple[int, str], Field(strict=False)]", {})
    'tuple[int, str] | list[int | str]'
    """
    return _converted(annotation, tuple(item for item in nested.items() if item[0] in annotation))


@functools.lru_cache(maxsize=4096)
def _converted(annotation: str, nested: tuple[tuple[str, str], ...]) -> str:
    tree = ast.parse(annotation, mode="eval").body
    types = {name: _parsed(text) for name, text in nested}
    return ast.unparse(_Convert(types).visit(tree))


class _Convert(ast.NodeTransformer):
    def __init__(self, nested: Mapping[str, ast.expr]) -> None:
        self._nested = nested

    @override
    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        kind = node.value.id if isinstance(node.value, ast.Name) else ""
        if kind == "Literal":
            return node
        if kind == "Annotated" and isinstance(node.slice, ast.Tuple):
            bare: ast.AST = self.visit(node.slice.elts[0])
            return bare
        before = ast.unparse(node.slice)
        node.slice = self.visit(node.slice)
        is_new_union = isinstance(node.slice, ast.BinOp) and ast.unparse(node.slice) != before
        # A list of models is no list of the union of models and dicts; it is a sequence of them.
        if kind == "list" and is_new_union:
            return ast.Subscript(ast.Name("Sequence"), node.slice)
        return _or_list(node) if kind == "tuple" else node

    @override
    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._nested.get(node.id, node)


def _or_list(node: ast.Subscript) -> ast.expr:
    """A tuple or a list, which is what JSON has; the model accepts both."""
    places = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    kinds = dict.fromkeys(ast.unparse(place) for place in places if not _is_ellipsis(place))
    return ast.BinOp(node, ast.BitOr(), _parsed(f"list[{' | '.join(kinds)}]"))


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body
