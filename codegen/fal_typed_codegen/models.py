"""Has datamodel-code-generator make the models, and reads the types it wrote.

Every class and field goes in under a made-up name (``Def3``, ``f7``) and without its prose and
its default: what can go wrong with those is settled before, and nothing that a document calls
itself reaches the generator. Back come annotations, as syntax trees; the names are put back there.
"""

from __future__ import annotations

import ast
import functools
import warnings
from typing import TYPE_CHECKING, Any, cast

from fal_typed.untyped import as_list, as_object, as_text
from fal_typed_codegen.interface import CLASS_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fal_typed.document import Schema
    from fal_typed_codegen.interface import Model

_MAX_INLINE = 8
_LIMITS = frozenset({"minProperties", "maxProperties"})
_ELSEWHERE = "elsewhere."


class ModelsError(Exception):
    """datamodel-code-generator could not make the models; the message says why."""


def type_annotations(
    models: Sequence[Model], elsewhere: Sequence[str]
) -> dict[str, dict[str, ast.expr]]:
    """Make the type annotations of models.

    Args:
        models: The models of one module.
        elsewhere: Names of the classes that they refer to and other modules hold.

    Returns:
        By class name, then by field name, the annotation. A model that is no object has the
        one field ``root``.

    Raises:
        ModelsError: datamodel-code-generator failed.
    """
    to_made_up = {model.name: f"Def{index}" for index, model in enumerate(models)}
    paths = {name: f"{_ELSEWHERE}Ext{index}" for index, name in enumerate(elsewhere)}
    definitions: Schema = {}
    for model in models:
        definitions[to_made_up[model.name]] = _definition(model, to_made_up, paths, definitions)
    tree = _generate(definitions)
    back = {made_up: name for name, made_up in to_made_up.items()}
    back.update({path.removeprefix(_ELSEWHERE): name for name, path in paths.items()})
    classes = _classes(tree)
    restore = _Restore(back, _roots(tree, classes, back))
    return {
        model.name: _fields(model, classes, to_made_up[model.name], restore) for model in models
    }


def with_keywords(annotation: ast.expr, keywords: Mapping[str, Any]) -> ast.expr:
    """Add keywords of ``Field`` to an annotation.

    Args:
        annotation: The annotation.
        keywords: Literals by keyword.

    Returns:
        ``Annotated[…, Field(…)]``; its own ``Field`` is used when there is one.
    """
    if not keywords:
        return annotation
    added = [ast.keyword(key, ast.Constant(value)) for key, value in keywords.items()]
    field = _field_of(annotation)
    if field is not None:
        field.keywords.extend(added)
        return annotation
    call = ast.Call(ast.Name("Field"), [], added)
    return ast.Subscript(ast.Name("Annotated"), ast.Tuple([annotation, call]))


def or_none(annotation: ast.expr) -> ast.expr:
    """Allow None; a type that already takes anything stays as it is."""
    if isinstance(annotation, ast.Name) and annotation.id == "Any":
        return annotation
    return ast.BinOp(annotation, ast.BitOr(), ast.Constant(None))


def _definition(
    model: Model, to_made_up: Mapping[str, str], paths: Mapping[str, str], others: Schema
) -> Schema:
    def translate(schema: Any) -> Any:
        items, mapping = as_list(schema), as_object(schema)
        if items is not None:
            return [translate(item) for item in items]
        if mapping is None:
            return schema
        ref = as_text(mapping.get("$ref"))
        if ref is None:
            translated = {key: translate(value) for key, value in mapping.items()}
            return hoisted(translated) if _LIMITS & mapping.keys() else translated
        name = ref.removeprefix(CLASS_PREFIX)
        if name in paths:
            return {"customTypePath": paths[name]}
        return {"$ref": CLASS_PREFIX + to_made_up[name]}

    def hoisted(limited: Schema) -> Schema:
        # It forgets limits of a map inside of a union or a list, but not those of a field.
        name = f"Map{len(others)}"
        others[name] = {"type": "object", "properties": {"root": limited}, "required": ["root"]}
        return {"$ref": CLASS_PREFIX + name}

    # An output that is no object is made as an object too, so that both are read alike.
    kinds = [model.root] if model.root is not None else [field.schema for field in model.fields]
    properties = {f"f{index}": translate(kind) for index, kind in enumerate(kinds)}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _generate(definitions: Schema) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            text = _generator()({"$defs": definitions})
        return ast.parse(text)
    except Exception as error:
        # Whatever it raises is about this one document, and the others go on.
        raise ModelsError(f"{type(error).__name__}: {error}"[:500]) from error


@functools.cache
def _generator() -> Callable[[Schema], str]:
    # It takes longer to import than all else, and is not needed when nothing changed.
    from datamodel_code_generator import generate
    from datamodel_code_generator.config import GenerateConfig
    from datamodel_code_generator.enums import DataModelType, InputFileType
    from datamodel_code_generator.format import PythonVersion
    from datamodel_code_generator.parser import LiteralType

    config = GenerateConfig(
        input_file_type=InputFileType.JsonSchema,
        output_model_type=DataModelType.PydanticV2BaseModel,
        target_python_version=PythonVersion.PY_310,
        use_annotated=True,
        strict_nullable=True,
        enum_field_as_literal=LiteralType.All,
        disable_timestamp=True,
        strict_refs=True,
        use_unique_items_as_set=True,
        formatters=[],
    )
    return lambda document: cast("str", generate(document, config=config))


def _classes(tree: ast.Module) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def _roots(
    tree: ast.Module, classes: Mapping[str, ast.ClassDef], back: Mapping[str, str]
) -> dict[str, ast.expr]:
    """What stands behind the names that it made for types within types."""
    roots: dict[str, ast.expr] = {}
    for name, node in classes.items():
        if name not in back:
            roots[name] = _annotations(node)["root"]
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
            target = cast("ast.Name", statement.targets[0])
            roots[target.id] = statement.value.args[1]
    return roots


def _annotations(node: ast.ClassDef) -> dict[str, ast.expr]:
    """Annotations of a class by field."""
    return {
        cast("ast.Name", statement.target).id: statement.annotation
        for statement in node.body
        if isinstance(statement, ast.AnnAssign)
    }


def _fields(
    model: Model, classes: Mapping[str, ast.ClassDef], made_up: str, restore: _Restore
) -> dict[str, ast.expr]:
    names = ["root"] if model.root is not None else [field.name for field in model.fields]
    if made_up not in classes:
        raise ModelsError(f"no class for {model.name}")
    annotations = _annotations(classes[made_up])
    try:
        return {name: restore.type_of(annotations[f"f{i}"]) for i, name in enumerate(names)}
    except KeyError as error:
        raise ModelsError(f"no field {error} in {model.name}") from error


class _Restore(ast.NodeTransformer):
    """Puts the real names back, and types where names for types within types stand.

    Tuples take lists as well from then on, and sets, which JSON does not have and which have no
    order, are lists of unique items.
    """

    def __init__(self, back: Mapping[str, str], roots: Mapping[str, ast.expr]) -> None:
        self._back = back
        self._roots = roots
        self._depth = 0

    def type_of(self, annotation: ast.expr) -> ast.expr:
        return cast("ast.expr", self.visit(annotation))

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self._back:
            return ast.Name(self._back[node.id])
        if node.id not in self._roots:
            return node
        if self._depth >= _MAX_INLINE:
            raise ModelsError(f"{node.id} is made of itself")
        self._depth += 1
        try:
            return self.type_of(_copy(self._roots[node.id]))
        finally:
            self._depth -= 1

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id == "tuple":
            # Strict models take no list for a tuple, and a list is what people write.
            return with_keywords(node, {"strict": False})
        if isinstance(node.value, ast.Name) and node.value.id == "set":
            items = ast.Subscript(ast.Name("list"), node.slice)
            return ast.Subscript(ast.Name("Annotated"), ast.Tuple([items, ast.Name("UniqueItems")]))
        return node


def _copy(node: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(node), mode="eval").body


def _field_of(annotation: ast.expr) -> ast.Call | None:
    """The call of ``Field`` in ``Annotated[…]``."""
    if not isinstance(annotation, ast.Subscript) or not isinstance(annotation.value, ast.Name):
        return None
    if annotation.value.id != "Annotated" or not isinstance(annotation.slice, ast.Tuple):
        return None
    found = (part for part in annotation.slice.elts[1:] if isinstance(part, ast.Call))
    return next(found, None)
