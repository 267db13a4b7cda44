"""Runs over one websocket, answered in order: the service ``ws.fal.run``.

Rests on docs/protocol.md section 5.5.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from typing import TYPE_CHECKING

from fal_typed.testing.messages import Request

if TYPE_CHECKING:
    from fal_typed.testing.clock import Clock
    from fal_typed.testing.models import Model, Outcome
    from fal_typed.testing.sockets import Socket

_FRAME = 1 << 16


async def serve(socket: Socket, model: Model, files: str, clock: Clock) -> None:
    """Serve one connection until the client leaves.

    Inputs run side by side; answers keep the order of the inputs.

    Args:
        socket: The connection, accepted.
        model: The endpoint.
        files: Base URL of files in the answers.
        clock: The emulator's time.
    """
    runs: asyncio.Queue[asyncio.Task[Outcome]] = asyncio.Queue()
    answering = asyncio.ensure_future(_answer(socket, runs))
    while (message := await socket.receive()) is not None:
        body = message.encode() if isinstance(message, str) else message
        request = Request("POST", socket.request.address, b"", socket.request.headers, body)
        runs.put_nowait(asyncio.ensure_future(_run(model, request, files, clock)))
    answering.cancel()


async def _run(model: Model, request: Request, files: str, clock: Clock) -> Outcome:
    outcome = model.outcome(request, files)
    await clock.wait(model.script.queue_time + model.script.run_time)
    return await outcome if isinstance(outcome, asyncio.Task) else outcome


async def _answer(socket: Socket, runs: asyncio.Queue[asyncio.Task[Outcome]]) -> None:
    with contextlib.suppress(ConnectionError):  # dropped by a script
        while True:
            run, begun = await runs.get(), time.perf_counter()
            await _send(socket, await run, begun)


async def _send(socket: Socket, outcome: Outcome, begun: float) -> None:
    request_id = str(uuid.uuid4())
    response = outcome.response(request_id)
    headers = {name.decode(): value.decode() for name, value in response.headers}
    about = {"request_id": request_id, "status": response.status}
    await socket.send(json.dumps({"type": "start", **about, "headers": headers}))
    first_byte = time.perf_counter() - begun
    for start in range(0, len(response.body), _FRAME):
        await socket.send(response.body[start : start + _FRAME])
    end = {"type": "end", **about, "time_to_first_byte_seconds": first_byte}
    await socket.send(json.dumps(end))
