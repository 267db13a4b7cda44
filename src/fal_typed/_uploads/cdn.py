"""Requests to the file storage, and the token that they need.

See docs/protocol.md section 6.1.

The token is cached per client, renewed before it expires, and sent only to the storage's own
hosts, whatever host a response names.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from fal_typed._core import responses
from fal_typed._core.flow import (
    Deadline,
    Flow,
    now,
    sleep,
)
from fal_typed._core.json_values import as_text
from fal_typed._core.retry import RetrySafety, send_with_retries
from fal_typed._core.settings import USER_AGENT, Settings
from fal_typed._core.token_cache import TokenCache
from fal_typed._transport.base import FilePart, HttpRequest, HttpResponse
from fal_typed.errors import FalCredentialsError, FalUploadError

STORAGE = {"storage_type": "fal-cdn-v3"}
_UNAUTHORIZED = 401
_LEEWAY = 60.0
# How long to wait for another flow's token request, and how often to check it.
_CLAIM_TIMEOUT = 30.0
_CLAIM_INTERVAL = 0.02
# An upload may take a minute, plus time for its size: fewer bytes per second than this count as a
# broken connection.
_BASE_TIMEOUT = 60.0
_MIN_SPEED = 16 * 1024
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?\s*(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE
)


@dataclass(frozen=True)
class CdnToken:
    """A token for uploading.

    Attributes:
        authorization: Value of the `Authorization` header.
        base_url: Base URL of multipart uploads.
        valid_until: When to request a new one, by the monotonic clock.
    """

    authorization: str = field(repr=False)
    base_url: str
    valid_until: float


def cdn_token(settings: Settings, deadline: Deadline) -> Flow[CdnToken]:
    """The client's cached token, or a new one; only one flow at a time requests it.

    Raises:
        FalHTTPError: The platform did not issue a token.
        FalCredentialsError: No key is configured.
    """
    tokens: TokenCache[CdnToken] = settings.cdn_tokens
    owner = _owner(settings)
    start = time = yield from now()
    claim = tokens.claim_of(owner)
    while claim is not None and tokens.claim_of(owner) is claim and time < start + _CLAIM_TIMEOUT:
        yield from sleep(_CLAIM_INTERVAL)
        time = yield from now()
    token = tokens.find(owner, time)
    if token is not None:
        return token
    claim = tokens.claim(owner)
    try:
        token = yield from _request_token(settings, deadline)
        tokens.keep(owner, token, valid_until=token.valid_until, time=time)
    finally:
        tokens.release(owner, claim)
    return token


def send_to_cdn(
    settings: Settings,
    method: str,
    url: str,
    *,
    deadline: Deadline,
    headers: Mapping[str, str] | None = None,
    body: bytes | FilePart = b"",
) -> Flow[HttpResponse]:
    """Send a request with the token; if it is rejected, renew it and retry once.

    Raises:
        FalCredentialsError: The URL is not on the file storage.
        FalHTTPError: The storage rejected the request.
        FalConnectionError: The storage could not be reached.
    """
    check_host(settings, url)
    own = {"accept": "application/json", "user-agent": USER_AGENT, **(headers or {})}
    request = HttpRequest(method, url, own, body, timeout=time_to_send(body))
    response = yield from _send_with_token(settings, request, deadline)
    if response.status == _UNAUTHORIZED:
        rejected = yield from cdn_token(settings, deadline)
        settings.cdn_tokens.forget(_owner(settings), rejected)
        response = yield from _send_with_token(settings, request, deadline)
    if responses.is_error(response):
        raise responses.http_error(response)
    return response


def base_url(settings: Settings, deadline: Deadline) -> Flow[str]:
    """The base URL of multipart uploads, from the token response."""
    token = yield from cdn_token(settings, deadline)
    check_host(settings, token.base_url)
    return token.base_url


def check_host(settings: Settings, url: str) -> None:
    """Check that a URL is on the file storage.

    Raises:
        FalCredentialsError: The URL is not on the file storage.
    """
    if not settings.hosts.is_cdn(url):
        place = url.split("?", maxsplit=1)[0][:200]
        raise FalCredentialsError(
            f"The storage response names {place!r}, which is not one of its hosts. The upload "
            "was stopped and nothing was sent there."
        )


def size_of(body: bytes | FilePart) -> int:
    """Size of a body in bytes."""
    return body.size if isinstance(body, FilePart) else len(body)


def time_to_send(body: bytes | FilePart) -> float:
    """Timeout in seconds for a request with this body."""
    return _BASE_TIMEOUT + size_of(body) / _MIN_SPEED


def required(content: Mapping[str, Any], name: str, response: HttpResponse) -> str:
    """A string that a response must contain.

    Raises:
        FalUploadError: It is missing.
    """
    value = as_text(content.get(name))
    if not value:
        place = response.url.split("?")[0]
        raise FalUploadError(
            f"The response of {place} has no {name!r}.",
            request_id=responses.request_id_of(response),
        )
    return value


def _send_with_token(
    settings: Settings, request: HttpRequest, deadline: Deadline
) -> Flow[HttpResponse]:
    token = yield from cdn_token(settings, deadline)
    headers = {**request.headers, "authorization": token.authorization}
    return (
        yield from send_with_retries(
            replace(request, headers=headers),
            safety=RetrySafety.UPLOAD,
            policy=settings.retry,
            deadline=deadline,
        )
    )


def _request_token(settings: Settings, deadline: Deadline) -> Flow[CdnToken]:
    request = settings.request(
        "POST", f"{settings.hosts.rest}/storage/auth/token", query=STORAGE, body=b"{}"
    )
    response = yield from send_with_retries(
        request, safety=RetrySafety.UPLOAD, policy=settings.retry, deadline=deadline
    )
    if responses.is_error(response):
        raise responses.http_error(response)
    content = responses.parse_object(response)
    scheme = as_text(content.get("token_type")) or "Bearer"
    base = as_text(content.get("base_url")) or settings.hosts.cdn
    authorization = f"{scheme} {required(content, 'token', response)}"
    time = yield from now()
    return CdnToken(authorization, base.rstrip("/"), time + _lifetime(content))


def _lifetime(content: Mapping[str, Any]) -> float:
    # By the platform's clock if the response has its time, because this machine's may be wrong.
    expiry = _parse_time(content.get("expires_at"))
    created = _parse_time(content.get("created_at"))
    if expiry is None:
        return 0.0
    seconds = (expiry - (created or datetime.now(timezone.utc))).total_seconds()
    return seconds - min(_LEEWAY, seconds / 4)


def _parse_time(text: object) -> datetime | None:
    """Parse an ISO 8601 time. Python 3.10 supports neither `Z` nor all fractions."""
    match = _TIME.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        return None
    zone = (match[3] or "Z").upper().replace("Z", "+00:00")
    zone = zone if ":" in zone else f"{zone[:3]}:{zone[3:]}"
    try:
        return datetime.fromisoformat(f"{match[1]}T{match[2]}{zone}")
    except ValueError:
        return None


def _owner(settings: Settings) -> str:
    key = None if settings.proxy_url else settings.credentials.authorization()
    return hashlib.sha256(f"{settings.hosts.rest} {key}".encode()).hexdigest()
