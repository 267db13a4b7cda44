"""`fal-typed search`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from fal_typed._documents.catalog import Catalog
from fal_typed._documents.tasks import task_of
from fal_typed.cli.commands.search_command import find

if TYPE_CHECKING:
    from collections.abc import Callable

    from fal_typed.testing import FalEmulator
    from tests.cli.conftest import Outcome


def test_every_word_must_occur(fal: Callable[..., Outcome]) -> None:
    outcome = fal("search", "flux", "lora", "--json", "--limit", "1000")
    found = json.loads(outcome.out)
    assert {"fal-ai/flux-lora", "fal-ai/flux-2/lora"} <= {match["id"] for match in found}
    for match in found:
        document = Catalog().document(match["id"])
        task = task_of(document)
        assert task is not None
        names = document.input_schema["properties"]
        text = " ".join([document.id, task.words, task.summary, *names]).lower()
        assert "flux" in text
        assert "lora" in text


def test_a_match_in_the_id_ranks_highest() -> None:
    first, *_, last = find(Catalog(), ["flux"])
    assert "flux" in first.id.split("/")[1]
    assert "flux" not in last.id or first.score > last.score


def test_a_parameter_is_found_and_named(fal: Callable[..., Outcome]) -> None:
    (first, *_) = json.loads(fal("search", "enable_safety_checker", "--json").out)
    assert first["parameters"] == ["enable_safety_checker"]


def test_category_filters(fal: Callable[..., Outcome]) -> None:
    found = json.loads(fal("search", "image", "--category", "video", "--json").out)
    assert found
    assert {match["category"] for match in found} == {"video"}


def test_the_other_results_are_counted(fal: Callable[..., Outcome]) -> None:
    outcome = fal("search", "flux", "--limit", "3")
    header, *rows = outcome.out.splitlines()
    assert header.split() == ["Endpoint", "Category", "Matching", "parameters"]
    assert len(rows) == 3
    assert "more: --limit" in outcome.err


def test_ids_are_never_cut(fal: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    longest = max(Catalog().ids(), key=len)
    outcome = fal("search", *longest.replace("-", "/").split("/"))
    assert longest in outcome.out


@pytest.mark.parametrize(
    "words", [["background", "removal"], ["removal", "background"], ["background removal"]]
)
def test_words_of_a_task_in_any_order(fal: Callable[..., Outcome], words: list[str]) -> None:
    assert re.search(r"^fal-ai/birefnet +image$", fal("search", *words).out, re.MULTILINE)


@pytest.mark.parametrize(
    ("query", "id_"),
    [
        ("upscale image", "fal-ai/clarity-upscaler"),
        ("transcribe", "fal-ai/whisper"),
        ("text to speech", "fal-ai/kokoro/american-english"),
        ("image to video kling", "fal-ai/kling-video/v2.1/master/image-to-video"),
    ],
)
def test_endpoints_are_found_by_what_they_do(query: str, id_: str) -> None:
    assert id_ in [match.id for match in find(Catalog(), [query])]


def test_prices(fal: Callable[..., Outcome], fal_emulator: FalEmulator) -> None:
    outcome = fal("search", "fal-ai/flux/dev", "--prices")
    header, first, *_ = outcome.out.splitlines()
    assert "Price" in header
    assert "USD/" in first
    rows = json.loads(fal("search", "fal-ai/flux/dev", "--prices", "--json").out)
    assert "USD/" in rows[0]["price"]


def test_no_results_is_exit_code_1(fal: Callable[..., Outcome]) -> None:
    outcome = fal("search", "xyzzy")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == "error: no endpoint has all these words\n"
