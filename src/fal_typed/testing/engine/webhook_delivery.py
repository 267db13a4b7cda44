"""Delivers webhooks: the end of a job, signed, and retried until the receiver accepts it.

See docs/protocol.md section 9.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.client
import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fal_typed.testing.engine.json_bodies import dump
from fal_typed.testing.engine.waitable_log import WaitableLog

if TYPE_CHECKING:
    from fal_typed.testing.engine.clock import Clock
    from fal_typed.testing.engine.job_queue import EmulatedJob, JobQueue
    from fal_typed.testing.engine.outcomes import Outcome
    from fal_typed.testing.engine.signing import Signer

ATTEMPTS = 31
_FIRST_TIMEOUT = 15.0
_LATER_TIMEOUT = 120.0
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 300.0
_FAILED_FROM = 400
_MOVED_FROM = 300


@dataclass(frozen=True)
class WebhookAttempt:
    """One attempt to deliver a webhook."""

    request_id: str
    url: str
    attempt: int
    """From 1."""
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    status: int | None
    """Status of the response; None without a response."""
    error: str | None = None
    """Why the connection failed."""

    @property
    def accepted(self) -> bool:
        """Whether the receiver accepted it."""
        return self.status is not None and self.status < _MOVED_FROM


class WebhookDeliveries(WaitableLog[WebhookAttempt]):
    """Delivers webhooks and records every attempt; safe to read from any thread.

    Unlike the platform, it also delivers to loopback addresses, because tests listen there.

    Args:
        jobs: The queue.
        clock: The emulator's clock.
        signer: Signs the webhooks.
    """

    def __init__(self, jobs: JobQueue, clock: Clock, signer: Signer) -> None:
        super().__init__()
        self._jobs = jobs
        self._clock = clock
        self._signer = signer
        self._tasks: set[asyncio.Task[None]] = set()

    def watch(self, job: EmulatedJob, url: str, user: str) -> None:
        """Deliver a webhook when a job ends.

        Args:
            job: The job.
            url: The receiver.
            user: The job's owner.
        """
        task = asyncio.ensure_future(self._deliver(job, url, user))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, job: EmulatedJob, url: str, user: str) -> None:
        outcome = await self._end_of(job)
        body = dump(webhook_event(job.id, outcome))
        pause = _FIRST_PAUSE
        for attempt in range(1, ATTEMPTS + 1):
            headers = self._headers(job.id, user, body)
            timeout = _FIRST_TIMEOUT if attempt == 1 else _LATER_TIMEOUT
            status, error = await asyncio.to_thread(_post, url, headers, body, timeout)
            made = WebhookAttempt(job.id, url, attempt, headers, body, status, error)
            self.add(made)
            moved = status is not None and _MOVED_FROM <= status < _FAILED_FROM
            if made.accepted or moved:  # a redirect is a permanent failure
                return
            await self._clock.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _end_of(self, job: EmulatedJob) -> Outcome:
        while True:
            now = self._clock.now()
            if job.outcome is not None and job.stage(now) == "COMPLETED":
                return job.outcome
            await self._jobs.changed(job, now, _LATER_TIMEOUT)

    def _headers(self, request_id: str, user: str, body: bytes) -> dict[str, str]:
        timestamp = str(int(self._clock.now()))
        digest = hashlib.sha256(body).hexdigest()
        message = f"{request_id}\n{user}\n{timestamp}\n{digest}"
        return {
            "content-type": "application/json",
            "x-fal-webhook-request-id": request_id,
            "x-fal-webhook-user-id": user,
            "x-fal-webhook-timestamp": timestamp,
            "x-fal-webhook-signature": self._signer.sign(message.encode()),
        }


def webhook_event(request_id: str, outcome: Outcome) -> dict[str, Any]:
    """Make the body of a webhook.

    Args:
        request_id: Id of the request.
        outcome: How it ended.

    Returns:
        The body (docs/protocol.md section 9.1).
    """
    failed = outcome.status >= _FAILED_FROM
    body: dict[str, Any] = {
        "request_id": request_id,
        "gateway_request_id": str(uuid.uuid4()),
        "status": "ERROR" if failed else "OK",
        "error": f"Invalid status code: {outcome.status}" if failed else None,
    }
    try:
        body["payload"] = json.loads(outcome.body)
    except ValueError:
        body["payload"] = None
        if not failed:
            body["payload_error"] = "Response payload is not JSON serializable"
    return body


def _post(
    url: str, headers: dict[str, str], body: bytes, timeout: float
) -> tuple[int | None, str | None]:
    try:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        with contextlib.closing(kind(parts.netloc, timeout=timeout)) as connection:
            connection.request("POST", target, body, headers)
            return connection.getresponse().status, None
    except (OSError, http.client.HTTPException, ValueError) as error:
        return None, str(error) or type(error).__name__
