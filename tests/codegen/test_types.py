"""Models accept what a schema allows, reject what it forbids, and show its defaults."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from fal_typed._calls.checking import dump_input
from fal_typed.errors import FalInputError
from fal_typed.files import Audio, File, Image, Video
from fal_typed.models import UNSET
from tests.codegen.building import Packages, document, ref

POINT = {
    "type": "object",
    "properties": {"x": {"type": "number"}, "y": {"type": "number", "default": 0}},
    "required": ["x"],
}
FILE: dict[str, Any] = {
    "type": "object",
    "required": ["url"],
    "properties": {
        "url": {"type": "string"},
        "content_type": {"type": "string"},
        "file_name": {"type": "string"},
        "file_size": {"type": "integer"},
    },
}


def cases(
    listed: list[tuple[str, list[Any], list[Any]]],
) -> list[tuple[str, list[Any], list[Any]]]:
    """Names, with values that are valid and values that are not; for the type checker."""
    return listed


def accepts(model: Any, **values: Any) -> bool:
    try:
        model(**values)
    except FalInputError:
        return False
    return True


def default_of(model: Any, name: str) -> Any:
    return model.model_fields[name].default


def test_nullable_and_optional_are_different(packages: Packages) -> None:
    made = packages.module(
        document(
            {
                "optional": {"type": "string"},
                "nullable": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "nullable_30": {"type": "string", "nullable": True},
                "nullable_31": {"type": ["string", "null"]},
                "both": {"type": "string", "nullable": True},
            },
            required=["both"],
        )
    ).Input
    assert accepts(made, both=None, nullable=None, nullable_30=None, nullable_31=None)
    assert not accepts(made, both=None, optional=None)
    assert not accepts(made)
    assert default_of(made, "optional") is UNSET
    assert default_of(made, "nullable") is None


def test_bounds_apply_inside_unions_lists_and_maps(packages: Packages) -> None:
    small = {"type": "integer", "minimum": 1, "maximum": 4}
    short = {"type": "string", "maxLength": 3}
    made = packages.module(
        document(
            {
                "maybe": {"anyOf": [small, {"type": "null"}]},
                "either": {"anyOf": [small, short]},
                "listed": {"type": "array", "items": small, "maxItems": 2},
                "nested": {"type": "array", "items": {"type": "array", "items": small}},
                "mapped": {"type": "object", "additionalProperties": small},
            }
        )
    ).Input
    for name, good, bad in cases(
        [
            ("maybe", [None, 1, 4], [0, 5, "1", 1.5, True]),
            ("either", [2, "abc"], [5, "abcd", None]),
            ("listed", [[], [1, 4]], [[0], [1, 2, 3], 1]),
            ("nested", [[[1], []]], [[[9]], [1]]),
            ("mapped", [{"a": 1}], [{"a": 9}, [1]]),
        ]
    ):
        assert all(accepts(made, **{name: value}) for value in good), name
        assert not any(accepts(made, **{name: value}) for value in bad), name


def test_unique_items(packages: Packages) -> None:
    texts = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
    made = packages.module(
        document(
            {
                "texts": {**texts, "maxItems": 2, "default": ["a", "a"]},
                "maybe": {"anyOf": [texts, {"type": "null"}]},
                "anything": {"type": "array", "uniqueItems": True},
                "points": {**texts, "items": ref("Point")},
                "a b": texts,
            },
            components={"Point": POINT},
            output={"type": "object", "properties": {"texts": texts}},
        )
    )
    for name, good, bad in cases(
        [
            ("texts", [[], ["a", "b"]], [["a", "a"], ["a", "b", "c"]]),
            ("maybe", [None, ["a"]], [["a", "a"]]),
            ("anything", [[1, True, "1", [1], [True], {"a": 1}]], [[1, 1.0], [[1], [1]], [{}, {}]]),
            ("points", [[{"x": 1}, {"x": 2}]], [[{"x": 1}, {"x": 1.0}]]),
            ("a b", [["a"]], [["a", "a"]]),
        ]
    ):
        assert all(accepts(made.Input, **{name: value}) for value in good), name
        assert not any(accepts(made.Input, **{name: value}) for value in bad), name
    assert default_of(made.Input, "texts") is UNSET
    assert dump_input(made.Input(texts=["b", "a"])) == {"texts": ["b", "a"]}
    assert made.Output(texts=["a", "a"]).texts == ["a", "a"]
    assert "At most 2 items, all of them unique." in inspect.getsource(made.Input)


def test_limits_of_maps(packages: Packages) -> None:
    some = {"type": "object", "additionalProperties": True, "minProperties": 1, "maxProperties": 2}
    made = packages.module(
        document(
            {
                "some": {**some, "default": {}},
                "either": {"anyOf": [some, {"type": "string"}]},
                "listed": {"type": "array", "items": {**some, "additionalProperties": some}},
            }
        )
    ).Input
    for name, good, bad in cases(
        [
            ("some", [{"a": 1}], [{}, {"a": 1, "b": 2, "c": 3}]),
            ("either", ["x", {"a": 1}], [{}]),
            ("listed", [[], [{"a": {"b": 1}}]], [[{}], [{"a": {}}]]),
        ]
    ):
        assert all(accepts(made, **{name: value}) for value in good), name
        assert not any(accepts(made, **{name: value}) for value in bad), name
    assert default_of(made, "some") is UNSET
    assert "1 to 2 entries." in inspect.getsource(made)


def test_types_are_not_wrapped_in_root_models(packages: Packages) -> None:
    constrained = {"type": "integer", "minimum": 0}
    source = inspect.getsource(
        packages.module(
            document({"a": {"anyOf": [constrained, {"type": "string", "maxLength": 9}]}})
        )
    )
    assert "RootModel" not in source
    assert "a: Annotated[int, Field(ge=0)] | Annotated[str, Field(max_length=9)]" in source


@pytest.mark.parametrize(
    ("keywords", "good", "bad"),
    [
        ({"max": 4, "min": 2}, 2, 5),
        ({"ge": 2, "le": 4}, 4, 1),
        ({"gt": 2, "lt": 4}, 3, 4),
        ({"minimum": 2, "exclusiveMinimum": True}, 3, 2),
        ({"exclusiveMaximum": 3.5}, 3, 4),
        ({"minimum": 1.5}, 2, 1),
        ({"minimum": "2"}, 2, 1),
        ({"multiple_of": 8}, 16, 15),
    ],
)
def test_bounds_in_other_spellings(
    packages: Packages, keywords: dict[str, Any], good: int, bad: int
) -> None:
    made = packages.module(document({"n": {"type": "integer", **keywords}})).Input
    assert accepts(made, n=good)
    assert not accepts(made, n=bad)


@pytest.mark.parametrize(
    "keywords",
    [{"minimum": None}, {"maximum": "many"}, {"minLength": -1}, {"maxLength": True, "pattern": 3}],
)
def test_invalid_bounds_are_left_out(packages: Packages, keywords: dict[str, Any]) -> None:
    kind = "string" if "minLength" in keywords or "maxLength" in keywords else "integer"
    made = packages.module(document({"n": {"type": kind, **keywords}})).Input
    assert accepts(made, n="x" * 99 if kind == "string" else 99)


def test_allowed_values(packages: Packages) -> None:
    made = packages.module(
        document(
            {
                "text": {"type": "string", "enum": ["a", "b", None]},
                "number": {"type": "integer", "enum": [5, 10], "default": 5},
                "as_text": {"type": "string", "enum": [5, 10]},
                "whole": {"type": "number", "enum": [1.0, 2.0]},
                "fraction": {"type": "number", "enum": [0.5, 1]},
                "constant": {"const": "x"},
                "mixed": {"enum": ["auto", 1, True]},
                "by_ref": ref("Mode", default="fast"),
                "wrapped": {"allOf": [ref("Mode")], "default": "slow"},
            },
            components={"Mode": {"type": "string", "enum": ["fast", "slow"]}},
        )
    ).Input
    for name, good, bad in cases(
        [
            ("text", ["a", None], ["c", 1]),
            ("number", [5], [6, "5", 5.5]),
            ("as_text", ["5"], [5]),
            ("whole", [1, 2], [3]),
            ("fraction", [0.5, 1], [0.4, 2]),
            ("constant", ["x"], ["y", None]),
            ("mixed", ["auto", 1, True], ["other", 2]),
            ("by_ref", ["slow"], ["medium"]),
            ("wrapped", ["fast"], ["medium"]),
        ]
    ):
        assert all(accepts(made, **{name: value}) for value in good), name
        assert not any(accepts(made, **{name: value}) for value in bad), name
    assert default_of(made, "by_ref") == "fast"
    assert default_of(made, "wrapped") == "slow"
    assert "One of 0.5, 1." in inspect.getsource(made)


def test_presets_or_an_object(packages: Packages) -> None:
    size = {"anyOf": [ref("Point"), {"type": "string", "enum": ["square"]}], "default": {"x": 2}}
    module = packages.module(document({"size": size}, components={"Point": POINT}))
    made = module.Input
    assert accepts(made, size="square")
    assert accepts(made, size={"x": 1})
    assert accepts(made, size=module.Point(x=1))
    assert not accepts(made, size="oblong")
    assert not accepts(made, size={"y": 1})
    assert made().size == module.Point(x=2)
    assert dump_input(made()) == {}


@pytest.mark.parametrize(
    ("schema", "shown"),
    [
        ({"type": "string", "default": 129}, "129"),
        ({"type": "integer", "default": "5"}, 5),
        ({"type": "integer", "default": 5.0}, 5),
        ({"type": "number", "default": "0.5"}, 0.5),
        ({"type": "boolean", "default": "true"}, True),
        ({"type": "boolean", "default": "perhaps"}, UNSET),
        ({"type": "integer", "default": "many"}, UNSET),
        ({"type": "integer", "default": True}, UNSET),
        ({"type": "integer", "maximum": 4, "default": 5}, UNSET),
        ({"type": "string", "enum": ["a"], "default": "b"}, UNSET),
        ({"type": "string", "enum": ["5"], "default": 5}, "5"),
        ({"type": "string", "default": None}, UNSET),
        ({"type": "array", "items": {"type": "string"}, "default": "a"}, UNSET),
        ({"type": "array", "items": {"type": "integer"}, "default": ["1"]}, [1]),
        ({"type": "object", "default": {"a": 1}}, {"a": 1}),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}], "default": 3}, 3),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}], "default": "3"}, 3),
    ],
)
def test_defaults_fit_their_type_or_are_left_out(
    packages: Packages, schema: dict[str, Any], shown: Any
) -> None:
    made = packages.module(document({"value": schema})).Input
    default = default_of(made, "value")
    assert (type(default), default) == (type(shown), shown)


@pytest.mark.parametrize("default", [{"y": 1}, {"x": "far"}, {"x": 1, "z": 2}, "x", [1]])
def test_object_defaults_that_do_not_fit_are_left_out(packages: Packages, default: Any) -> None:
    made = packages.module(
        document({"point": ref("Point", default=default)}, components={"Point": POINT})
    ).Input
    assert default_of(made, "point") is UNSET


def test_required_takes_precedence_over_a_default(packages: Packages) -> None:
    made = packages.module(document({"n": {"type": "integer", "default": 1}}, required=["n"])).Input
    assert not accepts(made)


def test_required_fields_come_first_then_the_listed_order(packages: Packages) -> None:
    text = {"type": "string"}
    order: dict[str, Any] = {"x-fal-order-properties": ["d", "gone", "c", "b", "d"]}
    made = packages.module(
        document(
            {"a": text, "b": text, "c": text, "d": text},
            required=["d", "b"],
            **order,
        )
    ).Input
    assert list(made.model_fields) == ["d", "b", "c", "a"]


def test_names_that_are_not_valid_in_a_class(packages: Packages) -> None:
    names = [
        "schema", "json", "copy", "model_config", "model_name", "class", "3d-model", "_hidden",
        "übergröße", "list", "str", "Field", "self", "a b", "a.b", "TheThing", "__class__",
    ]  # fmt: skip
    module = packages.module(
        document(
            {
                **{name: {"type": "array", "items": {"type": "string"}} for name in names},
                "thing": ref("TheThing"),
            },
            components={"TheThing": POINT},
        )
    )
    made = module.Input
    by_wire = {info.alias or name: name for name, info in made.model_fields.items()}
    assert {
        "schema": "schema_", "model_config": "model_config_", "model_name": "model_name",
        "class": "class_", "3d-model": "n3d_model", "_hidden": "hidden", "list": "list_",
        "a b": "a_b", "a.b": "a_b_2", "TheThing": "TheThing_", "__class__": "class__",
    }.items() <= by_wire.items()  # fmt: skip
    values = {by_wire[name]: ["x"] for name in names}
    assert dump_input(made(**values, thing={"x": 1})) == {
        **{key: ["x"] for key in names},
        "thing": {"x": 1},
    }
    assert made.model_validate({name: ["x"] for name in names})


def test_components_with_conflicting_names(packages: Packages) -> None:
    module = packages.module(
        document(
            {
                "a": ref("my-point"),
                "b": ref("MyPoint"),
                "c": ref("Field"),
                "d": ref("Input"),
                "e": ref("AcmeEchoInput"),
                "f": ref("TimeoutError"),
                "g": ref("EchoInput"),
            },
            components=dict.fromkeys(
                [
                    "my-point",
                    "MyPoint",
                    "Field",
                    "Input",
                    "AcmeEchoInput",
                    "TimeoutError",
                    "EchoInput",
                ],
                POINT,
            ),
        )
    )
    fields = module.Input.model_fields
    assert {name: info.annotation.__name__ for name, info in fields.items()} == {
        "a": "MyPoint", "b": "MyPoint_2", "c": "FieldModel", "d": "InputModel_2",
        "e": "AcmeEchoInput", "f": "TimeoutErrorModel", "g": "EchoInput_2",
    }  # fmt: skip
    assert module.Input is module.EchoInput


def test_a_component_in_both_directions_is_two_classes(packages: Packages) -> None:
    module = packages.module(
        document(
            {"point": ref("Point")},
            components={"Point": POINT},
            output={"type": "object", "properties": {"point": ref("Point")}},
        )
    )
    assert not accepts(module.Point, x=1, unknown=2)
    assert module.PointOutput(x=1, unknown=2).unknown == 2


def test_recursive_components(packages: Packages) -> None:
    node = {
        "type": "object",
        "properties": {"children": {"type": "array", "items": ref("Node")}, "next": ref("Other")},
    }
    other = {"type": "object", "properties": {"back": ref("Node", default={"children": []})}}
    module = packages.module(
        document({"root": ref("Node")}, components={"Node": node, "Other": other})
    )
    tree = {"children": [{"children": [], "next": {"back": {}}}]}
    assert dump_input(module.Input(root=tree)) == {"root": tree}
    assert not accepts(module.Input, root={"children": [{"next": {"back": 1}}]})


def test_dangling_and_circular_references(packages: Packages) -> None:
    made, warnings = packages.warned(
        document(
            {
                "gone": ref("Gone", default=3),
                "elsewhere": {"$ref": "https://example.com/schema.json"},
                "circle": ref("Round"),
                "list": {"type": "array", "items": ref("Lists")},
            },
            components={
                "Round": ref("Around"),
                "Around": ref("Round"),
                "Lists": {"type": "array", "items": ref("Lists")},
            },
        )
    )
    assert accepts(made.Input, gone={"any": "thing"}, elsewhere=[1], circle=2, list=[[[1]]])
    assert any("Gone" in text for text in warnings)
    assert any("example.com" in text for text in warnings)
    assert any("Lists" in text for text in warnings)


def test_several_parts_become_one_object(packages: Packages) -> None:
    module = packages.module(
        document(
            {"both": {"allOf": [ref("Point"), {"properties": {"z": {"type": "integer"}}}]}},
            components={"Point": POINT},
        )
    )
    assert accepts(module.Input, both={"x": 1, "z": 2})
    assert not accepts(module.Input, both={"z": 2})
    assert not accepts(module.Input, both={"x": 1, "z": "2"})


def test_tuples(packages: Packages) -> None:
    def places(*items: dict[str, Any], **limits: int) -> dict[str, Any]:
        return {"type": "array", "prefixItems": list(items), **limits}

    number, text = {"type": "integer", "minimum": 1}, {"type": "string"}
    pair = places(number, text, minItems=2, maxItems=2)
    module = packages.module(
        document(
            {
                "pair": {**pair, "default": [1, "a"]},
                "same": places(number, number, minItems=2, maxItems=2),
                "open": places(number, text),
                "pairs": {"type": "array", "items": pair},
            },
            output={"type": "object", "properties": {"pair": pair}},
        )
    )
    made = module.Input
    for name, good, bad in cases(
        [
            ("pair", [[1, "a"], (1, "a")], [["a", 1], [1], [1, "a", 2], [0, "a"], [1.0, "a"]]),
            ("same", [[1, 2]], [[1], [1, 2, 3], [0, 1]]),
            ("open", [[1], [1, "a"], [1, "a", None]], [["a"], [1, 2]]),
            ("pairs", [[[1, "a"]]], [[["a", 1]]]),
        ]
    ):
        assert all(accepts(made, **{name: value}) for value in good), name
        assert not any(accepts(made, **{name: value}) for value in bad), name
    assert default_of(made, "pair") == (1, "a")
    assert module.Output(pair=[1, "a"]).pair == (1, "a")


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"^\w+$", "abc", "a b"),
        ("b", "abc", "a"),
        (r"^(?!x)", "abc", "xa"),
        (r"(a)\1", "aa", "ab"),
    ],
)
def test_patterns(packages: Packages, pattern: str, good: str, bad: str) -> None:
    made = packages.module(document({"p": {"type": "string", "pattern": pattern}})).Input
    assert accepts(made, p=good)
    assert not accepts(made, p=bad)


def test_an_unsupported_pattern_is_reported_and_not_checked(packages: Packages) -> None:
    module, warnings = packages.warned(document({"p": {"type": "string", "pattern": "("}}))
    assert accepts(module.Input, p="anything")
    assert warnings == ["input: p: unsupported regular expression; the pattern is not checked"]


@pytest.mark.parametrize("form", ["uri", "date-time", "binary", "data-uri", "uuid", "email"])
def test_formats_stay_strings(packages: Packages, form: str) -> None:
    made = packages.module(document({"t": {"type": "string", "format": form}})).Input
    assert made(t="not one").t == "not one"


def test_additional_properties_are_kept(packages: Packages) -> None:
    closed = packages.module(document({"a": {"type": "string"}})).Input
    opened = packages.module(document({"a": {"type": "string"}}, additionalProperties=True)).Input
    assert not accepts(closed, b=1)
    assert dump_input(opened(b=1)) == {"b": 1}


def test_deep_nesting_ends_in_any_value(packages: Packages) -> None:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(200):
        schema = {"type": "array", "items": schema}
    module, warnings = packages.warned(document({"deep": schema}))
    value: Any = "anything"
    for _ in range(40):
        value = [value]
    assert accepts(module.Input, deep=value)
    assert not accepts(module.Input, deep=["flat"])
    assert warnings == ["input: deep: nested deeper than 32 levels"]


def test_file_parameters(packages: Packages) -> None:
    text = {"type": "string"}
    texts = {"type": "array", "items": text, "maxItems": 2}
    made = packages.module(
        document(
            {
                "marked": {**text, "x-fal-file-input": True},
                "by_ui": {**text, "ui": {"field": "image"}},
                "by_flat_ui": {**text, "_fal_ui_field": "audio"},
                "image_url": {"anyOf": [text, {"type": "null"}], "format": "uri"},
                "image_urls": texts,
                "one_or_more_urls": {"anyOf": [text, texts]},
                "video": ref("File"),
                "webhook_url": text,
                "website_url": text,
                "curl": text,
                "keep_urls": {"type": "boolean"},
                "mode_url": {**text, "enum": ["a"]},
            },
            components={"File": FILE},
        )
    ).Input
    files = {"marked", "by_ui", "by_flat_ui", "image_url", "one_or_more_urls", "video"}
    for name in made.model_fields:
        assert accepts(made, **{name: b"content"}) == (name in files), name
    assert accepts(made, image_urls=[b"1", "data:,2"], image_url=None, video={"url": "https://a/b"})
    assert not accepts(made, image_urls=[b"1", b"2", b"3"])


def test_a_file_or_a_list_of_files(packages: Packages) -> None:
    text = {"type": "string"}
    either = {"anyOf": [text, {"type": "array", "items": text}]}
    objects = {"anyOf": [ref("File"), {"type": "array", "items": ref("File")}]}
    made = packages.module(
        document({"image_url": either, "files": objects}, components={"File": FILE})
    ).Input
    url = "https://a/b"
    valid: list[dict[str, Any]] = [
        {"image_url": url, "files": {"url": url}},
        {"image_url": [url, url], "files": [{"url": url}]},
        {"image_url": "data:,", "files": []},
    ]
    for values in valid:
        assert dump_input(made(**values)) == values
    dumped = dump_input(made(image_url=[b"1"], files=[b"2"]))
    assert dumped == {"image_url": [b"1"], "files": [{"url": b"2"}]}


def test_a_file_with_additional_fields_is_a_class(packages: Packages) -> None:
    more = {**FILE, "properties": {**FILE["properties"], "weight": {"type": "number"}}}
    module = packages.module(document({"file": ref("Weighted")}, components={"Weighted": more}))
    assert accepts(module.Input, file=module.Weighted(url=b"1", weight=1))
    assert not accepts(module.Input, file={"url": "https://a/b", "weight": "heavy"})


def test_files_of_a_result(packages: Packages) -> None:
    size = {"width": {"type": "integer"}, "height": {"type": "integer"}}
    picture = {**FILE, "properties": {**FILE["properties"], **size}}
    extended = {**FILE, "properties": {**FILE["properties"], "codec": {"type": "string"}}}
    module = packages.module(
        document(
            output={
                "type": "object",
                "required": ["video", "speech", "extended"],
                "properties": {
                    "images": {"type": "array", "items": ref("Picture")},
                    "video": ref("File"),
                    "rendered_image": ref("File"),
                    "audio_file": ref("File"),
                    "archive": ref("File"),
                    "speech": {"allOf": [ref("AudioFile")]},
                    "extended": ref("ExtendedVideo"),
                    "inline": FILE,
                },
            },
            components={
                "File": FILE,
                "Picture": picture,
                "AudioFile": FILE,
                "ExtendedVideo": extended,
            },
        )
    )
    file = {"url": "https://a/b"}
    names = ["video", "rendered_image", "audio_file", "archive", "speech", "extended", "inline"]
    result = module.Output(images=[file], **dict.fromkeys(names, file))
    kinds = {name: type(getattr(result, name)) for name in names}
    assert kinds == {
        "video": Video, "rendered_image": Image, "audio_file": Audio, "archive": File,
        "speech": Audio, "extended": module.ExtendedVideo, "inline": File,
    }  # fmt: skip
    assert type(result.images[0]) is Image
    assert issubclass(module.ExtendedVideo, Video)
    assert "codec" in module.ExtendedVideo.model_fields


def test_results_are_read_without_bounds_and_with_missing_fields(packages: Packages) -> None:
    made = packages.module(
        document(
            output={
                "type": "object",
                "required": ["n"],
                "properties": {
                    "n": {"type": "integer", "maximum": 3},
                    "text": {"type": "string"},
                    "kind": {"type": "string", "default": "image/png"},
                },
            }
        )
    ).Output
    result = made(n=9)
    assert (result.n, result.text, result.kind) == (9, None, "image/png")


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "array", "items": {"type": "string"}}, ["a"]),
        ({"type": "string"}, "a"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, None),
    ],
)
def test_a_result_that_is_not_an_object(
    packages: Packages, schema: dict[str, Any], value: Any
) -> None:
    made = packages.module(document(output=schema)).Output
    assert made.model_validate(value).root == value


def test_an_endpoint_without_parameters_and_without_a_described_result(packages: Packages) -> None:
    one = document()
    del one["paths"]["/acme/echo/requests/{request_id}"]
    one["paths"]["/acme/echo"]["post"] = {}
    module = packages.module(one)
    assert dump_input(module.Input()) == {}
    assert module.Output(anything=1).anything == 1
    assert module.echo.id == "acme/echo"
