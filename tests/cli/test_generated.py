"""From an endpoint's id to its generated module."""

from __future__ import annotations

import pytest

from fal_typed import Endpoint
from fal_typed._documents.catalog import Catalog
from fal_typed.cli.generated_modules import find_generated


@pytest.mark.parametrize(
    "endpoint_id",
    [
        "fal-ai/flux/dev",
        "CassetteAI/music-generator",
        "cassetteai/music-generator",
        *Catalog().ids()[::100],
    ],
)
def test_the_module_contains_the_endpoint_of_that_id(endpoint_id: str) -> None:
    generated = find_generated(endpoint_id)
    assert generated is not None
    endpoint = getattr(generated.load(), generated.endpoint)
    assert isinstance(endpoint, Endpoint)
    assert endpoint.id == endpoint_id


def test_an_unknown_id_has_none() -> None:
    assert find_generated("acme/echo") is None
