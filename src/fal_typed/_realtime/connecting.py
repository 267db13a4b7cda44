"""Opens websockets to the platform, with a token or the key (docs/protocol.md section 5.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fal_typed._calls.endpoint_id import join_path
from fal_typed._core import responses
from fal_typed._core.flow import Deadline, Flow, OpenSocket
from fal_typed._core.retry import RetrySafety, send_with_retries
from fal_typed._realtime.tokens import forget_token, realtime_token
from fal_typed._transport.base import HttpRequest, HttpResponse, OpenedSocket
from fal_typed._transport.urls import is_confidential, websocket_url
from fal_typed.errors import FalCredentialsError, FalHTTPError

if TYPE_CHECKING:
    from fal_typed._calls.call import Call
    from fal_typed._calls.endpoint_spec import EndpointSpec
    from fal_typed._core.settings import Settings

HANDSHAKE_TIMEOUT = 90.0
"""Seconds until a connection must be open; this may include a model's cold start."""
_OPEN = 101
_UNAUTHORIZED = (401, 403)


def realtime_call(
    call: Call[Any], spec: EndpointSpec | None
) -> tuple[Call[Any], EndpointSpec | None]:
    """The call of a connection, with path `/realtime` unless another path is set."""
    has_path = spec is not None and "path" in spec.options
    if has_path or call.options.path:
        return call, spec
    path = "" if call.endpoint.full.endswith("/realtime") else "/realtime"
    return replace(call, options=replace(call.options, path=path)), spec


def connect(settings: Settings, call: Call[Any]) -> Flow[OpenedSocket]:
    """Open a websocket to an endpoint.

    Raises:
        FalHTTPError: The handshake or the token request was rejected.
        FalConnectionError: The platform could not be reached.
        FalTimeoutError: The connection was not open in time.
    """
    options = call.options
    limit = HANDSHAKE_TIMEOUT if options.timeout is None else options.timeout
    deadline = yield from Deadline.after(limit)
    url = join_path(f"{settings.hosts.run}/{call.endpoint.full}", options.path)
    query = _query(options.max_buffering)
    if not options.use_jwt:
        return (
            yield from _open(
                call, settings, _request_with_key(settings, call, url, query), deadline
            )
        )
    if not is_confidential(url) and settings.needs_key:
        raise FalCredentialsError(
            f"No token was sent to {url!r}, because the URL does not use TLS."
        )
    while True:
        token = yield from realtime_token(settings, call, deadline)
        request = _request_with_token(settings, call, url, {**query, "fal_jwt_token": token.text})
        try:
            return (yield from _open(call, settings, request, deadline))
        except FalHTTPError as error:
            forget_token(settings, call)
            if not token.is_reused or error.status_code not in _UNAUTHORIZED:
                raise


def connect_for_runs(settings: Settings, call: Call[Any]) -> Flow[OpenedSocket]:
    """Open the websocket of a pipeline, which accepts the key only.

    See docs/protocol.md section 5.5.
    """
    deadline = yield from Deadline.after(call.options.timeout or HANDSHAKE_TIMEOUT)
    request = _request_with_key(settings, call, f"{settings.hosts.ws}/{call.endpoint.full}", {})
    return (yield from _open(call, settings, request, deadline))


def _request_with_key(
    settings: Settings, call: Call[Any], url: str, query: dict[str, str | int]
) -> HttpRequest:
    direct = settings.with_changes(proxy_url=None)  # server-side proxies do not support websockets
    return direct.request("GET", url, headers=call.options.headers, query=query, timeout=None)


def _request_with_token(
    settings: Settings, call: Call[Any], url: str, query: dict[str, str | int]
) -> HttpRequest:
    direct = settings.with_changes(proxy_url=None)
    request = direct.request(
        "GET", url, headers=call.options.headers, query=query, timeout=None, with_key=False
    )
    headers = {name: value for name, value in request.headers.items() if name != "authorization"}
    return replace(request, headers=headers)


def _query(max_buffering: int | None) -> dict[str, str | int]:
    if max_buffering is None:
        return {}
    return {"max_buffering": max_buffering}


def _open(
    call: Call[Any], settings: Settings, request: HttpRequest, deadline: Deadline
) -> Flow[OpenedSocket]:
    opening = _SocketOpening()
    response = yield from send_with_retries(
        replace(request, url=websocket_url(request.url)),
        safety=RetrySafety.SAFE,
        policy=call.options.retry or settings.retry,
        deadline=deadline,
        sender=opening.send,
    )
    if opening.socket is None:
        raise responses.http_error(response, endpoint=call.endpoint.full)
    return opening.socket


class _SocketOpening:
    """Makes handshakes and stores the socket of the one that is accepted."""

    def __init__(self) -> None:
        self.socket: OpenedSocket | None = None

    def send(self, request: HttpRequest) -> Flow[HttpResponse]:
        opened: OpenedSocket = yield OpenSocket(request)
        if opened.response.status == _OPEN:
            self.socket = opened
        return opened.response
