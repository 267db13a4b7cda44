"""Short-lived tokens for websockets (docs/protocol.md section 5.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fal_typed._core import responses
from fal_typed._core.flow import Flow, Invoke, now
from fal_typed._core.json_values import as_object, as_text
from fal_typed._core.retry import RetrySafety, send_with_retries
from fal_typed._core.settings import Settings, encode_json
from fal_typed._transport.base import HttpRequest, HttpResponse
from fal_typed.errors import FalCredentialsError, FalProtocolError

if TYPE_CHECKING:
    from fal_typed._calls.call import Call
    from fal_typed._core.flow import Deadline

_RENEW_AT = 0.9
_NOT_FOUND = (404, 405, 410)


@dataclass(frozen=True)
class RealtimeToken:
    """A token, and whether it was used by an earlier connection."""

    text: str = field(repr=False)
    is_reused: bool


def realtime_token(settings: Settings, call: Call[Any], deadline: Deadline) -> Flow[RealtimeToken]:
    """Get a token for a call: from the caller's provider, from the token cache, or a new one.

    A token is reused for 90% of its lifetime.

    Raises:
        FalHTTPError: The platform rejected the token request.
        FalCredentialsError: No key is configured.
    """
    if call.options.token_provider is not None:
        return RealtimeToken((yield from _provided(call)), is_reused=False)
    owner = _owner(settings, call)
    time = yield from now()
    cached = settings.realtime_tokens.find(owner, time)
    if cached is not None:
        return RealtimeToken(cached, is_reused=True)
    text = yield from _create(settings, call, deadline)
    valid_until = time + _RENEW_AT * call.options.token_expiration
    settings.realtime_tokens.keep(owner, text, valid_until=valid_until, time=time)
    return RealtimeToken(text, is_reused=False)


def forget_token(settings: Settings, call: Call[Any]) -> None:
    """Drop the cached token of a call after it was rejected."""
    settings.realtime_tokens.forget(_owner(settings, call))


def _owner(settings: Settings, call: Call[Any]) -> tuple[object, ...]:
    # A token must not be reused after the key has changed.
    key = hash(settings.credentials.authorization())
    return settings.hosts.rest, call.endpoint.app, call.options.token_expiration, key


def _provided(call: Call[Any]) -> Flow[str]:
    token: object = yield Invoke(call.options.token_provider, (call.endpoint.full,))  # type: ignore[arg-type]
    if not isinstance(token, str) or not token.isprintable() or not token.isascii():
        raise FalCredentialsError("token_provider must return the token as an ASCII string.")
    return token


def _create(settings: Settings, call: Call[Any], deadline: Deadline) -> Flow[str]:
    seconds = call.options.token_expiration
    response = yield from _post(
        settings,
        "/tokens/",
        {"allowed_apps": [call.endpoint.alias], "token_expiration": seconds},
        deadline,
    )
    if response.status in _NOT_FOUND:  # the route in the platform's newer examples
        response = yield from _post(
            settings,
            "/tokens/realtime",
            {"allowed_apps": [call.endpoint.app], "duration": seconds},
            deadline,
        )
    if responses.is_error(response):
        raise responses.http_error(response)
    return _token(response)


def _post(
    settings: Settings, route: str, body: dict[str, Any], deadline: Deadline
) -> Flow[HttpResponse]:
    request: HttpRequest = settings.request(
        "POST", f"{settings.hosts.rest}{route}", body=encode_json(body)
    )
    return (
        yield from send_with_retries(
            request, safety=RetrySafety.SAFE, policy=settings.retry, deadline=deadline
        )
    )


def _token(response: HttpResponse) -> str:
    content = responses.parse_json(response)
    fields = as_object(content) or {}
    token = as_text(content) or as_text(fields.get("token")) or as_text(fields.get("detail"))
    if not token:
        # The response is not quoted, because it may contain a token in an unknown form.
        raise FalProtocolError("The platform's response to the token request has no token.")
    return token
