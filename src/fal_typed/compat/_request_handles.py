"""`SyncRequestHandle`, fal_client's handle of a request; `make surface` writes its async twin."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from typing_extensions import Self

from fal_typed._calls.call import Call
from fal_typed._calls.call_options import CallOptions
from fal_typed._calls.endpoint_id import EndpointId
from fal_typed._core.runner import Runner
from fal_typed._queue.jobs import Job
from fal_typed.compat import _steps as steps
from fal_typed.compat._steps import DEFAULT_QUEUE_POLL_INTERVAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fal_typed.compat._states import Status


@dataclass(frozen=True)
class RequestHandle:
    """What the two kinds of handles share.

    Attributes:
        request_id: Id of the request.
        response_url: URL of the result.
        status_url: URL of the status.
        cancel_url: URL that cancels the request.
        client: What sends the requests: `_client` of a client of this package.
    """

    request_id: str
    response_url: str = field(repr=False)
    status_url: str = field(repr=False)
    cancel_url: str = field(repr=False)
    client: Runner = field(repr=False)

    @classmethod
    def from_request_id(cls, client: Runner, application: str, request_id: str) -> Self:
        """The handle of a request known by its id; nothing is sent.

        Raises:
            FalInputError: The application is not an endpoint id.
        """
        return cls.of_job(client, steps.known_job(client, application, request_id))

    @classmethod
    def of_job(cls, client: Runner, job: Job[Any]) -> Self:
        """The handle of a job."""
        return cls(job.request_id, job.response_url, job.status_url, job.cancel_url, client)

    @property
    def _job(self) -> Job[Any]:
        # A handle made from stored URLs does not know its endpoint, whose id only errors mention.
        endpoint = EndpointId(full=self.response_url, app=self.response_url)
        call: Call[Any] = Call(endpoint, {}, None, CallOptions())
        return Job(call, self.request_id, self.status_url, self.response_url, self.cancel_url)


class SyncRequestHandle(RequestHandle):
    """A request in the queue.

    Example:
        >>> from fal_typed.compat import SyncClient
        >>> handle = SyncClient().submit("fal-ai/flux/dev", {"prompt": "a cat"})
        >>> len(handle.get()["images"])
        1
    """

    def status(self, *, with_logs: bool = False) -> Status:
        """Request the status once.

        Args:
            with_logs: Request the logs as well.

        Returns:
            `Queued`, `InProgress` or `Completed`.

        Raises:
            FalClientHTTPError: The platform does not know the request.
        """
        return self.client.perform(
            lambda settings: steps.status(settings, self._job, with_logs=with_logs)
        )

    def iter_events(
        self, *, with_logs: bool = False, interval: float = DEFAULT_QUEUE_POLL_INTERVAL
    ) -> Iterator[Status]:
        """Poll the status and yield it each time, until the request is complete.

        Args:
            with_logs: Request the logs as well; each status has all of them so far.
            interval: Seconds between two requests.

        Returns:
            The statuses, one for each request.
        """
        return self.client.iterate(
            lambda settings: steps.emit_polls(
                settings, self._job, with_logs=with_logs, interval=interval
            )
        )

    def get(
        self,
        *,
        interval: float = DEFAULT_QUEUE_POLL_INTERVAL,  # noqa: ARG002 - part of the signature
    ) -> dict[str, Any]:
        """Wait until the request is complete and return its result.

        Args:
            interval: Not used: the platform's status stream says when the request is complete.

        Returns:
            The result's JSON.

        Raises:
            FalClientHTTPError: The request failed.
        """
        return self.client.perform(lambda settings: steps.get(settings, self._job))

    def cancel(self) -> None:
        """Cancel the request.

        Raises:
            FalClientHTTPError: It is already complete, or unknown.
        """
        self.client.perform(lambda settings: steps.cancel(settings, self._job))
