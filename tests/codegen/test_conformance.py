"""Models and the emulator agree with `jsonschema` on 400 schemas of 40 kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from fal_typed._calls.checking import dump_input
from fal_typed._documents.document import EndpointDocument
from fal_typed.errors import FalInputError
from fal_typed.testing.engine.schema_checking import SchemaChecker
from tests.codegen.building import Packages, document
from tests.codegen.instances import same

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
INT: Schema = {"type": "integer"}
TYPES: list[Schema] = [TEXT, INT, {"type": "number"}, {"type": "boolean"}, {"type": "null"}]
MORE = [*TYPES, {"enum": ["a", 2]}, {"const": "x"}, {"minimum": 2}, {"maxLength": 1}, {}]


def array(**keywords: Any) -> Schema:
    return {"type": "array", **keywords}


def free(**keywords: Any) -> Schema:
    return {"type": "object", **keywords}


def closed(**properties: Any) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}


KINDS: dict[str, Callable[[int], Schema]] = {
    "type": lambda i: MORE[i],
    "types": lambda i: {"type": ["string", "null", "integer", "boolean"][i % 3 :][: 1 + i % 2 + 1]},
    "minimum": lambda i: {"type": "integer", "minimum": i - 3},
    "maximum": lambda i: {"type": "number", "maximum": i / 2},
    "exclusive": lambda i: {"type": "integer", "exclusiveMinimum": i - 3, "exclusiveMaximum": 9},
    "step": lambda i: {"type": "integer", "multipleOf": i + 1},
    "untyped bounds": lambda i: {"minimum": i, "maxLength": i},
    "minLength": lambda i: {"type": "string", "minLength": i % 4},
    "maxLength": lambda i: {"type": "string", "maxLength": i % 5},
    "pattern": lambda i: {"type": "string", "pattern": f"^[a-{chr(97 + i)}]"},
    "enum": lambda i: {"enum": ["a", "ab", 7, 2.5, None, [1], {"a": 1}][: 1 + i % 7]},
    "const": lambda i: {"const": ["a", 7, 2.5, None, [1], {"a": 1}, "ab", -2, "", []][i]},
    "items": lambda i: array(items=MORE[i]),
    "lengths": lambda i: array(items={}, minItems=i % 3, maxItems=i % 3 + 1),
    "unique": lambda i: array(items=MORE[i], uniqueItems=True),
    "tuple": lambda i: array(prefixItems=[MORE[i], INT], minItems=2, maxItems=2),
    "open tuple": lambda i: array(prefixItems=[MORE[i]], items=TYPES[i % 5]),
    "closed tuple": lambda i: array(prefixItems=[INT, MORE[i]], items=False),
    "contains": lambda i: array(items={}, contains=MORE[i]),
    "count": lambda i: array(items={}, contains=INT, minContains=i % 3, maxContains=2 + i % 2),
    "map": lambda i: free(additionalProperties=MORE[i]),
    "names": lambda i: free(propertyNames={"maxLength": i % 4}),
    "patterns": lambda i: free(patternProperties={"^a": MORE[i]}, additionalProperties=True),
    "closed patterns": lambda i: free(
        patternProperties={"^a": MORE[i]}, additionalProperties=False
    ),
    "sizes": lambda i: free(minProperties=i % 2, maxProperties=i % 3 + 1),
    "required": lambda i: free(required=["a", "b"][: 1 + i % 2], additionalProperties=MORE[i]),
    "dependent": lambda i: free(dependentRequired={"a": ["b", "c"][: 1 + i % 2]}),
    "properties": lambda i: closed(a=MORE[i], b=TYPES[i % 5]),
    "demanded": lambda i: {**closed(a=MORE[i], b=INT), "required": ["a"]},
    "rest": lambda i: free(properties={"a": MORE[i]}, additionalProperties=TYPES[i % 5]),
    "anyOf": lambda i: {"anyOf": [MORE[i], INT]},
    "oneOf": lambda i: {"oneOf": [MORE[i], {"type": "integer", "minimum": 3}]},
    "allOf": lambda i: {"allOf": [INT, {"minimum": i - 3}, {"maximum": 5}]},
    "parts": lambda i: {"allOf": [closed(a=INT), free(properties={"a": {"minimum": i - 3}})]},
    "not": lambda i: {"not": MORE[i]} if MORE[i] else {"not": TEXT},
    "if": lambda i: {"if": MORE[i], "then": {"maxLength": 1}, "else": INT},
    "bases": lambda i: {
        **closed(a=INT, b=MORE[i]), "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    },
    "nullable": lambda i: {"anyOf": [MORE[i], {"type": "null"}]},
    "unevaluated": lambda i: {
        "allOf": [free(properties={"a": MORE[i]})], "unevaluatedProperties": False,
    },
    "nested": lambda i: closed(a=array(items=closed(b=MORE[i]))),
}  # fmt: skip
VALUES: list[Any] = [
    None, True, -2, 0, 3, 7, 2.5, "", "a", "ab", "x", "bcd", [], [1], [1, 2], ["a", 1], [1, 1],
    [None, 3], [1, 2, "a"], {}, {"a": 1}, {"a": "a"}, {"b": 2}, {"a": 2, "b": 3}, {"a": None},
    {"abc": 1, "d": "x"}, {"a": 1, "b": "x", "c": 2}, {"a": [{"b": 1}]}, {"a": [{"b": "x"}]},
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_agree_with_jsonschema(packages: Packages, kind: str) -> None:
    schemas = {f"p{number}": KINDS[kind](number) for number in range(10)}
    raw = document(schemas)
    made = packages.module(raw).Input
    wrong: list[tuple[str, Schema, Any]] = []
    for name, schema in schemas.items():
        validator = Draft202012Validator(schema)
        checker = SchemaChecker(EndpointDocument(raw), schema)
        for value in VALUES:
            is_valid = validator.is_valid(value)
            if is_valid != accepts(made, name, value):
                wrong.append(("model", schema, value))
            if is_valid != (not checker.problems(value)):
                wrong.append(("emulator", schema, value))
    assert wrong == []


def accepts(model: Any, name: str, value: Any) -> bool:
    try:
        return same(dump_input(model(**{name: value})), {name: value})
    except FalInputError:
        return False


def test_the_kinds_are_400_schemas() -> None:
    assert len(KINDS) == 40
