"""Flows run by hand, with hypothesis as an unreliable platform."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from hypothesis import given, settings
from hypothesis import strategies as st

from fal_typed import FalError, Result, RetryPolicy
from fal_typed._calls.call import Call
from fal_typed._calls.call_options import CallOptions
from fal_typed._calls.endpoint_id import EndpointId
from fal_typed._core.credentials import Credentials
from fal_typed._core.flow import (
    CloseStream,
    Draw,
    Interruptible,
    Now,
    OpenStream,
    ReadChunk,
    ReportEvent,
    Send,
    Sleep,
)
from fal_typed._core.settings import Settings
from fal_typed._queue import following, subscribing
from fal_typed._transport.base import HttpResponse, OpenedStream, TransportError
from fal_typed._transport.sse import EventDecoder
from fal_typed.results import LogEntry

ACCEPTED = {
    "request_id": "r1",
    "status_url": "https://evil.example/status",
    "response_url": "https://queue.fal.run/fal-ai/flux/requests/r1",
}
COMPLETED = {"status": "COMPLETED"}
BODIES = [
    ACCEPTED,
    COMPLETED,
    {"status": "IN_QUEUE", "queue_position": 1},
    {"status": "IN_PROGRESS", "logs": [{"message": "x"}]},
    {"detail": "no"},
    {"detail": [{"loc": ["body", "a"], "msg": "m", "type": "t"}]},
    [],
    None,
]
responses = st.builds(
    HttpResponse,
    st.sampled_from([200, 202, 400, 404, 408, 409, 422, 429, 499, 500, 502, 503, 504]),
    st.dictionaries(
        st.sampled_from(["x-fal-request-id", "retry-after", "x-fal-needs-retry"]),
        st.sampled_from(["1", "0", "r1", "1e9", "nan", "-5", "soon"]),
    ),
    st.sampled_from(
        [*(json.dumps(body).encode() for body in BODIES), b"<html>nginx", b"", b"\xff"]
    ),
)
failures = st.builds(TransportError, st.just("broken"), sent=st.booleans(), timed_out=st.booleans())
chunks = st.one_of(
    failures,
    st.just(b""),
    st.sampled_from([f"data: {json.dumps(body)}\n\n".encode() for body in BODIES]),
    st.binary(max_size=9),
)


class Platform:
    """Performs effects with results drawn by hypothesis, and records the requests."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.time = 0.0
        self.sent: list[tuple[Send | OpenStream, object]] = []

    def perform(self, effect: object) -> object:
        match effect:
            case Now():
                return self.time
            case Draw():
                return 0.5
            case Sleep(seconds):
                assert 0 <= seconds <= 60
                self.time += seconds
                return None
            case Send():
                return self._outcome(effect, self.data.draw(responses | failures))
            case OpenStream():
                head: object = self.data.draw(responses | failures)
                if isinstance(head, HttpResponse):
                    headers = {"content-type": "text/event-stream"}
                    head = OpenedStream(head.status, headers, None)
                return self._outcome(effect, head)
            case ReadChunk():
                self.time += 1
                return self._raised(self.data.draw(chunks))
            case CloseStream() | ReportEvent() | Interruptible():
                return None
        raise AssertionError(effect)

    def _outcome(self, effect: Send | OpenStream, outcome: object) -> object:
        self.time += 0.1
        self.sent.append((effect, outcome))
        return self._raised(outcome)

    def _raised(self, outcome: object) -> object:
        if isinstance(outcome, TransportError):
            raise outcome
        return outcome

    def run(self, flow):
        value, error = None, None
        while True:
            try:
                effect = flow.send(value) if error is None else flow.throw(error)
            except StopIteration as stop:
                return stop.value
            value, error = None, None
            try:
                value = self.perform(effect)
            except TransportError as raised:
                error = raised


def may_have_accepted(outcome: object) -> bool:
    if isinstance(outcome, TransportError):
        return outcome.sent
    assert isinstance(outcome, HttpResponse)
    return outcome.status not in (429, 503)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_subscribe_ends_and_never_submits_twice(data):
    platform = Platform(data)
    call = Call(EndpointId.parse("fal-ai/flux/dev"), {"prompt": "x"}, None, CallOptions(timeout=30))
    configured = Settings(credentials=Credentials("k"), retry=RetryPolicy(attempts=4))
    try:
        result = platform.run(subscribing.subscribe(configured, call))
        assert isinstance(result, Result)
    except FalError:
        pass
    assert platform.time < 200
    submits = [
        (effect, outcome) for effect, outcome in platform.sent if effect.request.method == "POST"
    ]
    assert not any(may_have_accepted(outcome) for _, outcome in submits[:-1])
    for effect, _ in platform.sent:
        host = urlsplit(effect.request.url).hostname
        # The backup domain is tried only if the queue cannot be reached.
        assert host in ("queue.fal.run", "queue.falrun.com")


@given(st.lists(st.integers(0, 3)), st.integers(0, 9), st.integers(0, 9))
def test_logs_accumulate_whatever_part_is_reported(messages, seen, start):
    logs = tuple(LogEntry(str(m), timestamp=str(i)) for i, m in enumerate(messages))
    known = logs[: min(seen, len(logs))]
    reported = logs[min(start, len(known)) :]
    assert known + following._unseen(known, reported) == logs


events = st.lists(st.text(st.characters(blacklist_characters="\r\n", codec="utf-8"), min_size=1))


@given(events, st.sampled_from(["\n", "\r\n", "\r"]), st.data())
def test_events_do_not_depend_on_chunk_boundaries(texts, end, data):
    stream = "".join(f": ping{end}data: {text}{end}{end}" for text in texts).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    decoder = EventDecoder()
    found: list[str] = []
    for first, last in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += decoder.feed(stream[first:last])
    assert found + decoder.finish() == texts


@given(
    st.builds(
        RetryPolicy,
        attempts=st.integers(1, 50),
        base_delay=st.floats(0, 10),
        max_delay=st.floats(0, 100),
        jitter=st.floats(0, 1),
    ),
    st.integers(1, 60),
    st.floats(0, 1, exclude_max=True),
    st.none() | st.floats(0, 1000),
)
def test_delays_stay_within_the_policy(policy, attempt, random, retry_after):
    delay = policy.delay(attempt, random, retry_after)
    if attempt >= policy.attempts or (
        retry_after is not None and retry_after > policy.max_retry_after
    ):
        assert delay is None
    elif retry_after is not None:
        assert delay == retry_after
    else:
        assert delay is not None
        assert 0 <= delay <= policy.max_delay
