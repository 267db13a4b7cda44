"""What a batch asks of the platform for one item: upload, submit, wait, fetch, save."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlencode

from fal_typed._core.call_record import as_call
from fal_typed._core.flow import Deadline, Flow
from fal_typed._queue import following, submitting
from fal_typed._queue.jobs import Job, job_from_id
from fal_typed._queue.statuses import Completed, QueueStatus
from fal_typed._uploads.file_arguments import upload_inputs
from fal_typed.batch.result_saving import SaveTemplate, save_files
from fal_typed.errors import FalError

if TYPE_CHECKING:
    from fal_typed._calls.call import Call
    from fal_typed._core.runner import Runner
    from fal_typed._core.settings import Settings
    from fal_typed.results import Result

Out = TypeVar("Out")
_NO_LIMIT = Deadline(None, None)
_WITHOUT_DELIVERY = 30.0
"""Seconds after which the status of a job is read although no webhook was delivered."""
_MOST_EARLY = 10_000


@dataclass
class Deliveries:
    """Webhook deliveries: which jobs have ended.

    A delivery may come before its job is waited for.
    """

    _waiting: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])
    _early: dict[str, None] = field(default_factory=dict[str, None])

    def deliver(self, request_id: str) -> None:
        """Note that a job has ended."""
        event = self._waiting.get(request_id)
        if event is None:
            self._early[request_id] = None
            if len(self._early) > _MOST_EARLY:
                del self._early[next(iter(self._early))]
        else:
            event.set()

    async def wait(self, request_id: str) -> bool:
        """Wait for the delivery of a job, or for some time; gives whether it was delivered."""
        if request_id in self._early:
            del self._early[request_id]
            return True
        event = self._waiting.setdefault(request_id, asyncio.Event())
        try:
            await asyncio.wait_for(event.wait(), _WITHOUT_DELIVERY)
        except asyncio.TimeoutError:
            return False
        finally:
            self._waiting.pop(request_id, None)
        return True


class PlatformCalls(Generic[Out]):
    """The calls of one batch.

    Args:
        runner: The client's runner.
        job: The call by which jobs are followed and fetched.
        template: Where files are saved, or None to save none.
        webhook_url: URL that the platform posts results to, or None to follow status streams.
    """

    def __init__(
        self,
        runner: Runner,
        job: Call[Out],
        template: SaveTemplate | None,
        webhook_url: str | None,
    ) -> None:
        self._runner = runner
        self._job = job
        self._template = template
        self._webhook_url = webhook_url
        self.deliveries = Deliveries()

    async def upload(self, call: Call[Out]) -> Call[Out]:
        """Upload the files of an input; gives the call with their URLs."""
        arguments = await self._runner.perform_async(
            lambda settings: upload_inputs(
                settings, call.arguments, inline=call.options.inline_files
            )
        )
        return replace(call, arguments=arguments)

    async def submit(self, call: Call[Out], key: str) -> Job[Out]:
        """Submit a call, once."""
        if self._webhook_url is not None:
            separator = "&" if "?" in self._webhook_url else "?"
            url = f"{self._webhook_url}{separator}{urlencode({'fal_batch_key': key})}"
            call = replace(call, options=replace(call.options, webhook_url=url))
        job = await self._runner.perform_async(lambda settings: submitting.submit(settings, call))
        return replace(job, call=self._job)

    def known(self, request_id: str) -> Job[Out]:
        """A job that was accepted earlier."""
        return job_from_id(self._runner.settings(), self._job, request_id)

    async def finish(self, job: Job[Out]) -> Result[Out]:
        """Wait until a job has ended, and fetch its result.

        Raises:
            FetchFailed: The job has ended, and its result was not fetched.
            FalError: Whether it has ended is not known.
        """
        completed = None if self._webhook_url is None else await self._delivered(job)
        return await self._runner.perform_async(lambda settings: _finish(settings, job, completed))

    async def _delivered(self, job: Job[Out]) -> Completed | None:
        """Wait for a job's webhook; None when its status is behind and has to be followed."""
        while True:
            is_delivered = await self.deliveries.wait(job.request_id)
            status = await self._runner.perform_async(
                lambda settings: following.read_status(settings, job)
            )
            if isinstance(status, Completed):
                return status
            if is_delivered:
                return None

    async def save(self, key: str, result: Result[Any]) -> list[Path]:
        """Save the files of a result."""
        template = self._template
        if template is None:
            return []
        return await self._runner.perform_async(
            lambda settings: save_files(
                settings, template, key, result.request_id or "", result.raw
            )
        )


class FetchFailed(Exception):  # noqa: N818 - not seen by callers
    """A job has ended, and its result was not fetched.

    Attributes:
        error: Why.
    """

    def __init__(self, error: FalError) -> None:
        super().__init__(str(error))
        self.error = error


@as_call("result")
def _finish(settings: Settings, job: Job[Out], completed: Completed | None) -> Flow[Result[Out]]:
    if completed is None:
        completed = yield from following.follow(settings, job, _NO_LIMIT, _ignore)
    try:
        return (yield from following.fetch(settings, job, _NO_LIMIT, completed))
    except FalError as error:
        raise FetchFailed(error) from error


def _ignore(_status: QueueStatus) -> Flow[None]:
    return
    yield
