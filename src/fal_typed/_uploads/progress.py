"""Telling the caller how far an upload has come."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from typing import Union

from fal_typed._core.flow import Flow, invoke

OnProgress = Callable[[int, Union[int, None]], Union[Awaitable[object], object]]
"""Called with the bytes that have arrived, and the bytes in all (None while that is unknown)."""


class Progress:
    """Counts bytes over several threads, and tells one count after the other."""

    def __init__(self, callback: OnProgress | None, total: int | None) -> None:
        self._callback = callback
        self._total = total
        self._sent = 0
        self._lock = threading.Lock()

    def begin(self) -> Flow[None]:
        """Tell that nothing has arrived yet; the file may be sent anew another way."""
        self._sent = 0
        yield from self.add(0)

    def add(self, size: int) -> Flow[None]:
        """Tell that so many bytes more have arrived."""
        if self._callback is not None:
            yield from invoke(self._tell, size)

    def _tell(self, size: int) -> object:
        assert self._callback is not None  # noqa: S101 - else nobody would have called
        # Held during the call, so that the caller hears the counts in order and one at a time.
        with self._lock:
            self._sent += size
            return self._callback(self._sent, self._total)
