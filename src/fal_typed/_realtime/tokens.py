"""Short-lived tokens for websockets (docs/protocol.md section 5.1): minted, kept, renewed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fal_typed._core import responses
from fal_typed._core.flow import Flow, HttpRequest, HttpResponse, Invoke, now
from fal_typed._core.json_values import as_object, as_text
from fal_typed._core.retry import Repeat, send_retrying
from fal_typed._core.settings import Settings, encode_json
from fal_typed.errors import FalCredentialsError, FalInputError, FalProtocolError

if TYPE_CHECKING:
    from fal_typed._calls.call import Call
    from fal_typed._core.flow import Deadline

_RENEW_AT = 0.9
_NOT_THERE = (404, 405, 410)


@dataclass(frozen=True)
class Token:
    """A token, and whether it had been used before."""

    text: str = field(repr=False)
    is_reused: bool


class TokenCache:
    """Tokens of one client, each kept for nine tenths of its life; shows itself to nobody."""

    def __init__(self) -> None:
        self._tokens: dict[tuple[object, ...], tuple[str, float]] = {}

    def __reduce__(self) -> tuple[type[TokenCache], tuple[()]]:
        return (TokenCache, ())

    def find(self, settings: Settings, call: Call[Any], deadline: Deadline) -> Flow[Token]:
        """A token for a call: the caller's provider's, a kept one, or a new one.

        Raises:
            FalHTTPError: The platform refused to make one.
            FalCredentialsError: There is no key to make one with.
        """
        if call.options.token_provider is not None:
            return Token((yield from _provided(call)), is_reused=False)
        name = _name(settings, call)
        time = yield from now()
        kept = self._tokens.get(name)
        if kept is not None and time < kept[1]:
            return Token(kept[0], is_reused=True)
        text = yield from _mint(settings, call, deadline)
        self._tokens[name] = (text, time + _RENEW_AT * call.options.token_expiration)
        return Token(text, is_reused=False)

    def forget(self, settings: Settings, call: Call[Any]) -> None:
        """Drop the token kept for a call, because it was refused."""
        self._tokens.pop(_name(settings, call), None)


def _name(settings: Settings, call: Call[Any]) -> tuple[object, ...]:
    # A key that changed must not go on working through a token it once made.
    key = hash(settings.credentials.authorization())
    return settings.hosts.rest, call.endpoint.app, call.options.token_expiration, key


def _provided(call: Call[Any]) -> Flow[str]:
    token: object = yield Invoke(call.options.token_provider, (call.endpoint.full,))  # type: ignore[arg-type]
    if not isinstance(token, str) or not token.isprintable() or not token.isascii():
        raise FalCredentialsError("token_provider must return the token as a text.")
    return token


def _mint(settings: Settings, call: Call[Any], deadline: Deadline) -> Flow[str]:
    seconds = call.options.token_expiration
    if seconds < 1:
        raise FalInputError("token_expiration must be at least 1 second.")
    response = yield from _post(
        settings,
        "/tokens/",
        {"allowed_apps": [call.endpoint.alias], "token_expiration": seconds},
        deadline,
    )
    if response.status in _NOT_THERE:  # the route of the platform's newer examples
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
        yield from send_retrying(
            request, repeat=Repeat.HARMLESS, policy=settings.retry, deadline=deadline
        )
    )


def _token(response: HttpResponse) -> str:
    content = responses.parse_json(response)
    fields = as_object(content) or {}
    token = as_text(content) or as_text(fields.get("token")) or as_text(fields.get("detail"))
    if not token:
        # The answer is not quoted: it may hold a token in a form unknown here.
        raise FalProtocolError("The platform answered the request for a token without one.")
    return token
