"""How many requests an endpoint runs at once and accepts per second."""

from __future__ import annotations

import heapq
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fal_typed.testing.engine.messages import too_many_requests

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator

    from fal_typed.testing.engine.messages import Response


class EndpointLimits:
    """Limits of one endpoint; set its attributes at any time.

    As on the platform (docs/protocol.md section 2), direct runs above the concurrency are refused
    with 429, and jobs above it stay in the queue until an earlier one ends.

    >>> limits = EndpointLimits()
    >>> limits.rate = 2
    >>> [limits.refusal(at) is None for at in (0.0, 0.1, 0.2, 1.05)]
    [True, True, False, True]
    """

    def __init__(self) -> None:
        self.concurrency: int | None = None
        """How many runs may be in progress at once; None for no limit."""
        self.rate: int | None = None
        """How many runs and submits are accepted per second; None for no limit."""
        self._running = 0
        self._recent: deque[float] = deque()
        self._ends: list[float] = []

    def refusal(self, now: float, *, direct: bool = False) -> Response | None:
        """Check a request against the limits, and count it if it is accepted.

        Args:
            now: The clock's time.
            direct: Whether it is a direct run.

        Returns:
            The response that refuses it; None when it is accepted.
        """
        if direct and self.concurrency is not None and self._running >= self.concurrency:
            return too_many_requests("Too many concurrent requests", "1")
        if self.rate is None:
            return None
        while self._recent and self._recent[0] <= now - 1:
            self._recent.popleft()
        if len(self._recent) >= self.rate:
            seconds = max(self._recent[0] + 1 - now, 0.001)
            return too_many_requests("Too many requests", f"{seconds:.3g}")
        self._recent.append(now)
        return None

    @contextmanager
    def running(self) -> Generator[None]:
        """Count a direct run while it is in progress.

        Yields:
            Nothing.
        """
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    async def counted(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Count a stream while it is in progress.

        Args:
            chunks: Its chunks.

        Yields:
            The same chunks.
        """
        with self.running():
            async for chunk in chunks:
                yield chunk

    def start(self, ready_at: float, run_time: float) -> float:
        """Find out when a job can start.

        Args:
            ready_at: When it would start without a limit.
            run_time: How long it runs, in seconds.

        Returns:
            The time of its start.
        """
        if self.concurrency is None:
            return ready_at
        while len(self._ends) >= max(1, self.concurrency):
            ready_at = max(ready_at, heapq.heappop(self._ends))
        heapq.heappush(self._ends, ready_at + run_time)
        return ready_at
