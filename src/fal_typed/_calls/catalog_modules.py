"""Finds the generated module of an endpoint by its id, without importing it."""

from __future__ import annotations

import difflib
import functools
import json
from collections.abc import Collection, Mapping
from pathlib import Path

PACKAGE = "fal_typed.endpoints"
_MANIFEST = Path(__file__).parent.parent / "endpoints" / "manifest.json"
_SUGGESTED = 3
_SHORTEST = 4
"""Characters of a part of an id that is searched for in other ids."""


def module_of(endpoint_id: str) -> str | None:
    """Full name of the module of an endpoint; None if the catalog does not have it.

    >>> module_of("fal-ai/flux/dev")
    'fal_typed.endpoints.fal_ai.flux.dev'
    """
    path = _paths().get(endpoint_id)
    return None if path is None else f"{PACKAGE}.{path}"


def catalog_ids() -> Collection[str]:
    """Ids of all generated endpoints."""
    return _paths().keys()


def similar_ids(endpoint_id: str, known: Collection[str]) -> list[str]:
    """Up to three ids that are similar to one, or contain it; the most similar first.

    >>> similar_ids("flux/dev", ["fal-ai/flux/dev", "fal-ai/veo3"])
    ['fal-ai/flux/dev']
    """
    by_lower = {id_.lower(): id_ for id_ in known}
    lowered = endpoint_id.lower()
    parts = [low for low in by_lower if lowered in low and len(lowered) >= _SHORTEST]
    near = difflib.get_close_matches(lowered, by_lower, n=_SUGGESTED)
    found = dict.fromkeys([*near, *sorted(parts, key=len)])
    return [by_lower[low] for low in found][:_SUGGESTED]


@functools.cache
def _paths() -> Mapping[str, str]:
    """Module paths by id, from the record that the generator keeps of its output."""
    records = json.loads(_MANIFEST.read_text(encoding="utf-8"))["documents"].values()
    return {record[1]: record[2] for record in records}
