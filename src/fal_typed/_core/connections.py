"""The open connections of a client: one pool per process, and per event loop in async code."""

from __future__ import annotations

import asyncio
import os
import threading
from asyncio import AbstractEventLoop
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from fal_typed._core.driver import AsyncDriver, SyncDriver
from fal_typed._transport.cleanup import shielded
from fal_typed._transport.selection import async_transport, sync_transport

if TYPE_CHECKING:
    from fal_typed._core.hooks import Observer
    from fal_typed._transport.base import AsyncTransport, HttpClient


class Connections:
    """Creates drivers on first use and shares them between threads.

    A forked child never uses its parent's sockets, and event loops never share sockets.
    """

    def __init__(
        self, http_client: HttpClient | None = None, observer: Observer | None = None
    ) -> None:
        self._http_client = http_client
        self._observer = observer
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._driver: SyncDriver | None = None
        self._async_drivers: WeakKeyDictionary[AbstractEventLoop, _LoopDriver] = WeakKeyDictionary()

    def __copy__(self) -> Connections:
        return self

    def __deepcopy__(self, memo: object) -> Connections:
        return self  # connections are shared between copies, as threads share them

    def __reduce__(self) -> tuple[Any, ...]:
        return (Connections, ())

    def driver(self) -> SyncDriver:
        """The driver of sync code."""
        self._reset_after_fork()
        if self._driver is None:
            with self._lock:
                if self._driver is None:
                    self._driver = SyncDriver(
                        sync_transport(self._http_client), observer=self._observer
                    )
        return self._driver

    def async_driver(self) -> AsyncDriver:
        """The driver of the running event loop."""
        self._reset_after_fork()
        loop = asyncio.get_running_loop()
        entry = self._async_drivers.get(loop)
        if entry is None:
            entry = _LoopDriver(self._http_client, self._observer)
            with self._lock:
                self._drop_closed_loops()
                self._async_drivers[loop] = entry
        return entry.driver

    def close(self) -> None:
        """Close the connections of sync code."""
        with self._lock:
            driver, self._driver = self._driver, None
        if driver is not None:
            driver.transport.close()

    async def close_async(self) -> None:
        """Close the connections of the running event loop."""
        with self._lock:
            entry = self._async_drivers.pop(asyncio.get_running_loop(), None)
        if entry is not None:
            await shielded(entry.lifetime.aclose())

    def _drop_closed_loops(self) -> None:
        # A pool may reference its loop, which keeps the weak reference alive.
        for loop in [loop for loop in self._async_drivers if loop.is_closed()]:
            del self._async_drivers[loop]

    def _reset_after_fork(self) -> None:
        if self._process != os.getpid():
            self._reset()


class _LoopDriver:
    """A driver that is closed with its event loop.

    When a loop shuts down (as in `asyncio.run`), it closes the async generators started in it;
    this one closes the connections as its last step.
    """

    def __init__(self, http_client: HttpClient | None, observer: Observer | None) -> None:
        self.driver = AsyncDriver(async_transport(http_client), observer=observer)
        self._open = [self.driver.transport]
        self.lifetime = _lifetime(self._open)
        with suppress(StopIteration):
            self.lifetime.__anext__().send(None)

    def __del__(self) -> None:
        # Otherwise the loop would start a task that closes the generator, but a program that
        # drops its client and then its loop does not wait for that task.
        if "lifetime" in self.__dict__:
            self._open.clear()
            with suppress(StopIteration, RuntimeError):
                self.lifetime.aclose().send(None)


async def _lifetime(transports: list[AsyncTransport]) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        for transport in transports:
            await transport.close()
