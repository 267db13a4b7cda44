from __future__ import annotations

import ast
import builtins
import keyword
import re

import pytest
from fal_typed_codegen.interface import naming
from fal_typed_codegen.interface.naming import (
    choose_names,
    class_name,
    field_name,
    module_path,
    pascal,
)
from hypothesis import given
from hypothesis import strategies as st

from fal_typed._documents.catalog import Catalog

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,80}", re.ASCII)
SEGMENTS = st.text(min_size=0, max_size=80) | st.sampled_from(
    ["..", "con", "NUL", "com1", "class", "None", "__init__", "_endpoint", "_shared", "3d", "v2.5"]
)
IDS = st.lists(SEGMENTS, min_size=1, max_size=5).map("/".join)


@pytest.mark.parametrize(
    ("endpoint_id", "path", "endpoint", "models"),
    [
        ("fal-ai/flux/dev", "fal_ai.flux.dev", "flux_dev", "FluxDev"),
        (
            "fal-ai/kling-video/v2.5-turbo/pro",
            "fal_ai.kling_video.v2_5_turbo.pro",
            "kling_video_v2_5_turbo_pro",
            "KlingVideoV25TurboPro",
        ),
        ("async/3d", "async_.n3d", "n3d", "N3d"),
        ("acme/print", "acme.print", "print_", "Print"),
        ("acme/con/aux", "acme.con_.aux_", "con_aux", "ConAux"),
        ("acme/_endpoint", "acme._endpoint_", "_endpoint", "Endpoint"),
    ],
)
def test_names_of_endpoints(endpoint_id: str, path: str, endpoint: str, models: str) -> None:
    assert choose_names([endpoint_id], {})[endpoint_id] == (path, endpoint, models)


@given(IDS)
def test_module_paths_are_importable_and_stay_inside(endpoint_id: str) -> None:
    path = module_path(endpoint_id)
    assert len(path.split(".")) == len(endpoint_id.split("/"))
    for segment in path.split("."):
        assert IDENTIFIER.fullmatch(segment)
        assert not keyword.iskeyword(segment)
        assert segment == segment.lower()
        assert segment not in {"con", "nul", "aux", "prn", "__init__", "__main__", "_shared"}


@given(st.lists(IDS, unique=True, max_size=8))
def test_no_two_endpoints_share_a_module(ids: list[str]) -> None:
    names = choose_names(ids, {})
    assert len({chosen.path for chosen in names.values()}) == len(ids)
    for chosen in names.values():
        assert IDENTIFIER.fullmatch(chosen.endpoint)
        assert chosen.endpoint not in dir(builtins)
        assert IDENTIFIER.fullmatch(chosen.models)


@given(st.lists(IDS, unique=True, min_size=1, max_size=6), st.lists(IDS, unique=True, max_size=6))
def test_names_stay_when_endpoints_are_added(ids: list[str], more: list[str]) -> None:
    before = {id_: chosen.path for id_, chosen in choose_names(ids, {}).items()}
    after = choose_names({*ids, *more}, before)
    objects = {chosen.path: chosen.endpoint for chosen in after.values()}
    for id_, path in before.items():
        # A module moves only when its package has become an endpoint of the same name.
        parent, _, last = path.rpartition(".")
        assert after[id_].path == path or objects.get(parent) == last


def test_ids_with_the_same_path() -> None:
    both = choose_names(["CassetteAI/music-generator", "cassetteai/music-generator"], {})
    assert both["cassetteai/music-generator"].path == "cassetteai.music_generator"
    other = both["CassetteAI/music-generator"].path
    assert re.fullmatch(r"cassetteai\.music_generator_[0-9a-f]{6}", other)


def test_the_first_id_keeps_its_name() -> None:
    alone = choose_names(["Acme/x"], {})
    assert alone["Acme/x"].path == "acme.x"
    both = choose_names(["Acme/x", "acme/x"], {"Acme/x": "acme.x"})
    assert both["Acme/x"].path == "acme.x"
    assert both["acme/x"].path != "acme.x"


def test_a_module_does_not_shadow_the_endpoint_of_its_package() -> None:
    names = choose_names(["acme/tool", "acme/tool/tool"], {})
    assert names["acme/tool"].endpoint == "tool"
    assert names["acme/tool/tool"].path == "acme.tool.tool_"


@given(st.text(max_size=300), st.sets(st.sampled_from(["a", "a_2", "field", "list_"])))
def test_fields_have_names_that_are_valid_in_a_class(wire: str, taken: set[str]) -> None:
    name = field_name(wire, taken)
    assert IDENTIFIER.fullmatch(name)
    assert name not in taken
    assert not name.startswith("_")
    ast.parse(f"class A:\n    {name}: int = 1")


@given(st.text(max_size=300), st.sets(st.sampled_from(["Model", "A", "N1"])))
def test_class_names_are_unique(text: str, taken: set[str]) -> None:
    name = class_name(text, taken)
    assert IDENTIFIER.fullmatch(name)
    assert name not in taken | naming.IMPORTED | {"Input", "Output"} | set(dir(builtins))
    ast.parse(f"class {name}: ...")


def test_paths_are_short_enough_for_windows() -> None:
    longest = max((module_path(id_) for id_ in Catalog().ids()), key=len)
    installed = r"C:\Users\somebody.longname\project\.venv\Lib\site-packages\fal_typed\endpoints"
    assert len(rf"{installed}\{longest}\_endpoint.py") < 230


def test_long_names_are_shortened_and_unique() -> None:
    one, other = pascal("x" * 1_000_000), pascal("x" * 999_999)
    assert len(one) == naming.MAX_LENGTH
    assert one != other
