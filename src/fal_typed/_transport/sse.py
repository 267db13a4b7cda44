"""Decodes server-sent events (https://html.spec.whatwg.org/#server-sent-events).

Flows receive bytes from whichever HTTP library the driver uses, while existing SSE packages read
from the response of one particular library.
"""

from __future__ import annotations

import re

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\n|\r")


class EventDecoder:
    """Turns chunks of bytes into the `data` of events.

    Comments and the fields `event`, `id` and `retry` are skipped: fal names no events, and a stream
    is never resumed. Unlike in a browser, `finish` returns an event that lacks the blank line at
    its end, because it may be a result that was paid for.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []
        self._at_start = True
        self._skips_line_feed = False

    def feed(self, chunk: bytes) -> list[str]:
        """Return the events that a chunk completes."""
        data = self._rest + chunk
        if self._at_start:
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._rest = data
                return []
            data = data.removeprefix(_BOM)
            self._at_start = False
        if self._skips_line_feed and data:
            data = data.removeprefix(b"\n")
            self._skips_line_feed = False
        if b"\r" not in data:  # the usual case, and several times as fast
            lines = data.split(b"\n")
        else:
            lines = _LINE_END.split(data)
            # The line ends here; the line feed of a \r\n may still follow.
            self._skips_line_feed = data.endswith(b"\r")
        self._rest = lines.pop()
        return self._completed(lines)

    def finish(self) -> list[str]:
        """Return the last event, if the stream ended without a blank line."""
        last, self._rest = self._rest, b""
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
        return events
