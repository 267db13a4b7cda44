"""Requests as the platform API lists them, read from the emulator's own jobs.

Rests on docs/protocol.md section 10.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fal_typed.testing.clock import timestamp

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from fal_typed.testing.jobs import Job


def past_requests(
    jobs: Iterable[Job],
    endpoint_ids: Collection[str],
    start: str | None,
    end: str | None,
    now: float,
) -> dict[str, Job]:
    """The requests that have ended, by id, the latest first.

    Args:
        jobs: The jobs of the queue.
        endpoint_ids: The endpoints asked for.
        start: From when, in ISO 8601; None for the last 24 hours.
        end: Until when.
        now: Reading of the emulator's clock.

    Returns:
        The jobs.

    Raises:
        ValueError: A time cannot be read.
    """
    first = _seconds(start) if start else now - 24 * 3600
    last = _seconds(end) if end else now
    ended = [
        job
        for job in jobs
        if job.endpoint_id in endpoint_ids
        and job.stage(now) == "COMPLETED"
        and first <= job.ends_at < last
    ]
    ended.sort(key=lambda job: -job.ends_at)
    return {job.id: job for job in ended}


def past_request(job: Job, *, with_payloads: bool) -> dict[str, Any]:
    """A request as the platform API lists it.

    Args:
        job: The job.
        with_payloads: Whether its input is listed as well.

    Returns:
        An entry of `items`.
    """
    entry: dict[str, Any] = {
        "request_id": job.id,
        "endpoint_id": job.endpoint_id,
        "sent_at": timestamp(job.submitted_at),
        "started_at": timestamp(job.starts_at),
        "ended_at": timestamp(job.ends_at),
        "status_code": None if job.outcome is None else job.outcome.status,
        "duration": round(job.ends_at - job.starts_at, 6),
    }
    if with_payloads:
        entry["json_input"] = json.loads(job.body)
    return entry


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
