"""Finished items on their way to the caller: as they come or in order, and never too many."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from fal_typed.batch.batch_items import BatchItem
    from fal_typed.batch.batch_report import BatchReport

Out = TypeVar("Out")


class Outbox(Generic[Out]):
    """Takes finished items and gives them to the caller.

    Args:
        size: The most items that are anywhere between the inputs and the caller.
        ordered: Whether items are returned in the order of the inputs.
        report: Counts what is returned.
    """

    def __init__(self, size: int, report: BatchReport, *, ordered: bool) -> None:
        self._room = asyncio.Semaphore(size)
        self._ordered = ordered
        self._report = report
        self._ready: list[BatchItem[Out]] = []
        self._has_ready = asyncio.Event()
        self._early: dict[int, BatchItem[Out] | None] = {}
        self._reserved = 0
        self._passed = 0
        self.is_closed = False

    async def reserve(self) -> int:
        """Wait for room for one more item; gives its position."""
        await self._room.acquire()
        self._reserved += 1
        return self._reserved - 1

    def put(self, position: int, item: BatchItem[Out] | None) -> None:
        """Add a finished item, or None when another worker has it."""
        if not self._ordered:
            self._pass(item)
            return
        self._early[position] = item
        while self._passed in self._early:
            self._pass(self._early.pop(self._passed))
            self._passed += 1

    async def take(self) -> list[BatchItem[Out]]:
        """The items that are finished by now, at least one; an empty list at the end."""
        while not self._ready and not self.is_closed:
            self._has_ready.clear()
            await self._has_ready.wait()
        taken, self._ready = self._ready, []
        for _ in taken:
            self._room.release()
        return taken

    def close(self) -> None:
        """Nothing more is added."""
        self.is_closed = True
        self._has_ready.set()

    def _pass(self, item: BatchItem[Out] | None) -> None:
        if item is None:
            self._room.release()
            return
        self._report.count(item)
        self._ready.append(item)
        self._has_ready.set()
