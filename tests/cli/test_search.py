"""`fal-typed search`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fal_typed._documents.catalog import Catalog
from fal_typed.cli.commands.search_command import find

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Outcome


def test_every_word_must_occur(fal: Callable[..., Outcome]) -> None:
    outcome = fal("search", "flux", "lora", "--json", "--limit", "1000")
    found = json.loads(outcome.out)
    assert {"fal-ai/flux-lora", "fal-ai/flux-2/lora"} <= {match["id"] for match in found}
    for match in found:
        document = Catalog().document(match["id"])
        text = " ".join([document.id, *document.input_schema["properties"]]).lower()
        assert "flux" in text
        assert "lora" in text


def test_the_id_counts_most() -> None:
    first, *_, last = find(Catalog(), ["flux"])
    assert "flux" in first.id.split("/")[1]
    assert "flux" not in last.id or first.score > last.score


def test_a_parameter_is_found_and_named(fal: Callable[..., Outcome]) -> None:
    (first, *_) = json.loads(fal("search", "enable_safety_checker", "--json").out)
    assert first["parameters"] == ["enable_safety_checker"]


def test_category_narrows(fal: Callable[..., Outcome]) -> None:
    found = json.loads(fal("search", "image", "--category", "video", "--json").out)
    assert found
    assert {match["category"] for match in found} == {"video"}


def test_table_ends_with_how_many_are_left_out(fal: Callable[..., Outcome]) -> None:
    outcome = fal("search", "flux", "--limit", "3")
    header, *rows, rest = outcome.out.splitlines()
    assert header.split() == ["Endpoint", "Category", "Matching", "parameters"]
    assert len(rows) == 3
    assert "more: --limit" in rest


def test_nothing_found_is_said_and_no_error(fal: Callable[..., Outcome]) -> None:
    outcome = fal("search", "xyzzy")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err == "No endpoint matches all these words.\n"
