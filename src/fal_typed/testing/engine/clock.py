"""The emulator's clock: real time, or time that a test advances by hand."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future
from datetime import datetime, timedelta, timezone


class RealTime:
    """Seconds that pass even while a test freezes time with freezegun or time-machine."""

    # freezegun replaces names in modules only, and time-machine no performance counter.
    read = staticmethod(time.perf_counter)


class Clock:
    """Real time, counted from the moment the clock was created."""

    def __init__(self) -> None:
        self._offset = time.time() - RealTime.read()

    def now(self) -> float:
        """Read the clock.

        Returns:
            Seconds since the epoch.
        """
        return self._offset + RealTime.read()

    async def wait(self, seconds: float, early: asyncio.Future[None] | None = None) -> None:
        """Wait.

        Args:
            seconds: How long at most.
            early: Ends the wait early when it is done.
        """
        if early is None:
            await asyncio.sleep(max(0.0, seconds))
            return
        await asyncio.wait([early], timeout=max(0.0, seconds))


class VirtualClock(Clock):
    """Time that only moves when it is advanced, for tests that must not depend on speed.

    Args:
        start: The time it begins with, in seconds since the epoch.

    >>> clock = VirtualClock(start=100.0)
    >>> clock.advance(5)
    >>> clock.now()
    105.0
    """

    def __init__(self, start: float = 1_767_225_600.0) -> None:
        self._now = start
        self._lock = threading.Lock()
        self._moved: Future[None] = Future()

    def now(self) -> float:
        """Read the clock.

        Returns:
            Seconds since the epoch.
        """
        return self._now

    def advance(self, seconds: float) -> None:
        """Advance the time; everything that becomes due happens at once.

        Args:
            seconds: By how much, zero or more.
        """
        with self._lock:
            self._now += seconds
            moved, self._moved = self._moved, Future()
        moved.set_result(None)

    async def wait(self, seconds: float, early: asyncio.Future[None] | None = None) -> None:
        """Wait until the clock has been advanced far enough.

        Args:
            seconds: How long at most, in the clock's own seconds.
            early: Ends the wait early when it is done.
        """
        with self._lock:
            due = self._now + max(0.0, seconds)
        while True:
            with self._lock:
                if self._now >= due:
                    return
                moved = asyncio.wrap_future(self._moved)
            others = [] if early is None else [early]
            await asyncio.wait([moved, *others], return_when=asyncio.FIRST_COMPLETED)
            if early is not None and early.done():
                return


def timestamp(at: float) -> str:
    """Format a time as the platform does.

    Args:
        at: Seconds since the epoch.

    Returns:
        ISO 8601 with microseconds and offset.

    >>> timestamp(0.5)
    '1970-01-01T00:00:00.500000+00:00'
    """
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (epoch + timedelta(seconds=at)).isoformat(timespec="microseconds")
