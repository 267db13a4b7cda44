"""The log of every request that the emulator received."""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from typing_extensions import override

from fal_typed.testing.engine.waitable_log import WaitableLog

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_BODY = 1 << 20  # uploads are stored as files; their bytes are not kept twice
_BUDGET = 256 << 20
_MESSAGE_BYTES = 64
_RECORD_BYTES = 1024  # about what a record takes beside its texts


@dataclass
class RecordedRequest:
    """One request as the emulator received it."""

    service: str
    """Host name of the service, e.g. ``queue.fal.run``; empty for the emulator's own pages."""
    method: str
    path: str
    """Path at the service, percent-decoded, e.g. ``/fal-ai/flux/dev``."""
    query_string: str = field(repr=False)
    raw_headers: list[tuple[bytes, bytes]] = field(repr=False)
    body: bytes = field(repr=False)
    """The body; empty for bodies above 1 MiB, whose length is in `size`."""
    size: int = 0
    """Length of the body in bytes."""
    route: str = ""
    """Name of the route: ``submit``, ``status``, ``status_stream``, ``result``, ``cancel``, …"""
    endpoint_id: str | None = None
    fault: str | None = None
    """Kind of the fault that happened to this request, if any."""
    messages: list[str | bytes] = field(default_factory=list["str | bytes"], repr=False)
    """What the client sent over a websocket, message by message."""
    status: int | None = None
    """Status of the response; None without a response."""
    seconds: float | None = None
    """How long the request took, in seconds; None while it is in progress."""
    at: float = field(default_factory=time.time)
    """When it was received, in seconds since the epoch."""
    response: bytes = field(default=b"", repr=False)
    """The output of a direct run, or the last event of its stream; empty for other routes."""
    number: int = field(default_factory=itertools.count(1).__next__)
    """A number that no other request has."""
    weight: int = field(default=0, repr=False)
    """How many bytes of the log's budget it takes."""
    is_dropped: bool = field(default=False, repr=False)
    """Whether the log no longer keeps it."""

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


class RequestLog(WaitableLog[RecordedRequest]):
    """Every request, oldest first; safe to read from any thread while the emulator runs.

    Args:
        limit: How many requests are kept; older ones are dropped.
        budget: How many bytes the kept requests may take in total.
        on_response: Called with each request after its response, in the emulator's thread.

    >>> from fal_typed.testing import FalEmulator
    >>> with FalEmulator() as emulator:
    ...     len(emulator.requests)
    0
    """

    def __init__(
        self,
        limit: int = 100_000,
        budget: int = _BUDGET,
        on_response: Callable[[RecordedRequest], object] | None = None,
    ) -> None:
        super().__init__()
        self._limit = limit
        self._budget = budget
        self._bytes = 0
        self._on_response = on_response

    def __repr__(self) -> str:
        return f"<RequestLog: {len(self)} requests>"

    @override
    def add(self, entry: RecordedRequest) -> None:
        headers = sum(len(name) + len(value) for name, value in entry.raw_headers)
        texts = len(entry.path) + len(entry.query_string) + headers
        with self._changed:
            self._entries.append(entry)
            self._grow(entry, _RECORD_BYTES + texts + len(entry.body))
            self._changed.notify_all()

    @override
    def clear(self) -> None:
        with self._changed:
            while self._entries:
                self._drop_oldest()

    def keep_response(self, record: RecordedRequest, body: bytes) -> None:
        """Record the output of a direct run.

        Args:
            record: The request.
            body: The output.
        """
        part = recorded_part(body)
        with self._changed:
            self._grow(record, len(part) - len(record.response))
        record.response = part

    def keep_message(self, record: RecordedRequest, message: str | bytes) -> None:
        """Record a message of a websocket, unless the connection has used up its share.

        Args:
            record: The handshake.
            message: The message.
        """
        with self._changed:
            if record.weight + len(message) <= self._budget // 4:
                record.messages.append(message)
                self._grow(record, _MESSAGE_BYTES + len(message))
            self._changed.notify_all()

    def _grow(self, record: RecordedRequest, size: int) -> None:
        if record.is_dropped:
            return
        record.weight += size
        self._bytes += size
        while len(self._entries) > 1 and (
            self._bytes > self._budget or len(self._entries) > self._limit
        ):
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        oldest = self._entries.popleft()
        oldest.is_dropped = True
        self._bytes -= oldest.weight

    def of(self, route: str) -> list[RecordedRequest]:
        """Return the requests of one route.

        Args:
            route: The route's name, e.g. ``submit``; see `RecordedRequest.route`.

        Returns:
            Those requests, oldest first.
        """
        return [record for record in self if record.route == route]

    def finish(self, record: RecordedRequest, status: int | None) -> None:
        """Record the end of a request.

        Args:
            record: The request.
            status: Status of its response; None without a response.
        """
        record.status = status
        record.seconds = time.time() - record.at
        if self._on_response is not None:
            self._on_response(record)


@dataclass
class RecordedConnection:
    """A websocket's record, and the log that contains it."""

    record: RecordedRequest
    log: RequestLog

    def on_handshake(self, status: int) -> None:
        """Record the status of the handshake.

        Args:
            status: HTTP status.
        """
        self.record.status = status

    def on_message(self, message: str | bytes) -> None:
        """Record a message of the client.

        Args:
            message: The message.
        """
        self.log.keep_message(self.record, message)


def recorded_part(body: bytes) -> bytes:
    """Return the part of a body that is recorded.

    Args:
        body: The body.

    Returns:
        The body; empty when it is above 1 MiB.
    """
    return body if len(body) <= _MAX_BODY else b""
