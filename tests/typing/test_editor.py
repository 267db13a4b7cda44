"""What an editor shows at a caret, asked of pyright's own language server."""

from __future__ import annotations

import inspect
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from tests.requirements import need
from tests.typing.lsp import CARET, LanguageServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

IMPORT = "from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput, flux_dev\n"
PRESETS = [
    "landscape_16_9",
    "landscape_4_3",
    "portrait_16_9",
    "portrait_4_3",
    "square",
    "square_hd",
]

pytestmark = pytest.mark.xdist_group("editor")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    with LanguageServer(tmp_path_factory.mktemp("program")) as running:
        yield running


@pytest.mark.parametrize(
    "call",
    ["flux_dev.subscribe(", "flux_dev.submit(", "flux_dev.with_options(timeout=1).run(",
     "FluxDevInput("],
)  # fmt: skip
def test_parameters_are_offered_inside_a_call(server: LanguageServer, call: str) -> None:
    offered = server.completions(server.open("call.py", f"{IMPORT}{call}{CARET}"))
    assert {"prompt=", "image_size=", "num_images="} <= set(offered)


def test_parameters_are_offered_inside_an_async_call(server: LanguageServer) -> None:
    program = f"{IMPORT}async def main():\n    await flux_dev.subscribe_async({CARET}"
    offered = server.completions(server.open("async_call.py", program))
    assert {"prompt=", "image_size=", "num_images="} <= set(offered)


def test_presets_are_offered_inside_the_quotes(server: LanguageServer) -> None:
    caret = server.open("preset.py", f'{IMPORT}flux_dev.subscribe(image_size="{CARET}")')
    assert [label.strip('"') for label in server.completions(caret)] == PRESETS


def test_presets_are_offered_after_the_opening_quote(server: LanguageServer) -> None:
    caret = server.open("opened.py", f'{IMPORT}flux_dev.subscribe(image_size="{CARET}')
    assert {f'"{preset}"' for preset in PRESETS} <= set(server.completions(caret))


def test_fields_and_methods_are_offered_on_a_file_of_the_result(server: LanguageServer) -> None:
    program = f'{IMPORT}flux_dev.subscribe(prompt="a cat").data.images[0].{CARET}'
    offered = server.completions(server.open("result.py", program))
    assert {"url", "width", "save", "save_async"} <= set(offered)


def test_options_are_offered_apart_from_parameters(server: LanguageServer) -> None:
    offered = server.completions(
        server.open("options.py", f"{IMPORT}flux_dev.with_options({CARET}")
    )
    assert {"with_logs=", "on_queue_update=", "timeout="} <= set(offered)
    assert "prompt=" not in offered


def test_hover_on_a_parameter_of_the_model_shows_what_it_means(server: LanguageServer) -> None:
    program = f'{IMPORT}FluxDevInput(prompt="a cat").num_im{CARET}ages'
    shown = server.hover(server.open("hover.py", program))
    assert "num_images: int" in shown
    assert "Number of images to generate" in shown


def test_hover_on_the_endpoint_shows_its_type(server: LanguageServer) -> None:
    shown = server.hover(server.open("endpoint.py", f"{IMPORT}flux_{CARET}dev"))
    assert "flux_dev: FluxDev" in shown
    assert len(shown.splitlines()) <= 8  # two of them are the marks of the code block


def test_signature_help_lists_parameters_with_types_and_defaults(server: LanguageServer) -> None:
    shown = server.signature(server.open("signature.py", f"{IMPORT}flux_dev.subscribe({CARET}"))
    assert "prompt: str" in shown.label
    assert "num_images: int = 1" in shown.label
    assert "-> Result[FluxDevOutput]" in shown.label


def test_hover_on_a_parameter_inside_a_call_shows_what_it_means(server: LanguageServer) -> None:
    program = f'{IMPORT}flux_dev.subscribe(prompt="a cat", num_im{CARET}ages=1)'
    shown = server.hover(server.open("argument.py", program))
    assert "num_images: int" in shown
    assert "Number of images to generate" in shown


@pytest.mark.parametrize(
    "call",
    ["flux_dev.subscribe(", "flux_dev.stream_async(", "flux_dev.with_options(timeout=1).run(",
     "flux_dev.pipeline().submit(", "FluxDevInput("],
)  # fmt: skip
def test_jedi_completes_parameters(call: str) -> None:
    need("jedi", found=find_spec("jedi") is not None, install="run `make setup`")
    import jedi  # type: ignore[import-untyped]

    lines = f"{IMPORT}{call}".splitlines()
    offered = jedi.Script("\n".join(lines)).complete(len(lines), len(lines[-1]))
    assert {"prompt=", "image_size=", "num_images="} <= {item.name for item in offered}


def test_packages_are_offered(server: LanguageServer) -> None:
    for program, expected in (
        (f"import fal_typed.endpoints\nfal_typed.endpoints.{CARET}", {"fal_ai", "bria"}),
        (f"from fal_typed.endpoints.fal_ai.{CARET} import", {"flux", "veo3"}),
        (f"import fal_typed\nfal_typed.{CARET}", {"endpoint", "endpoints"}),
    ):
        offered = set(server.completions(server.open("packages.py", program)))
        assert expected <= offered, program


def test_packages_are_listed_at_run_time() -> None:
    import fal_typed.endpoints

    assert {"fal_ai", "bria"} <= set(dir(fal_typed.endpoints))
    assert not [name for name in dir(fal_typed.endpoints) if name.startswith("_")]
    flux: ModuleType = getattr(fal_typed.endpoints.fal_ai, "flux")  # noqa: B009 - checkers do not see it
    assert dir(flux) == ["dev", "krea", "schnell", "srpo"]
    assert {"flux_dev", "redux"} <= set(dir(flux.dev))


def test_calls_show_the_same_text_at_run_time() -> None:
    from fal_typed.endpoints.fal_ai.flux.dev import flux_dev

    pipeline = flux_dev.pipeline()
    for call in (
        flux_dev.subscribe,
        flux_dev.submit_async,
        flux_dev.with_options(timeout=1).run,
        pipeline.run,
        pipeline.submit,
        flux_dev.pipeline_async().run,
    ):
        doc = call.__doc__ or ""
        assert "num_images: Number of images to generate" in doc
        assert max(map(len, doc.splitlines())) <= 100
        assert list(inspect.signature(call).parameters)[:2] == ["prompt", "image_size"]


def test_realtime_sessions_show_the_same_text_at_run_time() -> None:
    from fal_typed.endpoints.fal_ai.flux_2.klein.realtime import endpoint

    for connection in (endpoint.realtime(), endpoint.realtime_async()):
        assert "    image_url: Image to edit" in (connection.send.__doc__ or "")
        assert "image_url" in inspect.signature(connection.send).parameters
