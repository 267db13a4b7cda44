"""Retries: the policy, and when a request is retried (docs/retries.md has the table).

A billed request that the platform may have accepted is never retried: the protocol has no
idempotency key, so a job submitted twice is billed twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fal_typed._core.flow import (
    Deadline,
    Draw,
    Fallback,
    Flow,
    Retrying,
    report,
    send,
    shorter,
    sleep,
)
from fal_typed._core.number_checks import check_count, check_seconds
from fal_typed._core.responses import (
    is_error,
    is_ingress_error,
    needs_retry,
    retry_after,
    transport_error,
)
from fal_typed._transport.base import HttpRequest, HttpResponse, TransportError
from fal_typed.errors import FalInputError

if TYPE_CHECKING:
    from fal_typed.errors import FalError

_TOO_MANY = 429
_UNAVAILABLE = 503
_TRANSIENT = (408, 425, 429)
_STORAGE_BUSY = (409, 500)
_GATEWAY = (502, 503, 504)
_BACKUPS = {"fal.run": "falrun.com", "queue.fal.run": "queue.falrun.com"}
_BACKUP_CONNECT_TIMEOUT = 5.0


@dataclass(frozen=True)
class RetryPolicy:
    """How often failed requests are retried, and how long to wait between attempts.

    Attributes:
        attempts: Maximum number of attempts, including the first; 1 disables retries.
        base_delay: Seconds before the first retry; doubles with each further retry.
        max_delay: Maximum wait between two attempts, in seconds.
        jitter: Fraction of each wait that is random, from 0 to 1.
        budget: Maximum total wait of one request, in seconds.
        max_retry_after: Maximum `Retry-After` that is honored, in seconds; if the platform
            asks for more, its error is raised at once.
    """

    attempts: int = 6
    base_delay: float = 0.25
    max_delay: float = 20.0
    jitter: float = 0.5
    budget: float = 90.0
    max_retry_after: float = 60.0

    def __post_init__(self) -> None:
        check_count("attempts", self.attempts, low=1)
        for name in ("base_delay", "max_delay", "budget", "max_retry_after"):
            check_seconds(name, getattr(self, name))
        if not 0 <= self.jitter <= 1:
            raise FalInputError("jitter must be from 0 to 1.")

    def delay(self, attempt: int, random: float, retry_after: float | None) -> float | None:
        """Seconds to wait after a failed attempt (counted from 1), or None to give up."""
        if attempt >= self.attempts:
            return None
        if retry_after is not None:
            return retry_after if retry_after <= self.max_retry_after else None
        wait = min(self.max_delay, self.base_delay * 2.0 ** min(attempt - 1, 30))
        return wait * (1 - self.jitter * random)


class RetrySafety(Enum):
    """What happens if a request is sent twice."""

    SAFE = "safe"
    """Reading a status or canceling: nothing changes."""

    READ = "read"
    """Reading a document: nothing changes, and a failure of the server may pass."""

    RESULT = "result"
    """Reading a result: nothing changes, but an error status may be the model's result."""

    UPLOAD = "upload"
    """Uploading: the same bytes are stored again."""

    BILLED = "billed"
    """Submitting or running: a second job would run and be billed."""


def send_with_retries(
    request: HttpRequest,
    *,
    safety: RetrySafety,
    policy: RetryPolicy,
    deadline: Deadline,
    request_id: str | None = None,
    sender: Callable[[HttpRequest], Flow[HttpResponse]] = send,
) -> Flow[HttpResponse]:
    """Send a request and retry it as the policy and the deadline allow.

    `sender` makes one attempt; by default it sends the request and reads the whole response.

    Returns:
        The first response that is not worth a retry, whatever its status.

    Raises:
        FalConnectionError: No response arrived.
        FalTimeoutError: No response arrived in time.
    """
    backoff = Backoff(policy)
    while True:
        response: HttpResponse | None = None
        failure: TransportError | None = None
        try:
            limited = yield from _with_deadline(request, deadline)
            response = yield from send_with_backup(limited, sender)
        except TransportError as error:
            failure = error
        if response is not None and not is_error(response):
            return response
        delay: float | None = None
        if _worth_retrying(safety, response, failure):
            delay = yield from backoff.next_delay(retry_after(response) if response else None)
        remaining = yield from deadline.remaining()
        out_of_time = delay is not None and remaining is not None and delay >= remaining
        if delay is None or out_of_time:
            if response is not None:
                return response
            raise _no_response(failure, request, request_id, safety) from None
        reason = f"status {response.status}" if response is not None else str(failure)
        status = response.status if response is not None else None
        yield from report(Retrying(request, backoff.failures, delay, reason, status))
        yield from sleep(delay)


class Backoff:
    """Counts the failures of one request and computes the wait after each.

    Attributes:
        failures: Failed attempts since the start or since the last progress.
    """

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._waited = 0.0
        self.failures = 0

    def reset(self) -> None:
        """Start over; the next failure does not count, because its attempt made progress."""
        self.failures = -1
        self._waited = 0.0

    def next_delay(self, retry_after: float | None) -> Flow[float | None]:
        """Count a failure; returns the seconds until the next attempt, or None to give up.

        Args:
            retry_after: Wait requested by the server, in seconds.
        """
        self.failures += 1
        random: float = yield Draw()
        delay = self._policy.delay(max(self.failures, 1), random, retry_after)
        if delay is None or self._waited + delay > self._policy.budget:
            return None
        self._waited += delay
        return delay


def is_transient(status: int, *, from_files: bool = False) -> bool:
    """Whether the same request may succeed later.

    Args:
        status: HTTP status.
        from_files: Whether a server of files sent it; the platform's returns 409 and 500 when busy.
    """
    return status in _TRANSIENT or status in _GATEWAY or (from_files and status in _STORAGE_BUSY)


def _with_deadline(request: HttpRequest, deadline: Deadline) -> Flow[HttpRequest]:
    timeout = shorter(request.timeout, (yield from deadline.remaining()))
    if timeout == request.timeout:
        return request
    return replace(request, timeout=timeout)


def send_with_backup(
    request: HttpRequest, sender: Callable[[HttpRequest], Flow[HttpResponse]]
) -> Flow[HttpResponse]:
    """Send a request once; if it could not be sent, try the platform's backup domain.

    Raises:
        TransportError: No response arrived.
    """
    backup = _backup_of(request)
    if backup is None:
        return (yield from sender(request))
    try:
        return (yield from sender(request))
    except TransportError as primary:
        if primary.sent:
            raise
        message = f"{primary}; trying the backup domain {backup}"
        yield from report(Fallback(message, request.call))
        try:
            return (yield from sender(backup))
        except TransportError as error:
            raise (error if error.sent else primary) from None


def _backup_of(request: HttpRequest) -> HttpRequest | None:
    try:
        parts = urlsplit(request.url)
    except ValueError:  # the transport reports it
        return None
    host = _BACKUPS.get(parts.netloc) if parts.scheme == "https" else None
    if host is None:
        return None
    return replace(
        request,
        url=parts._replace(netloc=host).geturl(),
        connect_timeout=min(request.connect_timeout, _BACKUP_CONNECT_TIMEOUT),
    )


def _worth_retrying(
    safety: RetrySafety, response: HttpResponse | None, failure: TransportError | None
) -> bool:
    if failure is not None:
        is_safe = not failure.sent or safety is not RetrySafety.BILLED
        return is_safe and not failure.permanent
    if response is None or "x-fal-request-timeout-type" in response.headers:
        return False
    advised = needs_retry(response)
    if safety is RetrySafety.BILLED:
        was_rejected = response.status == _TOO_MANY or (
            response.status == _UNAVAILABLE and (advised or is_ingress_error(response))
        )
        return bool(was_rejected) and advised is not False
    if safety is RetrySafety.RESULT and response.status in _GATEWAY:
        # The model's result is stored, so another request returns the same one.
        return is_ingress_error(response)
    if advised is not None:
        return advised
    from_files = safety in (RetrySafety.UPLOAD, RetrySafety.READ)
    return is_transient(response.status, from_files=from_files)


def _no_response(
    failure: TransportError | None,
    request: HttpRequest,
    request_id: str | None,
    safety: RetrySafety,
) -> FalError:
    assert failure is not None  # noqa: S101 - set when there is no response
    is_billed = safety is RetrySafety.BILLED
    return transport_error(failure, request, request_id=request_id, is_billed=is_billed)
