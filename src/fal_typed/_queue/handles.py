"""`Handle`, a job in the queue as callers use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from typing_extensions import TypeVar

from fal_typed._calls.not_given import NOT_GIVEN
from fal_typed._queue import cancellation, following, jobs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fal_typed._core.runner import Runner
    from fal_typed._queue.jobs import Job
    from fal_typed._queue.statuses import OnQueueUpdate, QueueStatus
    from fal_typed.results import Result

Out = TypeVar("Out", covariant=True)  # noqa: PLC0105 - the name users see in hovers


class HandleBase(Generic[Out]):
    """The common parts of `Handle` and `AsyncHandle`."""

    def __init__(self, job: Job[Out], runner: Runner) -> None:
        self._job = job
        self._runner = runner

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.endpoint_id!r}, request_id={self.request_id!r})"

    @property
    def endpoint_id(self) -> str:
        """Id of the job's endpoint."""
        return self._job.call.endpoint.full

    @property
    def request_id(self) -> str:
        """Id of the job; store it to get a handle of the job later."""
        return self._job.request_id


class Handle(HandleBase[Out]):
    """A job in the queue.

    Example:
        >>> from fal_typed.endpoints.fal_ai.flux.dev import flux_dev
        >>> handle = flux_dev.submit(prompt="a cat")
        >>> handle.get().data.images[0].width
        1024
    """

    def status(self, *, with_logs: bool = NOT_GIVEN) -> QueueStatus:
        """Request the job's status once (docs/protocol.md section 3.2).

        Args:
            with_logs: Request the model's logs, too.

        Raises:
            FalNotFoundError: The job does not exist or is no longer stored.
        """
        job = jobs.with_options(self._job, with_logs=with_logs)
        return self._runner.perform(lambda settings: following.read_status(settings, job))

    def iter_events(
        self,
        *,
        with_logs: bool = NOT_GIVEN,
        interval: float | None = NOT_GIVEN,
        timeout: float | None = NOT_GIVEN,
    ) -> Iterator[QueueStatus]:
        """Follow the job and yield each change of its status until it is complete.

        Args:
            with_logs: Request the model's logs, too.
            interval: Seconds between status requests. Default: follow the status stream.
            timeout: Seconds until `FalTimeoutError`; the job keeps running.
        """
        job = jobs.with_options(self._job, with_logs=with_logs, interval=interval, timeout=timeout)
        return self._runner.iterate(lambda settings: following.emit_statuses(settings, job))

    def get(
        self,
        *,
        timeout: float | None = NOT_GIVEN,
        with_logs: bool = NOT_GIVEN,
        on_queue_update: OnQueueUpdate | None = NOT_GIVEN,
        progress: bool = NOT_GIVEN,
    ) -> Result[Out]:
        """Wait until the job is complete and fetch its result.

        Args:
            timeout: Seconds until `FalTimeoutError`; the job keeps running, and you can call
                `get` again.
            with_logs: Request the model's logs, too.
            on_queue_update: Called with each change of the job's status.
            progress: Show the position in the queue, the elapsed time and the logs (extra
                `progress`).

        Raises:
            FalHTTPError: The job failed.
            FalTimeoutError: The job did not complete in time.
        """
        job = jobs.with_options(
            self._job,
            with_logs=with_logs,
            on_queue_update=on_queue_update,
            progress=progress,
            timeout=timeout,
        )
        return self._runner.perform(lambda settings: following.wait(settings, job))

    def cancel(self) -> None:
        """Ask the platform to cancel the job (docs/protocol.md section 3.5).

        Raises:
            FalConflictError: The job is already complete.
            FalNotFoundError: The job does not exist or is no longer stored.
        """
        self._runner.perform(lambda settings: cancellation.cancel(settings, self._job))
