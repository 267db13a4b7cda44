"""Generates type annotations with datamodel-code-generator.

Every type is passed as a field with an artificial name (``f7``), without description and default.
The classes that it refers to have artificial names as well (``Ext3``). No name of a document
reaches datamodel-code-generator; the real names are put back into the annotations that it returns.
"""

from __future__ import annotations

import ast
import functools
import json
import warnings
from typing import TYPE_CHECKING, Any, cast

from fal_typed._core.json_values import as_list, as_object, as_text
from fal_typed_codegen.interface.specs import CLASS_PREFIX, references

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fal_typed._documents.document import Schema
    from fal_typed_codegen.interface.specs import ModelSpec

_MAX_INLINE = 8
_MAX_KNOWN = 50_000
_ALL = "Everything"
_LIMITS = frozenset({"minProperties", "maxProperties"})
_ELSEWHERE = "elsewhere."
_known: dict[str, str] = {}


class ModelsError(Exception):
    """datamodel-code-generator failed; the message gives the reason."""


def type_annotations(models: Iterable[ModelSpec]) -> dict[str, dict[str, ast.expr]]:
    """Generate the type annotations of models.

    Args:
        models: The models.

    Returns:
        Annotations by class name and field name. A model that is not an object has one field,
        ``root``.

    Raises:
        ModelsError: datamodel-code-generator failed.
    """
    wanted = {model.name: _schemas(model) for model in models}
    texts = _texts(schema for fields in wanted.values() for schema in fields.values())
    return {
        name: {field: _parsed(texts[_key(schema)]) for field, schema in fields.items()}
        for name, fields in wanted.items()
    }


def with_keywords(annotation: ast.expr, keywords: Mapping[str, Any]) -> ast.expr:
    """Add keywords of ``Field`` to an annotation.

    Args:
        annotation: The annotation.
        keywords: Literals by keyword.

    Returns:
        ``Annotated[…, Field(…)]``; an existing ``Field`` is extended.
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


def with_rule(annotation: ast.expr, rule: Schema | None, *, is_partial: bool) -> ast.expr:
    """Add a schema that is checked at run time, and that may allow more than the type."""
    if rule is None:
        return annotation
    keywords = [ast.keyword("is_partial", ast.Constant(value=True))] if is_partial else []
    call = ast.Call(ast.Name("SchemaRule"), [_parsed(repr(rule))], keywords)
    return ast.Subscript(ast.Name("Annotated"), ast.Tuple([annotation, call]))


def or_none(annotation: ast.expr) -> ast.expr:
    """Allow None; a type that already accepts it is not changed."""
    if ast.unparse(annotation) in ("Any", "None"):
        return annotation
    return ast.BinOp(annotation, ast.BitOr(), ast.Constant(None))


def _schemas(model: ModelSpec) -> dict[str, Schema]:
    if model.root is not None:
        return {"root": model.root}
    return {field.name: field.schema for field in model.fields}


def _key(schema: Schema) -> str:
    return json.dumps(schema, sort_keys=True)


def _texts(schemas: Iterable[Schema]) -> dict[str, str]:
    """Annotations as text, cached: most types occur in hundreds of documents."""
    wanted = {_key(schema): schema for schema in schemas}
    found = {key: _known[key] for key in wanted if key in _known}
    new = {key: schema for key, schema in wanted.items() if key not in found}
    if new:
        if len(_known) > _MAX_KNOWN:
            _known.clear()
        made = dict(zip(new, _made(list(new.values())), strict=True))
        _known.update(made)
        found.update(made)
    return found


def _made(schemas: list[Schema]) -> list[str]:
    """Generate annotations in one run."""
    names = sorted(references(schemas))
    paths = {name: f"{_ELSEWHERE}Ext{index}" for index, name in enumerate(names)}
    definitions, tagged = _definitions(schemas, paths)
    tree = _generate(definitions)
    classes = _classes(tree)
    back = {path.removeprefix(_ELSEWHERE): name for name, path in paths.items()}
    restore = _Restore(back, _roots(tree, classes), tagged)
    fields = _annotations(classes[_ALL])
    try:
        return [ast.unparse(restore.type_of(fields[f"f{i}"])) for i in range(len(schemas))]
    except KeyError as error:
        raise ModelsError(f"no field {error}") from error


def _definitions(
    schemas: list[Schema], paths: Mapping[str, str]
) -> tuple[Schema, dict[str, Schema]]:
    """Schemas of everything to generate, and the discriminators of those that are unions."""
    definitions: Schema = {}
    tagged: dict[str, Schema] = {}

    def translate(schema: Any) -> Any:
        items, mapping = as_list(schema), as_object(schema)
        if items is not None:
            return [translate(item) for item in items]
        if mapping is None:
            return schema
        ref = as_text(mapping.get("$ref"))
        if ref is not None:
            return {"customTypePath": paths[ref.removeprefix(CLASS_PREFIX)]}
        if "discriminator" in mapping:
            return tagged_union(mapping)
        translated = {key: translate(value) for key, value in mapping.items()}
        return hoisted("Map", translated) if _LIMITS & mapping.keys() else translated

    def hoisted(kind: str, schema: Schema) -> Schema:
        # It drops limits of a map inside a union or a list, but not those of a field.
        name = f"{kind}{len(definitions)}"
        definitions[name] = _object({"root": schema})
        return {"$ref": CLASS_PREFIX + name}

    def tagged_union(schema: Schema) -> Schema:
        """A union in which the discriminator applies to the classes only."""
        parts: dict[bool, list[Schema]] = {True: [], False: []}
        for member in schema["anyOf"]:
            parts["$ref" in member].append(translate(member))
        union = hoisted("Union", {"anyOf": parts[True]})
        tagged[union["$ref"].removeprefix(CLASS_PREFIX)] = schema["discriminator"]
        return {"anyOf": [union, *parts[False]]} if parts[False] else union

    everything = _object({f"f{index}": translate(kind) for index, kind in enumerate(schemas)})
    return {**definitions, _ALL: everything}, tagged


def _object(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _generate(definitions: Schema) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            text = _generator()({"$defs": definitions})
        return ast.parse(text)
    except Exception as error:
        # Any error concerns only this document.
        raise ModelsError(f"{type(error).__name__}: {error}"[:500]) from error


@functools.cache
def _generator() -> Callable[[Schema], str]:
    # Its import is slow, and it is not needed when nothing changed.
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


def _roots(tree: ast.Module, classes: Mapping[str, ast.ClassDef]) -> dict[str, ast.expr]:
    """Types behind the names that it generated for nested types."""
    roots = {name: _annotations(node)["root"] for name, node in classes.items() if name != _ALL}
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


class _Restore(ast.NodeTransformer):
    """Puts the real names back and inlines nested types.

    Tuples also accept lists. Sets become lists of unique items, since JSON has no sets and sets
    have no order.
    """

    def __init__(
        self,
        back: Mapping[str, str],
        roots: Mapping[str, ast.expr],
        tagged: Mapping[str, Schema],
    ) -> None:
        self._back = back
        self._roots = roots
        self._tagged = tagged
        self._depth = 0

    def type_of(self, annotation: ast.expr) -> ast.expr:
        return cast("ast.expr", self.visit(annotation))

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self._back:
            return ast.Name(self._back[node.id])
        if node.id not in self._roots:
            return node
        if self._depth >= _MAX_INLINE:
            raise ModelsError(f"{node.id} refers to itself")
        self._depth += 1
        try:
            found = self.type_of(_parsed(ast.unparse(self._roots[node.id])))
            return _discriminated(found, self._tagged.get(node.id))
        finally:
            self._depth -= 1

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id == "tuple":
            # Strict models do not accept a list for a tuple, but people write lists.
            return with_keywords(node, {"strict": False})
        if isinstance(node.value, ast.Name) and node.value.id == "set":
            items = ast.Subscript(ast.Name("list"), node.slice)
            return ast.Subscript(ast.Name("Annotated"), ast.Tuple([items, ast.Name("UniqueItems")]))
        return node


def _discriminated(union: ast.expr, discriminator: Schema | None) -> ast.expr:
    if discriminator is None:
        return union
    if discriminator["isNeeded"]:
        return with_keywords(union, {"discriminator": discriminator["field"]})
    call = ast.Call(ast.Name("ByTag"), [ast.Constant(discriminator["field"])], [])
    return ast.Subscript(ast.Name("Annotated"), ast.Tuple([union, call]))


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _field_of(annotation: ast.expr) -> ast.Call | None:
    """The call of ``Field`` in ``Annotated[…]``."""
    if not isinstance(annotation, ast.Subscript) or not isinstance(annotation.value, ast.Name):
        return None
    if annotation.value.id != "Annotated" or not isinstance(annotation.slice, ast.Tuple):
        return None
    calls = (part for part in annotation.slice.elts[1:] if isinstance(part, ast.Call))
    return next((call for call in calls if ast.unparse(call.func) == "Field"), None)
