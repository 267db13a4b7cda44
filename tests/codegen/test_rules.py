"""Keywords that no type expresses are checked at run time."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from fal_typed._calls.checking import dump_input
from fal_typed._calls.schema_rules import violations
from fal_typed.errors import FalInputError
from tests.codegen.building import Packages, document, ref

TEXT = {"type": "string"}
INT = {"type": "integer"}
PAIR = {"type": "object", "properties": {"a": INT}, "nullable": True}
A = {"type": "object", "properties": {"a": INT}, "required": ["a"]}
KINDS: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "contains": ({"type": "array", "contains": {"const": 1}}, [[1], [2], [], [2, 1]]),
    "not": ({"type": "string", "not": {"enum": ["a"]}}, ["a", "b"]),
    "fractions": ({"enum": [0.5, 1, 2.5]}, [0.5, 1, 2, 2.5]),
    "objects": ({"enum": [{"a": 1}, [2]]}, [{"a": 1}, {"a": 2}, [2], 2]),
    "exact": (
        {"oneOf": [{"type": "integer", "minimum": 2}, {"type": "integer", "maximum": 5}]},
        [1, 3, 9],
    ),
    "untyped": ({"minimum": 2, "maxLength": 1}, [1, 2, "a", "ab", None, []]),
    "names": ({"type": "object", "propertyNames": {"maxLength": 1}}, [{"a": 1}, {"ab": 1}, {}]),
    "dependent": (
        {"type": "object", "dependentRequired": {"a": ["b"]}},
        [{"a": 1}, {"a": 1, "b": 2}, {}],
    ),
    "required": ({"type": "object", "required": ["a"]}, [{"a": 1}, {"b": 1}]),
    "patterns": (
        {"type": "object", "patternProperties": {"^a": INT}, "additionalProperties": False},
        [{"a1": 1}, {"a1": "x"}, {"b": 1}],
    ),
    "never": ({"not": {}}, [1, None, {}]),
    "places": (
        {"type": "array", "prefixItems": [INT, TEXT]},
        [[1, "a"], [1, "a", None], ["a"], []],
    ),
    "places and rest": (
        {"type": "array", "prefixItems": [INT], "items": TEXT, "minItems": 2},
        [[1, "a"], [1, "a", "b"], [1, 2], [1]],
    ),
    "unique places": (
        {
            "type": "array",
            "prefixItems": [INT, {}],
            "minItems": 2,
            "maxItems": 2,
            "uniqueItems": True,
        },
        [[1, 2], [1, 1], [1, "a"]],
    ),
    "null": ({"type": "null"}, [None, 1, "a", {}]),
    "tighter": (
        {"allOf": [{"type": "integer", "minimum": 3}, {"minimum": 1, "maximum": 9}]},
        [1, 3, 9, 10],
    ),
    "patterns of parts": (
        {"allOf": [{"type": "string", "pattern": "^a"}, {"pattern": "b$"}]},
        ["ab", "a", "b"],
    ),
    "step": ({"type": "integer", "multipleOf": 1.5}, [3, 4, 6]),
    "rest of properties": (
        {"allOf": [{"type": "object", "properties": {"a": INT}}], "unevaluatedProperties": False},
        [{"a": 1}, {"a": 1, "b": 2}, {}],
    ),
    "rest of items": (
        {"allOf": [{"type": "array", "prefixItems": [INT]}], "unevaluatedItems": False},
        [[1], [1, 2], []],
    ),
    "condition": ({"if": {"type": "string"}, "then": {"minLength": 2}}, ["a", "ab", 1]),
}


@pytest.fixture
def module(packages: Packages) -> Any:
    names = {f"p{number}": schema for number, (schema, _) in enumerate(KINDS.values())}
    return packages.module(document(names))


def test_parameters_agree_with_jsonschema(module: Any) -> None:
    both: set[bool] = set()
    for number, (kind, (schema, values)) in enumerate(KINDS.items()):
        for value in values:
            expected = Draft202012Validator(schema).is_valid(value)
            both.add(expected)
            given = {f"p{number}": value}
            if not expected:
                with pytest.raises(FalInputError):
                    module.Input(**given)
                continue
            dumped = dump_input(module.Input(**given))
            assert not violations({"properties": {f"p{number}": {"const": value}}}, dumped), kind
    assert both == {True, False}


def test_rules_of_a_class(packages: Packages) -> None:
    made = packages.module(
        document(
            {"a": INT, "b": INT},
            required=["tag"],
            patternProperties={"^x-": TEXT},
            dependentRequired={"a": ["b"]},
            maxProperties=3,
        )
    ).Input
    for good in (
        {"tag": 1},
        {"tag": None, "b": 1},
        {"tag": 1, "x-y": "z"},
        {"tag": 1, "a": 1, "b": 2},
    ):
        assert dump_input(made(**good)) == good
    for bad in (
        {},
        {"tag": 1, "a": 1},
        {"tag": 1, "x-y": 2},
        {"tag": 1, "other": 2},
        {"tag": 1, "x-1": "a", "x-2": "b", "x-3": "c"},
    ):
        with pytest.raises(FalInputError):
            made(**bad)


def test_additional_properties_are_checked(packages: Packages) -> None:
    made = packages.module(document({"a": TEXT}, additionalProperties=INT)).Input
    assert dump_input(made(a="x", other=1)) == {"a": "x", "other": 1}
    with pytest.raises(FalInputError, match="other"):
        made(a="x", other="y")


def test_a_field_that_is_always_null(packages: Packages) -> None:
    output = {"type": "object", "properties": {"error": {"type": "null"}}}
    made = packages.module(document({"x": {"type": "null"}}, output=output))
    assert made.Output().error is None
    assert made.Output(error=None).error is None
    assert dump_input(made.Input(x=None)) == {"x": None}


def test_a_component_that_allows_null(packages: Packages) -> None:
    made = packages.module(document({"x": ref("Pair")}, components={"Pair": PAIR})).Input
    assert dump_input(made(x=None)) == {"x": None}
    assert dump_input(made(x={"a": 1})) == {"x": {"a": 1}}


def test_a_part_behind_an_alias_keeps_its_fields(packages: Packages) -> None:
    child = {"allOf": [ref("Alias"), {"properties": {"b": INT}, "required": ["b"]}]}
    components = {"A": A, "Alias": {"allOf": [ref("A")]}, "Child": child}
    made = packages.module(document({"x": ref("Child")}, components=components)).Input
    assert dump_input(made(x={"a": 1, "b": 2})) == {"x": {"a": 1, "b": 2}}
    for bad in ({"a": 1}, {"b": 2}):
        with pytest.raises(FalInputError):
            made(x=bad)


def test_the_error_names_the_keyword(packages: Packages) -> None:
    made = packages.module(document({"x": {"type": "array", "contains": {"const": 1}}})).Input
    with pytest.raises(FalInputError, match=r"x: List should contain at least 1 matching item"):
        made(x=[2])
    assert made(x=[1, 2]).x == [1, 2]


def test_keywords_that_are_not_checked_cause_a_warning(packages: Packages) -> None:
    _, warnings = packages.warned(
        document({"x": {"type": "object", "properties": {"a": {"$dynamicRef": "#a"}}}})
    )
    assert warnings == ["input: a: the keyword '$dynamicRef' is not checked"]


def test_an_object_with_the_properties_of_two_members(packages: Packages) -> None:
    other = {"type": "object", "properties": {"b": TEXT}, "required": ["b"]}
    either = {"anyOf": [ref("A"), other]}
    properties = {"x": either, "many": {"type": "array", "items": either}}
    made = packages.module(document(properties, components={"A": A})).Input
    both = {"a": 1, "b": "c"}
    one = made(x=both, many=[both, {"a": 1}])
    assert dump_input(one) == {"x": both, "many": [both, {"a": 1}]}
    assert dump_input(made.model_validate_json(one.model_dump_json())) == dump_input(one)
    for bad in ({**both, "c": 1}, {"a": "1", "b": "c"}, {}):
        with pytest.raises(FalInputError):
            made(x=bad)


BASE = {"type": "object", "properties": {"kind": TEXT}, "required": ["kind"]}
CAT = {"properties": {"kind": {"const": "cat"}, "lives": INT}, "required": ["lives"]}
DOG = {"properties": {"kind": {"const": "dog"}, "tail": TEXT}}
COMPOSITIONS: dict[str, dict[str, Any]] = {
    "properties beside": {**BASE, "oneOf": [ref("Cat"), ref("Dog")]},
    "parts": {"allOf": [ref("Base"), {"oneOf": [CAT, ref("Dog")]}]},
    "reference and properties": {"$ref": "#/components/schemas/Base", "anyOf": [CAT, DOG]},
    "condition": {
        **BASE,
        "if": {"properties": {"kind": {"const": "cat"}}},
        "then": CAT,
        "else": DOG,
    },
}


@pytest.mark.parametrize("kind", COMPOSITIONS)
def test_properties_beside_a_union(packages: Packages, kind: str) -> None:
    components = {"Base": BASE, "Cat": CAT, "Dog": DOG}
    schema = COMPOSITIONS[kind]
    raw = document({"x": schema, "y": ref("Named")}, components={**components, "Named": schema})
    made = packages.module(raw).Input
    root = document(components=components)
    root["components"]["schemas"]["TheInput"] = schema
    whole = packages.module(root).Input
    for good in ({"kind": "cat", "lives": 9}, {"kind": "dog", "tail": "x"}, {"kind": "dog"}):
        assert dump_input(made(x=good, y=good)) == {"x": good, "y": good}
        assert dump_input(whole(**good)) == good
    for bad in (
        {"kind": "cat"},
        {"kind": "bird", "tail": "x"},
        {"lives": 9},
        {"kind": "dog", "tail": 1},
        {"kind": "dog", "wings": 2},
    ):
        with pytest.raises(FalInputError):
            made(x=bad)
        with pytest.raises(FalInputError):
            made(y=bad)
        with pytest.raises(FalInputError):
            whole(**bad)


def test_one_of_several_parameters_is_required(packages: Packages) -> None:
    either = [{"required": ["a"]}, {"required": ["b"]}]
    made = packages.module(document({"a": INT, "b": TEXT}, anyOf=either)).Input
    for good in ({"a": 1}, {"b": "x"}, {"a": 1, "b": "x"}):
        assert dump_input(made(**good)) == good
    for bad in ({}, {"a": "1"}, {"a": 1, "c": 1}):
        with pytest.raises(FalInputError):
            made(**bad)


def test_parts_with_keywords_that_cannot_be_merged(packages: Packages) -> None:
    parts = [
        {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        {"anyOf": [{"required": ["c"]}]},
    ]
    made = packages.module(document({"a": INT, "b": INT, "c": INT}, allOf=parts)).Input
    assert dump_input(made(a=1, c=2)) == {"a": 1, "c": 2}
    for bad in ({"a": 1}, {"c": 1}):
        with pytest.raises(FalInputError):
            made(**bad)


def test_a_base_with_a_mapping_accepts_its_subtypes(packages: Packages) -> None:
    mapping = {"cat": "#/components/schemas/Cat", "dog": "#/components/schemas/Dog"}
    base = {**BASE, "discriminator": {"propertyName": "kind", "mapping": mapping}}
    components = {
        "Pet": base,
        "Cat": {"allOf": [ref("Pet"), {"properties": {"lives": INT}, "required": ["lives"]}]},
        "Dog": {"allOf": [ref("Pet"), {"properties": {"tail": TEXT}}]},
    }
    many = {"type": "array", "items": ref("Pet")}
    output = {"type": "object", "properties": {"pet": ref("Pet")}}
    made = packages.module(document({"pets": many}, components=components, output=output))
    pets = [{"kind": "cat", "lives": 9}, {"kind": "dog", "tail": "x"}, {"kind": "dog"}]
    assert dump_input(made.Input(pets=pets)) == {"pets": pets}
    with pytest.raises(FalInputError):
        made.Input(pets=[{"kind": "cat", "wings": 1}])
    assert made.Output(pet={"kind": "dog", "tail": "x"}).pet.tail == "x"
