"""The emulator as an ASGI application: find the route, read, record, respond."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from fal_typed.testing.engine import addresses
from fal_typed.testing.engine.addresses import locate
from fal_typed.testing.engine.messages import (
    EVENT_PREFIX,
    AnyResponse,
    AsgiReceive,
    AsgiScope,
    AsgiSend,
    Headers,
    IncomingRequest,
    Response,
    StreamResponse,
    error_response,
)
from fal_typed.testing.engine.scripts import ScriptedFailure
from fal_typed.testing.engine.sockets import Socket
from fal_typed.testing.server.scope_transport import transport_of
from fal_typed.testing.server.wire_faults import send_faulty, send_reset
from fal_typed.testing.services.cdn_routes import CdnService
from fal_typed.testing.services.emulator_routes import EmulatorService
from fal_typed.testing.services.platform_routes import PlatformService, WebService
from fal_typed.testing.services.proxied_requests import forwarded_request, is_proxied
from fal_typed.testing.services.queue_routes import QueueService
from fal_typed.testing.services.rest_routes import RestService
from fal_typed.testing.services.routing import (
    MatchedRoute,
    MatchedSocket,
    Service,
    SocketService,
    no_service,
    refuse_socket,
)
from fal_typed.testing.services.run_routes import RunService, WebSocketRunService
from fal_typed.testing.tape.exchanges import is_recordable
from fal_typed.testing.tape.request_log import (
    RecordedConnection,
    RecordedRequest,
    RequestLog,
    recorded_part,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fal_typed.testing.engine.emulation import Emulation
    from fal_typed.testing.server.callers import Callers
    from fal_typed.testing.tape.player import Player
    from fal_typed.testing.tape.recorder import Recorder

logger = logging.getLogger("fal_typed.emulator")

_DIRECT = frozenset({"run", "stream"})
_NO_SNIFFING = (b"x-content-type-options", b"nosniff")
_POLICY = (
    b"content-security-policy",
    b"default-src 'none'; style-src 'unsafe-inline'; sandbox",
)


class EmulatorApp:
    """Dispatches requests and websockets to the services.

    Args:
        emulation: The emulator's state.
        requests: Where every request is recorded.
        callers: Decides which requests are served.
        tape: Responds instead of the services; None for none.
    """

    def __init__(
        self,
        emulation: Emulation,
        requests: RequestLog,
        callers: Callers,
        tape: Recorder | Player | None = None,
    ) -> None:
        self._tape = tape
        self._callers = callers
        self._requests = requests
        self._faults = emulation.faults
        self._keys = emulation.keys
        run = RunService(emulation)
        self._sockets: dict[str, SocketService] = {
            addresses.RUN: run,
            addresses.SOCKETS: WebSocketRunService(emulation),
        }
        self._services: dict[str, Service] = {
            addresses.RUN: run,
            addresses.QUEUE: QueueService(emulation),
            addresses.REST: RestService(emulation),
            addresses.CDN: CdnService(emulation),
            addresses.API: PlatformService(emulation),
            addresses.WEB: WebService(emulation),
            addresses.LOCAL: EmulatorService(emulation, requests),
        }

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        """Serve one HTTP request or one websocket.

        Args:
            scope: The ASGI scope.
            receive: Reads what the client sends.
            send: Writes to the client.
        """
        # What is in progress when the emulator stops is cancelled; its client is disconnected.
        with contextlib.suppress(asyncio.CancelledError):
            refusal = self._callers.refusal(scope)
            if refusal is not None:
                await _refuse(refusal, scope, receive, send)
            elif scope["type"] == "http":
                await self._http(scope, receive, send)
            else:
                await self._websocket(scope, receive, send)

    async def _websocket(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        request = _request(scope)
        service = self._sockets.get(request.address.service)
        route = _NO_SOCKET if service is None else service.socket_route(request.path)
        record = self._record(request, route)
        observer = RecordedConnection(record, self._requests)
        socket = Socket(request, observer, receive, send, transport_of(scope).close)
        fault = self._faults.take(route.name, route.endpoint_id)
        if fault is not None:
            record.fault, socket.drop_after = fault.kind, fault.after
        try:
            await route.handler(socket)
        except OSError:
            logger.debug("the client of the websocket %s disconnected", request.path)
        except Exception:
            logger.exception("the emulator failed to serve the websocket %s", request.path)
            socket.drop()
        self._requests.finish(record, record.status)

    async def _http(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        request = _request(scope)
        if is_proxied(request):
            request = forwarded_request(request, self._keys) or request
        service = self._services.get(request.address.service)
        route = _NO_ROUTE if service is None else service.route(request)
        if not route.recorded:
            await self._unrecorded(route, request, receive, send)
            return
        fault = self._faults.take(route.name, route.endpoint_id)
        if fault is not None and fault.kind == "reset_before":
            record = self._record(request, route)
            record.fault = fault.kind
            self._requests.finish(record, None)
            await send_reset(scope, receive)
            return
        body = await _read(receive)
        if body is None:
            return
        request.body = body
        record = self._record(request, route)
        replacement = None
        if fault is not None:
            record.fault, replacement = fault.kind, fault.replacement()
        response = replacement or await self._respond(route, request)
        if route.name in _DIRECT:
            self._record_output(response, record)
        self._requests.finish(record, response.status)
        if fault is not None:
            faulty = await send_faulty(fault, response, scope, receive, send)
            if faulty is None:
                return
            response = faulty
        await _send(response, receive, send)
        if isinstance(response, StreamResponse) and response.broken:
            # A server that fails in the middle of a stream ends the body, then disconnects.
            transport_of(scope).close()

    def _record_output(self, response: AnyResponse, record: RecordedRequest) -> None:
        if isinstance(response, StreamResponse):
            response.chunks = self._recorded(response.chunks, record)
        else:
            self._requests.keep_response(record, response.body)

    async def _recorded(
        self, chunks: AsyncIterator[bytes], record: RecordedRequest
    ) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            if chunk.startswith(EVENT_PREFIX):
                self._requests.keep_response(record, chunk.removeprefix(EVENT_PREFIX).strip())
            yield chunk

    async def _unrecorded(
        self, route: MatchedRoute, request: IncomingRequest, receive: AsgiReceive, send: AsgiSend
    ) -> None:
        body = await _read(receive)
        if body is None:
            return
        request.body = body
        await _send(await self._respond(route, request), receive, send)

    def _record(
        self, request: IncomingRequest, route: MatchedRoute | MatchedSocket
    ) -> RecordedRequest:
        record = RecordedRequest(
            request.address.service,
            request.method,
            request.path,
            request.query_string.decode("latin-1"),
            request.headers,
            recorded_part(request.body),
            len(request.body),
            route.name,
            route.endpoint_id,
        )
        self._requests.add(record)
        return record

    async def _respond(self, route: MatchedRoute, request: IncomingRequest) -> AnyResponse:
        try:
            if self._tape is not None and is_recordable(request):
                response: AnyResponse = await self._tape.respond(request)
            else:
                response = await route.handler(request)
        except Exception:
            logger.exception("the emulator failed: %s %s", request.method, request.path)
            response = error_response(500, "Internal Server Error")
        response.headers = _as_data(response.headers, is_page=route.name == "page")
        return response


def _request(scope: AsgiScope) -> IncomingRequest:
    headers = scope["headers"]
    host = next((value for name, value in headers if name == b"host"), b"").decode("latin-1")
    address = locate(scope["path"], host, scope["scheme"])
    return IncomingRequest(scope.get("method", "GET"), address, scope["query_string"], headers)


def _as_data(headers: Headers, *, is_page: bool) -> Headers:
    """Headers that keep a browser from running anything but the emulator's own page.

    Files come from whoever calls, and have the same origin as that page.
    """
    if is_page:
        return [*headers, _NO_SNIFFING] if _NO_SNIFFING not in headers else headers
    kept = [header for header in headers if header[0] not in (_NO_SNIFFING[0], _POLICY[0])]
    return [*kept, _NO_SNIFFING, _POLICY]


async def _refuse(
    refusal: Response, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend
) -> None:
    """Refuse a caller; its body is not read."""
    refusal.headers = [*_as_data(refusal.headers, is_page=False), (b"connection", b"close")]
    if scope["type"] == "http":
        await _send(refusal, receive, send)
        return
    await receive()
    start = {"status": refusal.status, "headers": refusal.headers}
    await send({"type": "websocket.http.response.start", **start})
    await send({"type": "websocket.http.response.body", "body": refusal.body})


_NO_ROUTE = MatchedRoute("unknown", None, no_service)
_NO_SOCKET = MatchedSocket("unknown", None, refuse_socket)


async def _read(receive: AsgiReceive) -> bytes | None:
    """The whole body; None when the client disconnected."""
    message = await receive()
    if message["type"] == "http.disconnect":
        return None
    if not message.get("more_body"):
        return message["body"]  # type: ignore[no-any-return]
    chunks = [message["body"]]
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message["body"])
    return b"".join(chunks)


async def _send(response: AnyResponse, receive: AsgiReceive, send: AsgiSend) -> None:
    if isinstance(response, StreamResponse):
        await _send_stream(response, receive, send)
        return
    length = (b"content-length", str(len(response.body)).encode())
    headers = [*response.headers, length]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


async def _send_stream(response: StreamResponse, receive: AsgiReceive, send: AsgiSend) -> None:
    written = asyncio.ensure_future(_write_stream(response, send))
    gone = asyncio.ensure_future(receive())  # the body has been read: only a disconnect is left
    try:
        await asyncio.wait([written, gone], return_when=asyncio.FIRST_COMPLETED)
        if written.done():
            written.result()
    finally:
        written.cancel()
        gone.cancel()


async def _write_stream(response: StreamResponse, send: AsgiSend) -> None:
    start = {"type": "http.response.start", "status": response.status, "headers": response.headers}
    await send(start)
    try:
        async for chunk in response.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    except ScriptedFailure:
        response.broken = True
    except Exception:
        logger.exception("a stream failed in the emulator")
        response.broken = True
    await send({"type": "http.response.body", "body": b""})
