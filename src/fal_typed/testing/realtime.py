"""Realtime sessions over websockets, in all four modes (docs/protocol.md section 5)."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from fal_typed.testing.codecs import UndecodableError, decode, encode
from fal_typed.testing.scripts import Failure, RealtimeScript, handled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fal_typed.testing.clock import Clock
    from fal_typed.testing.models import Model
    from fal_typed.testing.sockets import Socket

_MAX_BUFFERING = 60


class SessionError(Exception):
    """A session that ends with an error message to the client."""


class Session:
    """One realtime connection to one endpoint.

    Args:
        socket: The connection, accepted.
        model: The endpoint.
        script: How its realtime route behaves.
        files: Base URL of files in the answers.
        clock: The emulator's time.
    """

    def __init__(
        self, socket: Socket, model: Model, script: RealtimeScript, files: str, clock: Clock
    ) -> None:
        self._socket = socket
        self._model = model
        self._script = script
        self._files = files
        self._clock = clock
        self._inbox = Inbox(socket, script, clock, _buffering(socket, script))

    async def run(self) -> None:
        """Serve the session to its end."""
        reading = asyncio.ensure_future(self._inbox.fill())
        try:
            await self._serve()
            if not self._inbox.client_is_gone:
                await self._error("TIMEOUT", "Session ended: no further input")
                await self._socket.close()
        except (SessionError, UndecodableError) as error:
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
        async for arguments in self._inbox.inputs():
            await self._answer_with(self._one(arguments))

    async def _server_streaming(self) -> None:
        async for arguments in self._inbox.inputs():
            await self._answer_with(self._many(arguments))
            return

    async def _client_streaming(self) -> None:
        if self._script.handler is not None:
            await self._answer_with(handled(self._script.handler(self._inbox.inputs())))
            return
        last: Any = None
        async for arguments in self._inbox.inputs():
            last = arguments
        if last is not None:
            await self._answer_with(self._one(last))

    async def _bidi(self) -> None:
        if self._script.handler is not None:
            await self._answer_with(handled(self._script.handler(self._inbox.inputs())))
            return
        async for arguments in self._inbox.inputs():
            await self._answer_with(self._one(arguments))

    async def _one(self, arguments: Any) -> AsyncIterator[Any]:
        if self._script.handler is not None:
            async for answer in handled(self._script.handler(arguments)):
                yield answer
            return
        self._check(arguments)
        await self._clock.wait(self._script.run_time)
        yield self._model.answer(arguments, self._files)

    async def _many(self, arguments: Any) -> AsyncIterator[Any]:
        if self._script.handler is not None:
            async for answer in handled(self._script.handler(arguments)):
                yield answer
            return
        self._check(arguments)
        for answer in self._model.partial_answers(arguments, self._files):
            yield answer

    def _check(self, arguments: Any) -> None:
        problems = self._model.problems(arguments)
        if problems:
            lines = [f"{'.'.join(map(str, p['loc'][1:]))}\n  {p['msg']}" for p in problems]
            raise SessionError(f"{len(problems)} validation errors\n" + "\n".join(lines))

    async def _answer_with(self, answers: AsyncIterator[Any]) -> None:
        begun = time.perf_counter()
        try:
            async for answer in answers:
                await self._socket.send(encode(answer, self._script.codec))
                await self._timings(time.perf_counter() - begun)
        except (SessionError, ConnectionError):
            raise
        except Failure as failure:
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


class Inbox:
    """Inputs that have come and not been taken; when it is full the oldest are dropped.

    Args:
        socket: The connection.
        script: How the route behaves.
        clock: The emulator's time.
        size: How many inputs it holds; None without limit.
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
        self.client_is_gone = False

    async def fill(self) -> None:
        """Read what the client sends, until it is gone."""
        while (message := await self._socket.receive()) is not None:
            self._last_input_at = self._clock.now()
            self._waiting.append(message)
            self._wake()
        self.client_is_gone = True
        self._wake()

    def _wake(self) -> None:
        if not self._arrival.done():
            self._arrival.set_result(None)

    async def inputs(self) -> AsyncIterator[Any]:
        """Take the inputs one by one.

        Yields:
            Each input, decoded, until none came for the session's timeout or the client is gone.

        Raises:
            UndecodableError: A message cannot be read.
        """
        while True:
            if not self._waiting and not self.client_is_gone:
                self._arrival = asyncio.get_running_loop().create_future()
                due = self._last_input_at + self._script.session_timeout
                await self._clock.wait(due - self._clock.now(), self._arrival)
            if not self._waiting:
                return
            yield decode(self._waiting.popleft(), self._script.codec)


def _buffering(socket: Socket, script: RealtimeScript) -> int | None:
    asked = socket.request.parameter("max_buffering") or ""
    limits = [script.buffering] if script.buffering is not None else []
    if asked.isdigit():
        limits.append(min(max(int(asked), 1), _MAX_BUFFERING))
    return min(limits, default=None)
