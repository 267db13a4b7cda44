"""Follows a job to its result (docs/protocol.md sections 3.2 to 3.4).

The job is followed through its status stream; if the stream is rejected, breaks or is silent, the
status is polled. There is no failed status: a failed job completes, and fetching its result
returns the error.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from typing_extensions import TypeVar

from fal_typed._core import responses
from fal_typed._core.call_record import CallRecord, as_call
from fal_typed._core.flow import (
    CloseStream,
    Deadline,
    Emit,
    Fallback,
    Flow,
    OpenStream,
    ReadChunk,
    invoke,
    report,
    shorter,
    sleep,
)
from fal_typed._core.json_values import as_object, parse_json
from fal_typed._core.retry import RetrySafety, send_with_retries
from fal_typed._core.settings import Settings
from fal_typed._queue.job_progress import shown_call
from fal_typed._queue.jobs import Job
from fal_typed._queue.statuses import Completed, QueueStatus, parse_status
from fal_typed._transport.base import HttpResponse, OpenedStream, TransportError
from fal_typed._transport.sse import EventDecoder
from fal_typed.errors import FalHTTPError, FalTimeoutError
from fal_typed.results import LogEntry, Result

Out = TypeVar("Out")
_OK = 200
# The platform sends a comment line every few seconds to keep a status stream alive.
_READ_TIMEOUT = 45.0
_MAX_EVENT_BYTES = 64 * 1024 * 1024
_FIRST_INTERVAL = 0.1
_MAX_INTERVAL = 2.0
_INTERVAL_GROWTH = 1.5


@as_call("status")
def read_status(
    settings: Settings, job: Job[Any], deadline: Deadline | None = None
) -> Flow[QueueStatus]:
    """Request a job's status once."""
    options = job.call.options
    deadline = deadline or (yield from Deadline.after(options.deadline))
    request = settings.request(
        "GET", job.status_url, headers=options.headers, query={"logs": int(options.with_logs)}
    )
    response = yield from send_with_retries(
        request,
        safety=RetrySafety.SAFE,
        policy=options.retry or settings.retry,
        deadline=deadline,
        request_id=job.request_id,
    )
    if responses.is_error(response):
        raise responses.http_error(
            response, endpoint=job.call.endpoint.full, request_id=job.request_id
        )
    status = parse_status(responses.parse_object(response), job.request_id)
    _record(settings.call, status)
    return status


OnStatus = Callable[[QueueStatus], Flow[None]]


class _Follower:
    """Remembers earlier updates, so that each one is reported once and logs accumulate."""

    def __init__(self, on_status: OnStatus, record: CallRecord | None) -> None:
        self._on_status = on_status
        self._record = record
        self._logs: tuple[LogEntry, ...] = ()
        self._last: QueueStatus | None = None

    def update(self, status: QueueStatus) -> Flow[QueueStatus]:
        new = _unseen(self._logs, status.logs)
        self._logs += new
        update = replace(status, logs=self._logs, new_logs=new)
        _record(self._record, status)
        if new or self._last is None or _differs(self._last, update):
            self._last = update
            yield from self._on_status(update)
        return update


def _record(record: CallRecord | None, status: QueueStatus) -> None:
    if record is not None:
        metrics = status.metrics if isinstance(status, Completed) else None
        record.update(status.status, metrics)


def _unseen(seen: tuple[LogEntry, ...], logs: Sequence[LogEntry]) -> tuple[LogEntry, ...]:
    # A poll returns all logs so far (or the latest of them), a stream only the new ones.
    overlap = min(len(seen), len(logs))
    while overlap and tuple(logs[:overlap]) != seen[len(seen) - overlap :]:
        overlap -= 1
    return tuple(logs[overlap:])


def _differs(last: QueueStatus, update: QueueStatus) -> bool:
    return replace(last, new_logs=(), logs=()) != replace(update, new_logs=(), logs=())


def follow(
    settings: Settings, job: Job[Any], deadline: Deadline, on_status: OnStatus
) -> Flow[Completed]:
    """Follow a job until it is complete, reporting each update once."""
    follower = _Follower(on_status, settings.call)
    options = job.call.options
    if options.interval is None:
        completed = yield from _follow_stream(settings, job, deadline, follower)
        if completed is not None:
            return completed
        message = f"the status stream of request {job.request_id} ended early; polling instead"
        yield from report(Fallback(message, settings.call))
    interval = options.interval if options.interval is not None else _FIRST_INTERVAL
    while True:
        status = yield from read_status(settings, job, deadline)
        status = yield from follower.update(status)
        if isinstance(status, Completed):
            return status
        yield from _pause(job, deadline, interval)
        if options.interval is None:
            interval = min(_MAX_INTERVAL, interval * _INTERVAL_GROWTH)


def _pause(job: Job[Any], deadline: Deadline, interval: float) -> Flow[None]:
    remaining = yield from deadline.remaining()
    if remaining is not None and remaining <= 0:
        raise deadline_error(job, deadline)
    yield from sleep(interval if remaining is None else min(interval, remaining))


def _follow_stream(
    settings: Settings, job: Job[Any], deadline: Deadline, follower: _Follower
) -> Flow[Completed | None]:
    """Follow the status stream; returns None if it was rejected, broke or was silent."""
    request = settings.request(
        "GET",
        f"{job.status_url}/stream",
        headers={**job.call.options.headers, "accept": "text/event-stream"},
        query={"logs": int(job.call.options.with_logs)},
    )
    limit = shorter(_READ_TIMEOUT, (yield from deadline.remaining()))
    try:
        stream: OpenedStream = yield OpenStream(replace(request, timeout=limit))
        if stream.status != _OK or "event-stream" not in stream.headers.get("content-type", ""):
            yield CloseStream(stream)
            return None
        return (yield from _read_statuses(job, deadline, follower, stream))
    except TransportError:
        remaining = yield from deadline.remaining()
        if remaining is not None and remaining <= 0:
            raise deadline_error(job, deadline) from None
        return None


def _read_statuses(
    job: Job[Any], deadline: Deadline, follower: _Follower, stream: OpenedStream
) -> Flow[Completed | None]:
    decoder = EventDecoder(_MAX_EVENT_BYTES)
    while True:
        remaining = yield from deadline.remaining()
        if remaining is not None and remaining <= 0:
            raise deadline_error(job, deadline)
        chunk: bytes = yield ReadChunk(stream, shorter(_READ_TIMEOUT, remaining))
        for event in decoder.feed(chunk) if chunk else decoder.finish():
            content = _parse_event(event)
            if content is None:
                continue
            status = yield from follower.update(parse_status(content, job.request_id))
            if isinstance(status, Completed):
                yield CloseStream(stream)
                return status
        if not chunk:
            yield CloseStream(stream)
            return None


def _parse_event(event: str) -> Mapping[str, Any] | None:
    try:
        content = as_object(parse_json(event))
    except ValueError:
        return None
    return content if content and "status" in content else None


def deadline_error(job: Job[Any], deadline: Deadline) -> FalTimeoutError:
    return FalTimeoutError(
        f"{job.call.endpoint.full} did not complete within {deadline.limit:g} s",
        request_id=job.request_id,
        timeout=deadline.limit,
    )


def fetch(
    settings: Settings, job: Job[Out], deadline: Deadline, completed: Completed | None = None
) -> Flow[Result[Out]]:
    """Fetch the result of a completed job.

    Raises:
        FalHTTPError: The job failed, in the model or on the platform.
    """
    response = yield from send_with_retries(
        settings.request("GET", job.response_url, headers=job.call.options.headers),
        safety=RetrySafety.RESULT,
        policy=job.call.options.retry or settings.retry,
        deadline=deadline,
        request_id=job.request_id,
    )
    failed = completed is not None and completed.error is not None
    if failed and completed is not None and responses.is_error(response):
        raise _job_error(job, response, completed)
    return job.call.result(
        response,
        request_id=job.request_id,
        logs=completed.logs if completed else (),
        metrics=completed.metrics if completed else {},
    )


def _job_error(job: Job[Any], response: HttpResponse, completed: Completed) -> FalHTTPError:
    error = responses.http_error(
        response, endpoint=job.call.endpoint.full, request_id=job.request_id
    )
    error.error_type = error.error_type or completed.error_type
    if error.detail is None:
        error.message = f"{error.message} ({completed.error})"
    return error


@as_call("result")
def wait(settings: Settings, job: Job[Out], deadline: Deadline | None = None) -> Flow[Result[Out]]:
    """Wait until a job is complete and fetch its result."""
    with shown_call(job.call) as call:
        return (yield from _wait(settings, replace(job, call=call), deadline))


def _wait(settings: Settings, job: Job[Out], deadline: Deadline | None) -> Flow[Result[Out]]:
    options = job.call.options
    deadline = deadline or (yield from Deadline.after(options.deadline))
    completed = yield from follow(
        settings, job, deadline, lambda status: invoke(options.on_queue_update, status)
    )
    return (yield from fetch(settings, job, deadline, completed))


@as_call("status")
def emit_statuses(settings: Settings, job: Job[Any]) -> Flow[None]:
    """Follow a job, emitting each update."""
    deadline = yield from Deadline.after(job.call.options.deadline)
    yield from follow(settings, job, deadline, _emit)


def _emit(status: QueueStatus) -> Generator[Any, Any, None]:
    yield Emit(status)
