"""Fetches one answer of a bounded size, trying again where that is harmless.

What is fetched here only reads, so every failure that may pass is tried again; and a server that
nobody vouches for can't fill the memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fal_typed._core.flow import (
    CloseStream,
    Deadline,
    Draw,
    ReadChunk,
    sleep,
)
from fal_typed._core.redirects import open_following
from fal_typed._core.responses import retry_after, transport_error
from fal_typed._transport.base import HttpResponse, TransportError
from fal_typed.errors import FalError

if TYPE_CHECKING:
    from fal_typed._core.flow import Flow
    from fal_typed._core.retry import RetryPolicy
    from fal_typed._transport.base import HttpRequest, OpenedStream

_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_MEGABYTE = 1024 * 1024


class TooLargeError(FalError):
    """An answer is larger than anything that is expected of its place."""


def fetch(request: HttpRequest, policy: RetryPolicy, limit: int) -> Flow[HttpResponse]:
    """Send a request that only reads, until it is answered.

    Args:
        request: The request; its time limit is that of each attempt.
        policy: How often and how patiently it is repeated.
        limit: Largest body, in bytes once it is unpacked.

    Returns:
        The answer, whatever its status.

    Raises:
        TooLargeError: The body is larger than the limit.
        FalConnectionError: No answer came.
        FalTimeoutError: No answer came in time.

    Rests on docs/protocol.md section 7.
    """
    attempt, waited = 1, 0.0
    while True:
        response, failure = yield from _attempt(request, limit)
        if response is not None and response.status not in _PASSING:
            return response
        random: float = yield Draw()
        asked = retry_after(response) if response else None
        delay = policy.delay(attempt, random, asked)
        if delay is None or waited + delay > policy.budget:
            break
        yield from sleep(delay)
        attempt, waited = attempt + 1, waited + delay
    if failure is not None:
        raise transport_error(failure, request) from None
    assert response is not None  # noqa: S101 - an attempt gives one or the other
    return response


def _attempt(
    request: HttpRequest, limit: int
) -> Flow[tuple[HttpResponse | None, TransportError | None]]:
    try:
        deadline = yield from Deadline.after(request.timeout)
        stream = yield from open_following(request)
        body = yield from _read(stream, deadline, limit, request)
        yield CloseStream(stream)
    except TransportError as error:
        return None, error
    return HttpResponse(stream.status, stream.headers, body, request.url), None


def _read(
    stream: OpenedStream, deadline: Deadline, limit: int, request: HttpRequest
) -> Flow[bytes]:
    chunks: list[bytes] = []
    size = 0
    while True:
        remaining = yield from deadline.remaining()
        if remaining == 0:
            raise TransportError(f"{request}: out of time", sent=True, timed_out=True)
        chunk: bytes = yield ReadChunk(stream, remaining)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            yield CloseStream(stream)
            raise TooLargeError(f"{request} answered more than {limit // _MEGABYTE} MB")
