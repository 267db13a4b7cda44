"""The emulator as an ASGI application: find the service, read, record, answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from fal_typed.testing import services
from fal_typed.testing.cdn import CdnService
from fal_typed.testing.emulation import Call, Emulation, Service
from fal_typed.testing.faults import send_faulty, until_gone
from fal_typed.testing.local import LocalService
from fal_typed.testing.messages import (
    Answer,
    Receive,
    Request,
    Scope,
    Send,
    StreamResponse,
    detail,
)
from fal_typed.testing.platform import PlatformService, WebService
from fal_typed.testing.protocol import reset, transport_of
from fal_typed.testing.proxying import behind_proxy, is_proxied
from fal_typed.testing.queueing import QueueService
from fal_typed.testing.recording import LogEntry, RecordedRequest, RequestLog, kept
from fal_typed.testing.rest import RestService
from fal_typed.testing.running import RunService, SocketService
from fal_typed.testing.scripts import Failure
from fal_typed.testing.services import locate
from fal_typed.testing.sockets import Socket, SocketHandler
from fal_typed.testing.tape import Player, Recorder, is_on_tape

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

logger = logging.getLogger("fal_typed.emulator")

_DIRECT = frozenset({"run", "stream"})
_DATA = b"data: "


class App:
    """Dispatches what comes over the sockets.

    Args:
        emulation: What the services share.
        requests: Where every request is recorded.
        tape: What answers in place of the services; None for none.
    """

    def __init__(
        self,
        emulation: Emulation,
        requests: RequestLog,
        tape: Recorder | Player | None = None,
    ) -> None:
        self._tape = tape
        self._requests = requests
        self._faults = emulation.faults
        self._keys = emulation.keys
        run = RunService(emulation)
        self._sockets: dict[str, RunService | SocketService] = {
            services.RUN: run,
            services.SOCKETS: SocketService(emulation),
        }
        self._services: dict[str, Service] = {
            services.RUN: run,
            services.QUEUE: QueueService(emulation),
            services.REST: RestService(emulation),
            services.CDN: CdnService(emulation),
            services.API: PlatformService(emulation),
            services.WEB: WebService(emulation),
            services.LOCAL: LocalService(emulation, requests),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request or one websocket.

        Args:
            scope: The ASGI scope.
            receive: Reads what the client sends.
            send: Writes to the client.
        """
        # Cancelled is what is still going on when the emulator stops: nobody listens any more.
        with contextlib.suppress(asyncio.CancelledError):
            if scope["type"] == "http":
                await self._http(scope, receive, send)
            else:
                await self._websocket(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = _request(scope)
        service = self._sockets.get(request.address.service)
        if service is None:
            route, endpoint_id, serve = _NO_SOCKET
        else:
            route, endpoint_id, serve = service.socket_route(request.path)
        call = Call(route, endpoint_id, _nowhere)
        record = self._record(request, call)
        socket = Socket(request, LogEntry(record, self._requests), scope, receive, send)
        fault = self._faults.take(route, endpoint_id)
        if fault is not None:
            record.fault, socket.drop_after = fault.kind, fault.after
        try:
            await serve(socket)
        except OSError:
            logger.debug("the client of the websocket %s left", request.path)
        except Exception:
            logger.exception("the websocket %s failed in the emulator", request.path)
            socket.drop()
        self._requests.answered(record, record.status)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = _request(scope)
        if is_proxied(request):
            request = behind_proxy(request, self._keys) or request
        service = self._services.get(request.address.service)
        call = _NOWHERE if service is None else service.route(request)
        if not call.recorded:
            await self._unrecorded(call, request, receive, send)
            return
        fault = self._faults.take(call.route, call.endpoint_id)
        if fault is not None and fault.kind == "reset_before":
            record = self._record(request, call)
            record.fault = fault.kind
            self._requests.answered(record, None)
            reset(transport_of(scope))
            await until_gone(receive)
            return
        body = await _read(receive)
        if body is None:
            return
        request.body = body
        record = self._record(request, call)
        instead = None
        if fault is not None:
            record.fault, instead = fault.kind, fault.instead()
        answer = instead or await self._answer(call, request)
        if call.route in _DIRECT:
            _remember(answer, record)
        self._requests.answered(record, answer.status)
        if fault is not None:
            faulty = await send_faulty(fault, answer, scope, receive, send)
            if faulty is None:
                return
            answer = faulty
        await _send(answer, receive, send)
        if isinstance(answer, StreamResponse) and answer.broken:
            # A server that failed in mid-stream ends the body properly, then hangs up.
            transport_of(scope).close()

    async def _unrecorded(self, call: Call, request: Request, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        if body is None:
            return
        request.body = body
        await _send(await self._answer(call, request), receive, send)

    def _record(self, request: Request, call: Call) -> RecordedRequest:
        record = RecordedRequest(
            request.address.service,
            request.method,
            request.path,
            request.query_string.decode("latin-1"),
            request.headers,
            kept(request.body),
            len(request.body),
            call.route,
            call.endpoint_id,
        )
        self._requests.add(record)
        return record

    async def _answer(self, call: Call, request: Request) -> Answer:
        try:
            if self._tape is not None and is_on_tape(request):
                return await self._tape.answer(request)
            return await call.handler(request)
        except Exception:
            logger.exception("%s %s failed in the emulator", request.method, request.path)
            return detail(500, "Internal Server Error")


def _request(scope: Scope) -> Request:
    headers = scope["headers"]
    host = next((value for name, value in headers if name == b"host"), b"").decode("latin-1")
    address = locate(scope["path"], host, scope["scheme"])
    return Request(scope.get("method", "GET"), address, scope["query_string"], headers)


async def _refuse(socket: Socket) -> None:
    await socket.refuse()


async def _nowhere(_request: Request) -> Answer:
    return detail(404, "No service of the platform is at this path")


_NOWHERE = Call("unknown", None, _nowhere)
_NO_SOCKET: tuple[str, str | None, SocketHandler] = ("unknown", None, _refuse)


def _remember(answer: Answer, record: RecordedRequest) -> None:
    """Keep what a run answers, for those who look at it afterwards."""
    if isinstance(answer, StreamResponse):
        answer.chunks = _remembered(answer.chunks, record)
    else:
        record.answer = kept(answer.body)


async def _remembered(
    chunks: AsyncIterator[bytes], record: RecordedRequest
) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        if chunk.startswith(_DATA):
            record.answer = kept(chunk.removeprefix(_DATA).strip())
        yield chunk


async def _read(receive: Receive) -> bytes | None:
    """The whole body; None when the client went away."""
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


async def _send(answer: Answer, receive: Receive, send: Send) -> None:
    if isinstance(answer, StreamResponse):
        await _send_stream(answer, receive, send)
        return
    length = (b"content-length", str(len(answer.body)).encode())
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [*answer.headers, length],
        }
    )
    await send({"type": "http.response.body", "body": answer.body})


async def _send_stream(answer: StreamResponse, receive: Receive, send: Send) -> None:
    written = asyncio.ensure_future(_write_stream(answer, send))
    gone = asyncio.ensure_future(receive())  # the body is read, so only a goodbye can come
    try:
        await asyncio.wait([written, gone], return_when=asyncio.FIRST_COMPLETED)
        if written.done():
            written.result()
    finally:
        written.cancel()
        gone.cancel()


async def _write_stream(answer: StreamResponse, send: Send) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    try:
        async for chunk in answer.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    except Failure:
        answer.broken = True
    except Exception:
        logger.exception("a stream broke")
        answer.broken = True
    await send({"type": "http.response.body", "body": b""})
