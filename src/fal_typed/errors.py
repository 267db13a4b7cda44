"""Every error this SDK raises, as one tree under `FalError`.

Nothing of a third-party library is raised past it. An error says what happened and where, and
carries the request id when there is one, so that the job can be found again on the platform.
No error ever holds a key: requests are described by method and URL only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class FalError(Exception):
    """Base of all errors of this SDK.

    Attributes:
        message: What happened and what to do next.
        request_id: Id of the request on the platform, or None when there is none (yet).
    """

    def __init__(self, message: str, *, request_id: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.request_id = request_id

    def __str__(self) -> str:
        if self.request_id is None:
            return self.message
        return f"{self.message} (request id {self.request_id})"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an input, as found here or reported by the platform.

    Attributes:
        loc: Path to the value, for example `("loras", 0, "scale")`.
        msg: What is wrong, in words. Do not match on it: it may change.
        type: Machine-readable kind, for example `missing` or `content_policy_violation`.
        ctx: Bounds and other facts belonging to the kind, for example `{"le": 4}`.
    """

    loc: tuple[str | int, ...]
    msg: str
    type: str
    ctx: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def path(self) -> str:
        """The location as one writes it: `loras[0].scale`."""
        text = ""
        for part in self.loc:
            text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
        return text

    def __str__(self) -> str:
        return f"{self.path}: {self.msg}" if self.loc else self.msg


class FalInputError(FalError, ValueError):
    """The input does not fit the endpoint's schema; nothing was sent.

    Attributes:
        errors: Every problem found, each with its path.
    """

    def __init__(self, message: str, *, errors: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.errors = list(errors)


class FalCredentialsError(FalError):
    """No usable key was found, or it may not be sent where the call would go."""


class FalConnectionError(FalError, ConnectionError):
    """The platform could not be reached, or the connection broke before the answer was read.

    Attributes:
        maybe_accepted: True when the request may have been read by the platform, so that
            sending it again could run (and bill) it twice.
    """

    def __init__(
        self, message: str, *, request_id: str | None = None, maybe_accepted: bool = False
    ) -> None:
        super().__init__(message, request_id=request_id)
        self.maybe_accepted = maybe_accepted


class FalTimeoutError(FalError, TimeoutError):
    """A wait took longer than the caller allowed.

    Attributes:
        timeout: The limit that passed, in seconds, or None when the platform set it.
        maybe_accepted: True when the request may have been read by the platform.
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
    """The platform answered with something this SDK cannot make sense of."""


class FalHTTPError(FalError):
    """The platform answered with an error status (docs/protocol.md section 8).

    Attributes:
        status_code: HTTP status of the answer.
        headers: Headers of the answer, names in lower case.
        body: The answer's body, unparsed.
        detail: The platform's `detail`: a text, a list of problems, or None.
        errors: The model's validation details, typed; empty when there are none.
        error_type: The platform's machine-readable kind, for example `runner_disconnected`.
        needs_retry: What the platform said about trying again, or None if it said nothing.
        retry_after: Seconds to wait as asked by the platform, or None.
    """

    def __init__(  # the parts of one HTTP answer
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
    """The key is valid but may not do this (403)."""


class FalNotFoundError(FalHTTPError):
    """There is no such endpoint or request (404)."""


class FalConflictError(FalHTTPError):
    """The request is in a state that does not allow this, for example already completed."""


class FalRateLimitError(FalHTTPError):
    """Too many requests, or the queue is longer than the caller allowed (429)."""


class FalValidationError(FalHTTPError):
    """The platform or the model refused the input (400 and 422)."""


class FalContentPolicyError(FalValidationError):
    """The input or the result was refused by the content checker."""


class FalServerError(FalHTTPError):
    """The model or the platform failed (5xx)."""


class FalRequestTimeoutError(FalServerError, TimeoutError):
    """The platform gave up on the request: it did not start or finish in time (504, 408)."""


class FalCancelledError(FalHTTPError):
    """The request was cancelled on the platform (499)."""


class FalStreamError(FalError):
    """An event of a stream could not be read as what it should be."""


class FalRealtimeError(FalError):
    """A realtime session reported an error or broke off.

    Attributes:
        code: The platform's code, for example `INTERNAL_ERROR`.
        reason: The platform's words, or None.
        in_flight: How many inputs were sent and not answered when the session broke.
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
    """A file named by a result could not be fetched."""


class FalWebhookError(FalError, ValueError):
    """A webhook delivery is not what it claims to be: do not act on it."""


class SchemaDriftWarning(UserWarning):
    """A result does not fit its schema; the message names the paths, `result.raw` has it all."""
