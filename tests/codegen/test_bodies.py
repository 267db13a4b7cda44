"""Bodies that are no plain object, and the constants that choose a member of a union."""

from __future__ import annotations

import asyncio
import copy
import importlib
import inspect
import json
import pickle
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from fal_typed_codegen.generate import generate
from pydantic import BaseModel

from fal_typed import FalHTTPError, FalInputError, SchemaDriftWarning
from fal_typed._calls.outputs import read_output
from fal_typed.testing import FalEmulator
from tests.codegen.body_app import app

PACKAGE = "fal_of_bodies"
ID = "acme/bodies"
TOM = {"name": "Tom", "type": "cat"}
REX = {"name": "Rex", "type": "dog"}

# Route, positional arguments (as source text in the route's module), keywords, what is sent.
VALID: list[tuple[str, str, dict[str, Any], Any]] = [
    ("optional", "None", {}, None),
    ("optional", "", {"prompt": "a"}, {"prompt": "a"}),
    ("optional", "Text(prompt='a', seed=None)", {}, {"prompt": "a", "seed": None}),
    ("optional", "Input(None)", {}, None),
    ("union", "", {"alpha": 1}, {"alpha": 1}),
    ("union", "", {"beta": "bb", "seed": 2}, {"beta": "bb", "seed": 2}),
    ("union", "Beta(beta='bb')", {}, {"beta": "bb"}),
    ("union", "{'alpha': 3}", {}, {"alpha": 3}),
    ("tagged", "", {"type": "cat", "name": "Tom"}, TOM),
    ("tagged", "", {"name": "Tom", "lives": 3}, {**TOM, "lives": 3}),
    ("tagged", "", {"type": "owl", "name": "Oz"}, {"type": "owl", "name": "Oz"}),
    ("tagged", "Cat(name='Tom')", {}, TOM),
    ("tagged", "Input(Dog(name='Rex'))", {}, REX),
    ("tagged", "{'type': 'dog', 'name': 'Rex'}", {}, REX),
    ("plain", "", {"type": "dog", "name": "Rex"}, REX),
    ("plain", "", {"name": "Rex", "tricks": ["sit"]}, {**REX, "tricks": ["sit"]}),
    ("plain", "Dog(name='Rex')", {}, REX),
    ("plain", "{'name': 'Tom'}", {}, TOM),
    ("flags", "", {"on": True, "level": 1}, {"on": True, "level": 1}),
    ("flags", "NoFlag(on=False, level='low')", {}, {"on": False, "level": "low"}),
    ("versions", "", {"version": 2, "text": "a"}, {"version": 2, "text": "a"}),
    ("versions", "One(text='a')", {}, {"version": 1, "text": "a"}),
    ("tree", "Leaf(value=1)", {}, {"@kind": "leaf", "value": 1}),
    ("tree", "", {"value": 1}, {"@kind": "leaf", "value": 1}),
    (
        "tree",
        "BranchInput(children=[Leaf(value=1), {'@kind': 'branch'}])",
        {},
        {"@kind": "branch", "children": [{"@kind": "leaf", "value": 1}, {"@kind": "branch"}]},
    ),
    ("many", "[]", {}, []),
    ("many", "[Text(prompt='a'), {'prompt': 'b'}]", {}, [{"prompt": "a"}, {"prompt": "b"}]),
    ("pets", "[Cat(name='Tom'), Dog(name='Rex')]", {}, [TOM, REX]),
    ("number", "7", {}, 7),
    ("words", "'a'", {}, "a"),
    ("words", "['a', 'b']", {}, ["a", "b"]),
    ("words", "None", {}, None),
    ("anything", "[1, {'a': None}]", {}, [1, {"a": None}]),
    ("anything", "None", {}, None),
    (
        "zoo",
        "",
        {"star": TOM, "pets": [REX], "by_name": {"a": TOM}, "plain": REX},
        {"star": TOM, "pets": [REX], "by_name": {"a": TOM}, "plain": REX},
    ),
    ("zoo", "", {"star": "Cat(name='Tom')", "versioned": "Two(text='a')"}, {
        "star": TOM, "versioned": {"version": 2, "text": "a"},
    }),
]  # fmt: skip

# Route, body, and the paths of its problems.
INVALID: list[tuple[str, Any, list[str]]] = [
    ("optional", {"prompt": 1}, ["prompt"]),
    ("optional", {}, ["prompt"]),
    ("union", {"beta": "b"}, ["alpha", "beta"]),
    ("tagged", {"name": "Tom"}, ["type"]),
    ("tagged", {"type": "fish", "name": "Tom"}, ["type"]),
    ("tagged", {"type": "cat", "lives": 10}, ["lives", "name"]),
    ("tagged", None, [""]),
    ("plain", {"type": "dog", "tricks": 1}, ["name", "tricks"]),
    ("plain", {"type": "cat", "name": 1}, ["name"]),
    ("flags", {"on": False, "level": 1}, ["level"]),
    ("versions", {"version": 2}, ["text"]),
    ("versions", {"version": 3, "text": "a"}, ["version"]),
    ("tree", {"@kind": "branch", "children": [{"@kind": "leaf"}]}, ["children[0].value"]),
    ("tree", {"children": []}, ["@kind"]),
    ("many", [{"prompt": "a"}, {"prompt": 1}], ["[1].prompt"]),
    ("many", {"prompt": "a"}, [""]),
    ("pets", [], [""]),
    ("pets", [TOM, {"type": "dog"}], ["[1].name"]),
    ("number", 0, [""]),
    ("number", None, [""]),
    ("words", {"a": 1}, [""]),
    ("zoo", {"star": {"type": "cat"}}, ["star.name"]),
    ("zoo", {"star": TOM, "by_name": {"a": {"type": "dog"}}}, ["by_name.a.name"]),
    ("zoo", {"star": TOM, "plain": {"type": "dog", "name": 1}}, ["plain.name"]),
]


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FalEmulator]:
    folder = tmp_path_factory.mktemp("bodies")
    document = folder / "schemas" / f"{ID}.json"
    document.parent.mkdir(parents=True)
    document.write_text(json.dumps(app.openapi()))
    report = generate(folder / "schemas", folder / PACKAGE, PACKAGE, jobs=1)
    assert (report.failed, report.warnings) == ({}, {})
    sys.path.insert(0, str(folder))
    with FalEmulator(schemas=folder / "schemas", run_time=0.0) as emulator:
        yield emulator
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.fixture
def client(emulator: FalEmulator, mode: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
    yield mode.bare_client()
    emulator.reset()


def module(route: str) -> ModuleType:
    return importlib.import_module(f"{PACKAGE}.acme.bodies.{route}")


def given(route: str, source: str, kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a case; classes are those of the route's module."""
    names = vars(module(route))
    values = {
        name: eval(value, names) if isinstance(value, str) and value[-1] == ")" else value
        for name, value in kwargs.items()
    }
    return [eval(source, names)] if source else [], values


def sent(emulator: FalEmulator) -> Any:
    return json.loads([one.body for one in emulator.requests if one.method == "POST"][-1])


def post(route: str, body: Any) -> httpx.Response:
    """The response of the app itself."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            content = json.dumps(body).encode()
            headers = {"content-type": "application/json"}
            return await client.post(f"/{route}", content=content, headers=headers)

    return asyncio.run(send())


def endpoint(route: str, client: Any, **options: Any) -> Any:
    return module(route).endpoint.with_options(client=client, **options)


@pytest.mark.parametrize("case", VALID)
def test_what_is_sent_is_accepted_and_returned(emulator, mode, client, case):
    route, *arguments, expected = case
    args, kwargs = given(route, *arguments)
    mode(endpoint(route, client)).run(*args, **kwargs)
    assert sent(emulator) == expected
    response = post(route, sent(emulator))
    assert response.status_code == 200, response.text
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        output = read_output(module(route).Output, response.json())
    assert output.model_dump(mode="json") == response.json()


@pytest.mark.parametrize("call", ["subscribe", "submit", "stream"])
@pytest.mark.parametrize("case", VALID[:14])
def test_every_call_sends_the_same(emulator, mode, client, call, case):
    route, *arguments, expected = case
    args, kwargs = given(route, *arguments)
    result = getattr(mode(endpoint(route, client, path="")), call)(*args, **kwargs)
    if call == "stream":
        mode.items(result)
    assert sent(emulator) == expected


@pytest.mark.parametrize("case", INVALID)
def test_both_sides_reject_a_body(emulator, mode, client, case):
    route, body, paths = case
    args, kwargs = ([], body) if route == "zoo" else ([body], {})
    with pytest.raises(FalInputError) as caught:
        mode(endpoint(route, client)).run(*args, **kwargs)
    assert sorted({problem.path for problem in caught.value.errors}) == paths
    assert post(route, body).status_code == 422
    unchecked = mode(endpoint(route, client, validate=False))
    with pytest.raises(FalHTTPError, match="422"):
        unchecked.run(*args, **kwargs)
    assert sent(emulator) == body


def test_request_objects_of_a_client(emulator, mode, client):
    pets = module("tagged")
    for request in (pets.Cat(name="Tom"), pets.Input(pets.Cat(name="Tom"))):
        result = mode.adapt(client).subscribe(request)
        assert isinstance(result.data, pets.Output)
        assert sent(emulator) == TOM


def test_keywords_of_no_form_are_rejected(mode, client):
    pets = mode(endpoint("tagged", client))
    with pytest.raises(FalInputError, match="did you mean 'name'"):
        pets.run(type="dog", nam="Rex")
    with pytest.raises(FalInputError, match="type: This parameter is required"):
        pets.run(name="Tom")
    with pytest.raises(FalInputError, match="either as one positional argument or as keyword"):
        pets.run({"type": "cat"}, name="Tom")


def test_unchecked_keywords_still_send_their_constant(emulator, mode, client):
    with pytest.raises(FalHTTPError, match="lives"):
        mode(endpoint("tagged", client, validate=False)).run(name="Tom", lives=20)
    assert sent(emulator) == {**TOM, "lives": 20}


def test_extra_arguments_are_added_to_objects(emulator, mode, client):
    mode(endpoint("tagged", client, extra_arguments={"x": 1})).run(name="Tom", type="cat")
    assert sent(emulator) == {**TOM, "x": 1}
    mode(endpoint("many", client, extra_arguments={"x": 1})).run([])
    assert sent(emulator) == []


def test_handlers_get_the_body(emulator, mode, client):
    emulator.endpoint(f"{ID}/many").handler = lambda body: body * 2
    result = mode(endpoint("many", client)).run([{"prompt": "a"}])
    assert [item.prompt for item in result.data.root] == ["a", "a"]


def test_models_are_ordinary_pydantic_models(emulator):
    pets = module("tagged")
    made = pets.Input(pets.Dog(name="Rex"))
    assert made.model_dump() == made.model_dump(mode="json") == REX
    assert json.loads(made.model_dump_json()) == REX
    for other in (copy.deepcopy(made), made.model_copy(), pickle.loads(pickle.dumps(made))):
        assert other == made
    assert pets.Input.model_validate_json(made.model_dump_json()) == made
    schema = pets.Input.model_json_schema()
    assert schema["discriminator"]["propertyName"] == "type"
    assert set(schema["$defs"]["Cat"]["required"]) == {"name", "type"}
    for route in {route for route, *_ in VALID} - {"tree"}:  # pydantic warns of such a recursion
        for model in (module(route).Input, module(route).Output):
            assert issubclass(model, BaseModel)
            model.model_json_schema()
            model.model_json_schema(mode="serialization")


def test_a_result_of_an_unknown_member_is_kept(emulator):
    output = module("tagged").Output
    with pytest.warns(SchemaDriftWarning):
        found = read_output(output, {"type": "fish", "name": "Bob"})
    assert found.root == {"type": "fish", "name": "Bob"}
    with pytest.warns(SchemaDriftWarning):
        found = read_output(module("zoo").Output, {"star": {"type": "dog", "name": 1}})
    assert (type(found.star).__name__, found.star.name) == ("DogOutput", 1)


def test_signatures_at_run_time(emulator):
    assert list(inspect.signature(module("many").endpoint.run).parameters) == ["body"]
    parameters = inspect.signature(module("tagged").endpoint.run_async).parameters
    assert list(parameters) == ["body", "parameters"]
    assert "queue" in (inspect.getdoc(module("tagged").endpoint.subscribe) or "")


def test_connections_take_bodies(emulator, mode, client):
    with mode.inside(mode(endpoint("tagged", client)).pipeline()) as pipeline:
        assert pipeline.run(name="Tom", type="cat").data
        assert pipeline.run(module("tagged").Cat(name="Tom")).data
        with pytest.raises(FalInputError, match="type"):
            pipeline.run({"name": "Tom"})
    with mode.inside(mode(endpoint("many", client)).pipeline()) as pipeline:
        assert pipeline.run([{"prompt": "a"}]).data.root


def test_a_body_is_not_shared_between_endpoints(emulator):
    assert module("tagged").Cat is not module("plain").Cat
    assert module("tagged").Cat.__fal_endpoint__.id == f"{ID}/tagged"
    assert Path(str(module("tagged").__file__)).name == "tagged.py"
