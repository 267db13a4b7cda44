"""Past requests as the platform API lists them, read from the emulator's jobs.

See docs/protocol.md section 10.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fal_typed.testing.engine.clock import timestamp

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from fal_typed.testing.engine.job_queue import EmulatedJob

_DAY = 24 * 3600


def ended_requests(
    jobs: Iterable[EmulatedJob],
    endpoint_ids: Collection[str],
    start: str | None,
    end: str | None,
    now: float,
) -> dict[str, EmulatedJob]:
    """Select the requests that ended in a period, the latest first.

    Args:
        jobs: The jobs of the queue.
        endpoint_ids: The requested endpoints.
        start: ISO 8601; by default 24 hours ago.
        end: ISO 8601; by default now.
        now: The time of the emulator's clock.

    Returns:
        The jobs, by request id.

    Raises:
        ValueError: A time is invalid.
    """
    first = _parse_time(start) if start else now - _DAY
    last = _parse_time(end) if end else now
    ended = [
        job
        for job in jobs
        if job.endpoint_id in endpoint_ids
        and job.stage(now) == "COMPLETED"
        and first <= job.ends_at < last
    ]
    ended.sort(key=lambda job: -job.ends_at)
    return {job.id: job for job in ended}


def request_record(job: EmulatedJob, *, with_payloads: bool) -> dict[str, Any]:
    """Describe a request as the platform API does.

    Args:
        job: The job.
        with_payloads: Include its input.

    Returns:
        An entry of ``items``.
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


def _parse_time(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
