"""Time limits that every transport applies alike."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable
from typing import TypeVar

from fal_typed._transport.base import HttpRequest, HttpResponse, TransportError

T = TypeVar("T")
DRAIN_SECONDS = 0.02
"""How long a closed stream may take to end by itself, so that its connection is kept."""
KEEP_ALIVE_SECONDS = 5.0
"""How long an idle connection is trusted. When a server closes one just as a request goes out, it
is unknown whether a job was started, so this is shorter than what servers allow."""


if sys.version_info >= (3, 11):

    async def within(seconds: float | None, awaitable: Awaitable[T]) -> T:
        """Await something for so long.

        Raises:
            asyncio.TimeoutError: The time passed.
        """
        # Unlike wait_for before Python 3.12, this makes no task.
        async with asyncio.timeout(seconds):
            return await awaitable

else:

    async def within(seconds: float | None, awaitable: Awaitable[T]) -> T:
        """Await something for so long.

        Raises:
            asyncio.TimeoutError: The time passed.
        """
        return await asyncio.wait_for(awaitable, seconds)


def connect_limit(request: HttpRequest) -> float:
    """Seconds until the connection must stand."""
    if request.timeout is None:
        return request.connect_timeout
    return min(request.timeout, request.connect_timeout)


def timed_out(request: HttpRequest, head: HttpResponse | None) -> TransportError:
    """The error for an answer that was not complete in time."""
    message = f"{request}: no answer within {request.timeout:g} s"
    return TransportError(message, sent=True, timed_out=True, head=head)
