"""The emulator's memory of every request that came in."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LARGEST_BODY = 1 << 20  # uploads are files of their own; their bytes are not kept twice


@dataclass
class RecordedRequest:
    """One request as the emulator received it."""

    service: str
    """Host name of the service, e.g. ``queue.fal.run``; empty for the emulator's own pages."""
    method: str
    path: str
    """Path at the service, percent-decoded, e.g. ``/fal-ai/flux/dev``."""
    query_string: str
    raw_headers: list[tuple[bytes, bytes]] = field(repr=False)
    body: bytes = field(repr=False)
    """The body; empty for bodies above 1 MiB, whose length is in `size`."""
    size: int = 0
    """Length of the body in bytes."""
    route: str = ""
    """What was asked for: ``submit``, ``status``, ``status_stream``, ``result``, ``cancel``, …"""
    endpoint_id: str | None = None
    fault: str | None = None
    """Name of the fault that was played on this request, if any."""
    messages: list[str | bytes] = field(default_factory=list["str | bytes"], repr=False)
    """What the client sent over a websocket, message by message."""
    status: int | None = None
    """Status of the answer; None while there is none."""
    seconds: float | None = None
    """How long the answer took to be ready; None while it is not."""
    at: float = field(default_factory=time.time)
    """When it came, in seconds since the epoch."""
    answer: bytes = field(default=b"", repr=False)
    """What a direct run answered, or the last event of its stream; empty for other routes."""
    number: int = field(default_factory=itertools.count(1).__next__)
    """Tells it from every other request."""

    @property
    def headers(self) -> dict[str, str]:
        """Headers by lower-case name; repeated ones joined by a comma."""
        joined: dict[str, str] = {}
        for name, value in self.raw_headers:
            key, text = name.decode("latin-1"), value.decode("latin-1")
            joined[key] = f"{joined[key]}, {text}" if key in joined else text
        return joined

    @property
    def query(self) -> dict[str, list[str]]:
        """Query parameters, each with all its values."""
        return parse_qs(self.query_string, keep_blank_values=True)

    @property
    def json(self) -> Any:
        """The body parsed as JSON; None when it is empty or not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class RequestLog:
    """Every request, oldest first; safe to read from any thread while the emulator runs.

    Args:
        limit: How many requests are kept; older ones are dropped.
        on_answer: Called with each request once it was answered, in the emulator's thread.

    >>> from fal_typed.testing import FalEmulator
    >>> with FalEmulator() as emulator:
    ...     len(emulator.requests)
    0
    """

    def __init__(
        self,
        limit: int = 100_000,
        on_answer: Callable[[RecordedRequest], object] | None = None,
    ) -> None:
        self._records: deque[RecordedRequest] = deque(maxlen=limit)
        self._on_answer = on_answer
        self._changed = threading.Condition()

    def __iter__(self) -> Iterator[RecordedRequest]:
        with self._changed:
            return iter(list(self._records))

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> RecordedRequest:
        return self._records[index]

    def of(self, route: str) -> list[RecordedRequest]:
        """Requests for one route.

        Args:
            route: e.g. ``submit``; see `RecordedRequest.route`.

        Returns:
            Those requests, oldest first.
        """
        return [record for record in self if record.route == route]

    def clear(self) -> None:
        """Forget every request."""
        with self._changed:
            self._records.clear()

    def wait_for(
        self, predicate: Callable[[RecordedRequest], bool], timeout: float = 5.0
    ) -> RecordedRequest:
        """Wait until a request comes that the predicate accepts.

        Args:
            predicate: Asked about every request, those that came already included.
            timeout: How long to wait, in seconds.

        Returns:
            The first such request.

        Raises:
            TimeoutError: None came in time.
        """
        found: list[RecordedRequest] = []

        def search() -> bool:
            found.extend(record for record in list(self._records) if predicate(record))
            return bool(found)

        with self._changed:
            if not self._changed.wait_for(search, timeout):
                raise TimeoutError(f"no such request came within {timeout} s")
        return found[0]

    def add(self, record: RecordedRequest) -> None:
        """Remember a request.

        Args:
            record: The request.
        """
        with self._changed:
            self._records.append(record)
            self._changed.notify_all()

    def answered(self, record: RecordedRequest, status: int | None) -> None:
        """Note the end of a request.

        Args:
            record: The request.
            status: Status of its answer; None when it got none.
        """
        record.status = status
        record.seconds = time.time() - record.at
        if self._on_answer is not None:
            self._on_answer(record)

    def changed(self) -> None:
        """Tell those who wait that a request they may be waiting for has more to show."""
        with self._changed:
            self._changed.notify_all()


@dataclass
class LogEntry:
    """A websocket's record, and the log that it stands in."""

    record: RecordedRequest
    log: RequestLog

    def log_message(self, message: str | bytes) -> None:
        """Record what the client sent.

        Args:
            message: The message.
        """
        self.record.messages.append(message)
        self.log.changed()


def kept(body: bytes) -> bytes:
    """The part of a body that a record holds on to.

    Args:
        body: The body.

    Returns:
        The body, or nothing when it is above 1 MiB.
    """
    return body if len(body) <= _LARGEST_BODY else b""
