"""fal_client's calls in terms of this SDK's flows: results as dicts, errors of its classes."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fal_typed._calls.building import call_options, untyped_call
from fal_typed._calls.endpoint_id import join_path
from fal_typed._core.call_record import as_call
from fal_typed._core.data_uri import encode
from fal_typed._core.flow import Deadline, Emit, Flow, blocking, invoke, sleep
from fal_typed._core.media_types import OCTETS
from fal_typed._direct import run as direct
from fal_typed._queue import cancellation, following, submitting
from fal_typed._queue.jobs import Job, job_from_id, with_options
from fal_typed._uploads import storage
from fal_typed.compat._failures import FalClientTimeoutError, translated
from fal_typed.compat._states import Completed, Status, state_of
from fal_typed.compat._storage_settings import StorageSettings, lifecycle_of
from fal_typed.errors import FalTimeoutError

if TYPE_CHECKING:
    from fal_typed._calls.call import Call
    from fal_typed._core.pillow import PILImage
    from fal_typed._core.runner import Runner
    from fal_typed._core.settings import Settings
    from fal_typed._uploads.transfer_options import Repository

DEFAULT_QUEUE_POLL_INTERVAL = 0.1
"""Seconds between two status requests."""
REALTIME_TOKEN_EXPIRATION_SECONDS = 120
"""Seconds a realtime token is valid."""


def call_of(application: str, arguments: object = None, **options: Any) -> Call[Any]:
    """The call of an endpoint by its id.

    Raises:
        FalInputError: It is not an endpoint id.
    """
    return untyped_call(application, {} if arguments is None else arguments, call_options(options))


def known_job(runner: Runner, application: str, request_id: str) -> Job[Any]:
    """The job with a request id."""
    return job_from_id(runner.settings(), call_of(application), request_id)


def run_url(settings: Settings, call: Call[Any]) -> str:
    """The URL of a direct call."""
    return join_path(f"{settings.hosts.run}/{call.endpoint.full}", call.options.path)


def run(settings: Settings, call: Call[Any]) -> Flow[Any]:
    """Call an endpoint directly."""
    with translated(call.options.method, run_url(settings, call)):
        result = yield from direct.run(settings, call)
    return result.raw


def submit(settings: Settings, call: Call[Any], deadline: Deadline | None = None) -> Flow[Job[Any]]:
    """Put a call into the queue."""
    url = join_path(f"{settings.hosts.queue}/{call.endpoint.full}", call.options.path)
    with translated("POST", url):
        return (yield from submitting.submit(settings, call, deadline))


@as_call("subscribe")
def subscribe(
    settings: Settings,
    call: Call[Any],
    on_enqueue: Callable[[str], object] | None,
    on_queue_update: Callable[[Status], object] | None,
    interval: float,
) -> Flow[Any]:
    """Put a call into the queue, follow it and fetch its result.

    Only a timeout cancels the job: fal_client leaves it running when the wait ends otherwise.
    """
    deadline = yield from Deadline.after(call.options.timeout)
    job: Job[Any] | None = None
    try:
        job = yield from submit(settings, call, deadline)
        yield from invoke(on_enqueue, job.request_id)
        if on_queue_update is None:
            return (yield from get(settings, job, deadline))

        def update(status: Status) -> Flow[None]:
            yield from invoke(on_queue_update, status)

        yield from _poll(settings, job, deadline, interval, update)
        return (yield from _fetch(settings, job, deadline))
    except FalTimeoutError as error:
        limit = deadline.limit
        if limit is None or (yield from deadline.remaining()):
            raise
        if job is not None:
            yield from cancellation.cancel_quietly(settings, job)
        raise FalClientTimeoutError(limit, job.request_id if job else None) from error


def status(settings: Settings, job: Job[Any], *, with_logs: bool) -> Flow[Status]:
    """Ask for a job's status once."""
    return (yield from _read(settings, with_options(job, with_logs=with_logs), None))


@as_call("status")
def emit_polls(
    settings: Settings, job: Job[Any], *, with_logs: bool, interval: float
) -> Flow[None]:
    """Emit a job's status at each interval until it is complete, also when nothing changed."""

    def emit(status: Status) -> Flow[None]:
        yield Emit(status)

    job = with_options(job, with_logs=with_logs)
    yield from _poll(settings, job, Deadline(None, None), interval, emit)


def get(settings: Settings, job: Job[Any], deadline: Deadline | None = None) -> Flow[Any]:
    """Wait until a job is complete and fetch its result."""
    with translated("GET", job.response_url):
        result = yield from following.wait(settings, job, deadline)
    return result.raw


def cancel(settings: Settings, job: Job[Any]) -> Flow[None]:
    """Ask the platform to stop a job."""
    with translated("PUT", job.cancel_url):
        yield from cancellation.cancel(settings, job)


def upload(
    settings: Settings,
    data: str | bytes | Path | PILImage,
    content_type: str | None = None,
    file_name: str | None = None,
    *,
    image_format: str = "jpeg",
    repository: Repository | None,
    fallback_repository: Repository | Sequence[Repository] | None,
    lifecycle: StorageSettings | None,
) -> Flow[str]:
    """Upload a file and return its URL."""
    with translated("POST", f"{settings.hosts.cdn}/files/upload"):
        return (
            yield from storage.upload(
                settings,
                data,
                content_type,
                file_name,
                image_format=image_format,
                repository=repository,
                fallback_repository=fallback_repository,
                lifecycle=lifecycle_of(lifecycle),
            )
        )


def upload_file(settings: Settings, path: os.PathLike[str], **options: Any) -> Flow[str]:
    """Upload a file from disk.

    Raises:
        OSError: There is no such file, or it cannot be read.
    """
    file = Path(path)
    yield from blocking(lambda: file.open("rb").close())
    return (yield from upload(settings, file, _type_of(file), **options))


def encode_file(path: str | os.PathLike[str]) -> str:
    """Write a file as a data URI.

    Args:
        path: The file; the media type is what Python guesses from its name.

    Returns:
        The data URI.

    Raises:
        OSError: The file cannot be read.
    """
    file = Path(path)
    return encode(file.read_bytes(), _type_of(file))


def _type_of(file: Path) -> str:
    # fal_client guesses so; the rest of this SDK has a table of its own.
    return mimetypes.guess_type(file)[0] or OCTETS


def _poll(
    settings: Settings,
    job: Job[Any],
    deadline: Deadline,
    interval: float,
    on_status: Callable[[Status], Flow[None]],
) -> Flow[None]:
    while True:
        state = yield from _read(settings, job, deadline)
        yield from on_status(state)
        if isinstance(state, Completed):
            return
        remaining = yield from deadline.remaining()
        if remaining == 0:
            raise following.deadline_error(job, deadline)
        yield from sleep(interval if remaining is None else min(interval, remaining))


def _read(settings: Settings, job: Job[Any], deadline: Deadline | None) -> Flow[Status]:
    with translated("GET", job.status_url):
        return state_of((yield from following.read_status(settings, job, deadline)))


def _fetch(settings: Settings, job: Job[Any], deadline: Deadline) -> Flow[Any]:
    with translated("GET", job.response_url):
        result = yield from following.fetch(settings, job, deadline)
    return result.raw
