"""The queue: jobs whose status is a function of time.

It is known from the start when a job leaves the queue and when it ends, so nothing runs in the
background for it. Only a job with a handler has to wait for that handler.
"""

from __future__ import annotations

import asyncio
import math
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from fal_typed.testing.engine.clock import Clock, timestamp
from fal_typed.testing.engine.emulated_endpoints import EmulatedEndpoint, EmulatedEndpoints
from fal_typed.testing.engine.outcomes import INVALID, Outcome, failed
from fal_typed.testing.engine.scripts import ScriptedFailure

if TYPE_CHECKING:
    from collections.abc import Iterator

JobStage: TypeAlias = Literal["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]
_FOREVER = math.inf
_BUDGET = 256 << 20
_JOB_BYTES = 2048  # about what a job takes beside its input


@dataclass
class EmulatedJob:
    """One request that the queue accepted."""

    id: str
    """The request id."""
    endpoint_id: str
    app: str
    """Owner and alias, as in the job's URLs."""
    body: bytes = field(repr=False)
    """The input as it was received."""
    headers: dict[str, str] = field(repr=False)
    """Headers of the submit, by lower-case name."""
    submitted_at: float
    starts_at: float
    ends_at: float
    """When it ends; infinity while a handler is still running."""
    positions: tuple[int, ...] = ()
    log_lines: tuple[str, ...] = ()
    log_level: str = "INFO"
    webhook_url: str | None = None
    subpath: str = ""
    """The rest of the path after the endpoint's id, e.g. ``/v2``; usually empty."""
    outcome: Outcome | None = field(default=None, repr=False)
    cancelled: bool = False
    """Whether a cancellation was requested, even if the job ignored it."""
    honors_cancel: bool = True
    task: asyncio.Task[Outcome] | None = field(default=None, repr=False)
    watchers: list[asyncio.Future[None]] = field(
        default_factory=list["asyncio.Future[None]"], repr=False
    )

    def stage(self, now: float) -> JobStage:
        """Return the job's status.

        Args:
            now: The clock's time.

        Returns:
            The status under the platform's name.
        """
        if now >= self.ends_at:
            return "COMPLETED"
        return "IN_PROGRESS" if now >= self.starts_at else "IN_QUEUE"

    def position(self, now: float) -> int:
        """Return the position in the queue.

        Args:
            now: The clock's time.

        Returns:
            How many jobs are ahead of it.
        """
        waited, wait = now - self.submitted_at, self.starts_at - self.submitted_at
        if wait <= 0 or not self.positions:
            return 0
        step = int(waited / wait * len(self.positions))
        return self.positions[min(max(step, 0), len(self.positions) - 1)]

    def logs(self, now: float) -> list[dict[str, Any]]:
        """Return the log entries written so far.

        Args:
            now: The clock's time.

        Returns:
            Entries as the platform sends them (docs/protocol.md section 3.2).
        """
        if now < self.starts_at:
            return []
        moments = self._log_moments()
        return [
            {
                "message": line,
                "level": self.log_level,
                "source": "USER",
                "timestamp": timestamp(at),
                "labels": {"level": self.log_level, "source": "USER"},
            }
            for line, at in zip(self.log_lines, moments, strict=True)
            if at <= now
        ]

    def _log_moments(self) -> list[float]:
        run = self.ends_at - self.starts_at
        gap = (run if math.isfinite(run) else 0.0) / max(1, len(self.log_lines))
        return [self.starts_at + index * gap for index in range(len(self.log_lines))]

    def next_change(self, now: float) -> float:
        """Find out when the job changes next.

        Args:
            now: The clock's time.

        Returns:
            The time of the change; infinity if only a handler or a cancel can change the job.
        """
        if now < self.starts_at:
            wait = self.starts_at - self.submitted_at
            steps = max(1, len(self.positions))
            moments = [self.submitted_at + wait * step / steps for step in range(1, steps + 1)]
        else:
            moments = [*self._log_moments(), self.ends_at]
        return min((moment for moment in moments if moment > now), default=self.ends_at)

    def wake(self) -> None:
        """Wake the watchers, because the job changed."""
        for watcher in self.watchers:
            if not watcher.done():
                watcher.set_result(None)
        self.watchers.clear()


class JobQueue:
    """Every job of the queue, by id; safe to read from any thread while the emulator runs.

    Args:
        clock: The emulator's clock.
        budget: How many bytes the inputs may take in total; above it, the oldest jobs are dropped,
            once they are complete.
    """

    def __init__(self, clock: Clock, budget: int = _BUDGET) -> None:
        self._clock = clock
        self._budget = budget
        self._bytes = 0
        self._jobs: dict[str, EmulatedJob] = {}
        self._added = threading.Condition()

    def __iter__(self) -> Iterator[EmulatedJob]:
        with self._added:
            return iter(list(self._jobs.values()))

    def __len__(self) -> int:
        return len(self._jobs)

    def __getitem__(self, request_id: str) -> EmulatedJob:
        return self._jobs[request_id]

    def get(self, request_id: str) -> EmulatedJob | None:
        """Find a job.

        Args:
            request_id: Its id.

        Returns:
            The job; None when its id is unknown.
        """
        return self._jobs.get(request_id)

    def clear(self) -> None:
        """Remove every job."""
        with self._added:
            self._jobs.clear()
            self._bytes = 0

    def waiting(self, endpoint_id: str) -> int:
        """Count the waiting jobs of an endpoint.

        Args:
            endpoint_id: The endpoint.

        Returns:
            How many of its jobs are in the queue now.
        """
        now = self._clock.now()
        return sum(job.endpoint_id == endpoint_id and job.stage(now) == "IN_QUEUE" for job in self)

    def submit(
        self,
        endpoint: EmulatedEndpoint,
        outcome: Outcome | asyncio.Task[Outcome],
        *,
        body: bytes,
        headers: dict[str, str],
        start_timeout: float | None = None,
        webhook_url: str | None = None,
        subpath: str = "",
    ) -> EmulatedJob:
        """Add a job to the queue.

        Args:
            endpoint: The endpoint that runs it.
            outcome: How it will end.
            body: The input.
            headers: Headers of the submit.
            start_timeout: Seconds after which it fails if it has not started.
            webhook_url: Where to report its end.
            subpath: The rest of the path after the endpoint's id.

        Returns:
            The job.
        """
        script, now = endpoint.script, self._clock.now()
        starts_at = script.limits.start(now + script.queue_time, script.run_time)
        refused = isinstance(outcome, Outcome) and outcome.status == INVALID
        ends_at = starts_at + (0 if refused else script.run_time)
        if start_timeout is not None and start_timeout < starts_at - now:
            outcome = _too_late(outcome)
            starts_at = ends_at = now + start_timeout
        job = EmulatedJob(
            id=str(uuid.uuid4()),
            endpoint_id=endpoint.id,
            app=endpoint.app,
            body=body,
            headers=headers,
            submitted_at=now,
            starts_at=starts_at,
            ends_at=ends_at,
            positions=tuple(script.positions),
            log_lines=() if refused else tuple(script.logs),
            log_level=script.log_level,
            honors_cancel=script.honors_cancel,
            webhook_url=webhook_url,
            subpath=subpath,
        )
        if isinstance(outcome, Outcome):
            job.outcome = outcome
        else:
            self._await(job, outcome, ends_at)
        with self._added:
            self._jobs[job.id] = job
            self._bytes += _weight(job)
            self._drop_completed(now)
        return job

    def resume(self, endpoints: EmulatedEndpoints) -> None:
        """Continue the jobs whose handlers ended when the emulator was stopped.

        Args:
            endpoints: The endpoints that run them.
        """
        for job in self:
            endpoint = endpoints.get(job.endpoint_id)
            if job.outcome is None and endpoint is not None:
                self._await(job, endpoint.run_again(job.body), job.starts_at)

    def _await(self, job: EmulatedJob, task: asyncio.Task[Outcome], earliest: float) -> None:
        job.task, job.ends_at = task, _FOREVER
        task.add_done_callback(lambda done: self._handled(job, done, earliest))

    def _drop_completed(self, now: float) -> None:
        # Jobs in the order of their submits: one that is not complete keeps those after it.
        while self._bytes > self._budget:
            oldest = next(iter(self._jobs.values()))
            if oldest.stage(now) != "COMPLETED":
                return
            del self._jobs[oldest.id]
            self._bytes -= _weight(oldest)

    def _handled(self, job: EmulatedJob, task: asyncio.Task[Outcome], earliest: float) -> None:
        if job.outcome is not None or task.cancelled():
            return
        job.outcome = task.result()
        job.ends_at = max(earliest, self._clock.now())
        job.wake()

    def cancel(self, job: EmulatedJob) -> bool:
        """Request that a job be cancelled.

        Args:
            job: The job.

        Returns:
            False if it had already ended; a running job may continue after True.
        """
        now = self._clock.now()
        stage = job.stage(now)
        if stage == "COMPLETED":
            return False
        job.cancelled = True
        if stage == "IN_QUEUE" or job.honors_cancel:
            job.outcome = failed(
                ScriptedFailure.infrastructure(
                    "client_cancelled", "Request was cancelled by the client"
                )
            )
            job.starts_at = min(job.starts_at, now)
            job.ends_at = now
            if job.task is not None:
                job.task.cancel()
            job.wake()
        return True

    async def changed(self, job: EmulatedJob, since: float, limit: float) -> None:
        """Wait until a job changes.

        Args:
            job: The job.
            since: The clock's time at the last change.
            limit: How long to wait at most, in seconds.
        """
        watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        job.watchers.append(watcher)
        due = min(job.next_change(since), since + limit)
        await self._clock.wait(due - self._clock.now(), watcher)
        if watcher in job.watchers:
            job.watchers.remove(watcher)


def _weight(job: EmulatedJob) -> int:
    return _JOB_BYTES + len(job.body) + sum(map(len, job.headers.values()))


def _too_late(outcome: Outcome | asyncio.Task[Outcome]) -> Outcome:
    if isinstance(outcome, asyncio.Task):
        outcome.cancel()
    failure = ScriptedFailure.infrastructure("request_timeout", "Request was not started in time")
    failure.headers["x-fal-request-timeout-type"] = "user"
    return failed(failure)
