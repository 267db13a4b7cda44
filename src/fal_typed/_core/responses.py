"""Parses the platform's responses: JSON, request ids and errors (docs/protocol.md section 8)."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping
from typing import Any

from fal_typed._core import json_values
from fal_typed._core.json_values import as_list, as_object, as_text
from fal_typed._transport.base import HttpRequest, HttpResponse, TransportError
from fal_typed._transport.urls import shown_url
from fal_typed.errors import (
    FalAuthenticationError,
    FalCancelledError,
    FalConflictError,
    FalConnectionError,
    FalContentPolicyError,
    FalError,
    FalHTTPError,
    FalNotFoundError,
    FalPermissionError,
    FalProtocolError,
    FalRateLimitError,
    FalRequestTimeoutError,
    FalServerError,
    FalTimeoutError,
    FalValidationError,
    Problem,
)

_BY_STATUS: dict[int, type[FalHTTPError]] = {
    400: FalValidationError,
    401: FalAuthenticationError,
    403: FalPermissionError,
    404: FalNotFoundError,
    408: FalRequestTimeoutError,
    409: FalConflictError,
    422: FalValidationError,
    429: FalRateLimitError,
    499: FalCancelledError,
    504: FalRequestTimeoutError,
}
_SERVER_ERRORS = 500
_SWITCHED, _SUCCESS, _REDIRECT = 101, 200, 300
_MAX_TEXT = 300
_NO_REDIRECTS = "Redirects are not followed, because the request carries the key."
_ADVICE = {
    **dict.fromkeys((301, 302, 303, 307, 308), _NO_REDIRECTS),
    401: "Check your key at https://fal.ai/dashboard/keys.",
    403: "Check that the key's account has access.",
    404: "Check the endpoint id and the request id; results are stored for a limited time.",
    429: "Retry later, or raise the account's limits.",
}


def is_error(response: HttpResponse) -> bool:
    """Whether the request failed: every status but 2xx, or 101 of a websocket."""
    return not _SUCCESS <= response.status < _REDIRECT and response.status != _SWITCHED


def request_id_of(response: HttpResponse) -> str | None:
    """The request id in the response headers."""
    return response.headers.get("x-fal-request-id")


def parse_json(response: HttpResponse) -> Any:
    """Parse the body as JSON.

    Raises:
        FalProtocolError: The body is not JSON.
    """
    try:
        return json_values.parse_json(response.body)
    except ValueError:
        raise FalProtocolError(
            f"{_place(response)} returned status {response.status} with a body that is not JSON, "
            "or nested too deeply: "
            f"{_excerpt(response)!r}",
            request_id=request_id_of(response),
        ) from None


def parse_object(response: HttpResponse) -> dict[str, Any]:
    """Parse the body as a JSON object.

    Raises:
        FalProtocolError: The body is not a JSON object.
    """
    value = as_object(parse_json(response))
    if value is None:
        raise FalProtocolError(
            f"{_place(response)} returned JSON that is not an object: {_excerpt(response)!r}",
            request_id=request_id_of(response),
        )
    return value


def http_error(
    response: HttpResponse, *, endpoint: str | None = None, request_id: str | None = None
) -> FalHTTPError:
    """The error for a response with an error status."""
    content = _content(response)
    detail = content.get("detail")
    problems = [_problem(item) for item in as_list(detail) or []]
    error_class = _error_class(response, problems)
    text = "; ".join(map(str, problems)) or _text(content) or _excerpt(response)
    advice = _ADVICE.get(response.status, "")
    place = endpoint or _place(response)
    return error_class(
        f"{place} returned status {response.status}: {text} {advice}".strip(),
        status_code=response.status,
        headers=response.headers,
        body=response.body,
        detail=as_text(detail) or as_list(detail),
        errors=problems,
        error_type=_error_type(content, response, problems),
        needs_retry=needs_retry(response),
        retry_after=retry_after(response),
        request_id=request_id or request_id_of(response),
    )


def transport_error(
    error: TransportError,
    request: HttpRequest,
    *,
    request_id: str | None = None,
    is_billed: bool = True,
) -> FalError:
    """The error for a request that got no response.

    Args:
        error: What went wrong.
        request: The request.
        request_id: Id of the request, if already known.
        is_billed: Whether the platform bills for the request once it accepts it.
    """
    known = request_id or (request_id_of(error.head) if error.head else None)
    maybe = is_billed and error.sent
    advice = ""
    if maybe:
        advice = (
            " The platform may have accepted the request, so it was not retried; check "
            "https://fal.ai/dashboard before you send it again."
        )
    elif is_billed:
        advice = " Nothing was sent, so it is safe to send it again."
    if error.permanent and error.sent:
        return FalProtocolError(f"{error}.", request_id=known)
    if error.timed_out:
        return FalTimeoutError(
            f"Timed out: {error}.{advice}",
            timeout=request.timeout,
            request_id=known,
            maybe_accepted=maybe,
        )
    return FalConnectionError(
        f"Connection failed: {error}.{advice}", request_id=known, maybe_accepted=maybe
    )


def needs_retry(response: HttpResponse) -> bool | None:
    """Whether the platform advises a retry, or None if it does not say."""
    value = response.headers.get("x-fal-needs-retry", "").strip().lower()
    return None if not value else value in ("1", "true", "yes")


def retry_after(response: HttpResponse) -> float | None:
    """Seconds to wait according to the `Retry-After` header, or None."""
    value = response.headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            return None
    return max(0.0, seconds) if seconds == seconds else None  # noqa: PLR0124 - not NaN


def is_ingress_error(response: HttpResponse) -> bool:
    """Whether the response is the ingress's error page, so that no app received the request."""
    return request_id_of(response) is None and b"nginx" in response.body


def _content(response: HttpResponse) -> Mapping[str, Any]:
    try:
        value = json_values.parse_json(response.body)
    except ValueError:
        return {}
    return as_object(value) or {}


def _text(content: Mapping[str, Any]) -> str:
    error = content.get("error")
    nested = as_object(error)
    if nested is not None:  # as the platform API returns it
        error = nested.get("message")
    for text in (content.get("detail"), error, content.get("message"), content.get("status")):
        if isinstance(text, str):
            return text[:_MAX_TEXT]
    return ""


def _problem(item: object) -> Problem:
    entry = as_object(item)
    if entry is None:
        return Problem((), str(item)[:_MAX_TEXT], "unknown")
    loc = as_list(entry.get("loc")) or []
    path = tuple(part for part in loc if isinstance(part, (str, int)))
    return Problem(
        path[1:] if path[:1] == ("body",) else path,
        str(entry.get("msg", ""))[:_MAX_TEXT],
        str(entry.get("type", "unknown")),
        as_object(entry.get("ctx")) or {},
    )


def _error_class(response: HttpResponse, problems: list[Problem]) -> type[FalHTTPError]:
    if any(problem.type == "content_policy_violation" for problem in problems):
        return FalContentPolicyError
    if response.status in _BY_STATUS:
        return _BY_STATUS[response.status]
    return FalServerError if response.status >= _SERVER_ERRORS else FalHTTPError


def _error_type(
    content: Mapping[str, Any], response: HttpResponse, problems: list[Problem]
) -> str | None:
    nested = as_object(content.get("error")) or {}
    header = response.headers.get("x-fal-error-type")
    for found in (content.get("error_type"), header, nested.get("type")):
        if isinstance(found, str):
            return found
    return problems[0].type if problems else None


def _excerpt(response: HttpResponse) -> str:
    return response.body[:_MAX_TEXT].decode("utf-8", "replace") or "(no body)"


def _place(response: HttpResponse) -> str:
    return shown_url(response.url) or "the platform"
