"""Decodes server-sent events (https://html.spec.whatwg.org/#server-sent-events).

Flows receive bytes from whichever HTTP library the driver uses, while existing SSE packages read
from the response of one particular library.
"""

from __future__ import annotations

import re

from fal_typed._transport.response_bodies import too_large

_LINE_END = re.compile(rb"\r\n|\n|\r")


class EventDecoder:
    """Turns chunks of bytes into the `data` of events.

    Args:
        max_bytes: Bytes that one event may have, or None for no limit.
    """

    def __init__(self, max_bytes: int | None = None) -> None:
        self._max_bytes = max_bytes
        self._rest: list[bytes] = []
        self._data: list[str] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[str]:
        """Return the events that a chunk completes.

        Raises:
            TransportError: An event is larger than the limit.
        """
        self._size += len(chunk)
        if self._max_bytes is not None and self._size > self._max_bytes + len(chunk):
            raise too_large("An event of the stream", self._max_bytes)
        if b"\n" not in chunk and b"\r" not in chunk and not self._ends_with_return():
            self._rest.append(chunk)  # joined once, however many chunks a line has
            return []
        return self._lines(b"".join([*self._rest, chunk]))

    def _ends_with_return(self) -> bool:
        return bool(self._rest) and self._rest[-1].endswith(b"\r")

    def _lines(self, data: bytes) -> list[str]:
        if b"\r" not in data:  # the usual case, and several times as fast
            lines = data.split(b"\n")
            self._rest = [lines.pop()]
            return self._completed(lines)
        # A carriage return at the end may be the first half of a line end.
        pending = b"\r" if data.endswith(b"\r") else b""
        lines = _LINE_END.split(data[: len(data) - len(pending)])
        self._rest = [lines.pop() + pending]
        return self._completed(lines)

    def finish(self) -> list[str]:
        """Return the last event, if the stream ended without a blank line."""
        last, self._rest = b"".join(self._rest).rstrip(b"\r"), []
        return self._completed([last, b""])

    def _completed(self, lines: list[bytes]) -> list[str]:
        events: list[str] = []
        for line in lines:
            if line:
                name, _, value = line.partition(b":")
                if name == b"data":
                    self._data.append(value.removeprefix(b" ").decode("utf-8", "replace"))
            elif self._data:
                events.append("\n".join(self._data))
                self._data = []
                self._size = sum(map(len, self._rest))
        return events
