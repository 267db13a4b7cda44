"""One pair of documents for every kind of change, and a program that the change affects.

A program is right before the change. After a breaking change it is refused by mypy or, where
the table says so, fails when it runs; after a compatible one it is as right as before.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.codegen.building import document, ref

TEXT: dict[str, Any] = {"type": "string"}
INT: dict[str, Any] = {"type": "integer"}
NUMBER: dict[str, Any] = {"type": "number"}
MAP: dict[str, Any] = {"type": "object", "additionalProperties": INT}
ITEM = {"type": "object", "properties": {"a": TEXT}}
FILE: dict[str, Any] = {
    "type": "object",
    "required": ["url"],
    "properties": {"url": TEXT, "content_type": TEXT},
}
IMAGE: dict[str, Any] = {
    **FILE,
    "properties": {**FILE["properties"], "width": INT, "height": INT},
}
PET_COMPONENTS: dict[str, Any] = {
    name: {
        "type": "object",
        "properties": {"kind": {"const": name.lower(), "default": name.lower()}, "name": TEXT},
    }
    for name in ("Cat", "Dog")
}
PETS: dict[str, Any] = {"anyOf": [ref("Cat"), ref("Dog")]}
TAGGED_PETS: dict[str, Any] = {**PETS, "discriminator": {"propertyName": "kind"}}
Mutation = Callable[[dict[str, Any]], None]


@dataclass
class Case:
    """A change: documents before and after, its kinds, and a program."""

    kind: str
    old: list[dict[str, Any]]
    new: list[dict[str, Any]]
    program: str = ""
    also: set[str] = field(default_factory=set)
    locks: bool = False

    def write(self, folder: Path, *, new: bool) -> None:
        """Write the documents of one side; the path of an app's document gives the app's id."""
        for number, one in enumerate(self.new if new else self.old):
            name = f"{self.module}/{number}" if "info" in one else f"acme/{self.kind}"
            path = folder / f"{name}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(one))

    @property
    def module(self) -> str:
        return self.kind.replace("-", "_")


def enum(*values: Any, **more: Any) -> dict[str, Any]:
    return {"type": "string", "enum": list(values), **more}


def array(items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **more}


def union(*members: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": list(members)}


def case(
    kind: str, old: dict[str, Any], new: dict[str, Any], program: str = "", **more: Any
) -> Case:
    """A change of one document, given by the arguments of `document`."""
    id_ = f"acme/{kind}"
    before = [document(endpoint_id=id_, **old)]
    return Case(kind, before, [document(endpoint_id=id_, **new)], program, **more)


def given(
    kind: str, old: dict[str, Any], new: dict[str, Any], program: str = "", **more: Any
) -> Case:
    """A change of the parameter x."""
    components = more.pop("components", None)
    both = {"components": components}
    return case(
        kind,
        {"properties": {"x": old}, **both},
        {"properties": {"x": new}, **both},
        program,
        **more,
    )


def read(
    kind: str, old: dict[str, Any], new: dict[str, Any], program: str = "", **more: Any
) -> Case:
    """A change of the field x of the result."""
    components = more.pop("components", None)
    both = {"components": components}
    return case(
        kind, {"output": result(old), **both}, {"output": result(new), **both}, program, **more
    )


def result(x: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"x": x}, "required": ["x"], **more}


def returns(kind: str) -> str:
    """A program that expects a type of the field x."""
    return f"def use(result: Output) -> {kind}:\n    return result.x\n"


def changed(kind: str, change: Mutation, old: dict[str, Any] | None = None, **more: Any) -> Case:
    """A change that `document` has no argument for."""
    made = case(
        kind, old or {"properties": {"x": TEXT}}, old or {"properties": {"x": TEXT}}, **more
    )
    change(made.new[0])
    return made


def routed(kind: str, old: dict[str, Any], new: dict[str, Any]) -> Case:
    """A change of the only route of an app, given by the keywords next to its operation."""
    before, after = (
        {"openapi": "3.1.0", "paths": {"/": {"post": {}, **item}}} for item in (old, new)
    )
    return Case(kind, [before], [after])


def realtime(mode: str, **config: Any) -> dict[str, Any]:
    """Keywords of a realtime route."""
    return {"x-fal-protocol": {"type": "realtime", "realtimeMode": mode, "config": config}}


def _deprecate_endpoint(raw: dict[str, Any]) -> None:
    (path, *_) = raw["paths"]
    raw["paths"][path]["post"]["deprecated"] = True


def _set_category(raw: dict[str, Any]) -> None:
    raw["info"]["x-fal-metadata"]["category"] = "video"


def _set_link(raw: dict[str, Any]) -> None:
    raw["info"]["x-fal-metadata"]["thumbnailUrl"] = "https://example.com/a.png"


def _set_server(raw: dict[str, Any]) -> None:
    raw["servers"] = [{"url": "https://queue.fal.run"}]


def _moved() -> Case:
    kind = "endpoint-moved"
    mine = document({"x": TEXT}, endpoint_id=f"Acme/{kind}")
    other = document({"y": INT}, endpoint_id=f"acme/{kind}")
    return Case(kind, [mine], [mine, other], 'Input(x="a")\n', also={"endpoint-added"})


def _undeprecated() -> Case:
    origin = changed("endpoint-undeprecated", _deprecate_endpoint)
    return Case(origin.kind, origin.new, origin.old)


FREE = {"type": "object", "properties": {}}

CASES = [
    # endpoints
    Case(
        "endpoint-added",
        [],
        [document({"x": TEXT}, endpoint_id="acme/endpoint-added")],
    ),
    Case(
        "endpoint-removed",
        [document({"x": TEXT}, endpoint_id="acme/endpoint-removed")],
        [],
        'Input(x="a")\n',
    ),
    _moved(),
    case(
        "endpoint-changed",
        {"properties": {"x": TEXT}},
        {"properties": {"x": TEXT, "y": TEXT}, "required": ["y"]},
        'Input(x="a")\n',
        locks=True,
    ),
    routed("route-kind-changed", {}, realtime("unary")),
    routed("route-mode-changed", realtime("unary"), realtime("bidi")),
    routed("route-settings-changed", realtime("unary"), realtime("unary", buffering=3)),
    changed("endpoint-deprecated", _deprecate_endpoint, program='Input(x="a")\n'),
    _undeprecated(),
    # parameters
    case(
        "input-field-added", {"properties": {"x": TEXT}}, {"properties": {"x": TEXT, "y": INT}},
        'Input(x="a")\n',
    ),
    case(
        "input-field-added-required",
        {"properties": {"x": TEXT}},
        {"properties": {"x": TEXT, "y": INT}, "required": ["y"]},
        'Input(x="a")\n',
    ),
    case(
        "input-field-removed", {"properties": {"x": TEXT, "y": INT}}, {"properties": {"x": TEXT}},
        "Input(y=1)\n",
    ),
    case(
        "input-field-renamed",
        {"properties": {"a b": TEXT}},
        {"properties": {"a b": TEXT, "a_b": INT}, "x-fal-order-properties": ["a_b", "a b"]},
        'Input(a_b="x")\n',
        also={"input-field-added"},
    ),
    case(
        "input-field-required", {"properties": {"x": TEXT}},
        {"properties": {"x": TEXT}, "required": ["x"]}, "Input()\n",
    ),
    case(
        "input-field-optional", {"properties": {"x": TEXT}, "required": ["x"]},
        {"properties": {"x": TEXT}}, 'Input(x="a")\n',
    ),
    given("input-nullable", TEXT, {**TEXT, "nullable": True}, 'Input(x="a")\n'),
    given("input-not-nullable", {**TEXT, "nullable": True}, TEXT, "Input(x=None)\n"),
    given("input-default-added", TEXT, {**TEXT, "default": "a"}, "Input()\n"),
    given("input-default-changed", {**TEXT, "default": "a"}, {**TEXT, "default": "b"}, "Input()\n"),
    given("input-default-removed", {**TEXT, "default": "a"}, TEXT, "Input()\n"),
    given("input-field-deprecated", TEXT, {**TEXT, "deprecated": True}, 'Input(x="a")\n'),
    given("input-field-undeprecated", {**TEXT, "deprecated": True}, TEXT),
    # types of parameters
    given("input-type-changed", TEXT, INT, 'Input(x="a")\n'),
    given("input-type-widened", TEXT, union(TEXT, INT), 'Input(x="a")\n'),
    given("input-type-narrowed", union(TEXT, INT), TEXT, "Input(x=1)\n"),
    given("input-integer-to-number", INT, NUMBER, "Input(x=1)\n"),
    given("input-number-to-integer", NUMBER, INT, "Input(x=1.5)\n"),
    given("input-became-any", INT, {}, "Input(x=1)\n"),
    given("input-any-narrowed", {}, INT, 'Input(x="a")\n'),
    given(
        "input-item-type-changed", array(INT), array(NUMBER),
        "values: list[int] = [1]\nInput(x=values)\n",
    ),
    given(
        "input-text-became-file", TEXT, {**TEXT, "ui": {"field": "image"}},
        'Input(x="https://x.example/a")\n', also={"hints-changed"},
    ),
    given(
        "input-file-became-text", {**TEXT, "ui": {"field": "image"}}, TEXT,
        "from pathlib import Path\nInput(x=Path())\n", also={"hints-changed"},
    ),
    given(
        "input-tag-required", PETS, TAGGED_PETS, 'Input.model_validate({"x": {"name": "a"}})\n',
        components=PET_COMPONENTS, also={"keyword-changed"},
    ),
    given(
        "input-tag-optional", TAGGED_PETS, PETS, 'Input.model_validate({"x": {"kind": "cat"}})\n',
        components=PET_COMPONENTS, also={"keyword-changed"},
    ),
    # values of parameters
    given("input-value-added", enum("a", "b"), enum("a", "b", "c"), 'Input(x="a")\n'),
    given("input-value-removed", enum("a", "b"), enum("a"), 'Input(x="b")\n'),
    given("input-values-lifted", enum("a", "b"), TEXT, 'Input(x="a")\n'),
    given("input-values-imposed", TEXT, enum("a", "b"), 'Input(x="c")\n'),
    given("input-constant-changed", {"const": "a"}, {"const": "b"}, 'Input(x="a")\n'),
    # bounds of parameters
    given("input-minimum-raised", {**INT, "minimum": 1}, {**INT, "minimum": 2}, "Input(x=1)\n"),
    given("input-minimum-lowered", {**INT, "minimum": 1}, INT, "Input(x=1)\n"),
    given(
        "input-maximum-lowered", {**NUMBER, "maximum": 1}, {**NUMBER, "exclusiveMaximum": 1},
        "Input(x=1)\n",
    ),
    given("input-maximum-raised", {**INT, "maximum": 1}, {**INT, "maximum": 3}, "Input(x=1)\n"),
    given("input-step-coarser", INT, {**INT, "multipleOf": 8}, "Input(x=1)\n"),
    given("input-step-finer", {**INT, "multipleOf": 16}, {**INT, "multipleOf": 8}, "Input(x=16)\n"),
    given("input-min-length-raised", TEXT, {**TEXT, "minLength": 1}, 'Input(x="")\n'),
    given("input-min-length-lowered", {**TEXT, "minLength": 1}, TEXT, 'Input(x="a")\n'),
    given("input-max-length-lowered", TEXT, {**TEXT, "maxLength": 1}, 'Input(x="aa")\n'),
    given(
        "input-max-length-raised", {**TEXT, "maxLength": 1}, {**TEXT, "maxLength": 2},
        'Input(x="a")\n',
    ),
    given("input-min-items-raised", array(INT), array(INT, minItems=1), "Input(x=[])\n"),
    given("input-min-items-lowered", array(INT, minItems=1), array(INT), "Input(x=[1])\n"),
    given("input-max-items-lowered", array(INT), array(INT, maxItems=1), "Input(x=[1, 2])\n"),
    given(
        "input-max-items-raised", array(INT, maxItems=1), array(INT, maxItems=2), "Input(x=[1])\n"
    ),
    given(
        "input-unique-items-added", array(INT), array(INT, uniqueItems=True), "Input(x=[1, 1])\n"
    ),
    given("input-unique-items-removed", array(INT, uniqueItems=True), array(INT), "Input(x=[1])\n"),
    given("input-min-entries-raised", MAP, {**MAP, "minProperties": 1}, "Input(x={})\n"),
    given("input-min-entries-lowered", {**MAP, "minProperties": 1}, MAP, 'Input(x={"a": 1})\n'),
    given("input-max-entries-lowered", MAP, {**MAP, "maxProperties": 0}, 'Input(x={"a": 1})\n'),
    given("input-max-entries-raised", {**MAP, "maxProperties": 1}, MAP, 'Input(x={"a": 1})\n'),
    given("input-pattern-changed", TEXT, {**TEXT, "pattern": "^a"}, 'Input(x="b")\n'),
    given("input-pattern-removed", {**TEXT, "pattern": "^a"}, TEXT, 'Input(x="a")\n'),
    given(
        "input-bounds-changed",
        union({**INT, "maximum": 1}, {**NUMBER, "minimum": 8}),
        union({**INT, "maximum": 0}, {**NUMBER, "minimum": 8}),
        "Input(x=1)\n",
    ),
    given(
        "input-rule-tightened", array(INT), array(INT, contains={"const": 1}), "Input(x=[2])\n"
    ),
    given(
        "input-rule-loosened", {"enum": [0.5, 1]}, {"enum": [0.5, 0.75, 1]}, "Input(x=0.5)\n"
    ),
    case(
        "input-closed", {"properties": {"x": TEXT}, "additionalProperties": True},
        {"properties": {"x": TEXT}}, 'Input.model_validate({"x": "a", "more": 1})\n',
    ),
    case(
        "input-opened", {"properties": {"x": TEXT}},
        {"properties": {"x": TEXT}, "additionalProperties": True}, 'Input(x="a")\n',
    ),
    given("limits-changed", TEXT, {**TEXT, "x-fal": {"max_width": 512}}, 'Input(x="a")\n'),
    # classes
    given(
        "class-added", TEXT, union(TEXT, ref("Item")), 'Input(x="a")\n',
        also={"input-type-widened"}, components={"Item": ITEM},
    ),
    given(
        "class-removed", union(TEXT, ref("Item")), TEXT,
        "from shop.acme.class_removed import Item\n",
        also={"input-type-narrowed"}, components={"Item": ITEM},
    ),
    given(
        "class-renamed", ref("Item"), ref("Thing"), "from shop.acme.class_renamed import Item\n",
        components={"Item": ITEM, "Thing": ITEM},
    ),
    # fields of results
    case(
        "output-field-added", {"output": result(TEXT)},
        {"output": {**result(TEXT), "properties": {"x": TEXT, "y": TEXT}}}, returns("str"),
    ),
    case("output-field-removed", {"output": result(TEXT)}, {"output": FREE}, returns("str")),
    case(
        "output-field-renamed",
        {"output": {**FREE, "properties": {"a b": TEXT}}},
        {
            "output": {
                **FREE,
                "properties": {"a b": TEXT, "a_b": INT},
                "x-fal-order-properties": ["a_b", "a b"],
            }
        },
        "def use(result: Output) -> str | None:\n    return result.a_b\n",
        also={"output-field-added"},
    ),
    case(
        "output-may-be-none", {"output": result(TEXT)},
        {"output": {**FREE, "properties": {"x": TEXT}}}, returns("str"),
    ),
    case(
        "output-never-none", {"output": result({**TEXT, "nullable": True})},
        {"output": result(TEXT)}, returns("str | None"),
    ),
    case(
        "output-presence-changed",
        {"output": {**FREE, "properties": {"x": {**TEXT, "nullable": True}}}},
        {"output": result({**TEXT, "nullable": True})},
        returns("str | None"),
    ),
    case(
        "output-default-changed",
        {"output": {**FREE, "properties": {"x": {**TEXT, "default": "a"}}}},
        {"output": {**FREE, "properties": {"x": {**TEXT, "default": "b"}}}},
    ),
    read("output-field-deprecated", TEXT, {**TEXT, "deprecated": True}, returns("str")),
    read("output-field-undeprecated", {**TEXT, "deprecated": True}, TEXT),
    # types of results
    read("output-type-changed", TEXT, INT, returns("str")),
    read("output-type-widened", TEXT, union(TEXT, INT), returns("str")),
    read("output-type-narrowed", union(TEXT, INT), TEXT, returns("str | int")),
    read("output-integer-to-number", INT, NUMBER, returns("int")),
    read("output-number-to-integer", NUMBER, INT, returns("float")),
    read("output-became-any", TEXT, {}, returns("str")),
    read("output-any-typed", {}, TEXT, "def use(result: Output) -> None:\n    result.x.width\n"),
    read("output-item-type-changed", array(NUMBER), array(INT), returns("list[float]")),
    read(
        "output-file-kind-narrowed", ref("File"), ref("Image"), returns("File"),
        components={"File": FILE, "Image": IMAGE},
    ),
    read(
        "output-file-kind-changed", ref("Image"), ref("File"),
        "def use(result: Output) -> int | None:\n    return result.x.width\n",
        components={"File": FILE, "Image": IMAGE},
    ),
    # values of results
    read(
        "output-value-added", enum("a", "b"), enum("a", "b", "c"),
        "def use(result: Output) -> int:\n"
        '    if result.x == "a":\n        return 1\n'
        '    if result.x == "b":\n        return 2\n'
        "    assert_never(result.x)\n",
    ),
    read("output-value-removed", enum("a", "b"), enum("a"), returns('Literal["a", "b"]')),
    read("output-values-lifted", enum("a", "b"), TEXT, returns('Literal["a", "b"]')),
    read("output-values-imposed", TEXT, enum("a", "b"), returns("str")),
    read("output-constant-changed", {"const": "a"}, {"const": "b"}, returns('Literal["a"]')),
    # what the typed code shows to people only, or not at all
    read("output-bounds-changed", INT, {**INT, "minimum": 1}),
    given("description-changed", TEXT, {**TEXT, "description": "Words."}),
    given("title-changed", TEXT, {**TEXT, "title": "X"}),
    given("examples-changed", TEXT, {**TEXT, "examples": ["a"]}),
    changed("category-changed", _set_category),
    changed("links-changed", _set_link),
    case(
        "field-order-changed",
        {"properties": {"x": TEXT, "y": TEXT}, "x-fal-order-properties": ["x", "y"]},
        {"properties": {"x": TEXT, "y": TEXT}, "x-fal-order-properties": ["y", "x"]},
    ),
    given("values-reordered", enum("a", "b"), enum("b", "a")),
    given("format-changed", TEXT, {**TEXT, "format": "uri"}),
    given("hints-changed", TEXT, {**TEXT, "ui": {"important": True}}),
    given("keyword-changed", array(INT), array(INT, contentMediaType="a/b")),
    changed("document-changed", _set_server),
]  # fmt: skip
