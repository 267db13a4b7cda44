"""How many items are in flight: more while the platform accepts them, fewer when it refuses.

The limit doubles at first, then grows by one each time that as many items were accepted as it
allows, and is halved when the platform refuses (additive increase, multiplicative decrease).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque

_FIRST_LIMIT = 10
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0


class AdaptiveLimit:
    """Slots for items in flight, for the tasks of one event loop.

    Args:
        ceiling: The most items in flight.

    Attributes:
        limit: How many may be in flight now.
        in_flight: How many are.
        refusals: How often the platform refused.
        trouble: Why nothing is submitted at the moment, or an empty string.
    """

    def __init__(self, ceiling: int) -> None:
        self.limit = float(min(ceiling, _FIRST_LIMIT))
        self.in_flight = 0
        self.refusals = 0
        self.trouble = ""
        self.ceiling = ceiling
        self._is_starting = True
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._paused_until = 0.0
        self._reduced_at = 0.0
        self._failures = 0
        self._timer: asyncio.TimerHandle | None = None

    async def acquire(self, *, first: bool = False) -> float:
        """Wait for a slot.

        Args:
            first: Whether to go before those that wait already.

        Returns:
            The time by which `accepted` and `refused` know the attempt.
        """
        if self._waiters or not self._is_free():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            if first:
                self._waiters.appendleft(waiter)
            else:
                self._waiters.append(waiter)
            self._wake()
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self.release()
                raise
        else:
            self.in_flight += 1
        return time.monotonic()

    def acquire_more(self, most: int) -> int:
        """Take slots that are free at once; gives how many."""
        taken = 0
        while taken < most and not self._waiters and self._is_free():
            self.in_flight += 1
            taken += 1
        return taken

    def release(self) -> None:
        """Give a slot back."""
        self.in_flight -= 1
        self._wake()

    def accepted(self) -> None:
        """Note that the platform accepted an item."""
        self._failures = 0
        self.trouble = ""
        if self.in_flight + 1 >= self.limit:
            self.limit += 1 if self._is_starting else 1 / self.limit
            self.limit = min(self.limit, float(self.ceiling))
        self._wake()

    def refused(self, begun_at: float, asked: float | None, reason: str) -> None:
        """Note that the platform refused an item.

        Args:
            begun_at: When the attempt began, as `acquire` returned it.
            asked: Seconds that the platform asks to wait, or None.
            reason: What happened, for those who watch.
        """
        self.refusals += 1
        if begun_at >= self._reduced_at:
            # Those that were in flight together are one sign, not many.
            self.limit = max(1.0, min(self.limit, float(self.in_flight)) / 2)
            self._is_starting = False
            self._reduced_at = time.monotonic()
            self._failures += 1
        self._pause(asked, reason)

    def unreachable(self, begun_at: float, reason: str) -> None:
        """Note that the platform cannot be reached; arguments as for `refused`."""
        if begun_at >= self._paused_until:
            self._failures += 1
        self._pause(None, reason)

    def set_ceiling(self, ceiling: int) -> None:
        """Set the most items in flight."""
        self.ceiling = ceiling
        self.limit = min(self.limit, float(ceiling))
        if ceiling:
            self.limit = max(self.limit, 1.0, min(_FIRST_LIMIT, ceiling) * self._is_starting)
        self._wake()

    def pause_seconds(self) -> float:
        """Seconds to wait before the next attempt of any kind."""
        return max(0.0, self._paused_until - time.monotonic())

    def _pause(self, asked: float | None, reason: str) -> None:
        wait = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(max(self._failures, 1) - 1, 30))
        seconds = wait * (0.5 + random.random() / 2) if asked is None else asked  # noqa: S311
        self._paused_until = max(self._paused_until, time.monotonic() + seconds)
        self.trouble = reason

    def _is_free(self) -> bool:
        return self.in_flight < int(self.limit) and time.monotonic() >= self._paused_until

    def _wake(self) -> None:
        while self._waiters and self._is_free():
            waiter = self._waiters.popleft()
            if not waiter.done():
                self.in_flight += 1
                waiter.set_result(None)
        if self._waiters and self._timer is None and (wait := self.pause_seconds()):
            self._timer = asyncio.get_running_loop().call_later(wait + 0.001, self._wake_later)

    def _wake_later(self) -> None:
        self._timer = None
        self._wake()
