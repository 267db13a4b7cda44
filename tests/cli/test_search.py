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


def test_the_table_ends_with_the_number_of_other_results(fal: Callable[..., Outcome]) -> None:
    outcome = fal("search", "flux", "--limit", "3")
    header, *rows, rest = outcome.out.splitlines()
    assert header.split() == ["Endpoint", "Category", "Matching", "parameters"]
    assert len(rows) == 3
    assert "more: --limit" in rest


def test_no_results_is_not_an_error(fal: Callable[..., Outcome]) -> None:
    outcome = fal("search", "xyzzy")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err == "No endpoint matches all these words.\n"
