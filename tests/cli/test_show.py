"""`fal-typed show`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fal_typed._documents.catalog import Catalog
from fal_typed.cli.commands.run_command import parse_arguments
from fal_typed.cli.commands.show_command import describe
from fal_typed.testing.engine.schema_checking import SchemaChecker

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Outcome


PRIVATE = Path(__file__).parent.parent / "typing/private/schemas"


def described(endpoint: str) -> dict[str, Any]:
    return describe(Catalog().document(endpoint))


def row(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(row for row in rows if row["name"] == name)


def test_text_shows_types_defaults_bounds_and_calls(fal: Callable[..., Outcome]) -> None:
    outcome = fal("show", "fal-ai/flux/dev")
    assert outcome.code == 0
    for line in (
        "fal-ai/flux/dev  image",
        "prompt: str  required",
        "num_images: int = 1  ≥ 1, ≤ 4",
        "output_format: 'jpeg' | 'png' = 'jpeg'",
        "seed: int | None",
        "from fal_typed.endpoints.fal_ai.flux.dev import flux_dev",
        "result = flux_dev.subscribe(prompt='a cat')",
        "fal-typed run fal-ai/flux/dev 'prompt=a cat'",
    ):
        assert line in outcome.out


def test_required_parameters_come_first() -> None:
    rows = described("fal-ai/flux-lora/image-to-image")["parameters"]
    required = [row["required"] for row in rows]
    assert required == sorted(required, reverse=True)
    assert required[0]


def test_files_are_distinguished_from_strings() -> None:
    rows = described("fal-ai/birefnet")["parameters"]
    assert row(rows, "image_url")["type"] == "file"
    assert row(rows, "model")["type"].startswith("'General Use (Light)' | ")


def test_objects_are_listed_once_with_their_fields() -> None:
    objects = described("fal-ai/flux-lora")["objects"]
    assert {"ImageSize", "LoraWeight"} <= objects.keys()
    assert [field["name"] for field in objects["LoraWeight"]] == ["path", "scale"]


def test_every_parameter_of_flux_dev_is_described() -> None:
    rows = described("fal-ai/flux/dev")["parameters"]
    assert all(row["description"].endswith(".") for row in rows)


def test_json_matches_describe(fal: Callable[..., Outcome]) -> None:
    assert json.loads(fal("show", "fal-ai/whisper", "--json").out) == described("fal-ai/whisper")


def test_an_unknown_id_suggests_similar_ones(fal: Callable[..., Outcome]) -> None:
    outcome = fal("show", "fal-ai/flux/de")
    assert outcome.code == 2
    assert "fal-ai/flux/dev" in outcome.err


@pytest.mark.parametrize("endpoint", Catalog().ids()[::40])
def test_the_example_command_is_a_valid_call(endpoint: str) -> None:
    document = Catalog().document(endpoint)
    program, command, id_, *words = shlex.split(described(endpoint)["command"])
    assert (program, command, id_) == ("fal-typed", "run", endpoint)
    arguments = parse_arguments(document, words)
    assert SchemaChecker(document, document.input_schema).problems(arguments) == []


def of_studio(route: str) -> dict[str, Any]:
    return describe(Catalog(PRIVATE).document(f"acme/studio{route}"))


def test_a_route_of_a_private_app(fal: Callable[..., Outcome]) -> None:
    outcome = fal("show", "acme/studio", "--schemas", str(PRIVATE))
    assert outcome.code == 0
    for line in ("size: tuple[int, str]", "seed: int | str | None", "mode: 'fast' = 'fast'"):
        assert line in outcome.out
    assert row(of_studio("")["parameters"], "seed")["description"] == ""


def test_the_call_of_a_route_that_streams() -> None:
    described = of_studio("/stream")
    assert "fal_typed.stream('acme/studio/stream', {'prompt': 'a cat'}" in described["python"]
    assert described["command"] == ""


def test_the_call_of_a_route_with_sessions() -> None:
    described = of_studio("/realtime")
    assert row(described["parameters"], "picture")["type"] == "bytes"
    assert "session.send({'picture': b'\\x00'})" in described["python"]
    assert 'path="", codec="json"' in of_studio("/realtime/captions")["python"]
