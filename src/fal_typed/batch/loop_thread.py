"""An event loop in a thread of its own, for sync code."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the loop."""
        loop = self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=loop.run_forever, name="fal-typed-batch", daemon=True
        )
        self._thread.start()

    def perform(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop and wait for it."""
        if self._loop is None:
            work.close()
            raise RuntimeError("Use Batch in a with block.")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def call_soon(self, function: Any, *arguments: object) -> None:
        """Call a function in the loop."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(function, *arguments)

    def stop(self, last: Coroutine[Any, Any, object]) -> None:
        """Run a last coroutine, then end the loop."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            last.close()
            return
        with suppress(Exception):
            self.perform(last)
        self.perform(loop.shutdown_asyncgens())
        self.perform(loop.shutdown_default_executor())
        self._loop = self._thread = None
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
