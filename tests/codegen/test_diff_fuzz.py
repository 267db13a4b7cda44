"""Pairs of arbitrary documents are compared without an error, and no change hides."""

from __future__ import annotations

from typing import Any

from fal_typed_codegen.diff.change_kinds import KINDS
from fal_typed_codegen.diff.changes import Changes
from fal_typed_codegen.diff.compare import compare_documents
from fal_typed_codegen.diff.formats import as_json, as_markdown, as_text
from hypothesis import given, settings
from hypothesis import strategies as st

from fal_typed._documents.document import EndpointDocument
from tests.codegen.arbitrary_schemas import schemas
from tests.codegen.building import document


@st.composite
def documents(draw: st.DrawFn) -> EndpointDocument:
    components = {"One": draw(schemas()), "Two": draw(schemas())}
    names = draw(st.lists(st.sampled_from(["a", "b", "image_url", "size"]), unique=True))
    properties = {name: draw(schemas()) for name in names}
    required = draw(st.lists(st.sampled_from(["a", "b", "gone"]), unique=True))
    output = draw(schemas())
    raw = document(properties, required=required, components=components, output=output)
    if draw(st.booleans()):
        raw["components"]["schemas"]["TheInput"] = draw(schemas())
    return EndpointDocument(raw)


@given(documents(), documents())
@settings(max_examples=300, deadline=None)
def test_arbitrary_pairs_are_compared(old: EndpointDocument, new: EndpointDocument) -> None:
    changes = compare_documents(old, new)
    assert {change.kind for change in changes} <= KINDS.keys()
    assert (old.raw == new.raw) or changes
    for write in (as_text, as_markdown, as_json):
        assert write(Changes(changes))


@given(documents())
@settings(max_examples=100, deadline=None)
def test_a_document_equals_itself(one: EndpointDocument) -> None:
    assert compare_documents(one, EndpointDocument(one.raw)) == []


def test_the_strategy_reaches_every_keyword() -> None:
    seen: set[str] = set()

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            seen.update(value)
        for inner in (
            value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        ):
            collect(inner)

    @given(schemas())
    @settings(max_examples=400, deadline=None, derandomize=True)
    def draw(schema: Any) -> None:
        collect(schema)

    draw()
    assert {"prefixItems", "items", "oneOf", "allOf", "anyOf", "not", "const", "enum"} <= seen
