"""Outputs are never lost: a result always reaches the caller, even if it does not match."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import RootModel

from fal_typed import Image, SchemaDriftWarning
from fal_typed._calls.outputs import read_output
from fal_typed.models import OutputModel
from tests.core.flux import DevOutput, dev

WHOLE: dict[str, Any] = {
    "images": [{"url": "https://v3.fal.media/a.png", "width": 4, "height": 3}],
    "seed": 7,
    "prompt": "a cat",
    "timings": {"inference": 1},
    "has_nsfw_concepts": [False],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def test_a_matching_result_is_typed_and_keeps_new_fields():
    output = read_output(DevOutput, {**WHOLE, "new": 1})
    assert output.images[0] == Image(url="https://v3.fal.media/a.png", width=4, height=3)
    assert output.model_extra == {"new": 1}


def test_schema_drift_warns_and_the_rest_is_typed(mode, fal_emulator):
    drifted = {**WHOLE, "seed": "seven", "images": [{"width": "4"}, *WHOLE["images"]]}
    del drifted["prompt"]
    fal_emulator.endpoint(dev.id).responds(drifted)
    with pytest.warns(SchemaDriftWarning) as warned:
        result = mode(dev).subscribe(prompt="a cat")
    message = str(warned[0].message)
    for path in ("seed", "prompt", "images[0].url", "images[0].width"):
        assert path in message
    assert result.raw == drifted
    assert result.data.seed == "seven"
    assert result.data.prompt is None
    assert isinstance(result.data.images[0], Image)
    assert result.data.images[0].width == 4
    assert result.data.images[1].url == "https://v3.fal.media/a.png"


def test_a_body_that_is_not_json_is_returned(mode, fal_emulator):
    fal_emulator.endpoint(dev.id).responds("<html>")
    with pytest.warns(SchemaDriftWarning):
        result = mode(dev).run(prompt="a cat")
    assert result.raw == "<html>"
    assert result.raw_response.body in (b"<html>", b'"<html>"')


class Node(OutputModel):
    name: str
    children: list[Node] | None = None
    extra: dict[str, Node] | str | None = None


class Anything(RootModel[int]):
    pass


@given(JSON)
@pytest.mark.filterwarnings("ignore::fal_typed.SchemaDriftWarning")
def test_any_json_can_be_read(value):
    for model in (DevOutput, Node, Anything):
        read_output(model, value)


@given(
    st.fixed_dictionaries(
        {"name": st.text()},
        optional={"children": JSON, "extra": JSON, "other": JSON},
    )
)
@pytest.mark.filterwarnings("ignore::fal_typed.SchemaDriftWarning")
def test_an_object_becomes_its_model_whatever_its_values(value):
    node = read_output(Node, value)
    assert node.name == value["name"]
    assert (node.model_extra or {}).get("other") == value.get("other")
