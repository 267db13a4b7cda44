"""What an error of a submit, or of fetching a result, means for its item."""

from __future__ import annotations

from enum import Enum

from fal_typed.errors import (
    FalAuthenticationError,
    FalConnectionError,
    FalCredentialsError,
    FalError,
    FalHTTPError,
    FalInputError,
    FalNotFoundError,
    FalPermissionError,
    FalProtocolError,
    FalTimeoutError,
)

_TIMEOUT, _TOO_MANY, _BAD_GATEWAY, _UNAVAILABLE, _GATEWAY_TIMEOUT = 408, 429, 502, 503, 504


class Verdict(Enum):
    """What to do with an item."""

    REFUSED = "refused"
    """Nothing was accepted; send it again, but less at once."""

    UNREACHABLE = "unreachable"
    """Nothing left the machine; send it again when the platform can be reached."""

    UNCERTAIN = "uncertain"
    """The platform may have accepted it."""

    FAILED = "failed"
    """The platform refused it for good, or the model failed."""

    STOP = "stop"
    """No other item would be accepted either."""


def of_submit(error: FalError) -> Verdict:
    """The verdict on an item whose submit failed (docs/retries.md has the table)."""
    if isinstance(error, (FalAuthenticationError, FalPermissionError, FalCredentialsError)):
        return Verdict.STOP
    if isinstance(error, FalNotFoundError):
        return Verdict.STOP  # the endpoint does not exist
    if isinstance(error, (FalConnectionError, FalTimeoutError)):
        return Verdict.UNCERTAIN if error.maybe_accepted else Verdict.UNREACHABLE
    if isinstance(error, FalProtocolError):
        return Verdict.UNCERTAIN
    if not isinstance(error, FalHTTPError):
        return Verdict.FAILED
    is_busy = error.status_code == _TOO_MANY or (
        error.status_code == _UNAVAILABLE and (error.needs_retry or is_ingress_page(error))
    )
    if is_busy:
        return Verdict.REFUSED if error.needs_retry is not False else Verdict.FAILED
    if error.status_code in (_TIMEOUT, _BAD_GATEWAY, _GATEWAY_TIMEOUT):
        return Verdict.UNCERTAIN
    return Verdict.FAILED


def of_upload(error: FalError) -> Verdict:
    """The verdict on an item whose files could not be uploaded; it was not submitted."""
    if isinstance(error, (FalAuthenticationError, FalPermissionError, FalCredentialsError)):
        return Verdict.STOP
    if isinstance(error, (FalConnectionError, FalTimeoutError)):
        return Verdict.UNREACHABLE
    is_input = isinstance(error, FalInputError) or not isinstance(error, FalHTTPError)
    return Verdict.FAILED if is_input else Verdict.REFUSED


def of_wait(error: FalError) -> Verdict:
    """The verdict on an accepted item whose status could not be read."""
    if isinstance(error, FalNotFoundError):
        return Verdict.FAILED  # the platform has forgotten the job
    if isinstance(error, (FalAuthenticationError, FalPermissionError, FalCredentialsError)):
        return Verdict.STOP
    return Verdict.UNREACHABLE


def of_fetch(error: FalError) -> Verdict:
    """The verdict on a completed job whose result could not be fetched."""
    if not isinstance(error, FalHTTPError):
        is_lost = isinstance(error, (FalConnectionError, FalTimeoutError, FalProtocolError))
        return Verdict.UNREACHABLE if is_lost else Verdict.STOP
    if isinstance(error, FalAuthenticationError):
        return Verdict.STOP
    is_passing = error.status_code == _TOO_MANY or is_ingress_page(error)
    return Verdict.UNREACHABLE if is_passing else Verdict.FAILED


def is_ingress_page(error: FalHTTPError) -> bool:
    """Whether an error is the page of the platform's ingress, not of the app behind it."""
    return "x-fal-request-id" not in error.headers and b"nginx" in error.body
