"""Handles: a job in the queue, in the hands of the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from typing_extensions import TypeVar

from fal_typed._queue import cancellation, following, jobs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fal_typed._core.runner import Runner
    from fal_typed._queue.jobs import Job
    from fal_typed._queue.statuses import OnQueueUpdate, QueueStatus
    from fal_typed.results import Result

Out = TypeVar("Out", covariant=True)  # noqa: PLC0105 - the name users see in hovers


class _JobView(Generic[Out]):
    """What the two kinds of handles share."""

    def __init__(self, job: Job[Out], runner: Runner) -> None:
        self._job = job
        self._runner = runner

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.endpoint_id!r}, request_id={self.request_id!r})"

    @property
    def endpoint_id(self) -> str:
        """Id of the endpoint the job runs on."""
        return self._job.call.endpoint.full

    @property
    def request_id(self) -> str:
        """Id of the job; keep it to find the job again later."""
        return self._job.request_id


class Handle(_JobView[Out]):
    """A job in the queue.

    Example:
        >>> from fal_typed.endpoints.fal_ai.flux.dev import flux_dev
        >>> handle = flux_dev.submit(prompt="a cat")
        >>> handle.get().data.images[0].width
        1024
    """

    def status(self, *, with_logs: bool = False) -> QueueStatus:
        """Ask for the job's status once (docs/protocol.md section 3.2).

        Args:
            with_logs: Ask for the model's logs as well.

        Raises:
            FalNotFoundError: The platform does not know the job (any more).
        """
        job = jobs.with_options(self._job, with_logs=with_logs)
        return self._runner.perform(lambda settings: following.read_status(settings, job))

    def iter_events(
        self,
        *,
        with_logs: bool = False,
        interval: float | None = None,
        timeout: float | None = None,
    ) -> Iterator[QueueStatus]:
        """Follow the job, yielding each change until it is complete.

        Args:
            with_logs: Ask for the model's logs as well.
            interval: Seconds between status requests; default: the status stream is followed.
            timeout: Seconds until `FalTimeoutError`; the job goes on.
        """
        job = jobs.with_options(self._job, with_logs=with_logs, interval=interval, timeout=timeout)
        return self._runner.iterate(lambda settings: following.emit_statuses(settings, job))

    def get(
        self,
        *,
        timeout: float | None = None,
        with_logs: bool = False,
        on_queue_update: OnQueueUpdate | None = None,
    ) -> Result[Out]:
        """Wait until the job is complete and fetch its result.

        Args:
            timeout: Seconds until `FalTimeoutError`; the job goes on and can be waited for again.
            with_logs: Ask for the model's logs as well.
            on_queue_update: Called with each change of the job's status.

        Raises:
            FalHTTPError: The job failed.
            FalTimeoutError: The job was not complete in time.
        """
        job = jobs.with_options(
            self._job, with_logs=with_logs, on_queue_update=on_queue_update, timeout=timeout
        )
        return self._runner.perform(lambda settings: following.wait(settings, job))

    def cancel(self) -> None:
        """Ask the platform to stop the job (docs/protocol.md section 3.5).

        Raises:
            FalConflictError: The job is already complete.
            FalNotFoundError: The platform does not know the job (any more).
        """
        self._runner.perform(lambda settings: cancellation.cancel(settings, self._job))
