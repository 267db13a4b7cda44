"""Feeds an event loop with the items of an iterable, a few ahead of what is submitted.

An iterable is read in a thread of its own, for it may block; an asynchronous one in the loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")
_AHEAD = 512


class InputFeed(Protocol[T]):
    """Gives items as they are asked for."""

    async def take(self, most: int) -> list[T]:
        """The next items, at least one; an empty list at the end."""
        ...

    def close(self) -> None:
        """Read no more."""
        ...


def input_feed(
    inputs: Iterable[Any] | AsyncIterable[Any],
    number: Callable[[Iterable[Any]], Iterable[Any]],
    plan: Callable[[Any], T],
) -> InputFeed[T]:
    """Feed what a caller passes as inputs.

    Args:
        inputs: The inputs.
        number: Makes rows of an iterable.
        plan: Makes an item of a row.
    """
    if isinstance(inputs, AsyncIterable):
        return _AwaitedFeed(inputs, number, plan)
    return _ThreadFeed(inputs, number, plan)


class _ThreadFeed(Generic[T]):
    def __init__(
        self,
        inputs: Iterable[Any],
        number: Callable[[Iterable[Any]], Iterable[Any]],
        plan: Callable[[Any], T],
    ) -> None:
        self._inputs = inputs
        self._number = number
        self._plan = plan
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._changed = threading.Condition()
        self._items: list[T] = []
        self._is_wanted = False
        self._is_over = False
        self._error: BaseException | None = None
        threading.Thread(target=self._read, name="fal-typed-inputs", daemon=True).start()

    async def take(self, most: int) -> list[T]:
        while True:
            with self._changed:
                taken = self._items[:most]
                del self._items[:most]
                if taken:
                    self._changed.notify()
                    return taken
                if self._is_over:
                    if self._error is not None:
                        raise self._error
                    return []
                self._is_wanted = True
                self._ready.clear()
            await self._ready.wait()

    def close(self) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify()
        self._ready.set()

    def _read(self) -> None:
        try:
            for row in self._number(self._inputs):
                item = self._plan(row)
                with self._changed:
                    while len(self._items) >= _AHEAD and not self._is_over:
                        self._changed.wait()
                    if self._is_over:
                        return
                    self._items.append(item)
                    self._tell()
        except BaseException as error:  # noqa: BLE001 - it is raised where the items are taken
            self._error = error
        finally:
            with self._changed:
                self._is_over = True
                self._tell()

    def _tell(self) -> None:
        if self._is_wanted:
            self._is_wanted = False
            try:
                self._loop.call_soon_threadsafe(self._ready.set)
            except RuntimeError:
                self._is_over = True  # the loop has ended


class _AwaitedFeed(Generic[T]):
    def __init__(
        self,
        inputs: AsyncIterable[Any],
        number: Callable[[Iterable[Any]], Iterable[Any]],
        plan: Callable[[Any], T],
    ) -> None:
        self._rows: AsyncIterator[Any] = aiter(inputs)
        self._number = number
        self._plan = plan
        self._count = 0

    async def take(self, most: int) -> list[T]:  # noqa: ARG002 - one at a time, as they come
        try:
            value = await anext(self._rows)
        except StopAsyncIteration:
            return []
        self._count += 1
        (row,) = self._number([value])
        return [self._plan(row._replace(line=self._count) if row.line == 1 else row)]

    def close(self) -> None:
        return None
