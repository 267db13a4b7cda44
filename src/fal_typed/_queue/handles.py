"""Handles: a job in the queue, in the hands of the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from typing_extensions import TypeVar

from fal_typed._queue import flows as queue
from fal_typed.options import OnQueueUpdate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from fal_typed._queue.flows import Job, QueueStatus
    from fal_typed.client import BaseClient
    from fal_typed.results import Result

Out = TypeVar("Out", covariant=True)  # noqa: PLC0105 - the name users see in hovers


class _JobView(Generic[Out]):
    """What the two kinds of handles share."""

    def __init__(self, job: Job[Out], client: BaseClient) -> None:
        self._job = job
        self._client = client

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
        job = queue.with_options(self._job, with_logs=with_logs)
        return self._client.perform(lambda settings: queue.read_status(settings, job))

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
        job = queue.with_options(self._job, with_logs=with_logs, interval=interval, timeout=timeout)
        return self._client.iterate(lambda settings: queue.emit_statuses(settings, job))

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
        job = queue.with_options(
            self._job, with_logs=with_logs, on_queue_update=on_queue_update, timeout=timeout
        )
        return self._client.perform(lambda settings: queue.wait(settings, job))

    def cancel(self) -> None:
        """Ask the platform to stop the job (docs/protocol.md section 3.5).

        Raises:
            FalConflictError: The job is already complete.
            FalNotFoundError: The platform does not know the job (any more).
        """
        self._client.perform(lambda settings: queue.cancel(settings, self._job))


class AsyncHandle(_JobView[Out]):
    """A job in the queue; `Handle` for async code."""

    async def status(self, *, with_logs: bool = False) -> QueueStatus:
        """Ask for the job's status once; see `Handle.status`."""
        job = queue.with_options(self._job, with_logs=with_logs)
        return await self._client.perform_async(lambda settings: queue.read_status(settings, job))

    def iter_events(
        self,
        *,
        with_logs: bool = False,
        interval: float | None = None,
        timeout: float | None = None,
    ) -> AsyncIterator[QueueStatus]:
        """Follow the job, yielding each change until it is complete; see `Handle`."""
        job = queue.with_options(self._job, with_logs=with_logs, interval=interval, timeout=timeout)
        return self._client.iterate_async(lambda settings: queue.emit_statuses(settings, job))

    async def get(
        self,
        *,
        timeout: float | None = None,
        with_logs: bool = False,
        on_queue_update: OnQueueUpdate | None = None,
    ) -> Result[Out]:
        """Wait until the job is complete and fetch its result; see `Handle.get`."""
        job = queue.with_options(
            self._job, with_logs=with_logs, on_queue_update=on_queue_update, timeout=timeout
        )
        return await self._client.perform_async(lambda settings: queue.wait(settings, job))

    async def cancel(self) -> None:
        """Ask the platform to stop the job; see `Handle.cancel`."""
        await self._client.perform_async(lambda settings: queue.cancel(settings, self._job))
