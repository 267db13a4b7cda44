"""OpenTelemetry spans of calls and of the HTTP requests below them, and fields of log records."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from fal_typed import AsyncFalClient, FalClient, FalHTTPError, FalTimeoutError, compat
from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput
from fal_typed.testing import FalEmulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

ID = "fal-ai/flux/dev"
CAT = FluxDevInput(prompt="a cat")


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


@pytest.fixture(scope="module")
def emulator() -> Iterator[FalEmulator]:
    with FalEmulator(queue_time=0.05, run_time=0.05) as emulator:
        yield emulator


@pytest.fixture
def spans(
    exporter: InMemorySpanExporter, emulator: FalEmulator, monkeypatch: pytest.MonkeyPatch
) -> Spans:
    monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
    exporter.clear()
    return Spans(exporter)


class Spans:
    """The spans of a test."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def calls(self) -> list[ReadableSpan]:
        return [span for span in self._exporter.get_finished_spans() if span.name[:4] == "fal "]

    def call(self) -> ReadableSpan:
        (span,) = self.calls()
        return span

    def below(self, parent: ReadableSpan) -> list[ReadableSpan]:
        assert parent.context is not None
        return [
            span
            for span in self._exporter.get_finished_spans()
            if span.parent is not None and span.parent.span_id == parent.context.span_id
        ]


def facts(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_subscribe_is_a_span_with_its_requests_below(
    mode: Any, spans: Spans, emulator: FalEmulator
) -> None:
    result = mode.client().subscribe(CAT)
    span = spans.call()
    assert span.name == f"fal subscribe {ID}"
    found = facts(span)
    assert found.pop("fal.queue_time") >= 0.04
    assert found.pop("fal.run_time") == pytest.approx(result.metrics["inference_time"])
    assert found == {
        "fal.operation": "subscribe",
        "fal.endpoint": ID,
        "fal.request_id": result.request_id,
        "fal.status": "COMPLETED",
    }
    requests = spans.below(span)
    assert [request.name for request in requests] == ["POST", "GET", "GET"]
    assert {facts(request)["http.response.status_code"] for request in requests} == {200}
    assert "?" not in str(facts(requests[1])["url.full"])
    assert str(facts(requests[0])["server.address"]) == "127.0.0.1"
    sent = [request.headers["traceparent"][:-3] for request in list(emulator.requests)[-3:]]
    assert sent == [_traceparent(request) for request in requests]


def _traceparent(span: ReadableSpan) -> str:
    context = span.context
    assert context is not None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}"


def test_the_span_is_below_the_callers_span(mode: Any, spans: Spans) -> None:
    with trace.get_tracer("app").start_as_current_span("request") as outer:
        mode.client().run(CAT)
        assert trace.get_current_span() is outer
    parent = spans.call().parent
    assert parent is not None
    assert parent.span_id == outer.get_span_context().span_id


def test_each_kind_of_call_has_a_span(mode: Any, spans: Spans, tmp_path: Path) -> None:
    client = mode.client()
    handle = client.submit(CAT)
    handle.status()
    result = handle.get()
    client.upload(b"data")
    mode(result.data.images[0]).save(tmp_path / "cat.jpg")
    client.run(CAT)
    operations = [facts(span)["fal.operation"] for span in spans.calls()]
    assert operations == ["submit", "status", "result", "upload", "download", "run"]
    ids = [facts(span).get("fal.request_id") for span in spans.calls()[:3]]
    assert ids == [handle.request_id] * 3
    assert facts(spans.calls()[0])["fal.status"] == "IN_QUEUE"
    assert all(spans.below(span) for span in spans.calls())


@pytest.mark.parametrize("transport", ["default", "aiohttp", "httpx"])
def test_every_transport_is_traced(
    mode: Any, spans: Spans, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if transport == "default":
        monkeypatch.setitem(sys.modules, "aiohttp", None)
    if transport == "httpx":
        asyncio.run(_subscribe_over_async_httpx()) if mode.is_async else _subscribe_over_httpx()
    else:
        mode.client().subscribe(CAT)
    assert [span.name for span in spans.below(spans.call())] == ["POST", "GET", "GET"]


def _subscribe_over_httpx() -> None:
    with httpx.Client() as own:
        FalClient(http_client=own).subscribe(CAT)


async def _subscribe_over_async_httpx() -> None:
    async with httpx.AsyncClient() as own:
        await AsyncFalClient(http_client=own).subscribe(CAT)


def test_a_rejected_call_ends_its_span_with_the_error(mode: Any, spans: Spans) -> None:
    with pytest.raises(FalHTTPError) as caught:
        mode.client().subscribe(ID, {"prompt": 3})
    span = spans.call()
    found = facts(span)
    assert found["fal.status"] == "FAILED"
    assert found["http.response.status_code"] == 422
    assert found["error.type"] == "fal_typed.errors.FalValidationError"
    assert found.get("fal.request_id") == caught.value.request_id
    assert span.status.status_code is StatusCode.ERROR
    assert [event.name for event in span.events] == ["exception"]
    assert spans.below(span)[-1].status.status_code is StatusCode.ERROR


def test_retries_are_events(mode: Any, spans: Spans, emulator: FalEmulator) -> None:
    emulator.endpoint(ID).faults.add("rate_limited", route="submit", times=1, seconds=0)
    mode.client().subscribe(CAT)
    span = spans.call()
    assert [event.name for event in span.events] == ["retry"]
    assert len(spans.below(span)) == 4


def test_a_timeout_and_its_cancellation_are_in_the_span(mode: Any, spans: Spans) -> None:
    with pytest.raises(FalTimeoutError):
        mode.client().subscribe(CAT, timeout=0.03)
    span = spans.call()
    assert facts(span)["fal.status"] == "FAILED"
    assert spans.below(span)[-1].name == "PUT"


def test_a_cancelled_task_ends_its_span(spans: Spans) -> None:
    async def main() -> None:
        async with AsyncFalClient() as client:
            accepted = asyncio.Event()
            waiting = asyncio.ensure_future(
                client.subscribe(CAT, on_enqueue=lambda _: accepted.set())
            )
            await accepted.wait()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    asyncio.run(main())
    assert facts(spans.call())["fal.status"] == "CANCELED"


def test_callbacks_run_inside_the_span(mode: Any, spans: Spans) -> None:
    seen = set()

    def note(_: object) -> None:
        seen.add(trace.get_current_span().get_span_context().span_id)

    async def note_async(_: object) -> None:
        await asyncio.sleep(0)
        note(_)

    mode.client().subscribe(CAT, on_queue_update=note_async if mode.is_async else note)
    context = spans.call().context
    assert context is not None
    assert seen == {context.span_id}


def test_a_stream_is_a_span_until_its_end(mode: Any, spans: Spans) -> None:
    mode.adapt(mode.client().stream(CAT)).done()
    span = spans.call()
    assert facts(span)["fal.operation"] == "stream"
    assert facts(span)["fal.request_id"]
    assert [request.name for request in spans.below(span)] == ["POST"]


def test_leaving_a_stream_ends_its_span(spans: Spans) -> None:
    with FalClient() as client, client.stream(CAT) as stream:
        next(iter(stream))
        assert not spans.calls()
        assert trace.get_current_span() is trace.INVALID_SPAN
    assert spans.call().status.status_code is StatusCode.UNSET


def test_connections_are_spans(spans: Spans) -> None:
    with FalClient() as client:
        with client.realtime(ID) as connection:
            for seed in (1, 2):
                connection.send(prompt="a cat", seed=seed)
                connection.recv()
        with client.pipeline(ID) as pipeline:
            pipeline.run(prompt="a cat")
            with pytest.raises(FalHTTPError):
                pipeline.run(prompt=3)
    _check_connections(spans)


def test_async_connections_are_spans(spans: Spans) -> None:
    async def main() -> None:
        async with AsyncFalClient() as client:
            async with client.realtime(ID) as connection:
                for seed in (1, 2):
                    await connection.send(prompt="a cat", seed=seed)
                    await connection.recv()
            async with client.pipeline(ID) as pipeline:
                await pipeline.run(prompt="a cat")
                with pytest.raises(FalHTTPError):
                    await pipeline.run(prompt=3)

    asyncio.run(main())
    _check_connections(spans)


def _check_connections(spans: Spans) -> None:
    realtime, good, bad, pipeline = spans.calls()
    assert facts(realtime)["fal.inputs"] == facts(realtime)["fal.results"] == 2
    assert [span.name for span in spans.below(realtime)] == ["POST", "GET"]
    assert facts(spans.below(realtime)[1])["http.response.status_code"] == 101
    assert [facts(span)["fal.status"] for span in (good, bad)] == ["COMPLETED", "FAILED"]
    assert facts(pipeline)["fal.operation"] == "pipeline"
    assert [span.name for span in spans.below(pipeline)] == ["GET"]


def test_compat_is_traced(spans: Spans) -> None:
    compat.subscribe(ID, {"prompt": "a cat"})
    assert facts(spans.call())["fal.operation"] == "subscribe"


def test_other_hosts_receive_no_trace_context(
    mode: Any, spans: Spans, emulator: FalEmulator
) -> None:
    image = mode.client().run(CAT).data.images[0]
    mode(image).read()
    assert "traceparent" not in emulator.requests[-1].headers
    assert "traceparent" in emulator.requests[-2].headers


def test_without_opentelemetry_nothing_is_traced_or_imported(emulator: FalEmulator) -> None:
    program = (
        "import sys, fal_typed\n"
        f"fal_typed.subscribe({ID!r}, {{'prompt': 'a cat'}})\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"FAL_EMULATOR_HOST": emulator.host},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


def test_log_records_have_fields(
    mode: Any, emulator: FalEmulator, monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
    caplog.set_level(logging.DEBUG, "fal_typed")
    emulator.endpoint(ID).faults.add("rate_limited", route="submit", times=1, seconds=0)
    result = mode.client().subscribe(CAT)
    records: list[Any] = [record for record in caplog.records if record.name == "fal_typed"]
    assert {record.endpoint for record in records} == {ID}
    retry = next(record for record in records if record.levelno == logging.WARNING)
    assert retry.status == 429
    later = records[records.index(retry) + 2 :]
    assert {record.request_id for record in later} == {result.request_id}
    assert {record.status for record in later} == {200}
