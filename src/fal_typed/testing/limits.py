"""How much an endpoint takes at once and in a second; what is beyond is refused or waits."""

from __future__ import annotations

import heapq
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fal_typed.testing.messages import json_response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator

    from fal_typed.testing.messages import Response


class Limits:
    """Limits of one endpoint; set its attributes at any time.

    As on the platform (docs/protocol.md section 2), direct runs beyond the concurrency are refused
    with 429, and jobs beyond it stay in the queue until one before them ends.

    >>> limits = Limits()
    >>> limits.rate = 2
    >>> [limits.refusal(at) is None for at in (0.0, 0.1, 0.2, 1.05)]
    [True, True, False, True]
    """

    def __init__(self) -> None:
        self.concurrency: int | None = None
        """How many runs go on at once; None for any number."""
        self.rate: int | None = None
        """How many runs and submits are taken in a second; None for any number."""
        self._running = 0
        self._recent: deque[float] = deque()
        self._ends: list[float] = []

    def refusal(self, now: float, *, direct: bool = False) -> Response | None:
        """Judge a request that came, and count it if it may go on.

        Args:
            now: Reading of the clock.
            direct: Whether it is a direct run.

        Returns:
            The answer that refuses it; None when it may go on.
        """
        if direct and self.concurrency is not None and self._running >= self.concurrency:
            return _too_many("Too many concurrent requests", 1.0)
        if self.rate is None:
            return None
        while self._recent and self._recent[0] <= now - 1:
            self._recent.popleft()
        if len(self._recent) >= self.rate:
            return _too_many("Too many requests", self._recent[0] + 1 - now)
        self._recent.append(now)
        return None

    @contextmanager
    def running(self) -> Generator[None]:
        """Count a direct run while it goes on.

        Yields:
            Nothing.
        """
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    async def counted(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Count a stream while it goes on.

        Args:
            chunks: Its pieces.

        Yields:
            The same pieces.
        """
        with self.running():
            async for chunk in chunks:
                yield chunk

    def start(self, ready_at: float, run_time: float) -> float:
        """Find the moment at which a job can start.

        Args:
            ready_at: When it would without a limit.
            run_time: Seconds that it takes.

        Returns:
            Reading of the clock then.
        """
        if self.concurrency is None:
            return ready_at
        while len(self._ends) >= max(1, self.concurrency):
            ready_at = max(ready_at, heapq.heappop(self._ends))
        heapq.heappush(self._ends, ready_at + run_time)
        return ready_at


def _too_many(message: str, seconds: float) -> Response:
    kind = "concurrent_requests_limit"
    headers = [
        (b"retry-after", f"{max(seconds, 0.001):.3g}".encode()),
        (b"x-fal-needs-retry", b"1"),
        (b"x-fal-error-type", kind.encode()),
    ]
    return json_response({"detail": message, "error_type": kind}, 429, headers)
