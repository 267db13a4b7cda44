"""The errors that this SDK raises, all subclasses of `FalError`.

Errors of third-party libraries are never raised to callers. Each error says what happened and
where, and has the request id (if known) to find the job on the platform. No error contains a key:
requests are described by method and URL only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class FalError(Exception):
    """Base class of all errors of this SDK.

    Attributes:
        message: What happened and what to do next.
        request_id: Id of the request on the platform, or None if unknown.
    """

    def __init__(self, message: str, *, request_id: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.request_id = request_id

    def __str__(self) -> str:
        if self.request_id is None:
            return self.message
        return f"{self.message} (request id {self.request_id})"

    def _render_traceback_(self) -> list[str]:
        """Notebooks show the caller's lines, not those of this SDK."""
        from fal_typed._display.notebook import trimmed_traceback

        return trimmed_traceback(self)


@dataclass(frozen=True)
class Problem:
    """One problem with an input, found by the SDK or reported by the platform.

    Attributes:
        loc: Path to the value, for example `("loras", 0, "scale")`.
        msg: Human-readable message. Do not parse it, because it may change.
        type: Machine-readable type, for example `missing` or `content_policy_violation`.
        ctx: Bounds and other details of the type, for example `{"le": 4}`.
    """

    loc: tuple[str | int, ...]
    msg: str
    type: str
    ctx: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def path(self) -> str:
        """The location in code notation: `loras[0].scale`."""
        text = ""
        for part in self.loc:
            text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
        return text

    def __str__(self) -> str:
        return f"{self.path}: {self.msg}" if self.loc else self.msg


class FalInputError(FalError, ValueError):
    """The input does not match the endpoint's schema; nothing was sent.

    Attributes:
        errors: All problems, each with its path.
    """

    def __init__(self, message: str, *, errors: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.errors = list(errors)


class FalCredentialsError(FalError):
    """No valid key was found, or the key must not be sent to the URL of the call."""


class FalConnectionError(FalError, ConnectionError):
    """The platform could not be reached, or the connection broke before the response was read.

    Attributes:
        maybe_accepted: True if the platform may have accepted the request, so that sending it
            again could run and bill it twice.
    """

    def __init__(
        self, message: str, *, request_id: str | None = None, maybe_accepted: bool = False
    ) -> None:
        super().__init__(message, request_id=request_id)
        self.maybe_accepted = maybe_accepted


class FalTimeoutError(FalError, TimeoutError):
    """A timeout set by the caller expired.

    Attributes:
        timeout: The timeout that expired, in seconds, or None if unknown.
        maybe_accepted: True if the platform may have accepted the request.
    """

    def __init__(
        self,
        message: str,
        *,
        request_id: str | None = None,
        timeout: float | None = None,
        maybe_accepted: bool = False,
    ) -> None:
        super().__init__(message, request_id=request_id)
        self.timeout = timeout
        self.maybe_accepted = maybe_accepted


class FalProtocolError(FalError):
    """The platform returned a response that this SDK cannot parse."""


class FalHTTPError(FalError):
    """The platform returned an error status (docs/protocol.md section 8).

    Attributes:
        status_code: HTTP status of the response.
        headers: Headers of the response, by lower-case name.
        body: Body of the response, unparsed.
        detail: The platform's `detail`: a string, a list of problems, or None.
        errors: The model's validation errors, typed; empty if there are none.
        error_type: Machine-readable type, for example `runner_disconnected`, or None.
        needs_retry: Whether the platform advises a retry, or None if it does not say.
        retry_after: Seconds to wait before a retry, as requested by the platform, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        status_code: int = 0,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        detail: str | list[Any] | None = None,
        errors: Sequence[Problem] = (),
        error_type: str | None = None,
        needs_retry: bool | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, request_id=request_id)
        self.status_code = status_code
        self.headers = dict(headers or {})
        self.body = body
        self.detail = detail
        self.errors = list(errors)
        self.error_type = error_type
        self.needs_retry = needs_retry
        self.retry_after = retry_after


class FalAuthenticationError(FalHTTPError):
    """The key is missing, unknown or revoked (401)."""


class FalPermissionError(FalHTTPError, PermissionError):
    """The key is valid but lacks the permission (403)."""


class FalNotFoundError(FalHTTPError):
    """The endpoint or request does not exist (404)."""


class FalConflictError(FalHTTPError):
    """The state of the request does not allow this, for example it is already complete (409)."""


class FalRateLimitError(FalHTTPError):
    """Too many requests, or the queue is longer than the caller allowed (429)."""


class FalValidationError(FalHTTPError):
    """The platform or the model rejected the input (400, 422)."""


class FalContentPolicyError(FalValidationError):
    """The content checker rejected the input or the result."""


class FalServerError(FalHTTPError):
    """The model or the platform failed (5xx)."""


class FalRequestTimeoutError(FalServerError, TimeoutError):
    """The request did not start or finish in time on the platform (504, 408)."""


class FalCancelledError(FalHTTPError):
    """The request was canceled on the platform (499)."""


class FalStreamError(FalError):
    """A stream has no result, or one of its events or messages could not be decoded."""


class FalRealtimeError(FalError):
    """A realtime session failed or its connection broke.

    Attributes:
        code: The platform's code, for example `INTERNAL_ERROR`.
        reason: The platform's explanation, or None.
        in_flight: Number of inputs sent without a result when the session failed.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        reason: str | None = None,
        in_flight: int = 0,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, request_id=request_id)
        self.code = code
        self.reason = reason
        self.in_flight = in_flight


class FalUploadError(FalError):
    """A file could not be stored on the platform."""


class FalDownloadError(FalError):
    """A file of a result could not be downloaded."""


class FalWebhookError(FalError, ValueError):
    """A webhook delivery could not be verified; do not act on it."""


class SchemaDriftWarning(UserWarning):
    """A result does not match its schema. The message lists the paths; `result.raw` is complete."""
