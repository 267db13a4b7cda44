"""A server-side proxy: the key stays on your server, and browsers call fal through it.

An ASGI application without a framework, for uvicorn or for a route of Starlette or FastAPI. It
speaks the protocol of fal's own proxy packages (docs/protocol.md section 1.7), so that fal's
JavaScript client and the `proxy_url=` of this SDK work through it.
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
from fal_typed.proxy.target import METHODS, Allowance, Target

Scope: TypeAlias = "MutableMapping[str, Any]"
Receive: TypeAlias = "Callable[[], Awaitable[MutableMapping[str, Any]]]"
Send: TypeAlias = "Callable[[MutableMapping[str, Any]], Awaitable[None]]"

MAX_BODY = 16 * 1024 * 1024
_TARGET = "x-fal-target-url"
_OURS = (_TARGET, "x-fal-client-proxy", "x-fal-cdn-token")
_TAKEN = ("accept", "content-type", "user-agent")
_RETURNED = (
    "cache-control",
    "content-disposition",
    "content-type",
    "etag",
    "last-modified",
    "retry-after",
)


@dataclass(frozen=True)
class ProxyRequest:
    """A request that wants to pass.

    Attributes:
        method: HTTP method.
        endpoint: The endpoint's id, or only its first two segments for the status and result of
            a job; None for uploads and tokens.
        headers: The browser's headers, cookies included, names in lower case.
        scope: The ASGI scope, with whatever middleware put there (`session`, `user`, …).
    """

    method: str
    endpoint: str | None
    headers: Mapping[str, str] = field(repr=False)
    scope: Scope = field(repr=False)


IsAllowed = Callable[[ProxyRequest], Union[bool, Awaitable[bool]]]


class ProxyApp:
    """An ASGI application that passes requests on to fal, with your key and within your limits.

    It is no open proxy: only fal's own hosts and only the routes that clients need are reached,
    and whoever calls is asked for by `is_allowed`. Cookies and other headers of the browser stay
    here. Answers are streamed as they come, events included.

    Args:
        is_allowed: Called with each request as a `ProxyRequest`; whoever gets False is answered
            with 401. May be a coroutine function. Everybody who passes spends your money.
        allowed_endpoints: Patterns of endpoint ids, with `*` within a segment and `**` across
            them: `"fal-ai/flux/**"`. Default: all endpoints.
        allow_tokens: Whether clients may fetch short-lived tokens, which realtime needs. A token
            is good for an app, whatever path below it, and for an hour at most.
        allow_multipart: Whether clients may begin uploads in parts.
        forward_authorization: Whether a caller's own `Authorization` is used, where there is
            one, in place of your key.
        max_body: Bytes a request may have; larger ones are answered with 413.
        client: Whose key, hosts, headers and hooks are used. Default: one that reads the
            environment.

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
        self._is_allowed = is_allowed
        self._allowance = Allowance(tuple(allowed_endpoints), allow_tokens, allow_multipart)
        self._forward_authorization = forward_authorization
        self._max_body = max_body
        self._client = client or AsyncFalClient()
        self._runner = runner_of(self._client)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection, as servers of ASGI ask for it."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._answer(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            kind = (await receive())["type"]
            if kind == "lifespan.shutdown":
                await self._client.close()
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            target = await self._admitted(scope)
            body = await self._admitted_body(target, scope, receive)
        except _Refusal as refusal:
            await refusal.send(send)
            return
        except _Gone:
            return
        headers = self._passing(_headers(scope))
        await _until_gone(receive, self._forward(scope["method"], target, headers, body, send))

    async def _admitted(self, scope: Scope) -> Target:
        method = scope["method"]
        wanted = [value for name, value in scope["headers"] if name.lower() == _TARGET.encode()]
        hosts = self._runner.settings().hosts
        target = Target.parse(wanted[0].decode("latin-1"), hosts) if len(wanted) == 1 else None
        if target is None or method not in METHODS:
            raise _Refusal(400, "Invalid request")
        asking = ProxyRequest(method, target.endpoint, _headers(scope), scope)
        verdict = self._is_allowed(asking)
        if not (await verdict if isawaitable(verdict) else verdict):
            raise _Refusal(401, "Unauthorized")
        status = self._allowance.refusal(method, target)
        if status is not None:
            raise _Refusal(status, "Forbidden" if status == 403 else "Invalid request")  # noqa: PLR2004
        return target

    async def _admitted_body(self, target: Target, scope: Scope, receive: Receive) -> bytes:
        body = await _body(scope, receive, self._max_body)
        wish = self._allowance.token_wish(body) if target.is_token else body
        if wish is None:
            raise _Refusal(403, "Forbidden")
        return wish

    def _passing(self, headers: Mapping[str, str]) -> dict[str, str]:
        taken = (*_TAKEN, "authorization") if self._forward_authorization else _TAKEN
        passing = {
            name: value
            for name, value in headers.items()
            if name in taken or (name.startswith("x-fal-") and name not in _OURS)
        }
        return passing | {"x-fal-client-proxy": f"fal-typed/{__version__}"}

    async def _forward(
        self, method: str, target: Target, headers: Mapping[str, str], body: bytes, send: Send
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
            await _Refusal(401, "Unauthorized").send(send)
        except TransportError as error:
            if has_begun:
                # Only a connection that breaks tells the client that this was not all.
                raise transport_error(error, request) from None
            await _unreached(error).send(send)


def _exchange(settings: Settings, request: HttpRequest) -> Flow[None]:
    """Send a request once, and emit its head and then its body as it comes."""
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


class _Refusal(Exception):  # noqa: N818 - an answer, not a failure of ours
    """A request that is answered here."""

    def __init__(self, status: int, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self._status = status
        self._body = json.dumps({"detail": detail}).encode()
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}

    async def send(self, send: Send) -> None:
        """Answer with it."""
        headers = {"content-type": "application/json", **self._headers}
        await send(_start(self._status, headers | {"content-length": str(len(self._body))}))
        await send({"type": "http.response.body", "body": self._body})


class _Gone(Exception):  # noqa: N818 - nobody waits for an answer any more
    """The caller went away."""


def _unreached(error: TransportError) -> _Refusal:
    if not error.sent:  # so the client may send it again
        return _Refusal(503, "The platform could not be reached.", x_fal_needs_retry="1")
    if error.timed_out:
        return _Refusal(504, "The platform did not answer in time.")
    return _Refusal(502, "The platform's answer broke off.")


def _start(status: int, headers: Mapping[str, str]) -> dict[str, Any]:
    pairs = [
        (name.encode("latin-1"), value.encode("latin-1", "replace"))
        for name, value in headers.items()
    ]
    return {"type": "http.response.start", "status": status, "headers": pairs}


def _headers(scope: Scope) -> dict[str, str]:
    pairs = [
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in scope["headers"]
    ]
    return {name: value for name, value in pairs if value.isprintable()}


def _returned(headers: Mapping[str, str]) -> dict[str, str]:
    # Cookies and rules for browsers are about fal's hosts and would mean yours here.
    kept = {name: value for name, value in headers.items() if _is_returned(name.lower())}
    return kept | {"x-content-type-options": "nosniff"}


def _is_returned(name: str) -> bool:
    return name in _RETURNED or (name.startswith("x-fal-") and name not in _OURS)


async def _body(scope: Scope, receive: Receive, limit: int) -> bytes:
    announced = _headers(scope).get("content-length", "0")
    if not announced.isdecimal() or int(announced) > limit:
        raise _Refusal(413, "Too large")
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        body += message.get("body", b"")
        if len(body) > limit:
            raise _Refusal(413, "Too large")
        if not message.get("more_body", False):
            return bytes(body)


async def _until_gone(receive: Receive, work: Coroutine[Any, Any, None]) -> None:
    """Do the work, but stop when the caller goes away: a silent stream would never notice."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)
    if not working.cancelled():
        working.result()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
