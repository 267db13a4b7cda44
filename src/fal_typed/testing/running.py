"""Direct and streaming runs on ``fal.run`` (PROTOCOL 2 and 4)."""

from __future__ import annotations

import asyncio
import uuid

from fal_typed.testing.emulation import Call, Emulation
from fal_typed.testing.files import UploadError
from fal_typed.testing.messages import Answer, Request, Response, detail, dump, method_not_allowed
from fal_typed.testing.models import Model
from fal_typed.testing.queueing import unknown_application
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
        route, endpoint = ("stream", self._stream) if streams else ("run", self._run)
        return Call(route, found[0].id if found else None, endpoint)

    async def _run(self, request: Request) -> Answer:
        emulation = self._emulation
        prepared = self._prepared(request)
        if isinstance(prepared, Response):
            return prepared
        model, files = prepared
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
        return await stream(model, request, files, self._emulation.clock, str(uuid.uuid4()))

    def _prepared(self, request: Request) -> tuple[Model, str] | Response:
        """The endpoint and the base URL of its files, or the answer that refuses."""
        emulation = self._emulation
        found = emulation.models.find(request.path)
        if found is None:
            return unknown_application(request.path)
        model = found[0]
        if (refusal := emulation.keys.refusal(request)) is not None:
            return refusal
        if request.method not in model.script.methods:
            return method_not_allowed(*model.script.methods)
        if request.method == "GET":
            request.body = dump({name: values[-1] for name, values in request.query.items()})
        try:
            return model, emulation.files_url(request)
        except UploadError as error:
            return detail(400, str(error), "bad_request")
