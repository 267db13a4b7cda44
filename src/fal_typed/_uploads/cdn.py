"""Speaking to the file storage: its token, and requests that carry it.

Rests on docs/protocol.md section 6.1.

The token is kept per client, renewed before it ends, and sent to the storage's own hosts only,
whatever hosts an answer names.
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
from fal_typed._core.retry import Repeat, send_retrying
from fal_typed._core.settings import USER_AGENT, Settings
from fal_typed._core.token_cache import TokenCache
from fal_typed._transport.base import FilePart, HttpRequest, HttpResponse
from fal_typed.errors import FalCredentialsError, FalUploadError

STORAGE = {"storage_type": "fal-cdn-v3"}
_UNAUTHORIZED = 401
_LEEWAY = 60.0
# How long another flow's request for a token is waited for, and how often it is looked at.
_PATIENCE = 30.0
_TURN = 0.02
# A request that sends bytes may take a minute, and longer the more it has to send: a line with
# less than this many bytes per second counts as broken.
_BASE_TIMEOUT = 60.0
_SLOWEST = 16 * 1024
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?\s*(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE
)


@dataclass(frozen=True)
class CdnToken:
    """A token for uploading.

    Attributes:
        authorization: Value of the `Authorization` header.
        base_url: Where uploads in parts begin.
        good_until: When to request another, by the monotonic clock.
    """

    authorization: str = field(repr=False)
    base_url: str
    good_until: float


def cdn_token(settings: Settings, deadline: Deadline) -> Flow[CdnToken]:
    """The client's token, asked for when there is none; by one flow at a time.

    Raises:
        FalHTTPError: The platform gives none.
        FalCredentialsError: There is no key.
    """
    tokens: TokenCache[CdnToken] = settings.cdn_tokens
    owner = _owner(settings)
    begun = time = yield from now()
    claim = tokens.claim_of(owner)
    while claim is not None and tokens.claim_of(owner) is claim and time < begun + _PATIENCE:
        yield from sleep(_TURN)
        time = yield from now()
    token = tokens.find(owner, time)
    if token is not None:
        return token
    claim = tokens.claim(owner)
    try:
        token = yield from _ask(settings, deadline)
        tokens.keep(owner, token, good_until=token.good_until, time=time)
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
    """Send a request with the token; a token that is refused is renewed once.

    Raises:
        FalCredentialsError: The URL is not the storage's.
        FalHTTPError: The storage refused.
        FalConnectionError: It was not reached.
    """
    check_host(settings, url)
    own = {"accept": "application/json", "user-agent": USER_AGENT, **(headers or {})}
    request = HttpRequest(method, url, own, body, timeout=time_to_send(body))
    response = yield from _send_with_token(settings, request, deadline)
    if response.status == _UNAUTHORIZED:
        refused = yield from cdn_token(settings, deadline)
        settings.cdn_tokens.forget(_owner(settings), refused)
        response = yield from _send_with_token(settings, request, deadline)
    if responses.is_error(response):
        raise responses.http_error(response)
    return response


def base_url(settings: Settings, deadline: Deadline) -> Flow[str]:
    """Where uploads in parts begin, as the token's answer names it."""
    token = yield from cdn_token(settings, deadline)
    check_host(settings, token.base_url)
    return token.base_url


def check_host(settings: Settings, url: str) -> None:
    """Refuse to go on with a URL that is not the storage's.

    Raises:
        FalCredentialsError: It is not.
    """
    if not settings.hosts.is_cdn(url):
        place = url.split("?", maxsplit=1)[0][:200]
        raise FalCredentialsError(
            f"The storage's answer names {place!r}, which is not on one of its hosts: the upload "
            "was stopped, and nothing was sent there."
        )


def size_of(body: bytes | FilePart) -> int:
    """The length of a body in bytes."""
    return body.size if isinstance(body, FilePart) else len(body)


def time_to_send(body: bytes | FilePart) -> float:
    """Seconds a request with this body may take."""
    return _BASE_TIMEOUT + size_of(body) / _SLOWEST


def required(answer: Mapping[str, Any], name: str, response: HttpResponse) -> str:
    """A text that an answer must hold.

    Raises:
        FalUploadError: It does not.
    """
    value = as_text(answer.get(name))
    if not value:
        place = response.url.split("?")[0]
        raise FalUploadError(
            f"{place} answered without {name!r}.", request_id=responses.request_id_of(response)
        )
    return value


def _send_with_token(
    settings: Settings, request: HttpRequest, deadline: Deadline
) -> Flow[HttpResponse]:
    token = yield from cdn_token(settings, deadline)
    headers = {**request.headers, "authorization": token.authorization}
    return (
        yield from send_retrying(
            replace(request, headers=headers),
            repeat=Repeat.STORES,
            policy=settings.retry,
            deadline=deadline,
        )
    )


def _ask(settings: Settings, deadline: Deadline) -> Flow[CdnToken]:
    request = settings.request(
        "POST", f"{settings.hosts.rest}/storage/auth/token", query=STORAGE, body=b"{}"
    )
    response = yield from send_retrying(
        request, repeat=Repeat.STORES, policy=settings.retry, deadline=deadline
    )
    if responses.is_error(response):
        raise responses.http_error(response)
    answer = responses.parse_object(response)
    kind = as_text(answer.get("token_type")) or "Bearer"
    base = as_text(answer.get("base_url")) or settings.hosts.cdn
    authorization = f"{kind} {required(answer, 'token', response)}"
    time = yield from now()
    return CdnToken(authorization, base.rstrip("/"), time + _lifetime(answer))


def _lifetime(answer: Mapping[str, Any]) -> float:
    # By the platform's own clock where it tells the time, as this machine's may be wrong.
    ends, begun = _moment(answer.get("expires_at")), _moment(answer.get("created_at"))
    if ends is None:
        return 0.0
    seconds = (ends - (begun or datetime.now(timezone.utc))).total_seconds()
    return seconds - min(_LEEWAY, seconds / 4)


def _moment(text: object) -> datetime | None:
    """A time in ISO 8601; Python 3.10 reads neither `Z` nor every number of digits."""
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
