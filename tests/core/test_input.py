"""Inputs are checked strictly before they are sent, and only set parameters are sent."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

from fal_typed import FalInputError
from fal_typed.models import UNSET
from tests.core.flux import DevInput, Size, dev


def test_one_error_lists_every_problem_and_nothing_is_sent(mode, fal_emulator):
    with pytest.raises(FalInputError) as caught:
        mode(dev).subscribe(promt="x", num_images=9, image_size="big")
    problems = {problem.path: problem for problem in caught.value.errors}
    assert problems.keys() == {"prompt", "promt", "num_images", "image_size"}
    assert "did you mean 'prompt'?" in problems["promt"].msg
    assert "less than or equal to 4" in problems["num_images"].msg
    assert problems["num_images"].ctx == {"le": 4}
    assert "'square_hd', 'square' or 'landscape_4_3'" in problems["image_size"].msg
    for path in problems:
        assert f"\n  {path}: " in str(caught.value)
    assert len(fal_emulator.requests) == 0


def test_an_input_object_fails_the_same_way_when_created():
    with pytest.raises(FalInputError, match="num_images") as caught:
        DevInput(prompt="a cat", num_images=9)
    assert isinstance(caught.value, ValueError)
    assert caught.value.__cause__ is None  # no error of pydantic reaches the user


def test_only_parameters_that_were_set_are_sent(mode, fal_emulator):
    mode(dev).subscribe(prompt="a cat", num_images=4)
    assert fal_emulator.requests.of("submit")[0].json == {"prompt": "a cat", "num_images": 4}


def test_parameters_are_sent_under_their_wire_names(mode, fal_emulator):
    mode(dev).subscribe(prompt="a", from_="b", image_size=Size(width=64))
    assert fal_emulator.requests.of("submit")[0].json == {
        "prompt": "a",
        "from": "b",
        "image_size": {"width": 64},
    }


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"num_images": "3"}, "num_images"),
        ({"num_images": True}, "num_images"),
        ({"style": None}, "style"),
        ({"image_size": {"width": 0}}, "image_size.width"),
        ({"image_url": 3}, "image_url"),
        ({"seed": 1.5}, "seed"),
    ],
)
def test_an_invalid_value_is_reported_with_its_path(arguments, path):
    with pytest.raises(FalInputError) as caught:
        DevInput(prompt="a cat", **arguments)
    assert path in [problem.path for problem in caught.value.errors]


def test_none_is_sent_where_the_schema_allows_null(mode, fal_emulator):
    mode(dev).run(prompt="a cat", seed=None)
    assert fal_emulator.requests.of("run")[0].json == {"prompt": "a cat", "seed": None}


def test_extra_arguments_pass_through(mode, fal_emulator):
    mode(dev.with_options(extra_arguments={"new": [1]})).run(prompt="a cat")
    assert fal_emulator.requests.of("run")[0].json == {"prompt": "a cat", "new": [1]}


def test_validation_can_be_skipped(mode, fal_emulator):
    fal_emulator.endpoint(dev.id).checks_input = False
    mode(dev.with_options(validate=False)).run(prompt="a", num_images=9, from_="x")
    assert fal_emulator.requests.of("run")[0].json == {
        "prompt": "a",
        "num_images": 9,
        "from": "x",
    }


def test_values_that_json_cannot_represent_are_rejected(mode, fal_emulator):
    with pytest.raises(FalInputError):
        mode.client().run("fal-ai/flux/dev", arguments={"prompt": float("nan")})
    assert len(fal_emulator.requests) == 0


@pytest.mark.parametrize(
    "text", ["", "flux", "a/..", "../x/y", "a//b", "https://evil.example/a/b", "a/b?c", "a/b#c"]
)
def test_an_invalid_endpoint_id_is_rejected(text, mode, fal_emulator):
    with pytest.raises(FalInputError, match="not a valid endpoint id"):
        mode.client().run(text, arguments={})
    assert len(fal_emulator.requests) == 0


def test_unset_survives_copying_and_pickling():
    assert pickle.loads(pickle.dumps(UNSET)) is UNSET
    assert copy.deepcopy(UNSET) is UNSET
    assert not UNSET
    request = DevInput(prompt="a cat", num_images=2)
    assert pickle.loads(pickle.dumps(request)) == request


def test_methods_have_the_signature_of_the_endpoint():
    signature = inspect.signature(dev.subscribe)
    assert list(signature.parameters)[:3] == ["prompt", "image_size", "num_images"]
    assert signature.parameters["num_images"].default == 1
    assert "Generates images." in (inspect.getdoc(dev.subscribe) or "")
    assert inspect.iscoroutinefunction(dev.subscribe_async)
    assert inspect.isfunction(dev.with_options(timeout=3).subscribe)


def test_with_options_does_not_change_the_original(fal_emulator):
    hurried = dev.with_options(extra_arguments={"hurry": True})
    assert hurried.subscribe is not dev.subscribe
    dev.run(prompt="a cat")
    hurried.run(prompt="a cat")
    bodies = [request.json for request in fal_emulator.requests.of("run")]
    assert bodies == [{"prompt": "a cat"}, {"prompt": "a cat", "hurry": True}]


def test_an_unknown_option_is_a_type_error():
    with pytest.raises(TypeError, match="with_log"):
        dev.with_options(with_log=True)  # type: ignore[call-arg]
