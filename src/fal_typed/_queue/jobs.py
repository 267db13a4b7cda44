"""A job in the queue: its request id and URLs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Generic

from typing_extensions import TypeVar

from fal_typed._calls.call import Call
from fal_typed._calls.not_given import only_given
from fal_typed._core.settings import Settings
from fal_typed.errors import FalProtocolError

Out = TypeVar("Out")


@dataclass(frozen=True)
class Job(Generic[Out]):
    """A job in the queue.

    Attributes:
        call: The call; without arguments if only the job's id is known.
    """

    call: Call[Out]
    request_id: str
    status_url: str
    response_url: str
    cancel_url: str


def job_from_id(settings: Settings, call: Call[Out], request_id: str) -> Job[Out]:
    """A job known by its id; its URLs contain only the owner and app of the endpoint id.

    Raises:
        FalProtocolError: The request id is invalid.
    """
    if not request_id or not all(c.isalnum() or c in "-_." for c in request_id):
        raise FalProtocolError(f"{request_id!r} is not a valid request id.")
    base = f"{settings.hosts.queue}/{call.endpoint.app}/requests/{request_id}"
    return Job(call, request_id, f"{base}/status", base, f"{base}/cancel")


def with_options(job: Job[Out], **options: Any) -> Job[Out]:
    """The same job with other call options, as far as they were given."""
    call = replace(job.call, options=replace(job.call.options, **only_given(options)))
    return replace(job, call=call)
