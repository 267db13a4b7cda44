"""What a client tells of its requests: to the logger `fal_typed`, and to the caller's own hooks.

Neither is ever told a key: of URLs the query is left out, and of headers only those are shown
that are known to hold no secrets.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Union, cast, get_args

from typing_extensions import TypedDict

from fal_typed._core.flow import Fallback, Retrying
from fal_typed._transport.base import (
    HttpRequest,
    HttpResponse,
    OpenedSocket,
    OpenedStream,
    TransportError,
)
from fal_typed.errors import FalInputError

logger = logging.getLogger("fal_typed")
logger.addHandler(logging.NullHandler())

_HIDDEN = "(hidden)"
_SHOWN = ("accept", "accept-encoding", "content-type", "content-length", "date", "user-agent")
_SECRET = ("x-fal-cdn-token", "x-fal-target-url")

Answer = Union[HttpResponse, OpenedStream, OpenedSocket]
Kind = Literal["request", "response", "retry"]


@dataclass(frozen=True)
class RequestEvent:
    """A request is about to be sent.

    Attributes:
        method: HTTP method.
        url: Where to, without the query.
        headers: Headers, names in lower case, with values that may be secret hidden.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class ResponseEvent:
    """The head of an answer has come; of a plain request, the whole answer.

    Attributes:
        request: What was sent.
        status_code: HTTP status.
        headers: Headers, as in `RequestEvent`.
        request_id: The platform's id of the request, or None.
        elapsed: Seconds since the request was sent.
    """

    request: RequestEvent
    status_code: int
    headers: Mapping[str, str] = field(repr=False)
    request_id: str | None
    elapsed: float


@dataclass(frozen=True)
class RetryEvent:
    """A request failed and will be sent again.

    Attributes:
        request: What was sent.
        attempt: Number of the attempt that failed, from 1.
        delay: Seconds until the next one.
        reason: What failed.
    """

    request: RequestEvent
    attempt: int
    delay: float
    reason: str


Hook = Callable[[Any], Union[Awaitable[object], object]]


class EventHooks(TypedDict, total=False):
    """Functions to call with what happens; in async code they may be coroutine functions.

    What a hook raises reaches the caller of the call it was called in.
    """

    request: Sequence[Callable[[RequestEvent], Union[Awaitable[object], object]]]
    """Called before a request is sent."""
    response: Sequence[Callable[[ResponseEvent], Union[Awaitable[object], object]]]
    """Called when a request was answered, whatever the status."""
    retry: Sequence[Callable[[RetryEvent], Union[Awaitable[object], object]]]
    """Called before the wait that precedes another attempt."""


class Observer:
    """Writes the log, and knows which hooks to call with what.

    Args:
        hooks: The caller's hooks.

    Raises:
        FalInputError: There is no such hook.
    """

    def __init__(self, hooks: EventHooks | None = None) -> None:
        given = cast("Mapping[str, Sequence[Hook]]", hooks or {})
        if unknown := set(given) - set(get_args(Kind)):
            raise FalInputError(f"There is no event hook {', '.join(sorted(unknown))}.")
        self._hooks: dict[str, tuple[Hook, ...]] = {
            kind: tuple(given.get(kind, ())) for kind in get_args(Kind)
        }
        self._has_hooks = any(self._hooks.values())

    @property
    def is_watching(self) -> bool:
        """Whether anybody wants to know of requests."""
        return self._has_hooks or logger.isEnabledFor(logging.DEBUG)

    def on(self, kind: Kind) -> tuple[Hook, ...]:
        """The hooks for an event."""
        return self._hooks[kind]

    def answered(self, request: HttpRequest, answer: Answer, elapsed: float) -> ResponseEvent:
        """Log an answer; gives what to tell the hooks."""
        head = answer.response if isinstance(answer, OpenedSocket) else answer
        event = ResponseEvent(
            _view(request),
            head.status,
            _shown(head.headers),
            head.headers.get("x-fal-request-id"),
            elapsed,
        )
        logger.debug(
            "%s %s -> %d in %.0f ms (request id %s)",
            event.request.method,
            event.request.url,
            event.status_code,
            elapsed * 1000,
            event.request_id,
        )
        return event

    def unanswered(self, request: HttpRequest, error: TransportError, elapsed: float) -> None:
        """Log that no answer came."""
        logger.debug("%s -> no answer after %.0f ms (%s)", request, elapsed * 1000, error)

    def sending(self, request: HttpRequest) -> RequestEvent:
        """What to tell the hooks of a request."""
        return _view(request)

    def retrying(self, event: Retrying) -> RetryEvent:
        """Log that a request is repeated; gives what to tell the hooks."""
        view = _view(event.request)
        logger.warning(
            "%s %s failed (attempt %d: %s); trying again in %.2f s",
            view.method,
            view.url,
            event.attempt,
            event.reason,
            event.delay,
        )
        return RetryEvent(view, event.attempt, event.delay, event.reason)

    def falling_back(self, event: Fallback) -> None:
        """Log that another way is tried."""
        logger.warning("%s", event.message)


def _view(request: HttpRequest) -> RequestEvent:
    return RequestEvent(request.method, request.url.split("?")[0], _shown(request.headers))


def _shown(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value if _is_harmless(name) else _HIDDEN for name, value in headers.items()}


def _is_harmless(name: str) -> bool:
    return name in _SHOWN or (name.startswith("x-fal-") and name not in _SECRET)
