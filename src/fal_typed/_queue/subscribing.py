"""Submitting, following and fetching in one call, with cancellation when the wait stops."""

from __future__ import annotations

from typing_extensions import TypeVar

from fal_typed._calls.call import Call
from fal_typed._core.flow import Deadline, Flow, invoke
from fal_typed._core.settings import Settings
from fal_typed._queue.cancellation import cancel_quietly
from fal_typed._queue.following import too_late, wait
from fal_typed._queue.submitting import submit
from fal_typed.errors import FalConnectionError, FalHTTPError, FalProtocolError, FalTimeoutError
from fal_typed.results import Result

Out = TypeVar("Out")


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
            raise too_late(job, deadline) from None
        raise
