"""Fetches a response of a bounded size, with retries.

Only reads are sent from here, so every attempt can be repeated; and no server, trusted or not, can
fill the memory.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fal_typed._core.flow import (
    CloseStream,
    Deadline,
    ReadChunk,
)
from fal_typed._core.redirects import open_following
from fal_typed._core.retry import RetrySafety, send_with_retries
from fal_typed._transport.base import HttpResponse, TransportError
from fal_typed.errors import FalError

if TYPE_CHECKING:
    from fal_typed._core.flow import Flow
    from fal_typed._core.retry import RetryPolicy
    from fal_typed._transport.base import HttpRequest, OpenedStream

_MEGABYTE = 1024 * 1024


class TooLargeError(FalError):
    """A response is larger than any that is expected from its URL."""


def fetch(request: HttpRequest, policy: RetryPolicy, limit: int) -> Flow[HttpResponse]:
    """Send a request that only reads, and retry it while the failure may be temporary.

    Args:
        request: The request; its timeout applies to each attempt.
        policy: How often to retry, and how long to wait.
        limit: Maximum size of the body in bytes, after decompression.

    Returns:
        The response, whatever its status.

    Raises:
        TooLargeError: The body is larger than the limit.
        FalConnectionError: There was no response.
        FalTimeoutError: There was no response in time.

    Protocol: docs/protocol.md section 7.
    """
    deadline = yield from Deadline.after(None)
    return (
        yield from send_with_retries(
            request,
            safety=RetrySafety.READ,
            policy=policy,
            deadline=deadline,
            sender=partial(_send, limit=limit),
        )
    )


def _send(request: HttpRequest, limit: int) -> Flow[HttpResponse]:
    deadline = yield from Deadline.after(request.timeout)
    stream = yield from open_following(request)
    body = yield from _read(stream, deadline, limit, request)
    yield CloseStream(stream)
    return HttpResponse(stream.status, stream.headers, body, request.url)


def _read(
    stream: OpenedStream, deadline: Deadline, limit: int, request: HttpRequest
) -> Flow[bytes]:
    chunks: list[bytes] = []
    size = 0
    while True:
        remaining = yield from deadline.remaining()
        if remaining == 0:
            raise TransportError(f"{request}: timed out", sent=True, timed_out=True)
        chunk: bytes = yield ReadChunk(stream, remaining)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            yield CloseStream(stream)
            raise TooLargeError(f"{request}: the response is larger than {limit // _MEGABYTE} MB")
