"""The queue: submit, follow, fetch, cancel (docs/protocol.md section 3).

A job is submitted once, its status is followed by the platform's event stream — or by polling
where the stream is refused, cut or silent — and its result is fetched when it is complete. There
is no failed status: a failed job completes, and fetching its result answers with the error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic

from typing_extensions import TypeVar

from fal_typed._calls.call import Call, submit_request
from fal_typed._core import responses
from fal_typed._core.flow import (
    CloseStream,
    Deadline,
    Emit,
    Fallback,
    Flow,
    HttpResponse,
    OpenedStream,
    OpenStream,
    ReadChunk,
    TransportError,
    invoke,
    report,
    shorter,
    sleep,
)
from fal_typed._core.json_values import as_list, as_object, as_text
from fal_typed._core.retry import Repeat, send_retrying
from fal_typed._core.settings import Settings
from fal_typed._transport.sse import EventDecoder
from fal_typed.errors import (
    FalConflictError,
    FalConnectionError,
    FalError,
    FalHTTPError,
    FalProtocolError,
    FalTimeoutError,
)
from fal_typed.results import Result

Out = TypeVar("Out")
_OK = 200
# The platform sends a comment line every few seconds to keep a status stream alive.
_SILENCE = 45.0
_FIRST_INTERVAL = 0.1
_LONGEST_INTERVAL = 2.0
_INTERVAL_GROWTH = 1.5
_CANCEL_LIMIT = 1.0


@dataclass(frozen=True)
class LogEntry:
    """One line a model logged.

    Attributes:
        message: The text.
        timestamp: When, in ISO 8601.
        level: For example `INFO` or `STDERR`, or None.
        source: Who logged it, for example `USER`.
        raw: The entry as it came.
    """

    message: str
    timestamp: str | None = None
    level: str | None = None
    source: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False, compare=False)

    def __getitem__(self, key: str) -> Any:
        """The entry's field as it came, as untyped clients give it."""
        return self.raw[key]


@dataclass(frozen=True)
class QueueStatus:
    """Status of a job in the queue; statuses this SDK does not know are plain ones of these.

    Attributes:
        request_id: Id of the job.
        status: The platform's word for it.
        logs: All log lines so far, when logs were asked for.
        new_logs: The log lines that came since the last update.
        raw: The status as it came.
    """

    request_id: str
    status: str
    logs: Sequence[LogEntry] = ()
    new_logs: Sequence[LogEntry] = ()
    raw: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False, compare=False)


@dataclass(frozen=True)
class Queued(QueueStatus):
    """The job waits.

    Attributes:
        position: Number of jobs before it, or None when the platform does not say.
    """

    position: int | None = None


@dataclass(frozen=True)
class InProgress(QueueStatus):
    """The job runs."""


@dataclass(frozen=True)
class Completed(QueueStatus):
    """The job has ended, well or badly.

    Attributes:
        metrics: Measurements, for example `inference_time` in seconds.
        error: What failed, for failures of the platform's infrastructure.
        error_type: Its machine-readable kind, for example `runner_disconnected`.
    """

    metrics: Mapping[str, Any] = field(default_factory=dict[str, Any])
    error: str | None = None
    error_type: str | None = None


@dataclass(frozen=True)
class Job(Generic[Out]):
    """A job in the queue: what `Handle`s stand on.

    Attributes:
        call: What was asked; its arguments are empty when the job is known by its id only.
    """

    call: Call[Out]
    request_id: str
    status_url: str
    response_url: str
    cancel_url: str


def job_from_id(settings: Settings, call: Call[Out], request_id: str) -> Job[Out]:
    """A job known by its id; the URLs leave out whatever follows the app's name.

    Raises:
        FalError: The id cannot be one.
    """
    if not request_id or not all(c.isalnum() or c in "-_." for c in request_id):
        raise FalProtocolError(f"{request_id!r} is no request id.")
    base = f"{settings.hosts.queue}/{call.endpoint.app}/requests/{request_id}"
    return Job(call, request_id, f"{base}/status", base, f"{base}/cancel")


def submit(settings: Settings, call: Call[Out], deadline: Deadline | None = None) -> Flow[Job[Out]]:
    """Put a call into the queue, once."""
    deadline = deadline or (yield from Deadline.after(call.options.deadline))
    body = yield from call.body(settings, deadline)
    request = submit_request(settings, call, body)
    try:
        response = yield from send_retrying(
            request,
            repeat=Repeat.COSTS,
            policy=call.options.retry or settings.retry,
            deadline=deadline,
        )
    except FalError as error:
        # An answer whose body was cut still says in its headers which job it was about.
        if error.request_id is None:
            raise
        return job_from_id(settings, call, error.request_id)
    if responses.is_error(response):
        raise responses.http_error(response, endpoint=call.endpoint.full)
    return _accepted(settings, call, response)


def _accepted(settings: Settings, call: Call[Out], response: HttpResponse) -> Job[Out]:
    content = responses.parse_object(response)
    request_id = content.get("request_id") or responses.request_id_of(response)
    if not isinstance(request_id, str):
        raise FalProtocolError(
            f"{call.endpoint.full} accepted the request but gave no request id; look for it at "
            "https://fal.ai/dashboard before you send it again."
        )
    job = job_from_id(settings, call, request_id)

    def told(name: str, own: str) -> str:
        url = content.get(name)
        return url if isinstance(url, str) and settings.hosts.owns(url) else own

    return replace(
        job,
        status_url=told("status_url", job.status_url),
        response_url=told("response_url", job.response_url),
        cancel_url=told("cancel_url", job.cancel_url),
    )


def with_options(job: Job[Out], **options: Any) -> Job[Out]:
    """The same job, looked at with other options."""
    call = replace(job.call, options=replace(job.call.options, **options))
    return replace(job, call=call)


def read_status(
    settings: Settings, job: Job[Any], deadline: Deadline | None = None
) -> Flow[QueueStatus]:
    """Ask for a job's status once."""
    options = job.call.options
    deadline = deadline or (yield from Deadline.after(options.deadline))
    request = settings.request("GET", job.status_url, query={"logs": int(options.with_logs)})
    response = yield from send_retrying(
        request,
        repeat=Repeat.HARMLESS,
        policy=options.retry or settings.retry,
        deadline=deadline,
        request_id=job.request_id,
    )
    if responses.is_error(response):
        raise responses.http_error(
            response, endpoint=job.call.endpoint.full, request_id=job.request_id
        )
    return parse_status(responses.parse_object(response), job.request_id)


def parse_status(content: Mapping[str, Any], request_id: str) -> QueueStatus:
    """Read a status, tolerating whatever is missing or new."""
    status = str(content.get("status", ""))
    logs = _parse_logs(content.get("logs"))
    common: dict[str, Any] = {
        "request_id": request_id,
        "status": status,
        "logs": logs,
        "new_logs": logs,
        "raw": content,
    }
    if status == "IN_QUEUE":
        position = content.get("queue_position")
        return Queued(**common, position=position if isinstance(position, int) else None)
    if status == "IN_PROGRESS":
        return InProgress(**common)
    if status == "COMPLETED":
        return Completed(
            **common,
            metrics=as_object(content.get("metrics")) or {},
            error=as_text(content.get("error")),
            error_type=as_text(content.get("error_type")),
        )
    return QueueStatus(**common)


def _parse_logs(logs: object) -> tuple[LogEntry, ...]:
    entries = [as_object(entry) for entry in as_list(logs) or []]
    return tuple(_parse_log(entry) for entry in entries if entry is not None)


def _parse_log(entry: Mapping[str, Any]) -> LogEntry:
    return LogEntry(
        message=str(entry.get("message", "")),
        timestamp=as_text(entry.get("timestamp")),
        level=as_text(entry.get("level")),
        source=as_text(entry.get("source")),
        raw=entry,
    )


OnStatus = Callable[[QueueStatus], Flow[None]]


class _Follower:
    """Remembers what was told, so that each update is told once and logs add up."""

    def __init__(self, on_status: OnStatus) -> None:
        self._on_status = on_status
        self._logs: tuple[LogEntry, ...] = ()
        self._last: QueueStatus | None = None

    def tell(self, status: QueueStatus) -> Flow[QueueStatus]:
        new = _unseen(self._logs, status.logs)
        self._logs += new
        update = replace(status, logs=self._logs, new_logs=new)
        if new or self._last is None or _differs(self._last, update):
            self._last = update
            yield from self._on_status(update)
        return update


def _unseen(seen: tuple[LogEntry, ...], told: Sequence[LogEntry]) -> tuple[LogEntry, ...]:
    # A poll tells everything so far (or the latest part of it), a stream only what is new.
    overlap = min(len(seen), len(told))
    while overlap and tuple(told[:overlap]) != seen[len(seen) - overlap :]:
        overlap -= 1
    return tuple(told[overlap:])


def _differs(last: QueueStatus, update: QueueStatus) -> bool:
    return replace(last, new_logs=(), logs=()) != replace(update, new_logs=(), logs=())


def follow(
    settings: Settings, job: Job[Any], deadline: Deadline, on_status: OnStatus
) -> Flow[Completed]:
    """Follow a job until it is complete, telling each update once."""
    follower = _Follower(on_status)
    options = job.call.options
    if options.interval is None:
        completed = yield from _follow_stream(settings, job, deadline, follower)
        if completed is not None:
            return completed
        yield from report(
            Fallback(f"the status stream of request {job.request_id} broke off; polling instead")
        )
    interval = options.interval if options.interval is not None else _FIRST_INTERVAL
    while True:
        status = yield from read_status(settings, job, deadline)
        status = yield from follower.tell(status)
        if isinstance(status, Completed):
            return status
        yield from _pause(job, deadline, interval)
        if options.interval is None:
            interval = min(_LONGEST_INTERVAL, interval * _INTERVAL_GROWTH)


def _pause(job: Job[Any], deadline: Deadline, interval: float) -> Flow[None]:
    remaining = yield from deadline.remaining()
    if remaining is not None and remaining <= 0:
        raise _too_late(job, deadline)
    yield from sleep(interval if remaining is None else min(interval, remaining))


def _follow_stream(
    settings: Settings, job: Job[Any], deadline: Deadline, follower: _Follower
) -> Flow[Completed | None]:
    """Follow the status stream; None when it was refused, cut or silent."""
    request = settings.request(
        "GET",
        f"{job.status_url}/stream",
        headers={"accept": "text/event-stream"},
        query={"logs": int(job.call.options.with_logs)},
    )
    limit = shorter(_SILENCE, (yield from deadline.remaining()))
    try:
        stream: OpenedStream = yield OpenStream(replace(request, timeout=limit))
        if stream.status != _OK or "event-stream" not in stream.headers.get("content-type", ""):
            yield CloseStream(stream)
            return None
        return (yield from _read_statuses(job, deadline, follower, stream))
    except TransportError:
        remaining = yield from deadline.remaining()
        if remaining is not None and remaining <= 0:
            raise _too_late(job, deadline) from None
        return None


def _read_statuses(
    job: Job[Any], deadline: Deadline, follower: _Follower, stream: OpenedStream
) -> Flow[Completed | None]:
    decoder = EventDecoder()
    while True:
        remaining = yield from deadline.remaining()
        if remaining is not None and remaining <= 0:
            raise _too_late(job, deadline)
        chunk: bytes = yield ReadChunk(stream, shorter(_SILENCE, remaining))
        for event in decoder.feed(chunk) if chunk else decoder.finish():
            content = _parse_event(event)
            if content is None:
                continue
            status = yield from follower.tell(parse_status(content, job.request_id))
            if isinstance(status, Completed):
                yield CloseStream(stream)
                return status
        if not chunk:
            yield CloseStream(stream)
            return None


def _parse_event(event: str) -> Mapping[str, Any] | None:
    try:
        content = as_object(json.loads(event))
    except ValueError:
        return None
    return content if content and "status" in content else None


def _too_late(job: Job[Any], deadline: Deadline) -> FalTimeoutError:
    return FalTimeoutError(
        f"{job.call.endpoint.full} was not complete within {deadline.limit:g} s",
        request_id=job.request_id,
        timeout=deadline.limit,
    )


def fetch(
    settings: Settings, job: Job[Out], deadline: Deadline, completed: Completed | None = None
) -> Flow[Result[Out]]:
    """Fetch the result of a job that is complete.

    Raises:
        FalHTTPError: The job failed; the error is the model's or the platform's.
    """
    response = yield from send_retrying(
        settings.request("GET", job.response_url),
        repeat=Repeat.ANSWER_IS_THE_MODELS,
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


def wait(settings: Settings, job: Job[Out], deadline: Deadline | None = None) -> Flow[Result[Out]]:
    """Follow a job to its end and fetch its result."""
    options = job.call.options
    deadline = deadline or (yield from Deadline.after(options.deadline))
    completed = yield from follow(
        settings, job, deadline, lambda status: invoke(options.on_queue_update, status)
    )
    return (yield from fetch(settings, job, deadline, completed))


def subscribe(settings: Settings, call: Call[Out]) -> Flow[Result[Out]]:
    """Submit a call, follow it and fetch its result.

    Whatever stops the wait — the deadline, Ctrl-C, a cancelled task, an error in a callback —
    also cancels the job on the platform, unless the caller asked to leave it running.
    """
    deadline = yield from Deadline.after(call.options.deadline)
    job = yield from submit(settings, call, deadline)
    try:
        yield from invoke(call.options.on_enqueue, job.request_id)
        return (yield from wait(settings, job, deadline))
    except GeneratorExit:
        raise
    except (FalHTTPError, FalConnectionError, FalProtocolError):
        # Either the platform has answered for this job, or the way to it is broken: the result
        # may still come, and can be fetched with the request id that the error carries.
        raise
    except BaseException as error:
        late = isinstance(error, FalTimeoutError)
        if late and (yield from deadline.remaining()) != 0:
            raise
        if call.options.cancel_on_stop:
            yield from cancel_quietly(settings, job)
        if late:
            raise _too_late(job, deadline) from None
        raise


def cancel(settings: Settings, job: Job[Any]) -> Flow[None]:
    """Ask the platform to stop a job.

    Raises:
        FalConflictError: The job is already complete.
        FalNotFoundError: There is no such job.
    """
    response = yield from send_retrying(
        settings.request("PUT", job.cancel_url),
        repeat=Repeat.HARMLESS,
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
            "The job is already complete; its result can still be fetched.",
            status_code=response.status,
            headers=response.headers,
            body=response.body,
            request_id=job.request_id,
        )
    raise error


def cancel_quietly(settings: Settings, job: Job[Any]) -> Flow[None]:
    """Cancel as well as one request within a second can; the caller's own error matters more."""
    request = settings.request("PUT", job.cancel_url, timeout=_CANCEL_LIMIT)
    try:
        yield from send_retrying(
            replace(request, connect_timeout=_CANCEL_LIMIT),
            repeat=Repeat.HARMLESS,
            policy=replace(settings.retry, attempts=1),
            deadline=(yield from Deadline.after(_CANCEL_LIMIT)),
        )
    except FalError:
        return


def emit_statuses(settings: Settings, job: Job[Any]) -> Flow[None]:
    """Follow a job, emitting each update."""
    deadline = yield from Deadline.after(job.call.options.deadline)
    yield from follow(settings, job, deadline, _emit)


def _emit(status: QueueStatus) -> Generator[Any, Any, None]:
    yield Emit(status)
