"""Decodes server-sent events (https://html.spec.whatwg.org/#server-sent-events).

Flows receive bytes from whichever HTTP library the driver uses, while existing SSE packages read
from the response of one particular library.
"""

from __future__ import annotations

import re

_LINE_END = re.compile(rb"\r\n|\n|\r")


class EventDecoder:
    """Turns chunks of bytes into the `data` of events."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[str]:
        """Return the events that a chunk completes."""
        data = self._rest + chunk
        if b"\r" not in data:  # the usual case, and several times as fast
            lines = data.split(b"\n")
            self._rest = lines.pop()
            return self._completed(lines)
        # A carriage return at the end may be the first half of a line end.
        pending = b"\r" if data.endswith(b"\r") else b""
        lines = _LINE_END.split(data[: len(data) - len(pending)])
        self._rest = lines.pop() + pending
        return self._completed(lines)

    def finish(self) -> list[str]:
        """Return the last event, if the stream ended without a blank line."""
        last, self._rest = self._rest.rstrip(b"\r"), b""
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
