"""A server-side proxy: browsers call fal through your server, which keeps the key.

`ProxyApp` is a plain ASGI application: run it with uvicorn, or mount it in Starlette or FastAPI.
It implements the protocol of fal's own proxy packages (docs/protocol.md section 1.7), so fal's
JavaScript client and `proxy_url=` of this SDK work with it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping, MutableMapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, TypeAlias, Union

from fal_typed._core.flow import (
    Emit,
    Flow,
    OpenStream,
    ReadChunk,
)
from fal_typed._core.responses import transport_error
from fal_typed._core.retry import send_with_backup
from fal_typed._core.runner import runner_of
from fal_typed._core.settings import Settings
from fal_typed._transport.base import (
    HttpRequest,
    HttpResponse,
    OpenedStream,
    TransportError,
)
from fal_typed._version import __version__
from fal_typed.async_client import AsyncFalClient
from fal_typed.errors import FalCredentialsError
from fal_typed.proxy.target import METHODS, AccessRules, Target

AsgiScope: TypeAlias = "MutableMapping[str, Any]"
AsgiReceive: TypeAlias = "Callable[[], Awaitable[MutableMapping[str, Any]]]"
AsgiSend: TypeAlias = "Callable[[MutableMapping[str, Any]], Awaitable[None]]"

MAX_BODY = 16 * 1024 * 1024
_TARGET = "x-fal-target-url"
_INTERNAL = (_TARGET, "x-fal-client-proxy", "x-fal-cdn-token")
_FORWARDED = ("accept", "content-type", "user-agent")
_RETURNED = ("content-disposition", "content-type", "retry-after")
# All targets share one URL, so a cache could not tell users and targets apart.
_ALWAYS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_MAX_LENGTH_DIGITS = 15


@dataclass(frozen=True)
class ProxyRequest:
    """A request to the proxy, as `is_allowed` receives it.

    Attributes:
        method: HTTP method.
        endpoint: The endpoint id; for the status and result of a job perhaps only its owner and
            app; None for uploads and tokens.
        headers: The browser's headers (including cookies) by lower-case name.
        scope: The ASGI scope, including what middleware stored there (`session`, `user`, …).
    """

    method: str
    endpoint: str | None
    headers: Mapping[str, str] = field(repr=False)
    scope: AsgiScope = field(repr=False)


IsAllowed = Callable[[ProxyRequest], Union[bool, Awaitable[bool]]]


class ProxyApp:
    """An ASGI application that forwards requests to fal with your key, within your limits.

    It is not an open proxy: it only reaches fal's own hosts and the routes that clients need, and
    `is_allowed` decides about each request. Cookies and other browser headers are not forwarded.
    Responses are streamed as they arrive, including events.

    Args:
        is_allowed: Called with each request as a `ProxyRequest`; if it returns False, the proxy
            responds with 401. May be a coroutine function. You pay for every request it allows.
        allowed_endpoints: Patterns of endpoint ids, where `*` matches within a segment and `**`
            across segments: `"fal-ai/flux/**"`. Default: all endpoints.
        allow_tokens: Whether clients may create short-lived tokens, which realtime needs. A token
            is valid for all paths of an app, and for at most an hour.
        allow_multipart: Whether clients may start multipart uploads.
        forward_authorization: Whether a caller's own `Authorization` header, if any, is used
            instead of your key.
        max_body: Maximum size of a request body in bytes; larger requests get status 413.
        client: Client whose key, hosts, headers and hooks are used. Default: a client configured
            by the environment.

    See docs/proxy.md for recipes.

    Example:
        >>> app = ProxyApp(lambda request: "session" in request.scope)
    """

    def __init__(
        self,
        is_allowed: IsAllowed,
        *,
        allowed_endpoints: Sequence[str] = (),
        allow_tokens: bool = False,
        allow_multipart: bool = False,
        forward_authorization: bool = False,
        max_body: int = MAX_BODY,
        client: AsyncFalClient | None = None,
    ) -> None:
        if not callable(is_allowed):
            raise TypeError(
                "ProxyApp needs is_allowed, a function that decides who may use your key. "
                "To let everybody use it, pass `lambda request: True`."
            )
        self._is_allowed = is_allowed
        self._rules = AccessRules(tuple(allowed_endpoints), allow_tokens, allow_multipart)
        self._forward_authorization = forward_authorization
        self._max_body = max_body
        self._client = client or AsyncFalClient()
        self._runner = runner_of(self._client)

    def __repr__(self) -> str:
        return f"ProxyApp(allowed_endpoints={self._rules.endpoints!r})"

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        """Handle one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._respond(scope, receive, send)

    async def _lifespan(self, receive: AsgiReceive, send: AsgiSend) -> None:
        while True:
            kind = (await receive())["type"]
            if kind == "lifespan.shutdown":
                await self._client.close()
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return

    async def _respond(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        try:
            target = await self._authorize(scope)
            body = await self._read_allowed_body(target, scope, receive)
        except _ErrorResponse as response:
            await response.send(send)
            return
        except _ClientDisconnected:
            return
        headers = self._forwarded_headers(_headers(scope))
        await _until_disconnect(
            receive, self._forward(scope["method"], target, headers, body, send)
        )

    async def _authorize(self, scope: AsgiScope) -> Target:
        method = scope["method"]
        wanted = [value for name, value in scope["headers"] if name.lower() == _TARGET.encode()]
        hosts = self._runner.settings().hosts
        target = Target.parse(wanted[0].decode("latin-1"), hosts) if len(wanted) == 1 else None
        if target is None or method not in METHODS:
            raise _ErrorResponse(400, "Invalid request")
        request = ProxyRequest(method, target.endpoint, _headers(scope), scope)
        verdict = self._is_allowed(request)
        if not (await verdict if isawaitable(verdict) else verdict):
            raise _ErrorResponse(401, "Unauthorized")
        status = self._rules.error_status(method, target)
        if status is not None:
            raise _ErrorResponse(status, "Forbidden" if status == 403 else "Invalid request")  # noqa: PLR2004
        return target

    async def _read_allowed_body(
        self, target: Target, scope: AsgiScope, receive: AsgiReceive
    ) -> bytes:
        body = await _body(scope, receive, self._max_body)
        allowed = self._rules.token_request(body) if target.is_token else body
        if allowed is None:
            raise _ErrorResponse(403, "Forbidden")
        return allowed

    def _forwarded_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        names = (*_FORWARDED, "authorization") if self._forward_authorization else _FORWARDED
        forwarded = {
            name: value
            for name, value in headers.items()
            if name in names or (name.startswith("x-fal-") and name not in _INTERNAL)
        }
        return forwarded | {"x-fal-client-proxy": f"fal-typed/{__version__}"}

    async def _forward(
        self, method: str, target: Target, headers: Mapping[str, str], body: bytes, send: AsgiSend
    ) -> None:
        request = HttpRequest(method, target.url, headers, b"" if method == "GET" else body)
        has_begun = False
        try:
            async with aclosing(
                self._runner.iterate_async(lambda s: _exchange(s, request))
            ) as parts:
                head: OpenedStream = await anext(parts)
                await send(_start(head.status, _returned(head.headers)))
                has_begun = True
                async for chunk in parts:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except FalCredentialsError:
            await _ErrorResponse(401, "Unauthorized").send(send)
        except TransportError as error:
            if has_begun:
                # A broken connection tells the client that the response is incomplete.
                is_billed = request.method == "POST"
                raise transport_error(error, request, is_billed=is_billed) from None
            await _transport_response(error).send(send)


def _exchange(settings: Settings, request: HttpRequest) -> Flow[None]:
    """Send a request once; emit the response head, then the body as it arrives."""
    outgoing = settings.request(
        request.method, request.url, headers=request.headers, body=request.body, timeout=None
    )
    opened: list[OpenedStream] = []

    def opening(request: HttpRequest) -> Flow[HttpResponse]:
        stream: OpenedStream = yield OpenStream(request)
        opened.append(stream)
        return HttpResponse(stream.status, stream.headers, b"", request.url)

    yield from send_with_backup(outgoing, opening)
    yield Emit(opened[0])
    while chunk := (yield ReadChunk(opened[0], None)):
        yield Emit(chunk)


class _ErrorResponse(Exception):  # noqa: N818 - a response, not a bug
    """An error response of the proxy itself."""

    def __init__(self, status: int, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self._status = status
        self._body = json.dumps({"detail": detail}).encode()
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}

    async def send(self, send: AsgiSend) -> None:
        """Send the response."""
        headers = {"content-type": "application/json", **self._headers, **_ALWAYS}
        await send(_start(self._status, headers | {"content-length": str(len(self._body))}))
        await send({"type": "http.response.body", "body": self._body})


class _ClientDisconnected(Exception):  # noqa: N818 - nothing left to respond to
    """The client disconnected."""


def _transport_response(error: TransportError) -> _ErrorResponse:
    if not error.sent:  # so a retry is safe
        return _ErrorResponse(503, "The platform could not be reached.", x_fal_needs_retry="1")
    if error.timed_out:
        return _ErrorResponse(504, "The platform did not respond in time.")
    return _ErrorResponse(502, "The platform's response was incomplete.")


def _start(status: int, headers: Mapping[str, str]) -> dict[str, Any]:
    pairs = [
        (name.encode("latin-1"), value.encode("latin-1", "replace"))
        for name, value in headers.items()
    ]
    return {"type": "http.response.start", "status": status, "headers": pairs}


def _headers(scope: AsgiScope) -> dict[str, str]:
    pairs = [
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in scope["headers"]
    ]
    return {name: value for name, value in pairs if value.isprintable()}


def _returned(headers: Mapping[str, str]) -> dict[str, str]:
    # Cookies and browser policies of fal's hosts would apply to your site here.
    kept = {name: value for name, value in headers.items() if _is_returned(name.lower())}
    return kept | _ALWAYS


def _is_returned(name: str) -> bool:
    return name in _RETURNED or (name.startswith("x-fal-") and name not in _INTERNAL)


async def _body(scope: AsgiScope, receive: AsgiReceive, limit: int) -> bytes:
    announced = _headers(scope).get("content-length", "0")
    if not announced.isdecimal() or len(announced) > _MAX_LENGTH_DIGITS or int(announced) > limit:
        raise _ErrorResponse(413, "Too large")
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientDisconnected
        body += message.get("body", b"")
        if len(body) > limit:
            raise _ErrorResponse(413, "Too large")
        if not message.get("more_body", False):
            return bytes(body)


async def _until_disconnect(receive: AsgiReceive, work: Coroutine[Any, Any, None]) -> None:
    """Run the work until the client disconnects, which a silent stream would not notice."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)
    if not working.cancelled():
        working.result()


async def _disconnected(receive: AsgiReceive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
