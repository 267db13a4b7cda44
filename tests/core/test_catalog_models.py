"""Every input and output of the catalog is an ordinary pydantic model.

Each test covers all endpoints, in chunks that run in parallel. Warnings are errors.
"""

from __future__ import annotations

import asyncio
import copy
import functools
import json
import operator
import pickle
import warnings
from dataclasses import asdict, is_dataclass
from importlib import import_module
from itertools import islice
from typing import Any, NamedTuple

import httpx
import pytest
from fal_typed_codegen.interface.naming import choose_names
from fastapi import FastAPI
from pydantic import BaseModel, TypeAdapter

from fal_typed import FalInputError
from fal_typed._calls.attribute_docs import attribute_docs
from fal_typed._documents.catalog import Catalog
from fal_typed.models import UNSET, InputModel, OutputModel
from fal_typed.testing.engine.output_maker import OutputMaker
from tests.emulator.inputs import FILE, complete, minimal

CATALOG = Catalog()
NAMES = choose_names(CATALOG.ids(), {})
SIZE = 100
CHUNKS = range(-(-len(NAMES) // SIZE))
chunks = pytest.mark.parametrize(
    "chunk", [pytest.param(n, marks=pytest.mark.xdist_group(f"models-{n}")) for n in CHUNKS]
)


class Sample(NamedTuple):
    """A model of an endpoint, with valid values of it."""

    name: str
    model: type[BaseModel]
    values: list[Any]


@functools.cache
def samples(chunk: int) -> list[Sample]:
    found: list[Sample] = []
    for id_ in islice(sorted(NAMES), chunk * SIZE, (chunk + 1) * SIZE):
        module = import_module(f"fal_typed.endpoints.{NAMES[id_].path}")
        document = CATALOG.document(id_)
        output = OutputMaker(document, 0).output({}, "http://127.0.0.1:1")
        inputs = [with_urls(module.Input, make(document)) for make in (minimal, complete)]
        if id_ == "cassetteai/video-sound-effects-generator":  # takes an object with a URL
            inputs = [{"video_url": {"url": FILE, "file_name": "a.mp4"}}]
        found += [
            Sample(f"{id_} input", module.Input, inputs),
            Sample(f"{id_} output", module.Output, [output]),
        ]
    return found


def with_urls(model: type[BaseModel], value: Any) -> Any:
    """The value with URLs in its file parameters."""
    value = copy.deepcopy(value)
    try:
        model.model_validate(value)
    except FalInputError as error:
        for problem in error.errors:
            *parents, name = problem.loc
            functools.reduce(operator.getitem, parents, value)[name] = FILE
        model.model_validate(value)
    return value


def cases(chunk: int):
    for sample in samples(chunk):
        for value in sample.values:
            yield sample, sample.model.model_validate(value), value


def same(model: type[BaseModel], dumped: Any, value: Any) -> bool:
    """Whether a dump is the value; defaults may be added to outputs."""
    if issubclass(model, OutputModel):
        return TypeAdapter(model).validate_python(dumped) == TypeAdapter(model).validate_python(
            value
        )
    return dumped == value


def nested_models(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """Models by the name that they have in the JSON Schema of a model."""
    module = import_module(model.__module__)
    found = {name: kind for name, kind in vars(module).items() if isinstance(kind, type)}
    return {name: kind for name, kind in found.items() if issubclass(kind, BaseModel)}


@chunks
@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_json_schemas_have_descriptions_bounds_and_defaults(chunk, mode):
    for sample in samples(chunk):
        schema = sample.model.model_json_schema(mode=mode)
        assert "UNSET" not in json.dumps(schema), sample.name
        kinds = nested_models(sample.model)
        for name, shown in {sample.model.__name__: schema, **schema.get("$defs", {})}.items():
            kind = kinds.get(name)
            if kind is None or not issubclass(kind, (InputModel, OutputModel)):
                continue
            docs = attribute_docs(kind)
            for field, info in kind.model_fields.items():
                where = (sample.name, name, field)
                properties = shown["properties"][info.alias or field]
                assert properties.get("description") == docs.get(field), where
                has_default = not info.is_required() and info.default is not UNSET
                assert ("default" in properties) == has_default, where
                text = json.dumps(properties)
                for bound in info.metadata:
                    if is_dataclass(bound) and not isinstance(bound, type):
                        assert all(json.dumps(x) in text for x in asdict(bound).values()), where


@chunks
def test_dumps_contain_what_was_set(chunk):
    for sample, made, value in cases(chunk):
        assert same(sample.model, made.model_dump(), value), sample.name
        as_json = made.model_dump(mode="json")
        assert same(sample.model, as_json, value), sample.name
        assert json.loads(made.model_dump_json()) == as_json, sample.name
        assert TypeAdapter(sample.model).dump_python(made, mode="json") == as_json
        assert "UNSET" not in repr(made) + made.model_dump_json(), sample.name
        assert UNSET not in [item for _, item in made], sample.name


@chunks
def test_json_round_trips(chunk):
    for sample, made, _ in cases(chunk):
        assert sample.model.model_validate_json(made.model_dump_json()) == made, sample.name
        assert sample.model.model_validate(made.model_dump()) == made, sample.name
        assert made.model_copy() == made, sample.name


@chunks
def test_copies_and_pickles_are_equal(chunk):
    for sample, made, _ in cases(chunk):
        for copied in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
            assert copied == made, sample.name
            assert copied.model_dump() == made.model_dump(), sample.name


def service(chunk: int) -> FastAPI:
    app = FastAPI()
    for number, sample in enumerate(samples(chunk)):

        def echo(body):
            return body

        echo.__annotations__ = {"body": sample.model}
        app.post(f"/{number}", response_model=sample.model, operation_id=f"call_{number}")(echo)
    return app


@chunks
def test_fastapi_takes_and_returns_them(chunk):
    app = service(chunk)

    async def use() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            openapi = (await client.get("/openapi.json")).raise_for_status().json()
            assert "UNSET" not in json.dumps(openapi)
            assert len(openapi["paths"]) == len(samples(chunk))
            for number, sample in enumerate(samples(chunk)):
                for value in sample.values:
                    response = await client.post(f"/{number}", json=value)
                    assert response.status_code == 200, (sample.name, response.text)
                    assert same(sample.model, response.json(), value), sample.name

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(use())
