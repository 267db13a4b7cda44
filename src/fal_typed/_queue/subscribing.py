"""Submits a call, waits and returns the result; cancels the job if the wait is interrupted."""

from __future__ import annotations

from typing_extensions import TypeVar

from fal_typed._calls.call import Call
from fal_typed._core.call_record import as_call
from fal_typed._core.flow import Deadline, Flow, invoke
from fal_typed._core.settings import Settings
from fal_typed._queue.cancellation import cancel_quietly
from fal_typed._queue.following import deadline_error, wait
from fal_typed._queue.job_progress import shown_call
from fal_typed._queue.submitting import submit
from fal_typed.errors import FalConnectionError, FalHTTPError, FalProtocolError, FalTimeoutError
from fal_typed.results import Result

Out = TypeVar("Out")


@as_call("subscribe")
def subscribe(settings: Settings, call: Call[Out]) -> Flow[Result[Out]]:
    """Submit a call, wait, and return the result.

    Anything that interrupts the wait (a timeout, Ctrl-C, a canceled task, an error in a
    callback) also cancels the job on the platform, unless `cancel_on_stop` is False.
    """
    with shown_call(call) as shown:
        return (yield from _subscribe(settings, shown))


def _subscribe(settings: Settings, call: Call[Out]) -> Flow[Result[Out]]:
    deadline = yield from Deadline.after(call.options.deadline)
    job = yield from submit(settings, call, deadline)
    try:
        yield from invoke(call.options.on_enqueue, job.request_id)
        return (yield from wait(settings, job, deadline))
    except GeneratorExit:
        raise
    except (FalHTTPError, FalConnectionError, FalProtocolError):
        # Either the job has failed or the connection is broken. In the latter case the result can
        # still be fetched later, with the request id of the error.
        raise
    except BaseException as error:
        timed_out = isinstance(error, FalTimeoutError)
        if timed_out and (yield from deadline.remaining()) != 0:
            raise
        if call.options.cancel_on_stop:
            yield from cancel_quietly(settings, job)
        if timed_out:
            raise deadline_error(job, deadline) from None
        raise
