"""Submits a call to the queue (docs/protocol.md section 3.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from typing_extensions import TypeVar

from fal_typed._calls.call import Call
from fal_typed._calls.endpoint_id import join_path
from fal_typed._calls.option_headers import call_headers
from fal_typed._core import responses
from fal_typed._core.call_record import as_call
from fal_typed._core.flow import Deadline, Flow, Interruptible, send_to_completion
from fal_typed._core.retry import RetrySafety, send_with_retries
from fal_typed._core.settings import Settings
from fal_typed._queue.cancellation import cancel_quietly
from fal_typed._queue.jobs import Job, job_from_id
from fal_typed._transport.base import HttpRequest, HttpResponse
from fal_typed._uploads.request_body import request_body
from fal_typed.errors import FalError, FalInputError, FalProtocolError

Out = TypeVar("Out")


@as_call("submit")
def submit(settings: Settings, call: Call[Out], deadline: Deadline | None = None) -> Flow[Job[Out]]:
    """Submit a call to the queue, at most once."""
    deadline = deadline or (yield from Deadline.after(call.options.deadline))
    body = yield from request_body(settings, call, deadline)
    request = _submit_request(settings, call, body)
    try:
        response = yield from send_with_retries(
            request,
            safety=RetrySafety.BILLED,
            policy=call.options.retry or settings.retry,
            deadline=deadline,
            sender=send_to_completion,
        )
    except FalError as error:
        # If only the response body is incomplete, the headers still contain the request id.
        if error.request_id is None:
            raise
        return job_from_id(settings, call, error.request_id)
    if responses.is_error(response):
        raise responses.http_error(response, endpoint=call.endpoint.full)
    job = _accepted(settings, call, response)
    if settings.call is not None:
        settings.call.accepted(job.request_id)
    try:
        yield Interruptible()
    except GeneratorExit:
        raise
    except BaseException:
        # Nobody will ever have this job's id, so nobody else can cancel it.
        if call.options.cancel_on_stop:
            yield from cancel_quietly(settings, job)
        raise
    return job


def _accepted(settings: Settings, call: Call[Out], response: HttpResponse) -> Job[Out]:
    content = responses.parse_object(response)
    request_id = content.get("request_id") or responses.request_id_of(response)
    if not isinstance(request_id, str):
        raise FalProtocolError(
            f"{call.endpoint.full} accepted the request but returned no request id; check "
            "https://fal.ai/dashboard before you submit it again."
        )
    job = job_from_id(settings, call, request_id)

    def url_of(name: str, default: str) -> str:
        url = content.get(name)
        return url if isinstance(url, str) and settings.hosts.owns(url) else default

    return replace(
        job,
        status_url=url_of("status_url", job.status_url),
        response_url=url_of("response_url", job.response_url),
        cancel_url=url_of("cancel_url", job.cancel_url),
    )


def _submit_request(settings: Settings, call: Call[Any], body: bytes) -> HttpRequest:
    """Build the request that submits a call (docs/protocol.md section 3.1)."""
    options = call.options
    query: dict[str, str | int] = {}
    if options.webhook_url is not None:
        query["fal_webhook"] = checked_webhook(options.webhook_url)
    if options.max_queue_length is not None:
        query["fal_max_queue_length"] = options.max_queue_length
    return settings.request(
        "POST",
        join_path(f"{settings.hosts.queue}/{call.endpoint.full}", options.path),
        headers=call_headers(options),
        body=body,
        query=query,
    )


def checked_webhook(url: str) -> str:
    """Return a webhook URL.

    Raises:
        FalInputError: It is invalid.
    """
    if not url.startswith(("https://", "http://")) or not url.isprintable():
        raise FalInputError("webhook_url must be an http(s) URL that the platform can reach.")
    return url
