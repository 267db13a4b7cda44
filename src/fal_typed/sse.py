"""Server-sent events, from bytes (https://html.spec.whatwg.org/#server-sent-events).

Our own because flows are fed bytes by whichever HTTP library the driver has; the libraries for
it read from one particular library's response.
"""

from __future__ import annotations

import codecs
import re

_LINE_END = re.compile(r"\r\n|\n|\r")


class EventDecoder:
    """Turns chunks of bytes into the `data` of the events they hold."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._rest = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[str]:
        """The events a chunk completes."""
        text = self._rest + self._decode(chunk)
        # A lone carriage return at the end may be half of a line end.
        held = "\r" if text.endswith("\r") else ""
        lines = _LINE_END.split(text[: len(text) - len(held)])
        self._rest = lines.pop() + held
        events: list[str] = []
        for line in lines:
            self._line(line, events)
        return events

    def finish(self) -> list[str]:
        """The event left over when a stream ends without a blank line."""
        events: list[str] = []
        for line in (self._rest.rstrip("\r"), ""):
            self._line(line, events)
        self._rest = ""
        return events

    def _line(self, line: str, events: list[str]) -> None:
        if not line:
            if self._data:
                events.append("\n".join(self._data))
            self._data = []
            return
        name, _, value = line.partition(":")
        if name == "data":
            self._data.append(value.removeprefix(" "))
