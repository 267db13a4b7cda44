"""Looks for uncertain items among the requests that the platform lists.

Rests on docs/protocol.md section 10. The platform lists a request once it has ended, so an item
that is not found may still have been accepted, and stays uncertain.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from fal_typed._core.flow import Flow
from fal_typed.batch.batch_inputs import canonical_json
from fal_typed.batch.tables import UNCERTAIN
from fal_typed.errors import FalError
from fal_typed.models import OutputModel
from fal_typed.platform.flows import read_page

if TYPE_CHECKING:
    from fal_typed._core.runner import Runner
    from fal_typed._core.settings import Settings
    from fal_typed.batch.journal import Journal

_PAGE = 100
_MOST_PAGES = 50
_MOST_SECONDS = 60.0
_BEFORE, _AFTER = 300.0, 24 * 3600.0
logger = logging.getLogger("fal_typed")


class PastRequest(OutputModel):
    """A request that the platform lists."""

    request_id: str
    json_input: Any = None


class PastRequestPage(OutputModel):
    """Some of the requests, and where the next ones begin."""

    items: list[PastRequest]
    next_cursor: str | None = None
    has_more: bool = False


async def find_uncertain(journal: Journal, runner: Runner, endpoint_id: str) -> int:
    """Look for uncertain items on the platform; those found are accepted from then on.

    Args:
        journal: The batch.
        runner: The client's runner.
        endpoint_id: Id of the endpoint.

    Returns:
        How many were found; 0 when the platform cannot be asked.
    """
    keys, query = await asyncio.to_thread(_wanted, journal, endpoint_id)
    if not keys:
        return 0
    try:
        asked = runner.perform_async(lambda settings: _matches(settings, query, keys))
        found = await asyncio.wait_for(asked, _MOST_SECONDS)
    except (FalError, asyncio.TimeoutError) as error:
        logger.info("uncertain items cannot be looked up: %s", error)
        return 0
    return await asyncio.to_thread(_resolve, journal, keys, found)


def _wanted(journal: Journal, endpoint_id: str) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """Keys of uncertain items by input, and the query that lists requests of their time."""
    keys: dict[str, list[str]] = {}
    times: list[float] = []
    for row in journal.rows(UNCERTAIN):
        if not row["has_files"] and row["sent_at"] is not None:
            keys.setdefault(row["input"], []).append(row["key"])
            times.append(row["sent_at"])
    if not keys:
        return keys, {}
    return keys, {
        "endpoint_id": endpoint_id,
        "expand": "payloads",
        "limit": _PAGE,
        "start": _moment(min(times) - _BEFORE),
        "end": _moment(max(times) + _AFTER),
    }


def _matches(
    settings: Settings, query: dict[str, Any], keys: Mapping[str, list[str]]
) -> Flow[dict[str, list[str]]]:
    """Ids of the requests that have a wanted input, by input; of the latest requests only."""
    found: dict[str, list[str]] = {}
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = yield from read_page(
            settings,
            "models/requests/by-endpoint",
            PastRequestPage,
            query,
            cursor,
            needs_key=settings.needs_key,
        )
        for request in page.items:
            text = canonical_json(request.json_input)
            if text in keys:
                found.setdefault(text, []).append(request.request_id)
        cursor = page.next_cursor
        if not cursor or not page.has_more:
            break
    return found


def _resolve(
    journal: Journal, keys: Mapping[str, list[str]], found: Mapping[str, list[str]]
) -> int:
    count = 0
    for text, request_ids in found.items():
        known = journal.known_requests(request_ids)
        unknown = [each for each in request_ids if each not in known]
        for key, request_id in zip(keys[text], unknown):  # noqa: B905 - either may be longer
            count += journal.resolve(key, request_id)
    return count


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat().replace("+00:00", "Z")
