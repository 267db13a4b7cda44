"""Discriminators in the dialects of documents, and named request bodies and responses."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fal_typed_codegen.diff.compare import compare_documents
from fal_typed_codegen.generate import generate

from fal_typed import FalHTTPError, FalInputError
from fal_typed._documents.document import EndpointDocument
from fal_typed.testing import FalEmulator
from tests.codegen.building import Packages, document, ref

TEXT: dict[str, Any] = {"type": "string"}
INT: dict[str, Any] = {"type": "integer"}
NULL = {"type": "null"}


def kind(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


PETS = {
    "Pet": {
        **kind("petType", "name", petType=TEXT, name=TEXT),
        "discriminator": {
            "propertyName": "petType",
            "mapping": {"cat": "#/components/schemas/Cat", "dog": "Dog"},
        },
    },
    "Cat": {"allOf": [ref("Pet"), kind(lives=INT)]},
    "Dog": {"allOf": [ref("Pet"), kind("bark", bark=TEXT, friend=ref("Pet"))]},
    "Puppy": {"allOf": [ref("Dog"), kind(age=INT)]},
}
SHAPES = {
    "Ball": kind(**{"@kind": TEXT, "r": INT}),
    "Box": kind(**{"@kind": TEXT, "w": INT}),
    "Point": kind(**{"@kind": ref("Kind"), "x": INT}),
    "Kind": {"type": "string", "enum": ["s", "ball", "b", "Point"]},
}
SHAPE = {
    "oneOf": [ref("Ball"), ref("Box"), ref("Point")],
    "discriminator": {
        "propertyName": "@kind",
        "mapping": {"s": ref("Ball")["$ref"], "ball": ref("Ball")["$ref"], "b": "Box"},
    },
}


def with_body(body: dict[str, Any], **components: Any) -> dict[str, Any]:
    made = document(components=components, output={"type": "object"})
    made["components"]["schemas"]["TheInput"] = body
    return made


@pytest.fixture
def called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Generates the endpoint of a document, and sends a body; returns the JSON that was sent."""
    monkeypatch.syspath_prepend(tmp_path)
    package = f"made_tags_{abs(hash(tmp_path))}"
    schemas = tmp_path / "schemas"
    (schemas / "acme").mkdir(parents=True)

    def module(one: dict[str, Any]) -> ModuleType:
        (schemas / "acme/echo.json").write_text(json.dumps(one))
        report = generate(schemas, tmp_path / package, package, jobs=1)
        assert (report.failed, report.warnings) == ({}, {})
        importlib.invalidate_caches()
        return importlib.import_module(f"{package}.acme.echo")

    def call(made: ModuleType, *args: Any, validate: bool = True, **kwargs: Any) -> Any:
        with FalEmulator(schemas=schemas, run_time=0.0) as emulator:
            monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
            made.echo.with_options(validate=validate).run(*args, **kwargs)
            return json.loads([one.body for one in emulator.requests][-1])

    call.module = module  # type: ignore[attr-defined]
    yield call
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        del sys.modules[name]


def test_a_base_means_its_subtypes(called: Any) -> None:
    made = called.module(with_body(ref("Pet"), **PETS))
    cat = {"petType": "cat", "name": "Tom"}
    dog = {"petType": "dog", "name": "Rex", "bark": "woof", "friend": cat}
    assert called(made, **cat) == cat
    assert called(made, made.Dog(**{**dog, "friend": made.Cat(**cat)})) == dog
    puppy = {"petType": "Puppy", "name": "Bo", "bark": "wiff", "age": 1}
    assert called(made, puppy) == puppy
    for bad, path in (
        ({**cat, "petType": "fish"}, "petType"),
        ({"name": "Tom"}, "petType"),
        ({**dog, "friend": {"petType": "dog", "name": "a"}}, "friend.bark"),
        ({**cat, "bark": "woof"}, "bark"),
    ):
        with pytest.raises(FalInputError) as caught:
            called(made, bad)
        assert [problem.path for problem in caught.value.errors] == [path]
    with pytest.raises(FalHTTPError, match="fish"):
        called(made, {**cat, "petType": "fish"}, validate=False)


def test_a_subtype_can_be_a_base_itself(called: Any) -> None:
    components = {
        "Dog": {**kind("name", "breed", name=TEXT, breed=TEXT), "allOf": [ref("Pet")]},
        "Pet": {**kind("sort", sort=TEXT), "discriminator": {"propertyName": "sort"}},
        "Cat": {"allOf": [ref("Pet"), kind(lives=INT)]},
        "Pug": {"allOf": [ref("Dog"), kind(snores=INT)]},
    }
    components["Dog"]["discriminator"] = {"propertyName": "breed"}
    made = called.module(with_body(ref("Pet"), **components))
    pug = {"sort": "Pug", "breed": "Pug", "name": "Bo", "snores": 1}
    assert called(made, {"sort": "Cat", "lives": 9}) == {"sort": "Cat", "lives": 9}
    assert called(made, pug) == pug
    with pytest.raises(FalInputError):
        called(made, {**pug, "sort": "Cat"})


def test_a_mapping_names_the_values_of_each_member(called: Any) -> None:
    made = called.module(with_body(SHAPE, **SHAPES))
    assert called(made, made.Box(w=1)) == {"@kind": "b", "w": 1}
    assert called(made, kind="ball", r=1) == {"@kind": "ball", "r": 1}
    assert called(made, x=1) == {"@kind": "Point", "x": 1}
    with pytest.raises(FalInputError, match=r"@kind: Input should be one of 's', 'ball', 'b'"):
        called(made, {"@kind": "c"})
    with pytest.raises(FalInputError, match="kind: This parameter is required"):
        made.Ball(r=1)


@pytest.mark.parametrize(
    ("one", "other", "bad"),
    [({"const": 1}, {"const": 2}, 3), ({"enum": [True]}, {"enum": [False]}, "true")],
)
def test_constants_without_a_discriminator(called: Any, one: Any, other: Any, bad: Any) -> None:
    components = {"A": kind("tag", tag=one, x=INT), "B": kind("tag", tag=other, y=INT)}
    made = called.module(with_body({"oneOf": [ref("A"), ref("B")]}, **components))
    first, second = (item.get("const", item.get("enum", [None])[0]) for item in (one, other))
    assert called(made, tag=first, x=1) == {"tag": first, "x": 1}
    assert called(made, {"tag": second, "y": 1}) == {"tag": second, "y": 1}
    with pytest.raises(FalInputError) as caught:
        called(made, {"tag": second, "y": "a"})
    assert [problem.path for problem in caught.value.errors] == ["y"]
    with pytest.raises(FalInputError, match="tag"):
        called(made, {"tag": bad})


def test_constants_are_only_sent_in_unions(packages: Packages) -> None:
    cat = {"type": "object", "properties": {"type": {"const": "cat", "default": "cat"}, "x": INT}}
    made = packages.module(document({"pet": ref("Cat")}, components={"Cat": cat}))
    assert made.Input(pet=made.Cat(x=1)).model_dump() == {"pet": {"x": 1}}
    dog = {"type": "object", "properties": {"type": {"const": "dog", "default": "dog"}}}
    either = {"anyOf": [ref("Cat"), ref("Dog"), NULL]}
    made = packages.module(document({"pet": either}, components={"Cat": cat, "Dog": dog}))
    sent = {"pet": {"x": 1, "type": "cat"}}
    assert made.Input(pet=made.Cat(x=1)).model_dump() == sent
    assert json.loads(made.Input(pet=made.Cat(x=1)).model_dump_json()) == sent
    assert json.loads(made.Input(pet={"x": 1}).model_dump_json()) == sent


def test_objects_with_a_union_and_null_in_both_dialects(called: Any) -> None:
    components = {"A": kind("a", a=INT), "B": kind("b", b=INT)}
    made = called.module(with_body({"type": "object", "oneOf": [ref("A"), ref("B")]}, **components))
    assert called(made, b=1) == {"b": 1}
    old = with_body({"allOf": [ref("A")], "nullable": True}, **components)
    made = importlib.reload(called.module(old))
    assert called(made, None) is None
    assert called(made, a=1) == {"a": 1}


@pytest.mark.parametrize("is_app", [True, False])
def test_named_request_bodies_and_responses(is_app: bool) -> None:
    content = {"content": {"application/json": {"schema": kind("a", a=INT)}}}
    raw = document()
    raw["components"] |= {"requestBodies": {"Body": content}, "responses": {"Done": content}}
    post = raw["paths"]["/acme/echo"]["post"]
    post["requestBody"] = {"$ref": "#/components/requestBodies/Body"}
    done = {"200": {"$ref": "#/components/responses/Done"}}
    if not is_app:
        raw["paths"]["/acme/echo/requests/{request_id}"]["get"]["responses"] = done
        found = EndpointDocument(raw)
    else:
        from fal_typed._documents.app_document import split

        paths = {"/": {"post": {**post, "responses": done}}}
        found = split({"paths": paths, "components": raw["components"]}, "acme/echo").documents[0]
    assert found.input_schema == found.output_schema == kind("a", a=INT)


def test_changes_of_bodies() -> None:
    components = {"A": kind("a", a=INT), "B": kind("b", b=INT)}

    def changed(old: dict[str, Any], new: dict[str, Any]) -> set[str]:
        before, after = (EndpointDocument(with_body(body, **components)) for body in (old, new))
        found = compare_documents(before, after)
        return {change.kind for change in found if change.level == "breaking"}

    either = {"anyOf": [ref("A"), ref("B")]}
    assert changed(ref("A"), {"anyOf": [ref("A"), NULL]}) == {"input-type-changed"}
    assert changed({"anyOf": [ref("A"), NULL]}, {"anyOf": [ref("A"), ref("B"), NULL]}) == set()
    assert changed({"anyOf": [ref("A"), ref("B"), NULL]}, either) == {"input-type-narrowed"}
    assert changed(INT, {**INT, "minimum": 2}) == {"input-minimum-raised"}
    assert changed(INT, TEXT) == {"input-type-changed"}


def test_documents_with_strange_discriminators_are_read(packages: Packages) -> None:
    strange: list[Any] = [
        {"propertyName": 3}, {"propertyName": "a", "mapping": {"b": 4, "c": None, "d": "Nowhere"}},
        "text", {"propertyName": "a", "mapping": []}, {"propertyName": "discriminator"},
    ]  # fmt: skip
    for number, one in enumerate(strange):
        loop = {"allOf": [ref("Loop"), {"properties": {"a": TEXT}}], "discriminator": one}
        components = {"Loop": loop, "Heir": {"allOf": [ref("Loop")]}, "Odd": False}
        union = {"oneOf": [ref("Loop"), ref("Heir"), ref("Odd")], "discriminator": one}
        raw = document({"x": union}, endpoint_id=f"acme/e{number}", components=components)
        _, report = packages.make(raw)
        assert report.failed == {}
