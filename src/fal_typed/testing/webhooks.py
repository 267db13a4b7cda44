"""Webhooks: the end of a job, signed and delivered until somebody takes it.

Rests on docs/protocol.md section 9.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.client
import json
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fal_typed.testing.messages import dump

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fal_typed.testing.clock import Clock
    from fal_typed.testing.jobs import Job, Jobs
    from fal_typed.testing.models import Outcome
    from fal_typed.testing.signing import Signer

ATTEMPTS = 31
_FIRST_TIMEOUT = 15.0
_LATER_TIMEOUT = 120.0
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 300.0
_FAILED_FROM = 400
_MOVED_FROM = 300


@dataclass(frozen=True)
class Delivery:
    """One attempt to deliver a webhook."""

    request_id: str
    url: str
    attempt: int
    """From 1."""
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    status: int | None
    """Status of the answer; None when there was none."""
    error: str | None = None
    """What went wrong with the connection."""

    @property
    def taken(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and self.status < _MOVED_FROM


class Webhooks:
    """Delivers webhooks and remembers every attempt; safe to read from any thread.

    Unlike the platform it also delivers to loopback addresses: that is where tests listen.

    Args:
        jobs: The queue.
        clock: The emulator's time.
        signer: Signs what is delivered.
    """

    def __init__(self, jobs: Jobs, clock: Clock, signer: Signer) -> None:
        self._jobs = jobs
        self._clock = clock
        self._signer = signer
        self._deliveries: list[Delivery] = []
        self._changed = threading.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[Delivery]:
        with self._changed:
            return iter(list(self._deliveries))

    def __len__(self) -> int:
        return len(self._deliveries)

    def clear(self) -> None:
        """Forget every attempt."""
        with self._changed:
            self._deliveries.clear()

    def wait_for(self, predicate: Callable[[Delivery], bool], timeout: float = 5.0) -> Delivery:
        """Wait until an attempt was made that the predicate accepts.

        Args:
            predicate: Asked about every attempt, those already made included.
            timeout: How long to wait, in seconds.

        Returns:
            The first such attempt.

        Raises:
            TimeoutError: None was made in time.
        """
        found: list[Delivery] = []

        def search() -> bool:
            found.extend(one for one in self._deliveries if predicate(one))
            return bool(found)

        with self._changed:
            if not self._changed.wait_for(search, timeout):
                raise TimeoutError(f"no such webhook was delivered within {timeout} s")
        return found[0]

    def watch(self, job: Job, url: str, user: str) -> None:
        """Deliver a webhook when a job ends.

        Args:
            job: The job.
            url: Where to.
            user: Whose job it is.
        """
        task = asyncio.ensure_future(self._deliver(job, url, user))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, job: Job, url: str, user: str) -> None:
        outcome = await self._end_of(job)
        body = dump(event(job.id, outcome))
        pause = _FIRST_PAUSE
        for attempt in range(1, ATTEMPTS + 1):
            headers = self._headers(job.id, user, body)
            timeout = _FIRST_TIMEOUT if attempt == 1 else _LATER_TIMEOUT
            status, error = await asyncio.to_thread(_post, url, headers, body, timeout)
            delivery = Delivery(job.id, url, attempt, headers, body, status, error)
            self._remember(delivery)
            moved = status is not None and _MOVED_FROM <= status < _FAILED_FROM
            if delivery.taken or moved:  # a redirect is a permanent failure
                return
            await self._clock.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _end_of(self, job: Job) -> Outcome:
        while True:
            now = self._clock.now()
            if job.outcome is not None and job.stage(now) == "COMPLETED":
                return job.outcome
            await self._jobs.changed(job, now, _LATER_TIMEOUT)

    def _remember(self, delivery: Delivery) -> None:
        with self._changed:
            self._deliveries.append(delivery)
            self._changed.notify_all()

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


def event(request_id: str, outcome: Outcome) -> dict[str, Any]:
    """What a webhook tells.

    Args:
        request_id: Id of the request.
        outcome: How it ended.

    Returns:
        The body (docs/protocol.md section 9.1).
    """
    failed = outcome.status >= _FAILED_FROM
    told: dict[str, Any] = {
        "request_id": request_id,
        "gateway_request_id": str(uuid.uuid4()),
        "status": "ERROR" if failed else "OK",
        "error": f"Invalid status code: {outcome.status}" if failed else None,
    }
    try:
        told["payload"] = json.loads(outcome.body)
    except ValueError:
        told["payload"] = None
        if not failed:
            told["payload_error"] = "Response payload is not JSON serializable"
    return told


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
