"""Cancels a job (docs/protocol.md section 3.5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fal_typed._core import responses
from fal_typed._core.call_record import as_call
from fal_typed._core.flow import Deadline, Flow
from fal_typed._core.retry import RetrySafety, send_with_retries
from fal_typed._core.settings import Settings
from fal_typed._queue.jobs import Job
from fal_typed.errors import FalConflictError, FalError

_CANCEL_TIMEOUT = 1.0


@as_call("cancel")
def cancel(settings: Settings, job: Job[Any]) -> Flow[None]:
    """Ask the platform to stop a job.

    Raises:
        FalConflictError: The job is already complete.
        FalNotFoundError: The job does not exist.
    """
    response = yield from send_with_retries(
        settings.request("PUT", job.cancel_url, headers=job.call.options.headers),
        safety=RetrySafety.SAFE,
        policy=job.call.options.retry or settings.retry,
        deadline=(yield from Deadline.after(job.call.options.deadline)),
        request_id=job.request_id,
    )
    if not responses.is_error(response):
        return
    error = responses.http_error(
        response, endpoint=job.call.endpoint.full, request_id=job.request_id
    )
    if b"ALREADY_COMPLETED" in response.body:
        raise FalConflictError(
            "The job is already complete and cannot be canceled; its result can still be fetched.",
            status_code=response.status,
            headers=response.headers,
            body=response.body,
            request_id=job.request_id,
        )
    raise error


def cancel_quietly(settings: Settings, job: Job[Any]) -> Flow[None]:
    """Try once, for up to a second, to cancel a job; errors are ignored."""
    request = settings.request(
        "PUT", job.cancel_url, headers=job.call.options.headers, timeout=_CANCEL_TIMEOUT
    )
    try:
        yield from send_with_retries(
            replace(request, connect_timeout=_CANCEL_TIMEOUT),
            safety=RetrySafety.SAFE,
            policy=replace(settings.retry, attempts=1),
            deadline=(yield from Deadline.after(_CANCEL_TIMEOUT)),
        )
    except FalError:
        return
