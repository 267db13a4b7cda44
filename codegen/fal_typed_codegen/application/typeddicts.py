"""Reads generated endpoint modules and derives the type of each endpoint's `arguments={…}`.

The types come from the generated input models, so that type checkers accept the same dicts that
the models accept at run time.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from typing_extensions import override

from fal_typed_codegen import write
from fal_typed_codegen.closure import closure
from fal_typed_codegen.interface.naming import ENDPOINT_MODULE, IMPORTED, SHARED_PACKAGE
from fal_typed_codegen.rendering.argument_types import argument_type, or_any_dict
from fal_typed_codegen.rendering.rendered import DictEntry, RenderedDict

if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from pathlib import Path

_SUFFIX = "Input"
_INPUT_BASES = frozenset({"BodyModel", "InputModel", "RuledModel"})


@dataclass(frozen=True)
class InputField:
    """A field of an input model.

    Attributes:
        name: Its name in the model.
        wire: Its name in JSON, the key in a dict.
        annotation: Its type.
        required: Whether it is required.
        doc: Its documentation.
    """

    name: str
    wire: str
    annotation: ast.expr
    required: bool
    doc: str


@dataclass(frozen=True)
class InputClass:
    """An input model.

    Attributes:
        name: Its class's name.
        doc: Its documentation.
        parameters: Its fields.
        is_open: Whether it accepts additional fields.
        body: Its type, if it is no plain object.
    """

    name: str
    doc: str
    parameters: tuple[InputField, ...]
    is_open: bool
    body: ast.expr | None = None


@dataclass(frozen=True)
class EndpointCode:
    """A generated endpoint.

    Attributes:
        id: Its id.
        module: Full name of its module.
        name: Name of the endpoint object there.
        type_name: Name of its class for type checkers.
        input: Name of its input class.
        output: Name of its output class.
        inputs: Every input class that it uses, by name.
    """

    id: str
    module: str
    name: str
    type_name: str
    input: str
    output: str
    inputs: Mapping[str, InputClass] = field(repr=False)

    @property
    def stem(self) -> str:
        """Prefix of its class names."""
        return self.input.removesuffix(_SUFFIX)


def read_endpoints(folder: Path, package: str) -> list[EndpointCode]:
    """Read every endpoint of a generated package.

    Args:
        folder: The package's folder.
        package: Its full name.

    Returns:
        The endpoints, sorted by id.
    """
    trees = {
        path.removesuffix(".py").replace("/", "."): ast.parse(content)
        for path, content in write.python_files(folder).items()
        if write.is_generated(content)
    }
    aliases = {f"{package}.{module}": _aliases(tree) for module, tree in trees.items()}
    for tree in trees.values():
        _expand(tree, aliases)
    shared: dict[str, dict[str, InputClass]] = {
        f"{package}.{module}": _inputs(tree)
        for module, tree in trees.items()
        if module.startswith(f"{SHARED_PACKAGE}.")
    }
    references = {
        f"{package}.{module}": [other for other in _imports(tree) if other in shared]
        for module, tree in trees.items()
    }
    found: list[EndpointCode] = []
    for module, tree in trees.items():
        call = _endpoint_call(tree)
        if call is None:
            continue
        own = {**_shared_inputs(f"{package}.{module}", references, shared), **_inputs(tree)}
        public = module.removesuffix(f".{ENDPOINT_MODULE}")
        found.append(_endpoint(f"{package}.{public}", *call, own))
    return sorted(found, key=lambda endpoint: endpoint.id)


def choose_arguments(endpoints: list[EndpointCode]) -> dict[str, dict[str, str]]:
    """Name the dict types of every endpoint.

    Args:
        endpoints: The endpoints.

    Returns:
        By endpoint id, then by input class, the name of its dict type.

    Nested types start with the endpoint's name even if several endpoints have the same ones: a name
    must not change when another endpoint is added.
    """
    taken: set[str] = set()
    names: dict[str, dict[str, str]] = {}
    # Ids of fal-ai have priority over ids of other owners with the same ending.
    for endpoint in sorted(
        endpoints, key=lambda item: (not item.id.startswith("fal-ai/"), item.id)
    ):
        own = names[endpoint.id] = {}
        for name in [endpoint.input, *sorted(endpoint.inputs.keys() - {endpoint.input})]:
            stem = endpoint.stem
            text = name if name.startswith(stem) else f"{stem}{name}"
            text = f"{stem}Arguments" if name == endpoint.input else text
            own[name] = _free(text, taken)
            taken.add(own[name])
    return names


def write_dicts(
    endpoint: EndpointCode, names: Mapping[str, str], taken: Container[str]
) -> list[RenderedDict]:
    """Write the dict types of an endpoint.

    Args:
        endpoint: The endpoint.
        names: Names of the dict types, by input class.
        taken: Names that are used in their module.

    Returns:
        The types, nested ones first.
    """
    inputs = endpoint.inputs
    nested = {
        name: or_any_dict(names[name], is_open=model.is_open) for name, model in inputs.items()
    }
    order = [*sorted(inputs.keys() - {endpoint.input}), endpoint.input]
    return [_dict(inputs[name], names[name], nested, taken) for name in order]


def used_names(dicts: list[RenderedDict]) -> set[str]:
    """Imported names that generated types use."""
    found: set[str] = set()
    for written in dicts:
        types = [entry.type for entry in written.entries]
        for annotation in filter(None, [*types, written.body]):
            tree = ast.parse(annotation, mode="eval")
            found |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return found & IMPORTED


def _dict(
    model: InputClass, name: str, nested: Mapping[str, str], taken: Container[str]
) -> RenderedDict:
    if model.body is not None:
        body = argument_type(ast.unparse(model.body), nested)
        return RenderedDict(name, model.doc, (), as_class=False, body=body)
    entries = tuple(
        DictEntry(
            wire=parameter.wire,
            name=parameter.name,
            annotation=argument_type(ast.unparse(parameter.annotation), nested),
            required=parameter.required,
            doc=parameter.doc,
        )
        for parameter in model.parameters
    )
    # The generator renamed every field whose name is not valid in a class body.
    as_class = all(it.name == it.wire and it.wire not in taken for it in entries)
    return RenderedDict(name, model.doc, entries, as_class)


def _endpoint_call(tree: ast.Module) -> tuple[str, ast.Call] | None:
    """Name and value of the module's ``name = OwnClass(…)``."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            return ast.unparse(node.targets[0]), node.value
    return None


def _aliases(tree: ast.Module) -> dict[str, ast.expr]:
    """Types of a module's aliases, by name."""
    return {
        ast.unparse(node.target): node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and node.value is not None
    }


def _expand(tree: ast.Module, aliases: Mapping[str, Mapping[str, ast.expr]]) -> None:
    """Replace aliases in a module's types by what they stand for."""
    known = dict(_aliases(tree))
    for module in _imports(tree):
        known.update(aliases.get(module, {}))
    _Expand(known).visit(tree)


class _Expand(ast.NodeTransformer):
    def __init__(self, known: Mapping[str, ast.expr]) -> None:
        self._known = known

    @override
    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._known.get(node.id, node) if isinstance(node.ctx, ast.Load) else node


def _endpoint(
    module: str, name: str, call: ast.Call, inputs: Mapping[str, InputClass]
) -> EndpointCode:
    id_: str = ast.literal_eval(call.args[0])
    input_, output = (ast.unparse(part) for part in call.args[1:3])
    return EndpointCode(id_, module, name, ast.unparse(call.func), input_, output, inputs)


def _imports(tree: ast.Module) -> list[str]:
    return [node.module for node in tree.body if isinstance(node, ast.ImportFrom) and node.module]


def _shared_inputs(
    module: str, references: Mapping[str, list[str]], shared: Mapping[str, dict[str, InputClass]]
) -> dict[str, InputClass]:
    """Shared input classes that a module uses, directly or through others."""
    found: dict[str, InputClass] = {}
    for other in closure(module, references)[1:]:
        found.update(shared[other])
    return found


def _inputs(tree: ast.Module) -> dict[str, InputClass]:
    return {
        node.name: _input(node)
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        and node.bases
        and ast.unparse(node.bases[0]).partition("[")[0] in _INPUT_BASES
    }


def _input(node: ast.ClassDef) -> InputClass:
    base = node.bases[0]
    if isinstance(base, ast.Subscript):
        doc = ast.get_docstring(node) or ""
        return InputClass(node.name, doc, (), is_open=False, body=base.slice)
    parameters: list[InputField] = []
    is_open = False
    for statement, following in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign):
            parameters.append(_parameter(statement, _text_of(following)))
        elif isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
            is_open = any(keyword.arg == "extra" for keyword in statement.value.keywords)
    return InputClass(node.name, ast.get_docstring(node) or "", tuple(parameters), is_open)


def _parameter(node: ast.AnnAssign, doc: str) -> InputField:
    name = ast.unparse(node.target)
    wire = name
    for part in ast.walk(node.annotation):
        if isinstance(part, ast.keyword) and part.arg == "alias":
            wire = ast.literal_eval(part.value)
    return InputField(name, wire, node.annotation, node.value is None, doc)


def _text_of(node: ast.stmt | None) -> str:
    value = node.value if isinstance(node, ast.Expr) else None
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""


def _free(name: str, taken: Container[str]) -> str:
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}{number}", number + 1
    return candidate
