"""Realtime sessions over websockets, in all four modes (docs/protocol.md section 5)."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from fal_typed.testing.engine.packing import UnreadableMessageError, pack, unpack
from fal_typed.testing.engine.scripts import RealtimeScript, ScriptedFailure, handler_outputs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from fal_typed.testing.engine.clock import Clock
    from fal_typed.testing.engine.emulated_endpoints import EmulatedEndpoint
    from fal_typed.testing.engine.sockets import Socket

_MAX_BUFFERING = 60


class SessionError(Exception):
    """The session ends with an error message to the client."""


class EmulatedSession:
    """One realtime connection to one endpoint.

    Args:
        socket: The accepted connection.
        endpoint: The endpoint.
        script: How its realtime route behaves.
        files: Base URL of files in the outputs.
        clock: The emulator's clock.
    """

    def __init__(
        self,
        socket: Socket,
        endpoint: EmulatedEndpoint,
        script: RealtimeScript,
        files: str,
        clock: Clock,
    ) -> None:
        self._socket = socket
        self._endpoint = endpoint
        self._script = script
        self._files = files
        self._clock = clock
        self._buffer = InputBuffer(socket, script, clock, _buffering(socket, script))

    async def run(self) -> None:
        """Serve the session until it ends."""
        reading = asyncio.ensure_future(self._buffer.fill())
        try:
            await self._serve()
            if not self._buffer.disconnected:
                await self._error("TIMEOUT", "EmulatedSession ended: no further input")
                await self._socket.close()
        except (SessionError, UnreadableMessageError) as error:
            await self._error("INTERNAL_ERROR", str(error))
            await self._socket.close()
        except ConnectionError:
            pass  # dropped by a script
        finally:
            reading.cancel()

    async def _serve(self) -> None:
        modes = {
            "unary": self._unary,
            "server_streaming": self._server_streaming,
            "client_streaming": self._client_streaming,
            "bidi": self._bidi,
        }
        await modes[self._script.mode]()

    async def _unary(self) -> None:
        async for arguments in self._buffer.inputs():
            await self._send_results(self._one(arguments))

    async def _server_streaming(self) -> None:
        async for arguments in self._buffer.inputs():
            await self._send_results(self._many(arguments))
            return

    async def _client_streaming(self) -> None:
        if await self._streamed_to_handler():
            return
        last: Any = None
        async for arguments in self._buffer.inputs():
            last = arguments
        if last is not None:
            await self._send_results(self._one(last))

    async def _bidi(self) -> None:
        if await self._streamed_to_handler():
            return
        async for arguments in self._buffer.inputs():
            await self._send_results(self._one(arguments))

    async def _streamed_to_handler(self) -> bool:
        """Let the handler process the stream of inputs; False without a handler."""
        handler = self._script.handler
        if handler is None:
            return False
        await self._send_results(self._handled(handler, self._buffer.inputs()))
        return True

    def _one(self, arguments: Any) -> AsyncIterator[Any]:
        handler = self._script.handler
        return self._generated(arguments) if handler is None else self._handled(handler, arguments)

    def _many(self, arguments: Any) -> AsyncIterator[Any]:
        handler = self._script.handler
        if handler is None:
            return self._generated_events(arguments)
        return self._handled(handler, arguments)

    async def _handled(self, handler: Callable[[Any], Any], given: Any) -> AsyncIterator[Any]:
        async for output in handler_outputs(handler, given):
            yield output

    async def _generated(self, arguments: Any) -> AsyncIterator[Any]:
        self._check(arguments)
        await self._clock.wait(self._script.run_time)
        yield self._endpoint.output(arguments, self._files)

    async def _generated_events(self, arguments: Any) -> AsyncIterator[Any]:
        self._check(arguments)
        for output in self._endpoint.partial_outputs(arguments, self._files):
            yield output

    def _check(self, arguments: Any) -> None:
        problems = self._endpoint.problems(arguments)
        if problems:
            lines = [f"{'.'.join(map(str, p['loc'][1:]))}\n  {p['msg']}" for p in problems]
            raise SessionError(f"{len(problems)} validation errors\n" + "\n".join(lines))

    async def _send_results(self, outputs: AsyncIterator[Any]) -> None:
        begun = time.perf_counter()
        try:
            async for output in outputs:
                await self._socket.send(pack(output, self._script.codec))
                await self._timings(time.perf_counter() - begun)
        except (SessionError, ConnectionError):
            raise
        except ScriptedFailure as failure:
            raise SessionError(failure.content().decode(errors="replace")) from failure
        except Exception as error:
            raise SessionError(str(error)) from error

    async def _timings(self, seconds: float) -> None:
        if self._script.timings:
            message = {"type": "x-fal-message", "action": "timings", "timing": seconds}
            await self._socket.send(json.dumps(message))

    async def _error(self, code: str, reason: str) -> None:
        message = {"type": "x-fal-error", "error": code, "reason": reason}
        await self._socket.send(json.dumps(message))


class InputBuffer:
    """Inputs that were received and not yet processed; when it is full, the oldest are dropped.

    Args:
        socket: The connection.
        script: How the route behaves.
        clock: The emulator's clock.
        size: How many inputs it keeps; None for no limit.
    """

    def __init__(
        self, socket: Socket, script: RealtimeScript, clock: Clock, size: int | None
    ) -> None:
        self._socket = socket
        self._script = script
        self._clock = clock
        self._waiting: deque[str | bytes] = deque(maxlen=size)
        self._arrival: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._last_input_at = clock.now()
        self.disconnected = False

    async def fill(self) -> None:
        """Read what the client sends until it disconnects."""
        while (message := await self._socket.receive()) is not None:
            self._last_input_at = self._clock.now()
            self._waiting.append(message)
            self._wake()
        self.disconnected = True
        self._wake()

    def _wake(self) -> None:
        if not self._arrival.done():
            self._arrival.set_result(None)

    async def inputs(self) -> AsyncIterator[Any]:
        """Take the inputs one by one.

        Yields:
            Each decoded input, until the session times out without input or the client disconnects.

        Raises:
            UnreadableMessageError: A message cannot be decoded.
        """
        while True:
            if not self._waiting and not self.disconnected:
                self._arrival = asyncio.get_running_loop().create_future()
                due = self._last_input_at + self._script.session_timeout
                await self._clock.wait(due - self._clock.now(), self._arrival)
            if not self._waiting:
                return
            yield unpack(self._waiting.popleft(), self._script.codec)


def _buffering(socket: Socket, script: RealtimeScript) -> int | None:
    requested = socket.request.parameter("max_buffering") or ""
    limits = [script.buffering] if script.buffering is not None else []
    if requested.isdigit():
        limits.append(min(max(int(requested), 1), _MAX_BUFFERING))
    return min(limits, default=None)
