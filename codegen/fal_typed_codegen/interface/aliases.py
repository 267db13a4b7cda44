"""Names the long lists of allowed values of an endpoint, so that its signatures stay readable.

An alias is a `ModelSpec` with the base `ALIAS`. Like a class, it can be shared by several
endpoints.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fal_typed._core.json_values import as_list, as_object
from fal_typed_codegen.interface.naming import class_name, pascal
from fal_typed_codegen.interface.specs import (
    ALIAS,
    CLASS_PREFIX,
    FieldSpec,
    Interface,
    ModelSpec,
    dict_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fal_typed._documents.document import Schema

_LONG = 60
"""Characters from which a list of values gets a name, wherever it occurs."""
_REPEATED = 30
"""Characters from which a list of values gets a name if it occurs more than once."""


def with_aliases(interface: Interface, stem: str) -> Interface:
    """Replace long and repeated lists of allowed values by references to aliases.

    Args:
        interface: The endpoint as `normalize` returned it.
        stem: A class name that no alias can have.

    Returns:
        The interface with its aliases, which come first.
    """
    aliases = _Aliases(interface, stem)
    models = {name: aliases.translated(model) for name, model in interface.models.items()}
    return replace(interface, models={**aliases.found, **models})


class _Aliases:
    def __init__(self, interface: Interface, stem: str) -> None:
        self.found: dict[str, ModelSpec] = {}
        self._names: dict[str, str] = {}
        fields = [field for model in interface.models.values() for field in model.fields]
        self._taken = {
            stem,
            *interface.models,
            *map(dict_name, interface.models),
            *(field.name for field in fields),
        }
        self._counts = Counter(
            _key(part) for field in fields for part in _value_lists(field.schema)
        )

    def translated(self, model: ModelSpec) -> ModelSpec:
        fields = tuple(
            replace(field, schema=self._translate(field.schema, field, model, many=False))
            for field in model.fields
        )
        return replace(model, fields=fields)

    def _translate(self, schema: Any, field: FieldSpec, model: ModelSpec, *, many: bool) -> Any:
        items, mapping = as_list(schema), as_object(schema)
        if items is not None:
            return [self._translate(item, field, model, many=many) for item in items]
        if mapping is None:
            return schema
        if "enum" in mapping:
            return self._reference(mapping, field, model, many=many)
        return {
            key: self._translate(value, field, model, many=many or key == "items")
            for key, value in mapping.items()
        }

    def _reference(
        self, schema: Schema, field: FieldSpec, model: ModelSpec, *, many: bool
    ) -> Schema:
        key = _key(schema)
        length = len(json.dumps(schema["enum"]))
        if length < (_REPEATED if self._counts[key] > 1 else _LONG):
            return schema
        if key not in self._names:
            self._names[key] = name = self._new_name(field, many=many)
            self.found[name] = ModelSpec(name, model.direction, ALIAS, None, "", (), root=schema)
        return {"$ref": CLASS_PREFIX + self._names[key]}

    def _new_name(self, field: FieldSpec, *, many: bool) -> str:
        text = pascal(field.wire)
        is_plural = many and text.endswith("s") and not text.endswith("ss")
        name = class_name(text[:-1] if is_plural else text, ())
        # The preset sizes beside a custom `ImageSize`, for example.
        chosen = f"{name}Preset" if name in self._taken else name
        chosen = class_name(chosen, self._taken)
        self._taken.add(chosen)
        return chosen


def _value_lists(schema: Any) -> Iterator[Schema]:
    mapping = as_object(schema)
    if mapping is not None and "enum" in mapping:
        yield mapping
        return
    for part in as_list(schema) or (mapping or {}).values():
        yield from _value_lists(part)


def _key(schema: Schema) -> str:
    return json.dumps(schema, sort_keys=True)
