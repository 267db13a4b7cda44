"""Arbitrary JSON schemas for hypothesis: every keyword, also in places where it has no meaning."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

VALUES = st.sampled_from(
    [None, True, False, 0, 1, 1.5, -3, 2**60, "", "a", "b", [], [1], [1, "a"], {}, {"a": 1}]
)
TYPES = st.sampled_from(
    ["string", "integer", "number", "boolean", "array", "object", "null", "file", 7]
)
_NUMBERS = st.sampled_from([0, 1, 2, 5, -1, 0.5, 1e300, True, "3", None])
_BOUNDS = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
    "maxLength", "minItems", "maxItems", "minProperties", "maxProperties",
)  # fmt: skip
_NAMES = st.sampled_from(["a", "b", "url", "image_url", "content_type"])
_REFS = st.sampled_from(
    ["#/components/schemas/One", "#/components/schemas/Two", "#/components/schemas/Gone", "#"]
)


def schemas() -> st.SearchStrategy[Any]:
    """Schemas of any shape; most have a type."""
    return st.recursive(_plain(), _nested, max_leaves=8)


def _plain() -> st.SearchStrategy[Any]:
    bounds = dict.fromkeys(_BOUNDS, _NUMBERS)
    return st.one_of(
        st.fixed_dictionaries(
            {"type": TYPES},
            optional={
                **bounds,
                "pattern": st.sampled_from(["^a", "(", "(?=a)"]),
                "nullable": st.booleans(),
                "default": VALUES,
                "enum": st.lists(VALUES, max_size=3),
                "format": st.sampled_from(["date-time", "uuid", "binary"]),
            },
        ),
        st.fixed_dictionaries({"const": VALUES}),
        st.fixed_dictionaries({"enum": st.lists(VALUES, max_size=4)}),
        st.fixed_dictionaries(
            {"$ref": _REFS}, optional={"default": VALUES, "nullable": st.booleans()}
        ),
        st.sampled_from([{}, True, False]),
    )


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    members = st.lists(inner, max_size=3)
    maps = st.dictionaries(_NAMES, inner, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.one_of(TYPES, st.lists(TYPES, max_size=2)),
            "properties": maps,
            "required": st.lists(_NAMES, max_size=2),
            "additionalProperties": inner,
            "patternProperties": maps,
            "propertyNames": inner,
            "items": st.one_of(inner, members),
            "prefixItems": members,
            "additionalItems": inner,
            "minItems": st.sampled_from([1, 2, 3]),
            "maxItems": st.sampled_from([1, 2, 3]),
            "uniqueItems": st.booleans(),
            "contains": inner,
            "anyOf": members,
            "oneOf": members,
            "allOf": members,
            "not": inner,
            "discriminator": st.just({"propertyName": "a"}),
        },
    )
