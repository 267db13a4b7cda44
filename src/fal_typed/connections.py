"""The open connections of a client: one pool per process, and per event loop in async code."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from fal_typed.driver import AsyncDriver, SyncDriver
    from fal_typed.transport import HttpClient


class Connections:
    """Makes drivers when they are first needed, and shares them between threads.

    A forked child never uses its parent's sockets, and an event loop never another's.
    """

    def __init__(self, http_client: HttpClient | None = None) -> None:
        self._http_client = http_client
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._driver: SyncDriver | None = None
        self._async_drivers: WeakKeyDictionary[AbstractEventLoop, AsyncDriver] = WeakKeyDictionary()

    def __reduce__(self) -> tuple[Any, ...]:
        return (Connections, ())

    def driver(self) -> SyncDriver:
        """The driver of sync code."""
        self._renew_after_fork()
        if self._driver is None:
            from fal_typed.driver import SyncDriver
            from fal_typed.transport import sync_transport

            with self._lock:
                if self._driver is None:
                    self._driver = SyncDriver(sync_transport(self._http_client))
        return self._driver

    def async_driver(self) -> AsyncDriver:
        """The driver of the running event loop."""
        self._renew_after_fork()
        loop = asyncio.get_running_loop()
        driver = self._async_drivers.get(loop)
        if driver is None:
            from fal_typed.driver import AsyncDriver
            from fal_typed.transport import async_transport

            driver = AsyncDriver(async_transport(self._http_client))
            with self._lock:
                self._async_drivers[loop] = driver
        return driver

    def close(self) -> None:
        """Close the connections of sync code."""
        with self._lock:
            driver, self._driver = self._driver, None
        if driver is not None:
            driver.transport.close()

    async def close_async(self) -> None:
        """Close the connections of the running event loop."""
        with self._lock:
            driver = self._async_drivers.pop(asyncio.get_running_loop(), None)
        if driver is not None:
            await driver.transport.close()

    def _renew_after_fork(self) -> None:
        if self._process != os.getpid():
            self._reset()
