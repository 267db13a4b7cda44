"""Reports upload progress to the caller."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from typing import Union

from fal_typed._core.flow import Flow, invoke

OnProgress = Callable[[int, Union[int, None]], Union[Awaitable[object], object]]
"""Called with the number of bytes uploaded and the total (None if unknown)."""


class Progress:
    """Counts uploaded bytes across threads and reports them one update at a time."""

    def __init__(self, callback: OnProgress | None, total: int | None) -> None:
        self._callback = callback
        self._total = total
        self._sent = 0
        self._lock = threading.Lock()

    def begin(self) -> Flow[None]:
        """Report 0 bytes, also when the upload starts over with another repository."""
        self._sent = 0
        yield from self.add(0)

    def add(self, size: int) -> Flow[None]:
        """Report that more bytes were uploaded."""
        if self._callback is not None:
            yield from invoke(self._report, size)

    def _report(self, size: int) -> object:
        assert self._callback is not None  # noqa: S101 - checked in add
        # Held during the call, so that the callback gets increasing counts, one at a time.
        with self._lock:
            self._sent += size
            return self._callback(self._sent, self._total)
