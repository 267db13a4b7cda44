"""Generates random documents with every keyword that the generator supports."""

from __future__ import annotations

import random
from typing import Any

from tests.codegen.building import document, ref

Schema = dict[str, Any]

_NAMES = [
    "prompt", "size", "n_1", "camelCase", "class", "model_config", "3d", "a b", "schema",
    "self", "x", "Field", "list", "_hidden", "ünï", "__class__", "copy", "UPPER", "json", "str",
]  # fmt: skip
_DEEPEST = 3


class RandomDocuments:
    """A source of documents of one endpoint; the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._components: list[str] = []

    def make(self, endpoint_id: str) -> Schema:
        """A document with some twenty parameters, and a result."""
        components: Schema = {
            "Mode": {"type": "string", "enum": ["fast", "slow"]},
            "Numbers": {"type": "array", "items": {"type": "number"}},
        }
        for number in range(4):
            # Each refers to those before it alone: circles may leave nothing that is valid.
            self._components = list(components)
            components[f"Part{number}"] = self._object(1)
        self._components = list(components)
        names = [*_NAMES, *(f"p{number}" for number in range(12))]
        properties = {name: self._schema(0) for name in names}
        return document(
            properties,
            endpoint_id=endpoint_id,
            required=self._random.sample(sorted(properties), 3),
            components=components,
            output=self._object(0),
        )

    def _schema(self, depth: int) -> Schema:
        kinds = [self._string, self._integer, self._number, self._boolean, self._values, self._ref]
        if depth < _DEEPEST:
            kinds += [self._array, self._union, self._object, self._map, self._tuple, self._types]
            kinds += [self._all]
        schema = self._random.choice(kinds)(depth)
        if self._random.random() < 0.1:
            schema["nullable"] = True
        if self._random.random() < 0.2:
            schema["default"] = self._random.choice([None, 1, "x", [], {}, 0.5, True])
        return schema

    def _some(self, **keywords: Any) -> Schema:
        return {key: value for key, value in keywords.items() if self._random.random() < 0.4}

    def _string(self, _: int) -> Schema:
        pattern = self._random.choice([r"^\w*$", r"a|b|t", r"^(?!zzz)", "^.*$"])
        return {"type": "string", **self._some(minLength=1, maxLength=30, pattern=pattern)}

    def _integer(self, _: int) -> Schema:
        above = self._random.choice([-3, 0.5, 2])
        bounds = self._some(exclusiveMinimum=above, maximum=self._random.choice([16, 64.0, 99.5]))
        return {
            "type": "integer",
            **bounds,
            **self._some(multipleOf=self._random.choice([1, 2, 8])),
        }

    def _number(self, _: int) -> Schema:
        bounds = self._some(minimum=self._random.choice([-1, 0, 0.25]), exclusiveMaximum=40)
        return {"type": "number", **bounds, **self._some(multipleOf=0.25)}

    def _boolean(self, _: int) -> Schema:
        return {"type": "boolean"}

    def _values(self, _: int) -> Schema:
        values: list[Schema] = [
            {"type": "string", "enum": ["a", "b c", 'd"e', "f\\g", "h\ni"]},
            {"type": "integer", "enum": [2, 5, 10]},
            {"enum": ["auto", 2, None]},
            {"const": "only"},
            {"type": "string", "const": "'"},
            {"type": "string", "enum": ["x", None], "nullable": True},
        ]
        return self._random.choice(values).copy()

    def _ref(self, depth: int) -> Schema:
        return ref(self._random.choice(self._components))

    def _array(self, depth: int) -> Schema:
        unique = {} if self._random.random() < 0.7 else {"uniqueItems": True}
        return {
            "type": "array",
            "items": self._schema(depth + 1),
            **self._some(minItems=1, maxItems=3),
            **unique,
        }

    def _tuple(self, depth: int) -> Schema:
        places = [self._schema(depth + 1) for _ in range(2)]
        return {"type": "array", "prefixItems": places, "minItems": 2, "maxItems": 2}

    def _union(self, depth: int) -> Schema:
        key = self._random.choice(["anyOf", "anyOf", "anyOf"])
        members = [self._schema(depth + 1) for _ in range(self._random.randint(1, 3))]
        return {key: [*members, *self._random.choice([[], [{"type": "null"}]])]}

    def _types(self, _: int) -> Schema:
        kinds = self._random.sample(["string", "integer", "boolean", "null"], 2)
        return {"type": kinds, **self._some(maxLength=5, minimum=2)}

    def _all(self, depth: int) -> Schema:
        return {"allOf": [self._schema(depth + 1)]}

    def _map(self, depth: int) -> Schema:
        item = self._random.choice([True, self._schema(depth + 1)])
        return {"type": "object", "additionalProperties": item, **self._some(minProperties=1)}

    def _object(self, depth: int) -> Schema:
        names = self._random.sample(_NAMES, 4)
        properties = {name: self._schema(depth + 1) for name in names}
        required = self._random.sample(names, 1)
        return {"type": "object", "properties": properties, "required": required}
