"""`fal-typed run`, against the emulator."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from PIL import Image

from fal_typed._documents.catalog import Catalog
from fal_typed.cli.flag_values import parse_arguments
from fal_typed.cli.saving import save_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from fal_typed.testing import FalEmulator
    from tests.cli.conftest import Outcome

FLUX_DEV = "fal-ai/flux/dev"


def submitted(emulator: FalEmulator) -> list[Any]:
    return [request.json for request in emulator.requests if request.route == "submit"]


def test_sends_the_arguments_and_prints_the_json_of_the_result(
    fal: Callable[..., Outcome], fal_emulator: FalEmulator
) -> None:
    outcome = fal("run", FLUX_DEV, "prompt=a cat", "num_images=2", "seed=7", "--json")
    assert outcome.code == 0
    result = json.loads(outcome.out)
    assert (len(result["images"]), result["seed"]) == (2, 7)
    assert submitted(fal_emulator) == [{"prompt": "a cat", "num_images": 2, "seed": 7}]


def test_updates_and_logs_go_to_standard_error(
    fal: Callable[..., Outcome], fal_emulator: FalEmulator
) -> None:
    fal_emulator.endpoint(FLUX_DEV).logs = ("Warming up",)
    outcome = fal("run", FLUX_DEV, "prompt=a cat", "--logs")
    assert "Warming up" in outcome.err
    assert "Warming up" not in outcome.out
    assert "request id " in outcome.err
    assert json.loads(outcome.out)["images"]


def test_without_logs_none_are_requested(
    fal: Callable[..., Outcome], fal_emulator: FalEmulator
) -> None:
    fal("run", FLUX_DEV, "prompt=a cat")
    asked = [request.query.get("logs") for request in fal_emulator.requests]
    assert ["1"] not in asked


def test_saves_every_file_of_the_result(
    fal: Callable[..., Outcome], fal_emulator: FalEmulator, tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "out"
    outcome = fal(
        "run", FLUX_DEV, "prompt=a cat", "num_images=3", "image_size=square", "--save", str(folder)
    )
    saved = sorted(folder.iterdir())
    assert len(saved) == 3
    for path in saved:
        assert f"saved {path}" in outcome.err
        with Image.open(path) as image:
            image.load()
            assert image.size == (512, 512)


def test_files_of_the_same_name_are_all_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = [{"url": f"data:text/plain,{letter}"} for letter in "abc"]
    assert save_all({"files": entries, "one": {"deep": entries[0]}}, tmp_path)
    paths = [Path(line.removeprefix("saved ")) for line in capsys.readouterr().err.splitlines()]
    assert [path.name for path in paths] == ["file.txt", "file-2.txt", "file-3.txt", "file-4.txt"]
    assert [path.read_text() for path in paths] == ["a", "b", "c", "a"]


def test_a_local_file_is_uploaded(
    fal: Callable[..., Outcome], fal_emulator: FalEmulator, tmp_path: Path
) -> None:
    path = tmp_path / "in.png"
    Image.new("RGB", (8, 8)).save(path)
    outcome = fal("run", "fal-ai/birefnet", f"image_url={path}")
    assert outcome.code == 0, outcome.err
    (sent,) = submitted(fal_emulator)
    assert sent["image_url"].startswith("http")


def test_invalid_input_is_wrong_use_and_nothing_is_sent(
    fal: Callable[..., Outcome], fal_emulator: FalEmulator
) -> None:
    outcome = fal("run", FLUX_DEV, "promt=a cat", "num_images=9", "image_size=big")
    assert outcome.code == 2
    for name in ("promt", "num_images", "image_size"):
        assert name in outcome.err
    assert list(fal_emulator.requests) == []


def test_a_failing_model_is_exit_code_1_with_the_request_id(
    fal: Callable[..., Outcome], fal_emulator: FalEmulator
) -> None:
    fal_emulator.endpoint(FLUX_DEV).fails("runner_server_error")
    outcome = fal("run", FLUX_DEV, "prompt=a cat")
    assert outcome.code == 1
    assert outcome.err.splitlines()[-1].startswith("error: ")
    assert "request id" in outcome.err


def test_an_endpoint_outside_the_catalog_is_called_by_its_id(
    fal: Callable[..., Outcome], fal_emulator: FalEmulator
) -> None:
    fal_emulator.endpoint("acme/echo").responds({"text": "hello"})
    outcome = fal("run", "acme/echo", "text=hello", "times=3", "--json")
    assert json.loads(outcome.out) == {"text": "hello"}
    assert submitted(fal_emulator) == [{"text": "hello", "times": 3}]


def test_arguments_override_those_of_a_file(
    fal: Callable[..., Outcome], fal_emulator: FalEmulator, tmp_path: Path
) -> None:
    source = tmp_path / "arguments.json"
    source.write_text('{"prompt": "a dog", "seed": 1}')
    fal("run", FLUX_DEV, "prompt=a cat", "--input", str(source))
    assert submitted(fal_emulator) == [{"prompt": "a cat", "seed": 1}]


def test_arguments_from_standard_input(
    fal: Callable[..., Outcome], fal_emulator: FalEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(b'{"prompt": "a cat"}'))
    monkeypatch.setattr("sys.stdin", stream)
    assert fal("run", FLUX_DEV, "--input", "-").code == 0
    assert submitted(fal_emulator) == [{"prompt": "a cat"}]


@pytest.mark.parametrize("content", ["no JSON", "[1]"])
def test_input_that_is_not_an_object_is_wrong_use(
    fal: Callable[..., Outcome], tmp_path: Path, content: str
) -> None:
    source = tmp_path / "arguments.json"
    source.write_text(content)
    assert fal("run", FLUX_DEV, "--input", str(source)).code == 2


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("prompt=2001", "2001"),
        ("prompt=a=b", "a=b"),
        ("prompt=", ""),
        ("seed=7", 7),
        ("guidance_scale=2.5", 2.5),
        ("sync_mode=true", True),
        ("image_size=square", "square"),
        ('image_size={"width": 64}', {"width": 64}),
        ("unknown=1", 1),
    ],
)
def test_arguments_are_parsed_by_the_type_of_their_parameter(word: str, value: object) -> None:
    name = word.partition("=")[0]
    assert parse_arguments(Catalog().document(FLUX_DEV), [word]) == {name: value}


def test_an_argument_without_equals_is_wrong_use() -> None:
    with pytest.raises(typer.BadParameter, match="name=value"):
        parse_arguments(None, ["prompt"])
