"""Inputs are checked by the rules of JSON Schema and refused with the messages of pydantic."""

from __future__ import annotations

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fal_typed._documents.document import EndpointDocument
from fal_typed.testing.engine.schema_checking import SchemaChecker

DOCUMENT = EndpointDocument(
    {
        "info": {},
        "paths": {"/a/b": {"post": {}}},
        "components": {
            "schemas": {
                "Size": {
                    "type": "object",
                    "required": ["width"],
                    "properties": {"width": {"type": "integer", "exclusiveMinimum": 0}},
                },
                "Node": {
                    "type": "object",
                    "properties": {"next": {"$ref": "#/components/schemas/Node"}},
                },
            }
        },
    }
)


def problems(schema: dict, value: object) -> list[tuple[tuple, str]]:
    found = SchemaChecker(DOCUMENT, schema).problems(value)
    return [(tuple(one["loc"]), one["type"]) for one in found]


@pytest.mark.parametrize(
    ("schema", "value", "kind"),
    [
        ({"type": "string"}, 1, "string_type"),
        ({"type": "string", "minLength": 2}, "a", "string_too_short"),
        ({"type": "string", "maxLength": 2}, "abc", "string_too_long"),
        ({"type": "string", "pattern": r"^\w+$"}, "a b", "string_pattern_mismatch"),
        ({"type": "integer"}, "1", "int_type"),
        ({"type": "integer"}, True, "int_type"),
        ({"type": "integer"}, 1.5, "int_from_float"),
        ({"type": "number"}, "1", "float_type"),
        ({"type": "number", "minimum": 1}, 0, "greater_than_equal"),
        ({"type": "number", "maximum": 1}, 2, "less_than_equal"),
        ({"type": "number", "exclusiveMinimum": 1}, 1, "greater_than"),
        ({"type": "number", "exclusiveMaximum": 1}, 1, "less_than"),
        ({"type": "number", "minimum": 1, "exclusiveMinimum": True}, 1, "greater_than"),
        ({"type": "integer", "multipleOf": 8}, 12, "multiple_of"),
        ({"type": "boolean"}, 1, "bool_type"),
        ({"type": "null"}, 1, "none_required"),
        ({"type": "array"}, {}, "list_type"),
        ({"type": "array", "minItems": 1}, [], "too_short"),
        ({"type": "array", "maxItems": 1}, [1, 2], "too_long"),
        ({"type": "array", "uniqueItems": True}, [1, 1], "value_error"),
        ({"type": "object"}, [], "dict_type"),
        ({"type": "object", "properties": {"a": {}}}, [], "model_attributes_type"),
        ({"enum": ["a", "b"]}, "c", "literal_error"),
        ({"const": 1}, True, "literal_error"),
    ],
)
def test_every_keyword_has_its_own_error_type(schema, value, kind):
    assert problems(schema, value) == [(("body",), kind)]


def test_locations():
    schema = {
        "type": "object",
        "required": ["sizes", "prompt"],
        "properties": {"sizes": {"type": "array", "items": {"$ref": "#/components/schemas/Size"}}},
    }
    assert problems(schema, {"sizes": [{"width": 1}, {"width": 0}, {}]}) == [
        (("body", "prompt"), "missing"),
        (("body", "sizes", 1, "width"), "greater_than"),
        (("body", "sizes", 2, "width"), "missing"),
    ]


def test_errors_of_unions_name_the_branch():
    size = {"$ref": "#/components/schemas/Size"}
    preset = {"type": "string", "enum": ["big", "small"]}
    assert problems({"anyOf": [size, preset]}, "huge") == [
        (("body", "Size"), "model_attributes_type"),
        (("body", "literal['big','small']"), "literal_error"),
    ]
    assert problems({"anyOf": [size, {"type": "null"}]}, {}) == [(("body", "width"), "missing")]
    assert problems({"anyOf": [size, {"type": "null"}]}, None) == []


def test_messages_and_context_match_pydantic():
    (problem,) = SchemaChecker(DOCUMENT, {"type": "integer", "maximum": 4}).problems(9)
    assert problem == {
        "loc": ["body"],
        "msg": "Input should be less than or equal to 4",
        "type": "less_than_equal",
        "input": 9,
        "ctx": {"le": 4},
    }


def test_recursive_components_are_checked():
    node = {"$ref": "#/components/schemas/Node"}
    assert problems(node, {"next": {"next": {}}}) == []
    assert problems(node, {"next": {"next": 1}}) == [
        (("body", "next", "next"), "model_attributes_type")
    ]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-5, 5) | st.text("ab", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=6,
)
PLAIN = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("integer")},
        optional={"minimum": st.integers(-3, 3), "multipleOf": st.integers(1, 3)},
    ),
    st.fixed_dictionaries(
        {"type": st.just("number")}, optional={"exclusiveMaximum": st.integers(-3, 3)}
    ),
    st.fixed_dictionaries(
        {"type": st.just("string")},
        optional={"minLength": st.integers(0, 2), "maxLength": st.integers(0, 2)},
    ),
    st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"enum": ["a", 1, None]}, {}]),
)
SCHEMAS = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("array"), "items": inner},
            optional={"maxItems": st.integers(0, 2), "uniqueItems": st.booleans()},
        ),
        st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "properties": st.dictionaries(st.sampled_from("abc"), inner),
            },
            optional={"required": st.just(["a"])},
        ),
        st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"allOf": st.lists(inner, min_size=1, max_size=2)}),
    ),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(schema=SCHEMAS, value=VALUES)
def test_results_agree_with_jsonschema(schema, value):
    valid = jsonschema.Draft202012Validator(schema).is_valid(value)
    assert (problems(schema, value) == []) is valid
