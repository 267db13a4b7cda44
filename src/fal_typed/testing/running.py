"""Direct and streaming runs on ``fal.run`` (docs/protocol.md sections 2 and 4)."""

from __future__ import annotations

import asyncio
import json
import uuid

from fal_typed.testing import over_sockets, services
from fal_typed.testing.emulation import Call, Emulation
from fal_typed.testing.files import UploadError
from fal_typed.testing.messages import (
    Answer,
    Request,
    Response,
    StreamResponse,
    detail,
    dump,
    method_not_allowed,
)
from fal_typed.testing.models import Model
from fal_typed.testing.queueing import unknown_application
from fal_typed.testing.realtime import Session
from fal_typed.testing.scripts import RealtimeScript
from fal_typed.testing.sockets import Socket, SocketHandler
from fal_typed.testing.streaming import stream


class RunService:
    """Routes of ``fal.run``.

    Args:
        emulation: What the services share.
    """

    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation

    def route(self, request: Request) -> Call:
        """Find what a request asks for.

        Args:
            request: The request; its body is not read yet.

        Returns:
            What to do.
        """
        found = self._emulation.models.find(request.path)
        streams = request.path.rstrip("/").endswith("/stream")
        streams = streams or (found is not None and _is_stream(found[0], request))
        route, endpoint = ("stream", self._stream) if streams else ("run", self._run)
        return Call(route, found[0].id if found else None, endpoint)

    async def _run(self, request: Request) -> Answer:
        emulation = self._emulation
        prepared = self._prepared(request)
        if isinstance(prepared, Response):
            return prepared
        model, files = prepared
        with model.script.limits.running():
            outcome = model.outcome(request, files)
            await emulation.clock.wait(model.script.queue_time + model.script.run_time)
            if isinstance(outcome, asyncio.Task):
                outcome = await outcome
        return outcome.response(str(uuid.uuid4()))

    async def _stream(self, request: Request) -> Answer:
        prepared = self._prepared(request)
        if isinstance(prepared, Response):
            return prepared
        model, files = prepared
        clock, limits = self._emulation.clock, model.script.limits
        with limits.running():
            answer = await stream(model, request, files, clock, str(uuid.uuid4()))
        if isinstance(answer, StreamResponse):
            answer.chunks = limits.counted(answer.chunks)
        return answer

    def _prepared(self, request: Request) -> tuple[Model, str] | Response:
        """The endpoint and the base URL of its files, or the answer that refuses."""
        emulation = self._emulation
        found = emulation.models.find(request.path)
        if found is None:
            return unknown_application(request.path)
        model, subpath = found
        if subpath and model.document is not None and model.document.route is not None:
            return detail(404, f"Path {subpath} not found")  # an app's document knows all its paths
        if (refusal := emulation.keys.refusal(request)) is not None:
            return refusal
        if request.method not in model.script.methods:
            return method_not_allowed(*model.script.methods)
        now = emulation.clock.now()
        if (refusal := model.script.limits.refusal(now, direct=True)) is not None:
            return refusal
        if request.method == "GET":
            request.body = dump({name: values[-1] for name, values in request.query.items()})
        try:
            return model, emulation.files_url(request)
        except UploadError as error:
            return detail(400, str(error), "bad_request")

    def socket_route(self, path: str) -> tuple[str, str | None, SocketHandler]:
        """Find what a websocket handshake asks for.

        Args:
            path: Path at the service.

        Returns:
            Name of the route, id of the endpoint, and what serves the connection.
        """
        found = self._emulation.models.find(path)
        if found is None:
            return "websocket", None, _refuse
        model, subpath = found
        if (handler := model.script.websockets.get(subpath)) is not None:
            return "websocket", model.id, self._guarded(handler)
        routes = model.script.realtime
        if not subpath and subpath not in routes and model.id.endswith("/realtime"):
            subpath = "/realtime"
        script = routes.get(subpath)
        if script is None:
            return "websocket", model.id, _refuse
        return "realtime", model.id, self._realtime(model, script)

    def _guarded(self, handler: SocketHandler) -> SocketHandler:
        async def serve(socket: Socket) -> None:
            if self._emulation.keys.refusal(socket.request) is None:
                await handler(socket)
            else:
                await socket.refuse(401)

        return serve

    def _realtime(self, model: Model, script: RealtimeScript) -> SocketHandler:
        async def serve(socket: Socket) -> None:
            await socket.accept()
            if not self._let_in(socket.request, model):
                await socket.send(json.dumps({"status": "error", "error": "Unauthorized"}))
                await socket.close(1008)
                return
            files = socket.request.address.url(services.CDN)
            await Session(socket, model, script, files, self._emulation.clock).run()

        return serve

    def _let_in(self, request: Request, model: Model) -> bool:
        token, keys = request.parameter("fal_jwt_token"), self._emulation.keys
        if token is None:
            return keys.refusal(request) is None
        return not keys.required or keys.token_is_good(token, model.app.rpartition("/")[2])


class SocketService:
    """The service ``ws.fal.run``: many runs over one connection.

    Args:
        emulation: What the services share.
    """

    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation

    def socket_route(self, path: str) -> tuple[str, str | None, SocketHandler]:
        """Find what a websocket handshake asks for.

        Args:
            path: Path at the service.

        Returns:
            Name of the route, id of the endpoint, and what serves the connection.
        """
        found = self._emulation.models.find(path)
        if found is None:
            return "http_over_websocket", None, _refuse
        return "http_over_websocket", found[0].id, self._runs(found[0])

    def _runs(self, model: Model) -> SocketHandler:
        async def handle(socket: Socket) -> None:
            if self._emulation.keys.refusal(socket.request) is not None:
                await socket.refuse(401)
                return
            await socket.accept()
            files = socket.request.address.url(services.CDN)
            await over_sockets.serve(socket, model, files, self._emulation.clock)

        return handle


def _is_stream(model: Model, request: Request) -> bool:
    """Whether the route of a private app streams; its document need not say that it does."""
    route = None if model.document is None else model.document.route
    if route is None:
        return False
    return route.kind == "stream" or request.header(b"accept") == "text/event-stream"


async def _refuse(socket: Socket) -> None:
    await socket.refuse()
