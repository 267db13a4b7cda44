"""Logging (logger `fal_typed`) and event hooks for requests.

Neither ever contains a key: URLs are shown without their query, and header values only where the
header is known to carry no secret.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Union, cast, get_args

from typing_extensions import TypedDict

from fal_typed._core.flow import Fallback, Retrying
from fal_typed._transport.base import (
    CallLabels,
    HttpRequest,
    HttpResponse,
    OpenedSocket,
    OpenedStream,
    TransportError,
)
from fal_typed._transport.urls import shown_url
from fal_typed.errors import FalInputError

logger = logging.getLogger("fal_typed")
logger.addHandler(logging.NullHandler())

_HIDDEN = "(hidden)"
_SHOWN = ("accept", "accept-encoding", "content-type", "content-length", "date", "user-agent")
_SECRET = ("x-fal-cdn-token", "x-fal-target-url")

ObservedResponse = Union[HttpResponse, OpenedStream, OpenedSocket]
HookName = Literal["request", "response", "retry"]


@dataclass(frozen=True)
class RequestEvent:
    """A request is about to be sent.

    Attributes:
        method: HTTP method.
        url: URL without the query.
        headers: Headers by lower-case name; values that may be secret are hidden.
        endpoint: Id of the endpoint of the call, or None for requests of no endpoint.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    endpoint: str | None = None


@dataclass(frozen=True)
class ResponseEvent:
    """A response has arrived: all of it for a plain request, its head for a stream.

    Attributes:
        request: The request.
        status_code: HTTP status.
        headers: Headers, as in `RequestEvent`.
        request_id: Id of the request on the platform, or None.
        elapsed: Seconds since the request was sent.
    """

    request: RequestEvent
    status_code: int
    headers: Mapping[str, str] = field(repr=False)
    request_id: str | None
    elapsed: float


@dataclass(frozen=True)
class RetryEvent:
    """A request failed and will be retried.

    Attributes:
        request: The request.
        attempt: Number of the failed attempt, from 1.
        delay: Seconds until the next attempt.
        reason: Why it failed.
    """

    request: RequestEvent
    attempt: int
    delay: float
    reason: str


Hook = Callable[[Any], Union[Awaitable[object], object]]


class EventHooks(TypedDict, total=False):
    """Functions called on request events; in async code they may be coroutine functions.

    An exception raised by a hook propagates to the caller.
    """

    request: Sequence[Callable[[RequestEvent], Union[Awaitable[object], object]]]
    """Called before a request is sent."""
    response: Sequence[Callable[[ResponseEvent], Union[Awaitable[object], object]]]
    """Called when a response arrives, whatever its status."""
    retry: Sequence[Callable[[RetryEvent], Union[Awaitable[object], object]]]
    """Called before the wait that precedes a retry."""


class Observer:
    """Writes the log and creates the events that hooks are called with.

    Args:
        hooks: The caller's hooks.

    Raises:
        FalInputError: A hook name is unknown.
    """

    def __init__(self, hooks: EventHooks | None = None) -> None:
        given = cast("Mapping[str, Sequence[Hook]]", hooks or {})
        if unknown := set(given) - set(get_args(HookName)):
            raise FalInputError(
                f"Unknown event hook: {', '.join(sorted(unknown))}. Valid names are "
                f"{', '.join(get_args(HookName))}."
            )
        self._hooks: dict[str, tuple[Hook, ...]] = {
            kind: tuple(given.get(kind, ())) for kind in get_args(HookName)
        }
        self._has_hooks = any(self._hooks.values())

    @property
    def is_watching(self) -> bool:
        """Whether there are hooks or debug logging is on."""
        return self._has_hooks or logger.isEnabledFor(logging.DEBUG)

    def on(self, kind: HookName) -> tuple[Hook, ...]:
        """The hooks for an event."""
        return self._hooks[kind]

    def received(
        self, request: HttpRequest, response: ObservedResponse, elapsed: float
    ) -> ResponseEvent:
        """Log a response; returns the event for the hooks."""
        head = response.response if isinstance(response, OpenedSocket) else response
        event = ResponseEvent(
            _view(request),
            head.status,
            _shown(head.headers),
            head.headers.get("x-fal-request-id") or _request_id(request.call),
            elapsed,
        )
        logger.debug(
            "%s %s -> %d in %.0f ms (request id %s)",
            event.request.method,
            event.request.url,
            event.status_code,
            elapsed * 1000,
            event.request_id,
            extra=_fields(request.call, event.request_id, event.status_code),
        )
        return event

    def failed(self, request: HttpRequest, error: TransportError, elapsed: float) -> None:
        """Log that no response arrived."""
        logger.debug(
            "%s -> no response after %.0f ms (%s)",
            request,
            elapsed * 1000,
            error,
            extra=_fields(request.call),
        )

    def sending(self, request: HttpRequest) -> RequestEvent:
        """The event for the hooks of a request about to be sent."""
        return _view(request)

    def retrying(self, event: Retrying) -> RetryEvent:
        """Log a retry; returns the event for the hooks."""
        view = _view(event.request)
        logger.warning(
            "%s %s failed (attempt %d: %s); retrying in %.2f s",
            view.method,
            view.url,
            event.attempt,
            event.reason,
            event.delay,
            extra=_fields(event.request.call, status=event.status),
        )
        return RetryEvent(view, event.attempt, event.delay, event.reason)

    def falling_back(self, event: Fallback) -> None:
        """Log a fallback."""
        logger.warning("%s", event.message, extra=_fields(event.call))


def _view(request: HttpRequest) -> RequestEvent:
    endpoint = request.call.endpoint if request.call is not None else None
    return RequestEvent(request.method, shown_url(request.url), _shown(request.headers), endpoint)


def _request_id(call: CallLabels | None) -> str | None:
    return call.request_id if call is not None else None


def _fields(
    call: CallLabels | None, request_id: str | None = None, status: int | None = None
) -> dict[str, object]:
    """The fields of a log record, for handlers that write them, for example as JSON."""
    return {
        "endpoint": call.endpoint if call is not None else None,
        "request_id": request_id or _request_id(call),
        "status": status,
    }


def _shown(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value if _is_harmless(name) else _HIDDEN for name, value in headers.items()}


def _is_harmless(name: str) -> bool:
    return name in _SHOWN or (name.startswith("x-fal-") and name not in _SECRET)
