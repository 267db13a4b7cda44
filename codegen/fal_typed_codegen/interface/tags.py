"""Chooses the discriminators of unions, and the constants that are always sent.

A class with a constant, such as ``type: Literal["cat"] = "cat"``, sends it if it is part of a
union: the constant is not a default that can be left out, as it chooses the member of the union.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

from fal_typed._core.json_values import as_list, as_object
from fal_typed_codegen.interface.specs import BODY, MISSING, class_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fal_typed._documents.document import Schema
    from fal_typed_codegen.interface.specs import FieldSpec, ModelSpec


def with_tags(models: Mapping[str, ModelSpec]) -> dict[str, ModelSpec]:
    """Choose the discriminators of unions.

    Args:
        models: The classes of an endpoint. A union in their types has the property of its
            discriminator in the document, if it has one.

    Returns:
        The classes. A union of classes that can be told apart by a property has a
        ``discriminator`` with the field's name, and whether objects without it are invalid.
        Constants of input classes in unions are required by the rule of their class.
    """
    tags = _Tags(models)
    translated = {name: tags.translated(model) for name, model in models.items()}
    return {
        name: _sending_tags(model, tags.members[name]) if name in tags.members else model
        for name, model in translated.items()
    }


def constant(field: FieldSpec) -> Any:
    """The only value of a field; None if it has several."""
    values = _values(field)
    return values[0] if len(values) == 1 else None


class _Tags:
    def __init__(self, models: Mapping[str, ModelSpec]) -> None:
        self.members: dict[str, dict[str, bool]] = {}
        """Discriminators of the unions that an input class is in, and whether they are needed."""
        self._models = models

    def translated(self, model: ModelSpec) -> ModelSpec:
        fields = tuple(
            replace(field, schema=self._schema(field.schema, model)) for field in model.fields
        )
        root = None if model.root is None else self._schema(model.root, model)
        return replace(model, fields=fields, root=root)

    def _schema(self, schema: Any, model: ModelSpec) -> Any:
        items, mapping = as_list(schema), as_object(schema)
        if items is not None:
            return [self._schema(item, model) for item in items]
        if mapping is None or "enum" in mapping:
            return schema
        return self._union({key: self._schema(item, model) for key, item in mapping.items()}, model)

    def _union(self, schema: Schema, model: ModelSpec) -> Schema:
        stated = schema.pop("discriminator", None)
        names = [class_of(member) for member in as_list(schema.get("anyOf")) or []]
        classes = [self._models[name] for name in names if name and name in self._models]
        if len(classes) < 2:  # noqa: PLR2004 - a union of classes
            return schema
        is_input = model.direction == "input"
        for one in classes if is_input else ():
            self.members.setdefault(one.name, {})
        wires = [stated] if stated else [field.wire for field in classes[0].fields]
        for wire in wires:
            fields = _fields(classes, wire)
            if fields and (stated or all(map(_always_has, fields))):
                is_needed = all(field.required for field in fields) or bool(stated and is_input)
                for one in classes if is_input else ():
                    known = self.members[one.name]
                    known[wire] = is_needed or known.get(wire, False)
                return {**schema, "discriminator": _discriminator(fields, is_needed=is_needed)}
        return schema


def _fields(classes: list[ModelSpec], wire: str) -> list[FieldSpec]:
    """The field of each class, if their values differ; else empty."""
    fields = [field for one in classes for field in one.fields if field.wire == wire]
    if len(fields) < len(classes) or len({field.name for field in fields}) > 1:
        return []
    # Values with their types, because true equals 1.
    sets = [{repr(value) for value in _values(field)} for field in fields]
    are_disjoint = not any(one & other for one, other in combinations(sets, 2))
    return fields if all(sets) and are_disjoint else []


def _always_has(field: FieldSpec) -> bool:
    return field.required or constant(field) is not None


def _discriminator(fields: list[FieldSpec], *, is_needed: bool) -> Schema:
    values = [value for field in fields for value in _values(field)]
    # pydantic looks values up in a dict, where true equals 1.
    is_plain = not any(isinstance(value, bool) for value in values)
    return {"field": fields[0].name, "isNeeded": is_needed and is_plain}


def _values(field: FieldSpec) -> list[Any]:
    """Allowed values of a field; empty if it allows others."""
    if field.nullable:
        return []
    members = as_list(field.schema.get("anyOf")) or [field.schema]
    lists = [as_list((as_object(member) or {}).get("enum")) or [] for member in members]
    return [value for values in lists for value in values] if all(lists) else []


def _sending_tags(model: ModelSpec, tags: Mapping[str, bool]) -> ModelSpec:
    """The class of an input that sends its constants, and requires what else is needed."""
    if model.base == BODY:
        return model
    sent: dict[str, Any] = {}
    for field in model.fields:
        value = constant(field)
        is_sent = value is not None and (field.default == value or field.wire in tags)
        if not field.required and is_sent:
            sent[field.wire] = value
        elif not field.required and tags.get(field.wire) and field.default is not MISSING:
            sent[field.wire] = field.default
    fields = tuple(
        replace(field, default=sent[field.wire])
        if field.wire in sent
        else replace(field, required=field.required or tags.get(field.wire, False))
        for field in model.fields
    )
    if not sent:
        return replace(model, fields=fields)
    required = sorted({*sent, *(field.wire for field in fields if field.required)})
    return replace(
        model, base="RuledModel", fields=fields, rule={**model.rule, "required": required}
    )
