"""What an editor shows for endpoints of different kinds: completion, signature help and hovers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from fal_typed._calls.attribute_docs import attribute_docs
from tests.typing.lsp import CARET, LanguageServer

PACKAGE = "fal_typed.endpoints"
KINDS = {
    "text to image": "fal_ai.flux.dev",
    "with nested inputs": "fal_ai.flux_lora",
    "image to image": "fal_ai.birefnet",
    "image to video": "fal_ai.kling_video.v1_5.pro.image_to_video",
    "text to video": "fal_ai.veo3",
    "text to speech": "fal_ai.minimax.speech_02_turbo",
    "speech to text": "fal_ai.whisper",
    "with an object of a file": "cassetteai.video_sound_effects_generator",
    "language model": "openrouter.router",
    "3D": "fal_ai.trellis",
    "training": "fal_ai.flux_lora_fast_training",
    "realtime": "fal_ai.flux_2.klein.realtime",
}
CALLS = ("subscribe", "submit_async", "stream", "pipeline().run", "pipeline_async().submit")
SENDS = ("realtime().send", "realtime_async().send")

pytestmark = pytest.mark.xdist_group("editor")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    with LanguageServer(tmp_path_factory.mktemp("program")) as running:
        yield running


class Case:
    """One endpoint and the program that imports it."""

    def __init__(self, kind: str) -> None:
        module: Any = import_module(f"{PACKAGE}.{KINDS[kind]}")
        self.model = module.Input
        names = {name for name in dir(module) if getattr(module, name) is module.endpoint}
        self.name = next(iter(names - {"endpoint"}))
        imported = f"{self.model.__name__}, {self.name}, endpoint"
        self.imports = f"from {module.__name__} import {imported}\n"
        self.calls = SENDS if kind == "realtime" else CALLS
        self.parameters = list(self.model.model_fields)
        self.texts = {
            name: plain(text)
            for name, text in attribute_docs(self.model).items()
            if name in self.parameters
        }


@pytest.fixture(params=KINDS)
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


def plain(text: str) -> str:
    """The words of a text, without the marks of Markdown."""
    return " ".join(re.sub(r"[\\`]", "", text.replace("\xa0", " ")).split())


def test_calls_complete_every_parameter(server: LanguageServer, case: Case) -> None:
    for call in (*(f"{case.name}.{it}" for it in case.calls), case.model.__name__):
        caret = server.open("completion.py", f"{case.imports}{call}({CARET}")
        assert {f"{name}=" for name in case.parameters} <= set(server.completions(caret)), call


def test_signature_help_explains_every_parameter(server: LanguageServer, case: Case) -> None:
    assert case.texts
    for call in case.calls:
        for name, text in case.texts.items():
            program = f"{case.imports}{case.name}.{call}({name}={CARET}"
            shown = server.signature(server.open("signature.py", program))
            assert f"{name}: " in shown.label, call
            assert plain(shown.text) == f"{name}: {text}", call


def test_hover_on_a_parameter_inside_a_call_explains_it(server: LanguageServer, case: Case) -> None:
    for call in case.calls:
        for name, text in case.texts.items():
            program = f"{case.imports}{case.name}.{call}({name[:1]}{CARET}{name[1:]}=1)"
            shown = server.hover(server.open("argument.py", program))
            assert f"(parameter) {name}: " in shown, call
            assert text in plain(shown), call


def test_hover_on_the_endpoint_is_short(server: LanguageServer, case: Case) -> None:
    for name in (case.name, "endpoint"):
        program = f"{case.imports}{name[:1]}{CARET}{name[1:]}"
        shown = server.hover(server.open("endpoint.py", program))
        lines = [line for line in shown.splitlines() if line.strip("`-") not in ("", "python")]
        assert re.fullmatch(rf"\(variable\) {name}: \w+", lines[0])
        assert 2 <= len(lines) <= 6, shown


def test_hover_on_the_model_shows_its_parameters_and_text(
    server: LanguageServer, case: Case
) -> None:
    name = case.model.__name__
    shown = server.hover(server.open("model.py", f"{case.imports}{name[:1]}{CARET}{name[1:]}"))
    assert f"class {name}(" in shown
    assert all(f"    {parameter}: " in shown for parameter in case.parameters)
    assert plain(case.model.__doc__) in plain(shown)
