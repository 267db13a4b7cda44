"""Direct and streaming runs on ``fal.run`` (docs/protocol.md sections 2 and 4)."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import TYPE_CHECKING

from typing_extensions import override

from fal_typed.testing.engine.addresses import CDN
from fal_typed.testing.engine.json_bodies import dump
from fal_typed.testing.engine.messages import (
    AnyResponse,
    IncomingRequest,
    Response,
    StreamResponse,
    error_response,
    method_not_allowed,
)
from fal_typed.testing.engine.uploaded_files import UploadError
from fal_typed.testing.services.queue_routes import unknown_application
from fal_typed.testing.services.realtime_sessions import EmulatedSession
from fal_typed.testing.services.routing import (
    MatchedRoute,
    MatchedSocket,
    Service,
    SocketService,
    refuse_socket,
)
from fal_typed.testing.services.stream_runs import stream
from fal_typed.testing.services.websocket_runs import serve_runs

if TYPE_CHECKING:
    from fal_typed.testing.engine.emulated_endpoints import EmulatedEndpoint
    from fal_typed.testing.engine.emulation import Emulation
    from fal_typed.testing.engine.scripts import RealtimeScript
    from fal_typed.testing.engine.sockets import Socket, SocketHandler


class RunService(Service, SocketService):
    """Routes of ``fal.run``.

    Args:
        emulation: The emulator's state.
    """

    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation

    @override
    def route(self, request: IncomingRequest) -> MatchedRoute:
        found = self._emulation.endpoints.find(request.path)
        streams = request.path.rstrip("/").endswith("/stream")
        streams = streams or (found is not None and _is_stream(found[0], request))
        name, handler = ("stream", self._stream) if streams else ("run", self._run)
        return MatchedRoute(name, found[0].id if found else None, handler)

    async def _run(self, request: IncomingRequest) -> AnyResponse:
        emulation = self._emulation
        prepared = self._prepared(request)
        if isinstance(prepared, Response):
            return prepared
        endpoint, files = prepared
        with endpoint.script.limits.running():
            outcome = endpoint.outcome(request, files)
            await emulation.clock.wait(endpoint.script.queue_time + endpoint.script.run_time)
            if isinstance(outcome, asyncio.Task):
                outcome = await outcome
        return outcome.response(str(uuid.uuid4()))

    async def _stream(self, request: IncomingRequest) -> AnyResponse:
        prepared = self._prepared(request)
        if isinstance(prepared, Response):
            return prepared
        endpoint, files = prepared
        clock, limits = self._emulation.clock, endpoint.script.limits
        with limits.running():
            response = await stream(endpoint, request, files, clock, str(uuid.uuid4()))
        if isinstance(response, StreamResponse):
            response.chunks = limits.counted(response.chunks)
        return response

    def _prepared(self, request: IncomingRequest) -> tuple[EmulatedEndpoint, str] | Response:
        """The endpoint and the base URL of its files, or the response that refuses the request."""
        emulation = self._emulation
        found = emulation.endpoints.find(request.path)
        if found is None:
            return unknown_application(request.path)
        endpoint, subpath = found
        if subpath and endpoint.document is not None and endpoint.document.route is not None:
            # The document of a private app lists all of its paths.
            return error_response(404, f"Path {subpath} not found")
        if (refusal := emulation.keys.refusal(request)) is not None:
            return refusal
        if request.method not in endpoint.script.methods:
            return method_not_allowed(*endpoint.script.methods)
        now = emulation.clock.now()
        if (refusal := endpoint.script.limits.refusal(now, direct=True)) is not None:
            return refusal
        if request.method == "GET":
            request.body = dump({name: values[-1] for name, values in request.query.items()})
        try:
            return endpoint, emulation.files_url(request)
        except UploadError as error:
            return error_response(400, str(error), "bad_request")

    @override
    def socket_route(self, path: str) -> MatchedSocket:
        found = self._emulation.endpoints.find(path)
        if found is None:
            return MatchedSocket("websocket", None, refuse_socket)
        endpoint, subpath = found
        if (handler := endpoint.script.websockets.get(subpath)) is not None:
            return MatchedSocket("websocket", endpoint.id, self._with_key(handler))
        routes = endpoint.script.realtime
        if not subpath and subpath not in routes and endpoint.id.endswith("/realtime"):
            subpath = "/realtime"
        script = routes.get(subpath)
        if script is None:
            return MatchedSocket("websocket", endpoint.id, refuse_socket)
        return MatchedSocket("realtime", endpoint.id, self._realtime(endpoint, script))

    def _with_key(self, handler: SocketHandler) -> SocketHandler:
        async def serve(socket: Socket) -> None:
            if self._emulation.keys.refusal(socket.request) is None:
                await handler(socket)
            else:
                await socket.refuse(401)

        return serve

    def _realtime(self, endpoint: EmulatedEndpoint, script: RealtimeScript) -> SocketHandler:
        async def serve(socket: Socket) -> None:
            await socket.accept()
            if not self._is_authorized(socket.request, endpoint):
                await socket.send(json.dumps({"status": "error", "error": "Unauthorized"}))
                await socket.close(1008)
                return
            files = socket.request.address.url(CDN)
            await EmulatedSession(socket, endpoint, script, files, self._emulation.clock).run()

        return serve

    def _is_authorized(self, request: IncomingRequest, endpoint: EmulatedEndpoint) -> bool:
        token, keys = request.parameter("fal_jwt_token"), self._emulation.keys
        if token is None:
            return keys.refusal(request) is None
        return not keys.required or keys.token_is_valid(token, endpoint.app.rpartition("/")[2])


class WebSocketRunService(SocketService):
    """The service ``ws.fal.run``: many runs over one connection.

    Args:
        emulation: The emulator's state.
    """

    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation

    @override
    def socket_route(self, path: str) -> MatchedSocket:
        found = self._emulation.endpoints.find(path)
        if found is None:
            return MatchedSocket("http_over_websocket", None, refuse_socket)
        return MatchedSocket("http_over_websocket", found[0].id, self._runs(found[0]))

    def _runs(self, endpoint: EmulatedEndpoint) -> SocketHandler:
        async def serve(socket: Socket) -> None:
            if self._emulation.keys.refusal(socket.request) is not None:
                await socket.refuse(401)
                return
            await socket.accept()
            files = socket.request.address.url(CDN)
            await serve_runs(socket, endpoint, files, self._emulation.clock)

        return serve


def _is_stream(endpoint: EmulatedEndpoint, request: IncomingRequest) -> bool:
    """Whether a private app's route streams; its document need not mention that."""
    route = None if endpoint.document is None else endpoint.document.route
    if route is None:
        return False
    return route.kind == "stream" or request.header(b"accept") == "text/event-stream"
