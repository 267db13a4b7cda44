"""Retries: one policy, and one place that decides (docs/retries.md has the table).

A request that could have been accepted is never sent again, for the protocol has no idempotency
key: a job submitted twice is billed twice.
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
_STORAGE_IS_BUSY = (409, 500)
_GATEWAY = (502, 503, 504)
_BACKUPS = {"fal.run": "falrun.com", "queue.fal.run": "queue.falrun.com"}
_BACKUP_CONNECT_TIMEOUT = 5.0


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently failed requests are repeated.

    Attributes:
        attempts: Tries in all, the first included; 1 turns retries off.
        base_delay: Seconds before the first repetition; doubled for each further one.
        max_delay: The longest wait between two tries, in seconds.
        jitter: Share of each wait that is drawn at random, from 0 to 1.
        budget: Seconds one request may spend waiting in all.
        max_retry_after: The longest `Retry-After` that is obeyed, in seconds; when the platform
            asks for more, its error is raised at once.
    """

    attempts: int = 6
    base_delay: float = 0.25
    max_delay: float = 20.0
    jitter: float = 0.5
    budget: float = 90.0
    max_retry_after: float = 60.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or not 0 <= self.jitter <= 1:
            raise FalInputError("A RetryPolicy needs at least 1 attempt and a jitter of 0 to 1.")

    def delay(self, attempt: int, random: float, asked: float | None) -> float | None:
        """Seconds to wait after a failed attempt (counted from 1), or None to give up."""
        if attempt >= self.attempts:
            return None
        if asked is not None:
            return asked if asked <= self.max_retry_after else None
        wait = min(self.max_delay, self.base_delay * 2.0 ** min(attempt - 1, 30))
        return wait * (1 - self.jitter * random)


class Repeat(Enum):
    """What sending a request twice would mean."""

    HARMLESS = "harmless"
    """Reading a status or cancelling: the second answer is as good as the first."""

    ANSWER_IS_THE_MODELS = "result"
    """Reading a result: harmless, but an error status may be the model's own answer."""

    STORES = "stores"
    """Uploading: the same bytes again are the same file."""

    COSTS = "costs"
    """Submitting or running: a second acceptance would be a second job."""


def send_retrying(
    request: HttpRequest,
    *,
    repeat: Repeat,
    policy: RetryPolicy,
    deadline: Deadline,
    request_id: str | None = None,
    sender: Callable[[HttpRequest], Flow[HttpResponse]] = send,
) -> Flow[HttpResponse]:
    """Send a request until it is answered, as far as the policy and the deadline allow.

    One attempt is what `sender` does: by default, send the request and read the whole answer.

    Returns:
        The first answer that is not worth repeating the request for, whatever its status.

    Raises:
        FalConnectionError: No answer came.
        FalTimeoutError: No answer came in time.
    """
    backoff = Backoff(policy)
    while True:
        response: HttpResponse | None = None
        failure: TransportError | None = None
        try:
            limited = yield from _within(request, deadline)
            response = yield from send_with_backup(limited, sender)
        except TransportError as error:
            failure = error
        if response is not None and not is_error(response):
            return response
        delay: float | None = None
        if _worth_retrying(repeat, response, failure):
            delay = yield from backoff.next_delay(retry_after(response) if response else None)
        remaining = yield from deadline.remaining()
        out_of_time = delay is not None and remaining is not None and delay >= remaining
        if delay is None or out_of_time:
            if response is not None:
                return response
            raise _no_response(failure, request, request_id, repeat) from None
        reason = f"status {response.status}" if response is not None else str(failure)
        yield from report(Retrying(request, backoff.failures, delay, reason))
        yield from sleep(delay)


class Backoff:
    """Counts the failures of one request and says how long to wait after each.

    Attributes:
        failures: Failed attempts since the beginning, or since the last progress.
    """

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._waited = 0.0
        self.failures = 0

    def progressed(self) -> None:
        """Count from the beginning; the next failure does not count, as it brought progress."""
        self.failures = -1
        self._waited = 0.0

    def next_delay(self, asked: float | None) -> Flow[float | None]:
        """Count a failure; gives the seconds to wait before the next attempt, or None to stop.

        Args:
            asked: The wait the server asks for, in seconds.
        """
        self.failures += 1
        random: float = yield Draw()
        delay = self._policy.delay(max(self.failures, 1), random, asked)
        if delay is None or self._waited + delay > self._policy.budget:
            return None
        self._waited += delay
        return delay


def is_transient(status: int, *, stores: bool = False) -> bool:
    """Whether a status says that the same request may succeed later.

    Args:
        status: HTTP status.
        stores: Whether it is the file storage's, which also returns 409 and 500 when it is busy.
    """
    return status in _TRANSIENT or status in _GATEWAY or (stores and status in _STORAGE_IS_BUSY)


def _within(request: HttpRequest, deadline: Deadline) -> Flow[HttpRequest]:
    timeout = shorter(request.timeout, (yield from deadline.remaining()))
    if timeout == request.timeout:
        return request
    return replace(request, timeout=timeout)


def send_with_backup(
    request: HttpRequest, sender: Callable[[HttpRequest], Flow[HttpResponse]]
) -> Flow[HttpResponse]:
    """Send a request once, or to the platform's backup domain if nothing was sent.

    Raises:
        TransportError: No answer came.
    """
    twin = _backup_of(request)
    if twin is None:
        return (yield from sender(request))
    try:
        return (yield from sender(request))
    except TransportError as primary:
        if primary.sent:
            raise
        yield from report(Fallback(f"{primary}; trying the backup domain {twin}"))
        try:
            return (yield from sender(twin))
        except TransportError as error:
            raise (error if error.sent else primary) from None


def _backup_of(request: HttpRequest) -> HttpRequest | None:
    parts = urlsplit(request.url)
    host = _BACKUPS.get(parts.netloc) if parts.scheme == "https" else None
    if host is None:
        return None
    return replace(
        request,
        url=parts._replace(netloc=host).geturl(),
        connect_timeout=min(request.connect_timeout, _BACKUP_CONNECT_TIMEOUT),
    )


def _worth_retrying(
    repeat: Repeat, response: HttpResponse | None, failure: TransportError | None
) -> bool:
    if failure is not None:
        return not failure.sent or repeat is not Repeat.COSTS
    if response is None or "x-fal-request-timeout-type" in response.headers:
        return False
    said = needs_retry(response)
    if repeat is Repeat.COSTS:
        refused = response.status == _TOO_MANY or (
            response.status == _UNAVAILABLE and (said or is_ingress_error(response))
        )
        return bool(refused) and said is not False
    if repeat is Repeat.ANSWER_IS_THE_MODELS and response.status in _GATEWAY:
        # What a model answered is stored: asking again brings the same, whatever it advises.
        return is_ingress_error(response)
    if said is not None:
        return said
    return is_transient(response.status, stores=repeat is Repeat.STORES)


def _no_response(
    failure: TransportError | None, request: HttpRequest, request_id: str | None, repeat: Repeat
) -> FalError:
    assert failure is not None  # noqa: S101 - there is no answer only when the sending failed
    costs = repeat is Repeat.COSTS
    return transport_error(failure, request, request_id=request_id, costs=costs)
