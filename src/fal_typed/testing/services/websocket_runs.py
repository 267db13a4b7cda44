"""Runs over one websocket, with responses in order: the service ``ws.fal.run``.

See docs/protocol.md section 5.5.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from typing import TYPE_CHECKING

from fal_typed.testing.engine.messages import IncomingRequest

if TYPE_CHECKING:
    from fal_typed.testing.engine.clock import Clock
    from fal_typed.testing.engine.emulated_endpoints import EmulatedEndpoint
    from fal_typed.testing.engine.outcomes import Outcome
    from fal_typed.testing.engine.sockets import Socket

_FRAME_BYTES = 1 << 16


async def serve_runs(socket: Socket, endpoint: EmulatedEndpoint, files: str, clock: Clock) -> None:
    """Serve one connection until the client disconnects.

    Runs are concurrent; responses are sent in the order of the inputs.

    Args:
        socket: The accepted connection.
        endpoint: The endpoint.
        files: Base URL of files in the outputs.
        clock: The emulator's clock.
    """
    runs: asyncio.Queue[asyncio.Task[Outcome]] = asyncio.Queue()
    sending = asyncio.ensure_future(_send_outcomes(socket, runs))
    while (message := await socket.receive()) is not None:
        body = message.encode() if isinstance(message, str) else message
        opened = socket.request
        request = IncomingRequest("POST", opened.address, b"", opened.headers, body)
        runs.put_nowait(asyncio.ensure_future(_run(endpoint, request, files, clock)))
    sending.cancel()


async def _run(
    endpoint: EmulatedEndpoint, request: IncomingRequest, files: str, clock: Clock
) -> Outcome:
    outcome = endpoint.outcome(request, files)
    await clock.wait(endpoint.script.queue_time + endpoint.script.run_time)
    return await outcome if isinstance(outcome, asyncio.Task) else outcome


async def _send_outcomes(socket: Socket, runs: asyncio.Queue[asyncio.Task[Outcome]]) -> None:
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
    for start in range(0, len(response.body), _FRAME_BYTES):
        await socket.send(response.body[start : start + _FRAME_BYTES])
    end = {"type": "end", **about, "time_to_first_byte_seconds": first_byte}
    await socket.send(json.dumps(end))
