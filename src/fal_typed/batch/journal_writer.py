"""Writes the journal in a thread of its own, the operations of many items in one transaction.

A commit waits for the disk, so what comes in meanwhile is committed together with the next one.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy.exc import OperationalError

from fal_typed.batch import liveness
from fal_typed.batch.operations import Claim, Claimed, Lookup, Mark, Release, Sweep, Swept
from fal_typed.batch.transactions import perform

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

    from fal_typed.batch.operations import Operation
    from fal_typed.batch.worker import Worker

_GATHER = 0.02
"""Seconds to wait for more operations before a transaction begins."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0
_MOST_AT_ONCE = 1_000
logger = logging.getLogger("fal_typed")


class JournalWriter:
    """Performs operations on a journal for one event loop.

    Args:
        worker: Whose operations they are.
        beat: Called in the writer's thread every few seconds, for a sign of life.

    Attributes:
        cpu_seconds: CPU time that the thread has used.
        beaten_at: When the last sign of life was written, by the clock of the system.
    """

    def __init__(self, worker: Worker, beat: Callable[[], None]) -> None:
        self._worker = worker
        self._beat = beat
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[Operation, asyncio.Future[Any]]] = []
        self._changed = threading.Condition()
        self._stopping = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="fal-typed-journal", daemon=True)
        self.cpu_seconds = 0.0
        self.beaten_at = time.time()
        self._thread.start()

    async def claim(self, claim: Claim) -> Claimed:
        """Take an item."""
        return cast("Claimed", await self._perform(claim))

    def mark(self, mark: Mark) -> asyncio.Future[bool]:
        """Move an item to another state; gives False when it is not this worker's any more."""
        return self._perform(mark)

    async def sweep(self, sweep: Sweep) -> Swept:
        """Take items that others left behind."""
        return cast("Swept", await self._perform(sweep))

    async def look_up(self, lookup: Lookup) -> dict[str, RowMapping]:
        """Look up finished items."""
        return cast("dict[str, RowMapping]", await self._perform(lookup))

    def release(self, release: Release) -> None:
        """Note that the work on an item ended; nobody waits for it."""
        if self._failure is None:
            self._perform(release).add_done_callback(_observe)

    async def close(self) -> None:
        """Write what is waiting and end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        await asyncio.to_thread(self._thread.join)

    def _perform(self, operation: Operation) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._loop.create_future()
        with self._changed:
            if self._failure is not None:
                raise self._failure
            self._waiting.append((operation, future))
            if len(self._waiting) == 1:
                self._changed.notify()
        return future

    def _work(self) -> None:
        due = time.monotonic()
        while True:
            try:
                if time.monotonic() >= due:
                    self._retrying(lambda _again: self._beat())
                    self.beaten_at = time.time()
                    due = time.monotonic() + liveness.BEAT
                taken = self._next(due - time.monotonic())
                if taken:
                    self._write(taken)
                elif self._stopping:
                    return
            except BaseException as error:  # noqa: BLE001 - whoever waits is told
                self._fail(error)
                return
            finally:
                self.cpu_seconds = time.thread_time()

    def _next(self, seconds: float) -> list[tuple[Operation, asyncio.Future[Any]]]:
        with self._changed:
            if not self._waiting and not self._stopping:
                self._changed.wait(max(0.0, seconds))
            is_idle = not self._waiting
        if is_idle:
            return []
        if not self._stopping:
            time.sleep(_GATHER)
        with self._changed:
            taken = self._waiting[:_MOST_AT_ONCE]
            del self._waiting[:_MOST_AT_ONCE]
        return taken

    def _write(self, taken: list[tuple[Operation, asyncio.Future[Any]]]) -> None:
        operations = [operation for operation, _ in taken]
        results: list[object] = []

        def transaction(again: bool) -> None:
            with self._worker.journal.engine.begin() as connection:
                results[:] = perform(connection, self._worker, operations, recount=again)

        try:
            self._retrying(transaction)
        except BaseException as error:
            self._fail(error, [future for _, future in taken])
            raise
        self._tell(_resolve, [future for _, future in taken], results)

    def _retrying(self, transaction: Callable[[bool], None]) -> None:
        """Perform a transaction until the database can be reached."""
        pause, again = _FIRST_PAUSE, False
        while True:
            try:
                return transaction(again)
            except OperationalError as error:
                logger.warning("the journal cannot be written, retrying: %s", error.orig)
                time.sleep(pause)
                pause, again = min(_LONGEST_PAUSE, pause * 2), True
                if self._stopping and pause >= _LONGEST_PAUSE:
                    raise

    def _fail(self, error: BaseException, futures: list[asyncio.Future[Any]] | None = None) -> None:
        with self._changed:
            self._failure = error
            waiting = [future for _, future in self._waiting]
            self._waiting.clear()
        self._tell(_reject, [*(futures or []), *waiting], error)

    def _tell(self, function: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            logger.debug("the event loop ended before the journal was written")


def _resolve(futures: list[asyncio.Future[Any]], results: list[object]) -> None:
    for future, result in zip(futures, results, strict=True):
        if not future.done():
            future.set_result(result)


def _observe(future: asyncio.Future[Any]) -> None:
    """Retrieve an error; whoever writes next gets it as well."""
    if not future.cancelled():
        future.exception()


def _reject(futures: list[asyncio.Future[Any]], error: BaseException) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
