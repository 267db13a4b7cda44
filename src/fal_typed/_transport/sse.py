"""Server-sent events, from bytes (https://html.spec.whatwg.org/#server-sent-events).

Our own because flows are fed bytes by whichever HTTP library the driver has; the libraries for
it read from one particular library's response.
"""

from __future__ import annotations

import re

_LINE_END = re.compile(rb"\r\n|\n|\r")


class EventDecoder:
    """Turns chunks of bytes into the `data` of the events they hold."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[str]:
        """The events a chunk completes."""
        data = self._rest + chunk
        if b"\r" not in data:  # as nearly always, and several times as fast
            lines = data.split(b"\n")
            self._rest = lines.pop()
            return self._completed(lines)
        # A lone carriage return at the end may be half of a line end.
        held = b"\r" if data.endswith(b"\r") else b""
        lines = _LINE_END.split(data[: len(data) - len(held)])
        self._rest = lines.pop() + held
        return self._completed(lines)

    def finish(self) -> list[str]:
        """The event left over when a stream ends without a blank line."""
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
