"""Outputs are never lost: what was paid for reaches the caller, whatever it looks like."""

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


def test_a_result_that_fits_is_typed_and_keeps_new_fields():
    output = read_output(DevOutput, {**WHOLE, "new": 1})
    assert output.images[0] == Image(url="https://v3.fal.media/a.png", width=4, height=3)
    assert output.model_extra == {"new": 1}


def test_drift_is_warned_about_and_the_rest_is_typed(mode, fal_emulator):
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


def test_a_body_that_is_no_json_still_arrives(mode, fal_emulator):
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
def test_no_json_at_all_makes_reading_fail(value):
    for model in (DevOutput, Node, Anything):
        read_output(model, value)


@given(
    st.fixed_dictionaries(
        {"name": st.text()},
        optional={"children": JSON, "extra": JSON, "other": JSON},
    )
)
@pytest.mark.filterwarnings("ignore::fal_typed.SchemaDriftWarning")
def test_an_object_becomes_its_model_whatever_it_holds(value):
    node = read_output(Node, value)
    assert node.name == value["name"]
    assert (node.model_extra or {}).get("other") == value.get("other")
