"""`fal-typed show`."""

from __future__ import annotations

import ast
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_origin

import pytest
from typing_extensions import override

from fal_typed._documents.catalog import Catalog
from fal_typed.cli.commands.show_command import describe
from fal_typed.cli.flag_values import parse_arguments
from fal_typed.cli.generated_modules import find_generated
from fal_typed.testing.engine.schema_checking import SchemaChecker

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from fal_typed.testing import FalEmulator
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
        'output_format: Literal["jpeg", "png"] = \'jpeg\'',
        "seed: int | None",
        "from fal_typed.endpoints.fal_ai.flux.dev import flux_dev",
        "result = flux_dev.subscribe(prompt='a cat')",
        "print(result.data)",
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
    assert row(rows, "image_url")["type"] == "FileInput"
    assert row(rows, "model")["type"].startswith('Literal["General Use (Light)", ')


def test_objects_are_listed_once_with_their_fields() -> None:
    objects = described("fal-ai/flux-lora")["objects"]
    assert {"ImageSize", "LoraWeight"} <= objects.keys()
    assert [field["name"] for field in objects["LoraWeight"]] == ["path", "scale"]


def test_every_parameter_of_flux_dev_is_described() -> None:
    rows = described("fal-ai/flux/dev")["parameters"]
    assert all(row["description"].endswith(".") for row in rows)


class Aliases(ast.NodeTransformer):
    """Replaces named lists of values by the lists."""

    def __init__(self, module: ModuleType) -> None:
        self._names = vars(module)

    @override
    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = self._names.get(node.id)
        if get_origin(value) is not Literal:
            return node
        return ast.parse(str(value).removeprefix("typing."), mode="eval").body


def annotation(node: ast.expr) -> str:
    """The type that editors show: an annotation without its constraints."""
    if isinstance(node, ast.BinOp):
        return f"{annotation(node.left)} | {annotation(node.right)}"
    if not isinstance(node, ast.Subscript):
        return ast.unparse(node)
    outer, inner = ast.unparse(node.value), node.slice
    parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if outer == "Annotated":
        return annotation(parts[0])
    return f"{outer}[{', '.join(map(annotation, parts))}]"


@pytest.mark.parametrize("endpoint", Catalog().ids()[::50])
def test_types_have_the_names_of_generated_code(endpoint: str) -> None:
    model = find_generated(endpoint).load().Input
    module = sys.modules[model.__module__]
    source = ast.parse(Path(module.__file__).read_text("utf-8"))  # type: ignore[arg-type]
    aliases = Aliases(module)
    fields = next(
        node.body
        for node in source.body
        if isinstance(node, ast.ClassDef) and node.name == model.__name__
    )
    written = {
        field.target.id: annotation(aliases.visit(field.annotation))
        for field in fields
        if isinstance(field, ast.AnnAssign)
    }
    for parameter in described(endpoint)["parameters"]:
        shown = annotation(ast.parse(parameter["type"], mode="eval").body)
        assert shown == written.get(parameter["name"], shown)


def test_the_curl_example_submits_a_job(fal_emulator: FalEmulator) -> None:
    example = described("fal-ai/flux/dev")["curl"]
    local = example.replace("https://", f"{fal_emulator.url}/")
    done = subprocess.run(
        ["bash", "-c", local],
        env={**os.environ, "FAL_KEY": "a:b"},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout)["status"] == "IN_QUEUE"


def test_the_python_example_runs(fal_emulator: FalEmulator) -> None:
    names: dict[str, Any] = {}
    exec(described("fal-ai/flux/dev")["python"], names)
    assert names["result"].data.images


def test_what_the_model_does_is_shown(fal: Callable[..., Outcome]) -> None:
    assert "Generates images from text." in fal("show", "fal-ai/flux/dev").out


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
    for line in (
        "size: tuple[int, str]",
        "seed: int | str | None",
        "mode: Literal[\"fast\"] = 'fast'",
    ):
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
