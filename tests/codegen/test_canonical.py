from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fal_typed_codegen.documents.canonical import (
    MAX_ID_LENGTH,
    UnsafeIdError,
    canonical,
    canonical_bytes,
    case_collisions,
    path_for,
)
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    import random

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "schemas"

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
keywords = st.sampled_from(
    ["properties", "required", "enum", "anyOf", "items", "default", "type", "description",
     "x-fal-order-properties", "schema", "schemas", "components", "paths", "info", "title"]
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(keywords | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)
documents = st.dictionaries(keywords | st.text(max_size=3), values, max_size=4)


def shuffled(value: Any, chance: random.Random) -> Any:
    """The same content with the keys of every object in another order."""
    if isinstance(value, list):
        return [shuffled(item, chance) for item in value]
    if not isinstance(value, dict):
        return value
    items = [(key, shuffled(item, chance)) for key, item in value.items()]
    chance.shuffle(items)
    return dict(items)


def with_required_sorted(value: Any) -> Any:
    if isinstance(value, list):
        return [with_required_sorted(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: sorted(item, key=lambda name: json.dumps(name, sort_keys=True))
        if key == "required" and isinstance(item, list)
        else with_required_sorted(item)
        for key, item in value.items()
    }


@given(documents)
def test_canonical_is_idempotent(document: dict[str, Any]) -> None:
    once = canonical_bytes(document)
    assert canonical_bytes(json.loads(once)) == once


@given(documents, st.randoms(use_true_random=False))
def test_key_order_of_the_source_does_not_matter(
    document: dict[str, Any], chance: random.Random
) -> None:
    assert canonical_bytes(shuffled(document, chance)) == canonical_bytes(document)


@given(documents)
def test_nothing_is_added_dropped_or_changed(document: dict[str, Any]) -> None:
    assert with_required_sorted(canonical(document)) == with_required_sorted(document)


def schema_document(schema: dict[str, Any]) -> dict[str, Any]:
    return {"components": {"schemas": {"In": schema}}}


def canonical_schema(schema: dict[str, Any]) -> dict[str, Any]:
    document: Any = canonical(schema_document(schema))
    return document["components"]["schemas"]["In"]


def test_properties_have_the_shown_order_then_an_alphabetical_one() -> None:
    schema = canonical_schema(
        {
            "properties": {"b": {}, "a": {}, "prompt": {}, "size": {}},
            "required": ["b", "unknown", "size", "prompt"],
            "x-fal-order-properties": ["prompt", "gone", "size"],
        }
    )
    assert list(schema["properties"]) == ["prompt", "size", "a", "b"]
    assert schema["required"] == ["prompt", "size", "b", "unknown"]
    assert schema["x-fal-order-properties"] == ["prompt", "gone", "size"]


def test_a_property_named_like_a_keyword_is_a_property() -> None:
    schema = canonical_schema(
        {"properties": {"type": {"enum": [2, 1], "type": "integer"}, "properties": {}, "$ref": {}}}
    )
    assert list(schema["properties"]) == ["$ref", "properties", "type"]
    assert list(schema["properties"]["type"]) == ["type", "enum"]


@pytest.mark.parametrize("keyword", ["enum", "anyOf", "oneOf", "allOf", "prefixItems", "examples"])
def test_lists_with_a_significant_order_are_not_reordered(keyword: str) -> None:
    items = [{"const": 3}, {"const": 1}, {"const": 2}]
    assert canonical_schema({keyword: items})[keyword] == items


def test_invisible_characters_are_escaped_and_visible_ones_are_not() -> None:
    hidden = "\u202e\u2066\u2028\u2029\u200b\x7f\x85\ud800\U000e0001"
    content = canonical_bytes({"info": {"title": "é 猫 🐈" + hidden}}).decode()
    assert "é 猫 🐈" in content
    assert not set(hidden) & set(content)
    assert json.loads(content)["info"]["title"] == "é 猫 🐈" + hidden


def test_values_that_are_not_json_are_rejected() -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_bytes({"info": float("nan")})


def test_the_path_is_the_id() -> None:
    root = Path("schemas")
    assert path_for("fal-ai/flux/dev", root) == root / "fal-ai/flux/dev.json"
    assert path_for("echo", Path("a")) == Path("a/echo.json")


@pytest.mark.parametrize(
    "endpoint_id",
    [
        "", "/etc/passwd", "a//b", "a/", "..", "a/../b", "a/./b", "../a", "a\\..\\b", "C:/a", "C:a",
        "a/b:stream", "a/CON", "con/a", "a/nul.txt", "a/LPT1", "a/b.", "a/b ", " a/b", "a/.git",
        "a/b\x00", "a/b\n", "a/b\u202e", "a/b\u2028", "a/é", "a/b.json/c", "schemas.lock/a",
        "-rf/a", "~/a", "a/b*", "a/b?", "a/" + "b" * MAX_ID_LENGTH,
    ],
)  # fmt: skip
def test_unsafe_ids_get_no_path(endpoint_id: str) -> None:
    with pytest.raises(UnsafeIdError):
        path_for(endpoint_id, Path("schemas"))


@given(st.text(max_size=40) | st.from_regex(r"[a-z./\\:]{1,20}", fullmatch=True))
def test_every_path_stays_inside_the_root(endpoint_id: str) -> None:
    root = Path("/srv/schemas")
    try:
        path = path_for(endpoint_id, root)
    except UnsafeIdError:
        return
    assert path.is_relative_to(root)
    assert ".." not in path.parts
    assert path.relative_to(root).as_posix() == endpoint_id + ".json"


def test_ids_that_share_a_file_on_case_insensitive_systems() -> None:
    assert case_collisions(["a/b", "A/b", "a/c", "x"]) == [("A/b", "a/b")]


def test_the_catalog_is_canonical_and_at_the_paths_of_its_ids() -> None:
    paths = sorted(SCHEMAS.rglob("*.json"))
    assert len(paths) == 1559
    for path in paths:
        content = path.read_bytes()
        document = json.loads(content)
        assert canonical_bytes(document) == content, path
        assert path_for(document["info"]["x-fal-metadata"]["endpointId"], SCHEMAS) == path


def test_one_known_pair_of_ids_differs_only_in_case() -> None:
    ids = [path.relative_to(SCHEMAS).as_posix()[:-5] for path in SCHEMAS.rglob("*.json")]
    assert case_collisions(ids) == [("CassetteAI/music-generator", "cassetteai/music-generator")]
