"""The emulator as an ASGI application: find the service, read, record, answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from fal_typed.testing import services
from fal_typed.testing.cdn import CdnService
from fal_typed.testing.emulation import Call, Emulation, Service
from fal_typed.testing.messages import (
    Answer,
    Receive,
    Request,
    Scope,
    Send,
    StreamResponse,
    detail,
)
from fal_typed.testing.protocol import transport_of
from fal_typed.testing.queueing import QueueService
from fal_typed.testing.recording import RecordedRequest, RequestLog, kept
from fal_typed.testing.rest import RestService
from fal_typed.testing.running import RunService
from fal_typed.testing.scripts import Failure
from fal_typed.testing.services import locate

logger = logging.getLogger("fal_typed.emulator")


class App:
    """Dispatches what comes over the sockets.

    Args:
        emulation: What the services share.
        requests: Where every request is recorded.
    """

    def __init__(self, emulation: Emulation, requests: RequestLog) -> None:
        self._requests = requests
        self._services: dict[str, Service] = {
            services.RUN: RunService(emulation),
            services.QUEUE: QueueService(emulation),
            services.REST: RestService(emulation),
            services.CDN: CdnService(emulation),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request.

        Args:
            scope: The ASGI scope.
            receive: Reads what the client sends.
            send: Writes to the client.
        """
        # Cancelled is what is still going on when the emulator stops: nobody listens any more.
        with contextlib.suppress(asyncio.CancelledError):
            if scope["type"] == "http":
                await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = scope["headers"]
        host = next((value for name, value in headers if name == b"host"), b"").decode("latin-1")
        address = locate(scope["path"], host, scope["scheme"])
        request = Request(scope["method"], address, scope["query_string"], headers)
        service = self._services.get(address.service)
        call = _NOWHERE if service is None else service.route(request)
        body = await _read(receive)
        if body is None:
            return
        request.body = body
        record = self._record(request, call)
        answer = await self._answer(call, request)
        record.status = answer.status
        await _send(answer, receive, send)
        if isinstance(answer, StreamResponse) and answer.broken:
            # A server that failed in mid-stream ends the body properly, then hangs up.
            transport_of(scope).close()

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
            return await call.handler(request)
        except Exception:
            logger.exception("%s %s failed in the emulator", request.method, request.path)
            return detail(500, "Internal Server Error")


async def _nowhere(_request: Request) -> Answer:
    return detail(404, "No service of the platform is at this path")


_NOWHERE = Call("unknown", None, _nowhere)


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
