"""Decodes server-sent events (https://html.spec.whatwg.org/#server-sent-events).

Flows receive bytes from whichever HTTP library the driver uses, while existing SSE packages read
from the response of one particular library.
"""

from __future__ import annotations

import re

from fal_typed._transport.response_bodies import too_large

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\n|\r")


class EventDecoder:
    """Turns chunks of bytes into the `data` of events.

    Comments and the fields `event`, `id` and `retry` are skipped: fal names no events, and a stream
    is never resumed. Unlike in a browser, `finish` returns an event that lacks the blank line at
    its end, because it may be a result that was paid for.

    Args:
        max_bytes: Bytes that one event may have, or None for no limit.
    """

    def __init__(self, max_bytes: int | None = None) -> None:
        self._max_bytes = max_bytes
        self._rest: list[bytes] = []
        self._data: list[str] = []
        self._size = 0
        self._at_start = True
        self._skips_line_feed = False

    def feed(self, chunk: bytes) -> list[str]:
        """Return the events that a chunk completes.

        Raises:
            TransportError: An event is larger than the limit.
        """
        self._size += len(chunk)
        if self._max_bytes is not None and self._size > self._max_bytes + len(chunk):
            raise too_large("An event of the stream", self._max_bytes)
        if self._skips_line_feed and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._skips_line_feed = False
        if b"\n" not in chunk and b"\r" not in chunk:
            self._rest.append(chunk)  # joined once, however many chunks a line has
            return []
        data = self._joined(chunk)
        if b"\r" not in data:  # the usual case, and several times as fast
            lines = data.split(b"\n")
        else:
            lines = _LINE_END.split(data)
            # The line ends here; the line feed of a \r\n may still follow.
            self._skips_line_feed = data.endswith(b"\r")
        self._rest = [lines.pop()]
        return self._completed(lines)

    def finish(self) -> list[str]:
        """Return the last event, if the stream ended without a blank line."""
        last, self._rest = self._joined(b""), []
        return self._completed([last, b""])

    def _joined(self, chunk: bytes) -> bytes:
        data = b"".join([*self._rest, chunk])
        if self._at_start:
            data = data.removeprefix(_BOM)
            self._at_start = False
        return data

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
