"""Server-sent events are read as browsers read them (WHATWG)."""

from __future__ import annotations

import itertools

import pytest

from fal_typed._transport.sse import EventDecoder

BOM = "\ufeff"
CASES = {
    "an event": ("data: 1\n\n", ["1"]),
    "a byte order mark": (f"{BOM}data: 1\n\n", ["1"]),
    "only the first byte order mark": (f"{BOM}data: {BOM}1\n\n{BOM}data: 2\n\n", [f"{BOM}1"]),
    "carriage returns": ("data: 1\r\rdata: 2\r\r", ["1", "2"]),
    "both": ("data: 1\r\n\r\ndata: 2\r\n\r\n", ["1", "2"]),
    "mixed": ("data: 1\r\ndata: 2\n\rdata: 3\r\r", ["1\n2", "3"]),
    "other separators are text": ("data: a\x0bb\x0cc\x85d\u2028e\n\n", ["a\x0bb\x0cc\x85d\u2028e"]),
    "comments": (": ping\n\n:\n\ndata: 1\n: in between\ndata: 2\n\n", ["1\n2"]),
    "ids": ("id: 7\ndata: 1\n\nid\ndata: 2\n\nid: a\0b\n\n", ["1", "2"]),
    "retry": ("retry: 10\n\nretry: x\ndata: 1\n\n", ["1"]),
    "event names": ("event: add\ndata: 1\n\n", ["1"]),
    "unknown fields": ("datas: 0\ndat: 0\n data: 0\nDATA: 0\ndata: 1\n\n", ["1"]),
    "no colon": ("data\n\ndata\ndata\n\n", ["", "\n"]),
    "one space": ("data:  1\n\ndata:2\n\ndata:\t3\n\n", [" 1", "2", "\t3"]),
    "colons": ("data: a:b: c\n\n", ["a:b: c"]),
    "blank lines": ("\n\n\n\r\n\r\rdata: 1\n\n\n\n", ["1"]),
    "no blank line at the end": ("data: 1\n\ndata: 2\n", ["1", "2"]),
    "no line end at the end": ("data: 1\n\ndata: 2", ["1", "2"]),
}


def decoded(chunks):
    decoder = EventDecoder()
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return events + decoder.finish()


@pytest.mark.parametrize(("text", "events"), CASES.values(), ids=CASES)
def test_events_at_every_chunk_boundary(text, events):
    data = text.encode()
    assert decoded([data]) == events
    assert decoded(data[i : i + 1] for i in range(len(data))) == events
    for first, last in itertools.combinations(range(len(data)), 2):
        assert decoded([data[:first], data[first:last], data[last:]]) == events


def test_invalid_bytes_are_replaced():
    assert decoded([b"data: a\xffb\n\n"]) == ["a\ufffdb"]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_an_event_is_returned_as_soon_as_its_last_line_ends(end):
    assert EventDecoder().feed(f"data: 1{end}{end}".encode()) == ["1"]
