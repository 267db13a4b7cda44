"""fal_client's exceptions, each also one of this SDK's.

Programs catch what fal_client lets through of httpx and websockets as well, so the errors of
requests without a response and of closed websockets are also the classes of these libraries.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK
from websockets.frames import Close

from fal_typed._core.json_values import as_object, as_text
from fal_typed._transport.base import SocketClosed
from fal_typed.errors import (
    FalConnectionError,
    FalCredentialsError,
    FalError,
    FalHTTPError,
    FalRealtimeError,
    FalTimeoutError,
)

_NORMAL_CODES = (1000, 1001)
# The body is decoded already, and httpx would decode it again.
_FRAMING = ("content-encoding", "content-length", "transfer-encoding")


class FalClientError(FalError):
    """Base of fal_client's errors."""

    def __init__(self, *args: object) -> None:
        super().__init__(str(args[0]) if args else "")
        self.args = args


class FalClientHTTPError(FalClientError, FalHTTPError):
    """The platform or the model returned an error status.

    Attributes:
        message: The response's `detail` as it came (a text, or a list of problems), or its text.
        status_code: HTTP status.
        response_headers: Headers of the response.
        response: The response as one of httpx.
        error_type: Machine-readable kind, for example `runner_disconnected`.
    """

    def __init__(
        self,
        message: str,
        status_code: int,
        response_headers: dict[str, str],
        response: httpx.Response,
        error_type: str | None = None,
    ) -> None:
        FalHTTPError.__init__(
            self,
            message,
            status_code=status_code,
            headers=response_headers,
            body=response.content,
            error_type=error_type,
        )
        self.response_headers = response_headers
        self.response = response

    def __str__(self) -> str:
        return str(self.message)


class FalClientTimeoutError(FalClientError, FalTimeoutError):
    """The request was not complete within `client_timeout`; it was cancelled.

    Attributes:
        timeout: The limit in seconds.
        request_id: Id of the request, or None when the platform had not accepted it yet.
    """

    def __init__(self, timeout: float, request_id: str | None = None) -> None:
        what = "Request" if request_id is None else f"Request {request_id}"
        message = f"{what} timed out after {timeout} seconds"
        FalTimeoutError.__init__(self, message, request_id=request_id, timeout=timeout)

    def __str__(self) -> str:
        return self.message


class MissingCredentialsError(FalCredentialsError):
    """No usable key was found."""


class RealtimeError(FalRealtimeError, RuntimeError):
    """The realtime endpoint failed, or its connection broke.

    Attributes:
        error: The platform's code, for example `INTERNAL_ERROR`.
        reason: The platform's words, or an empty text.
        payload: The error message as it came.
    """

    def __init__(
        self, error: str, reason: str | None = None, payload: dict[str, Any] | None = None
    ) -> None:
        message = f"{error}: {reason}" if reason else error
        super().__init__(message, code=error, reason=reason or "")
        self.error = error
        self.payload = payload or {}


class UnansweredError(FalTimeoutError, httpx.ReadTimeout):
    """No response came in time."""

    _request = None


class UnreachableError(FalConnectionError, httpx.ConnectError):
    """The platform could not be reached."""

    _request = None


class ResponseLostError(FalConnectionError, httpx.ReadError):
    """The connection broke after the platform may have accepted the request."""

    _request = None


class WebSocketClosedError(FalConnectionError, ConnectionClosedOK):
    """The other side closed the websocket as planned."""


class WebSocketBrokenError(FalConnectionError, ConnectionClosedError):
    """The websocket broke, or the other side closed it because of an error."""


def closed_error(message: str, closed: SocketClosed) -> WebSocketClosedError | WebSocketBrokenError:
    """The error for a websocket that is closed.

    Args:
        message: What happened.
        closed: How it was closed.
    """
    kind = WebSocketClosedError if closed.code in _NORMAL_CODES else WebSocketBrokenError
    error = kind(message)
    error.rcvd = None if closed.code is None else Close(closed.code, closed.reason)
    error.sent, error.rcvd_then_sent = error.rcvd, None if error.rcvd is None else True
    return error


@contextmanager
def translated(method: str, url: str) -> Generator[None]:
    """Raise fal_client's errors in place of this SDK's.

    Args:
        method: HTTP method of the request that may fail.
        url: Its URL.
    """
    try:
        yield
    except (FalClientError, MissingCredentialsError):
        raise
    except FalHTTPError as error:
        raise _http_error(error, httpx.Request(method, url)) from error
    except FalCredentialsError as error:
        raise MissingCredentialsError(error.message) from error
    except (FalTimeoutError, FalConnectionError) as error:
        if isinstance(error, (httpx.RequestError, WebSocketClosedError, WebSocketBrokenError)):
            raise
        raise _request_error(error, httpx.Request(method, url)) from error


def _http_error(error: FalHTTPError, request: httpx.Request) -> FalClientHTTPError:
    headers = dict(error.headers)
    response = httpx.Response(
        error.status_code,
        headers={name: value for name, value in headers.items() if name not in _FRAMING},
        content=error.body,
        request=request,
    )
    content = _content(error.body) or {}
    kind = as_text(content.get("error_type")) or headers.get("x-fal-error-type")
    detail = content.get("detail", response.text)
    raised = FalClientHTTPError(detail, error.status_code, headers, response, kind)
    raised.detail = error.detail
    raised.errors = error.errors
    raised.needs_retry = error.needs_retry
    raised.retry_after = error.retry_after
    raised.request_id = error.request_id
    return raised


def _request_error(
    error: FalTimeoutError | FalConnectionError, request: httpx.Request
) -> UnansweredError | UnreachableError | ResponseLostError:
    raised: UnansweredError | UnreachableError | ResponseLostError
    if isinstance(error, FalTimeoutError):
        raised = UnansweredError(error.message, request_id=error.request_id, timeout=error.timeout)
    elif error.maybe_accepted:
        raised = ResponseLostError(error.message, request_id=error.request_id)
    else:
        raised = UnreachableError(error.message, request_id=error.request_id)
    raised.maybe_accepted = error.maybe_accepted
    raised.request = request
    return raised


def _content(body: bytes) -> dict[str, Any] | None:
    try:
        return as_object(json.loads(body))
    except ValueError:
        return None
