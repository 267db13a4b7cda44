"""Timeouts shared by all transports."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable
from typing import TypeVar

from fal_typed._transport.base import HttpRequest, HttpResponse, SendProgress, TransportError

T = TypeVar("T")
DRAIN_SECONDS = 0.02
"""How long to wait for the end of a closed stream, so that its connection can be reused."""
KEEP_ALIVE_SECONDS = 5.0
"""How long an idle connection is reused. If a server closes one while a request is being sent, it
is unknown whether a job was started, so this is shorter than the limits of servers."""


if sys.version_info >= (3, 11):

    async def within(seconds: float | None, awaitable: Awaitable[T]) -> T:
        """Await something with a timeout.

        Raises:
            asyncio.TimeoutError: The timeout expired.
        """
        # Unlike wait_for before Python 3.12, this creates no task.
        async with asyncio.timeout(seconds):
            return await awaitable

else:

    async def within(seconds: float | None, awaitable: Awaitable[T]) -> T:
        """Await something with a timeout.

        Raises:
            asyncio.TimeoutError: The timeout expired.
        """
        return await asyncio.wait_for(awaitable, seconds)


def connect_limit(request: HttpRequest) -> float:
    """Seconds until the connection must be open."""
    if request.timeout is None:
        return request.connect_timeout
    return min(request.timeout, request.connect_timeout)


def timed_out(
    request: HttpRequest, head: HttpResponse | None, progress: SendProgress
) -> TransportError:
    """The error for a response that was not complete in time."""
    what = "response" if progress.begun else "connection"
    message = f"{request}: no {what} within {request.timeout:g} s"
    return TransportError(message, sent=progress.begun, timed_out=True, head=head)
