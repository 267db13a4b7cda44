"""The two drivers: they perform the effects of a flow, blocking or awaiting."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from inspect import isawaitable, iscoroutine
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, Union, cast

from fal_typed._core.flow import (
    Blocking,
    CloseSocket,
    CloseStream,
    Draw,
    Effect,
    Emit,
    Fallback,
    Flow,
    Gather,
    Interruptible,
    Invoke,
    Now,
    OpenSocket,
    OpenStream,
    ReadChunk,
    ReceiveFrame,
    ReportEvent,
    Retrying,
    RunLocked,
    Send,
    SendFrame,
    Sleep,
)
from fal_typed._core.hooks import Observer
from fal_typed._core.interrupts import deferred_interrupt
from fal_typed._transport.base import OpenedSocket, OpenedStream, SendProgress, TransportError
from fal_typed._transport.cleanup import shielded
from fal_typed.errors import FalInputError

if TYPE_CHECKING:
    from fal_typed._core.hooks import HookName, ObservedResponse
    from fal_typed._transport.base import AsyncTransport, HttpRequest, SyncTransport

T = TypeVar("T")
Res = TypeVar("Res", bound="ObservedResponse")
_COMPLETION_SECONDS = 5.0
_SocketEffect = Union[SendFrame, ReceiveFrame, CloseSocket]


class _Stop(NamedTuple):
    """Why a flow paused: it emitted a value, or it finished and returned one."""

    value: Any
    finished: bool


class SyncDriver:
    """Runs flows in the calling thread."""

    def __init__(
        self,
        transport: SyncTransport,
        *,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.transport = transport
        self._observer = Observer() if observer is None else observer
        self._clock = clock
        self._sleep = sleep
        self._draw = draw

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result."""
        streams = _Streams(self)
        try:
            return cast("T", self._advance(flow, streams).value)
        finally:
            streams.close()
            streams.raise_interrupt()

    def iterate(self, flow: Flow[object]) -> Generator[Any, None, None]:
        """Run a flow and yield what it emits; closing the iterator stops the flow."""
        streams = _Streams(self)
        try:
            while not (stop := self._advance(flow, streams)).finished:
                yield stop.value
        finally:
            flow.close()
            streams.close()

    def _advance(self, flow: Flow[Any], streams: _Streams) -> _Stop:
        value: object = None
        error: BaseException | None = None
        while True:
            try:
                effect = flow.send(value) if error is None else flow.throw(error)
            except StopIteration as stop:
                return _Stop(stop.value, finished=True)
            if type(effect) is Emit:
                return _Stop(effect.value, finished=False)
            value, error = None, None
            try:
                streams.raise_interrupt()
                value = self._perform(effect, streams)
            except BaseException as raised:  # noqa: BLE001 - the flow handles it
                error = raised

    def _perform(self, effect: Effect, streams: _Streams) -> object:  # noqa: C901, PLR0912 - one case per effect
        match effect:
            case ReadChunk(stream, timeout):
                return self.transport.read(stream, timeout)
            case Send(request, completes):
                if completes:
                    return self._completed(request, streams)
                return self._observed(request, self.transport.send)
            case Interruptible():
                return None
            case OpenStream(request):
                return streams.add(self._observed(request, self.transport.open))
            case CloseStream(stream):
                streams.discard(stream)
                return None
            case OpenSocket(request):
                return self._observed(request, _open_socket)
            case SendFrame() | ReceiveFrame() | CloseSocket():
                return _on_socket(effect)
            case RunLocked(lock, flow):
                with lock.blocking:
                    return self.run(flow)
            case Sleep(seconds):
                return self._sleep(seconds)
            case Now():
                return self._clock()
            case Draw():
                return self._draw()
            case Invoke(function, arguments):
                return _plain_result(function(*arguments))
            case Blocking(function):
                return function()
            case ReportEvent(event):
                self._report(event)
                return None
            case Gather(flows, limit):
                return self._gather(flows, limit)
            case Emit():
                raise AssertionError("_advance handles Emit")

    def _completed(self, request: HttpRequest, streams: _Streams) -> object:
        progress = SendProgress()
        with deferred_interrupt(progress) as interrupt:
            try:
                return self._observed(request, lambda each: self.transport.send(each, progress))
            finally:
                streams.interrupted = interrupt.is_pending

    def _observed(self, request: HttpRequest, perform: Callable[[HttpRequest], Res]) -> Res:
        if not self._observer.is_watching:
            return perform(request)
        self._call_hooks("request", self._observer.sending(request))
        start = self._clock()
        try:
            response = perform(request)
        except TransportError as error:
            self._observer.failed(request, error, self._clock() - start)
            raise
        elapsed = self._clock() - start
        self._call_hooks("response", self._observer.received(request, response, elapsed))
        return response

    def _report(self, event: Retrying | Fallback) -> None:
        if isinstance(event, Fallback):
            self._observer.falling_back(event)
        else:
            self._call_hooks("retry", self._observer.retrying(event))

    def _call_hooks(self, kind: HookName, event: object) -> None:
        for hook in self._observer.on(kind):
            _plain_result(hook(event))

    def _gather(self, flows: Any, limit: int) -> list[Any]:
        stopped = threading.Event()
        with ThreadPoolExecutor(limit, thread_name_prefix="fal-typed") as pool:
            futures = [pool.submit(self.run, _until(stopped, flow)) for flow in flows]
            try:
                done, waiting = wait(futures, return_when=FIRST_EXCEPTION)
                return [future.result() for future in (done if waiting else futures)]
            except BaseException:
                # Includes Ctrl-C, which only this thread sees: no flow starts another effect.
                stopped.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _until(stopped: threading.Event, flow: Flow[T]) -> Flow[T | None]:
    """Run the flow, but close it before its next effect once `stopped` is set."""
    try:
        effect = next(flow)
        while not stopped.is_set():
            try:
                value = yield effect
            except BaseException as error:  # noqa: BLE001 - the flow handles it
                effect = flow.throw(error)
            else:
                effect = flow.send(value)
    except StopIteration as stop:
        return cast("T", stop.value)
    finally:
        flow.close()
    return None


class _Streams:
    """The open streams of a sync flow, closed when it ends, and a Ctrl-C that is held back."""

    def __init__(self, driver: SyncDriver) -> None:
        self._driver = driver
        self._open: list[OpenedStream] = []
        self.interrupted = False

    def raise_interrupt(self) -> None:
        """Raise the Ctrl-C that had to wait."""
        interrupted, self.interrupted = self.interrupted, False
        if interrupted:
            raise KeyboardInterrupt

    def add(self, stream: OpenedStream) -> OpenedStream:
        self._open.append(stream)
        return stream

    def discard(self, stream: OpenedStream) -> None:
        if stream in self._open:
            self._open.remove(stream)
            self._driver.transport.close_stream(stream)

    def close(self) -> None:
        while self._open:
            self._driver.transport.close_stream(self._open.pop())


def _plain_result(value: object) -> object:
    if iscoroutine(value):
        value.close()
        raise FalInputError(
            "The callback of a sync call is a coroutine function. Pass a plain function, "
            "or use the async form of the call."
        )
    return value


def _open_socket(request: HttpRequest) -> OpenedSocket:
    from fal_typed._transport.websocket import open_socket

    return open_socket(request)


async def _open_socket_async(request: HttpRequest) -> OpenedSocket:
    from fal_typed._transport.websocket import open_socket_async

    return await open_socket_async(request)


def _on_socket(effect: _SocketEffect) -> object:
    match effect:
        case SendFrame(socket, data):
            return socket.handle.send(data)
        case ReceiveFrame(socket, timeout):
            return socket.handle.receive(timeout)
        case CloseSocket(socket):
            return socket.handle.close()


async def _on_socket_async(effect: _SocketEffect) -> object:
    match effect:
        case SendFrame(socket, data):
            return await socket.handle.send(data)
        case ReceiveFrame(socket, timeout):
            return await socket.handle.receive(timeout)
        case CloseSocket(socket):
            return await socket.handle.close()


class AsyncDriver:
    """Runs flows in the running event loop."""

    def __init__(
        self,
        transport: AsyncTransport,
        *,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.transport = transport
        self._observer = Observer() if observer is None else observer
        self._clock = clock
        self._sleep = sleep
        self._draw = draw

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result."""
        streams = _AsyncStreams()
        try:
            return cast("T", (await self._advance(flow, streams)).value)
        finally:
            await self._close(streams)
            streams.raise_cancellation()

    async def iterate(self, flow: Flow[object]) -> AsyncGenerator[Any, None]:
        """Run a flow and yield what it emits; closing the iterator stops the flow."""
        streams = _AsyncStreams()
        try:
            while not (stop := await self._advance(flow, streams)).finished:
                yield stop.value
        finally:
            flow.close()
            await self._close(streams)

    async def _advance(
        self, flow: Flow[Any], streams: _AsyncStreams, error: BaseException | None = None
    ) -> _Stop:
        value: object = None
        while True:
            try:
                effect = flow.send(value) if error is None else flow.throw(error)
            except StopIteration as stop:
                return _Stop(stop.value, finished=True)
            if type(effect) is Emit:
                return _Stop(effect.value, finished=False)
            value, error = None, None
            try:
                streams.raise_cancellation()
                value = await self._perform(effect, streams)
            except asyncio.CancelledError as raised:
                # What the flow does now is cleanup, such as canceling a job that is billed.
                return await shielded(self._advance(flow, streams, raised))
            except BaseException as raised:  # noqa: BLE001 - the flow handles it
                error = raised

    async def _perform(  # noqa: C901, PLR0912 - one case per effect
        self, effect: Effect, streams: _AsyncStreams
    ) -> object:
        match effect:
            case ReadChunk(stream, timeout):
                return await self.transport.read(stream, timeout)
            case Send(request, completes):
                if completes:
                    return await self._completed(request, streams)
                return await self._observed(request, self.transport.send)
            case Interruptible():
                return None
            case OpenStream(request):
                streams.open.append(await self._observed(request, self.transport.open))
                return streams.open[-1]
            case CloseStream(stream):
                streams.open.remove(stream)
                await self.transport.close_stream(stream)
                return None
            case OpenSocket(request):
                return await self._observed(request, _open_socket_async)
            case SendFrame() | ReceiveFrame() | CloseSocket():
                return await _on_socket_async(effect)
            case RunLocked(lock, flow):
                async with lock.awaiting:
                    return await self.run(flow)
            case Sleep(seconds):
                await self._sleep(seconds)
                return None
            case Now():
                return self._clock()
            case Draw():
                return self._draw()
            case Invoke(function, arguments):
                value = function(*arguments)
                return await value if isawaitable(value) else value
            case Blocking(function):
                return await asyncio.to_thread(function)
            case ReportEvent(event):
                await self._report(event)
                return None
            case Gather(flows, limit):
                return await self._gather(flows, limit)
            case Emit():
                raise AssertionError("_advance handles Emit")

    async def _completed(self, request: HttpRequest, streams: _AsyncStreams) -> object:
        progress = SendProgress()
        sending = asyncio.ensure_future(
            self._observed(request, lambda each: self.transport.send(each, progress))
        )
        try:
            return await asyncio.shield(sending)
        except asyncio.CancelledError as raised:
            if sending.cancelled():
                raise
            if not progress.begun:
                sending.cancel()
            streams.interrupted = raised
        with suppress(asyncio.CancelledError):
            await shielded(_ended([sending]), _COMPLETION_SECONDS)
        return sending.result()

    async def _observed(
        self, request: HttpRequest, perform: Callable[[HttpRequest], Awaitable[Res]]
    ) -> Res:
        if not self._observer.is_watching:
            return await perform(request)
        await self._call_hooks("request", self._observer.sending(request))
        start = self._clock()
        try:
            response = await perform(request)
        except TransportError as error:
            self._observer.failed(request, error, self._clock() - start)
            raise
        elapsed = self._clock() - start
        await self._call_hooks("response", self._observer.received(request, response, elapsed))
        return response

    async def _report(self, event: Retrying | Fallback) -> None:
        if isinstance(event, Fallback):
            self._observer.falling_back(event)
        else:
            await self._call_hooks("retry", self._observer.retrying(event))

    async def _call_hooks(self, kind: HookName, event: object) -> None:
        for hook in self._observer.on(kind):
            value = hook(event)
            if isawaitable(value):
                await value

    async def _gather(self, flows: Any, limit: int) -> list[Any]:
        gate = asyncio.Semaphore(limit)

        async def one(flow: Flow[object]) -> object:
            async with gate:
                return await self.run(flow)

        tasks = [asyncio.ensure_future(one(flow)) for flow in flows]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            if not all(task.done() for task in tasks):
                await shielded(_ended(tasks))

    async def _close(self, streams: _AsyncStreams) -> None:
        if streams.open:
            await shielded(self._close_all(streams.open))

    async def _close_all(self, streams: list[OpenedStream]) -> None:
        while streams:
            with suppress(Exception):
                await self.transport.close_stream(streams.pop())


class _AsyncStreams:
    """The streams an async flow has open, and the cancellation that waits for it."""

    def __init__(self) -> None:
        self.open: list[OpenedStream] = []
        self.interrupted: asyncio.CancelledError | None = None

    def raise_cancellation(self) -> None:
        """Raise the cancellation that had to wait."""
        interrupted, self.interrupted = self.interrupted, None
        if interrupted is not None:
            raise interrupted


async def _ended(tasks: Sequence[asyncio.Future[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
