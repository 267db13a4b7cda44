"""Flags made from the parameters of an endpoint."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from PIL import Image

from fal_typed._documents.catalog import Catalog
from fal_typed._documents.document import EndpointDocument
from fal_typed.cli.flag_values import parse_arguments

if TYPE_CHECKING:
    from collections.abc import Callable

    from fal_typed.testing import FalEmulator
    from tests.cli.conftest import Outcome

FLUX_DEV = "fal-ai/flux/dev"
FLUX_LORA = "fal-ai/flux-lora"


def sent(emulator: FalEmulator) -> Any:
    return next(request.json for request in emulator.requests if request.route == "submit")


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        (["--prompt", "a cat", "--num-images", "4"], {"prompt": "a cat", "num_images": 4}),
        (["--prompt=a cat", "--num_images=4"], {"prompt": "a cat", "num_images": 4}),
        (["--prompt", "2001"], {"prompt": "2001"}),
        (["--prompt", "@@here"], {"prompt": "@here"}),
        (["--prompt", "x", "--sync-mode"], {"prompt": "x", "sync_mode": True}),
        (["--prompt", "x", "--no-sync_mode"], {"prompt": "x", "sync_mode": False}),
        (
            ["--prompt", "x", "--image-size", '{"width": 64, "height": 32}'],
            {"prompt": "x", "image_size": {"width": 64, "height": 32}},
        ),
        (
            ["--prompt", "x", "--image-size.width", "64", "--image-size.height", "32"],
            {"prompt": "x", "image_size": {"width": 64, "height": 32}},
        ),
        (["--prompt", "a cat", "prompt=a dog", "seed=3"], {"prompt": "a cat", "seed": 3}),
        (
            ["prompt=x", "image_size.width=64", "image_size.height=32"],
            {"prompt": "x", "image_size": {"width": 64, "height": 32}},
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_flags_are_sent(
    fal: Callable[..., Outcome],
    fal_emulator: FalEmulator,
    words: list[str],
    arguments: dict[str, Any],
) -> None:
    outcome = fal("run", FLUX_DEV, *words)
    assert outcome.code == 0, outcome.err
    assert sent(fal_emulator) == arguments


def test_items_of_lists(fal: Callable[..., Outcome], fal_emulator: FalEmulator) -> None:
    words = [f"--loras.{n}.path=https://x.example/{n}" for n in range(12)]
    outcome = fal("run", "--prompt", "x", FLUX_LORA, *words, "--loras.11.scale", "0.5")
    assert outcome.code == 0, outcome.err
    loras = sent(fal_emulator)["loras"]
    assert [lora["path"][-2:].strip("/") for lora in loras] == [str(n) for n in range(12)]
    assert loras[11]["scale"] == 0.5


@pytest.mark.parametrize(
    "words",
    [
        ['--loras={"path": "https://x/a"}', '--loras={"path": "https://x/b"}'],
        ['--loras=[{"path": "https://x/a"}, {"path": "https://x/b"}]'],
        ['loras=[{"path": "https://x/a"}]', "--loras.1.path=https://x/b"],
    ],
)
def test_lists_can_be_repeated_or_json(
    fal: Callable[..., Outcome], fal_emulator: FalEmulator, words: list[str]
) -> None:
    outcome = fal("run", FLUX_LORA, "--prompt", "x", *words)
    assert outcome.code == 0, outcome.err
    assert sent(fal_emulator)["loras"] == [{"path": "https://x/a"}, {"path": "https://x/b"}]


def test_long_text_from_a_file(
    fal: Callable[..., Outcome], fal_emulator: FalEmulator, tmp_path: Path
) -> None:
    (tmp_path / "prompt.txt").write_text("a cat\nin a hat", encoding="utf-8")
    fal("run", FLUX_DEV, "--prompt", f"@{tmp_path}/prompt.txt")
    assert sent(fal_emulator) == {"prompt": "a cat\nin a hat"}


@pytest.mark.parametrize("form", ["--image-url={}", "--image-url=@{}", "image_url={}"])
def test_files_are_given_by_path(
    fal: Callable[..., Outcome], fal_emulator: FalEmulator, tmp_path: Path, form: str
) -> None:
    path = tmp_path / "in.png"
    Image.new("RGB", (8, 8)).save(path)
    outcome = fal("run", "fal-ai/birefnet", form.format(path))
    assert outcome.code == 0, outcome.err
    assert sent(fal_emulator)["image_url"].startswith("http")


def test_files_inside_other_parameters(tmp_path: Path) -> None:
    path = tmp_path / "in.png"
    path.touch()
    document = EndpointDocument(
        {
            "paths": {
                "/acme/edit": {
                    "post": {
                        "requestBody": {
                            "content": {
                                "application/json": {
                                    "schema": {
                                        "type": "object",
                                        "properties": {
                                            "image_urls": {
                                                "type": "array",
                                                "items": {"type": "string"},
                                            },
                                            "parts": {
                                                "type": "array",
                                                "items": {
                                                    "type": "object",
                                                    "properties": {"mask_url": {"type": "string"}},
                                                },
                                            },
                                        },
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    )
    flags = {"image_urls": [str(path), "https://x.example/y"], "parts.0.mask_url": str(path)}
    assert parse_arguments(document, [], flags) == {
        "image_urls": [path, "https://x.example/y"],
        "parts": [{"mask_url": path}],
    }


def test_an_endpoint_without_a_document_takes_any_flag(
    fal: Callable[..., Outcome], fal_emulator: FalEmulator
) -> None:
    fal_emulator.endpoint("acme/echo").responds({})
    outcome = fal("run", "acme/echo", "--text", "hi", "--n", "3", "--a.0.b=1", "--json")
    assert outcome.code == 0, outcome.err
    assert sent(fal_emulator) == {"text": "hi", "n": 3, "a": [{"b": 1}]}


@pytest.mark.parametrize("words", [["loras.1.path=x"], ["loras.x=1"], ["prompt=@no/such/file"]])
def test_a_value_that_cannot_be_placed_is_wrong_use(words: list[str]) -> None:
    with pytest.raises(typer.BadParameter):
        parse_arguments(Catalog().document(FLUX_LORA), ["loras=[]", *words])


def test_help_of_an_endpoint(fal: Callable[..., Outcome]) -> None:
    outcome = fal("run", FLUX_LORA, "--help")
    text = re.sub(r"\s+", " ", outcome.out)
    assert outcome.code == 0
    for part in (
        "--prompt TEXT",
        "--num-images INTEGER Number of images to generate in one request. Bounds: ≥ 1, ≤ 4",
        "--output-format jpeg|png",
        "One of: square_hd, square,",
        "Default: landscape_4_3.",
        "--loras.0.path TEXT",
        "--sync-mode / --no-sync-mode",
    ):
        assert part in text


def test_square_brackets_and_markup_survive_in_help(fal: Callable[..., Outcome]) -> None:
    outcome = fal("run", "fal-ai/flux-lora", "--help")
    assert "Default: []." in re.sub(r"\s+", " ", outcome.out)


@pytest.mark.parametrize("endpoint", Catalog().ids()[::60])
def test_every_endpoint_has_a_help(fal: Callable[..., Outcome], endpoint: str) -> None:
    outcome = fal("submit", endpoint, "--help")
    assert outcome.code == 0
    assert outcome.err == ""
