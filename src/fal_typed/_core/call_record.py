"""What is recorded about a call: fields of log records, and an OpenTelemetry span.

A call's span is open while its flow runs. Each HTTP request and handshake below it has a span of
its own, whose W3C trace context is sent to the platform. Nothing is recorded, and OpenTelemetry is
not imported, unless the program itself has imported it (docs/services.md).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeVar, cast

from fal_typed._core.flow import (
    Effect,
    Flow,
    Gather,
    Invoke,
    OpenSocket,
    OpenStream,
    ReportEvent,
    Retrying,
    RunLocked,
    Send,
)
from fal_typed._transport.base import CallLabels, HttpRequest, OpenedSocket
from fal_typed._transport.urls import shown_url
from fal_typed._version import __version__
from fal_typed.errors import FalCancelledError, FalError, FalHTTPError

if TYPE_CHECKING:
    from opentelemetry.trace import Span

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
_FIRST_ERROR = 400


def as_call(operation: str) -> Callable[[F], F]:
    """Record a flow as a call, unless it is part of another call.

    Args:
        operation: Name of the call, such as `subscribe`.

    Returns:
        A decorator of functions that take settings, then a call, a job, or something else.
    """

    def decorate(function: F) -> F:
        @wraps(function)
        def start(settings: Any, target: Any, *args: Any, **kwargs: Any) -> Flow[Any]:
            if settings.call is not None:
                return cast("Flow[Any]", function(settings, target, *args, **kwargs))
            record = CallRecord(operation, target)
            flow = function(settings.of_call(record), target, *args, **kwargs)
            return record.covering(flow)

        return cast("F", start)

    return decorate


class CallRecord(CallLabels):
    """What is recorded about one call.

    Args:
        operation: Name of the call, such as `subscribe`.
        target: The call, its job, or something without an endpoint.
    """

    def __init__(self, operation: str, target: Any) -> None:
        call = getattr(target, "call", target)
        super().__init__(
            endpoint=call.endpoint.full if hasattr(call, "endpoint") else None,
            request_id=getattr(target, "request_id", None),
        )
        self._operation = operation
        self._span: Span | None = None
        self._status: str | None = None
        self._status_since = 0.0

    def covering(self, flow: Flow[T]) -> Flow[T]:
        """Run a flow inside the span, and end the span with it."""
        return self._covering(flow) if _is_tracing() else flow

    def _covering(self, flow: Flow[T]) -> Flow[T]:
        self.start()
        if self._span is None:
            return (yield from flow)
        error: BaseException | None = None
        try:
            return (yield from self._within_span(flow))
        except GeneratorExit:
            raise
        except BaseException as raised:
            error = raised
            raise
        finally:
            self.end(error)

    def opening(self, flow: Flow[T]) -> Flow[T]:
        """Run a flow that opens a connection inside the span, which stays open unless it fails."""
        if self._span is None:
            self.start()
        try:
            return (yield from self._within(flow))
        except GeneratorExit:
            raise
        except BaseException as error:
            self.end(error)
            raise

    def _within(self, flow: Flow[T]) -> Flow[T]:
        return flow if self._span is None else self._within_span(flow)

    def start(self) -> None:
        """Start the span, below the caller's."""
        if not _is_tracing():
            return
        from opentelemetry import trace

        name = f"fal {self._operation}" + (f" {self.endpoint}" if self.endpoint else "")
        tracer = trace.get_tracer("fal_typed", __version__)
        span = tracer.start_span(name, kind=trace.SpanKind.CLIENT)
        if not span.get_span_context().is_valid:
            return  # the program exports no traces
        self._span = span
        self._set("fal.operation", self._operation)
        self._set("fal.endpoint", self.endpoint)
        self._set("fal.request_id", self.request_id)

    def end(self, error: BaseException | None = None) -> None:
        """End the span."""
        span, self._span = self._span, None
        if span is None:
            return
        if self.request_id is None and isinstance(error, FalError):
            self.request_id = error.request_id
        if self.request_id is not None:
            span.set_attribute("fal.request_id", self.request_id)
        if error is None:
            status = self._status or "COMPLETED"
        else:
            status = "CANCELED" if _is_cancellation(error) else "FAILED"
            _fail(span, error)
        span.set_attribute("fal.status", status)
        span.end()

    def accepted(self, request_id: str) -> None:
        """Record that the platform has accepted the job."""
        self.request_id = request_id
        self._status, self._status_since = "IN_QUEUE", time.monotonic()

    def update(self, status: str, metrics: Mapping[str, Any] | None = None) -> None:
        """Record the job's status, and how long it was in the one before."""
        if self._span is None or (status == self._status and not metrics):
            return
        before, self._status = self._status, status
        now = time.monotonic()
        seconds, self._status_since = now - self._status_since, now
        if before == "IN_QUEUE":
            self._set("fal.queue_time", seconds)
        elif before == "IN_PROGRESS" and status == "COMPLETED":
            self._set("fal.run_time", seconds)
        measured = (metrics or {}).get("inference_time")
        if isinstance(measured, (int, float)):
            self._set("fal.run_time", float(measured))

    def count(self, name: str, number: int) -> None:
        """Record a number, such as the inputs of a realtime session."""
        self._set(f"fal.{name}", number)

    def _set(self, name: str, value: str | float | None) -> None:
        if self._span is not None and value is not None:
            self._span.set_attribute(name, value)

    def _within_span(self, flow: Flow[T]) -> Flow[T]:
        value: object = None
        error: BaseException | None = None
        try:
            while True:
                try:
                    effect = flow.send(value) if error is None else flow.throw(error)
                except StopIteration as stop:
                    return cast("T", stop.value)
                value, error = None, None
                try:
                    value = yield from self._perform(effect)
                except GeneratorExit:
                    raise
                except BaseException as raised:  # noqa: BLE001 - the flow handles it
                    error = raised
        finally:
            flow.close()

    def _perform(self, effect: Effect) -> Flow[Any]:
        match effect:
            case Send(request) | OpenStream(request) | OpenSocket(request):
                return (yield from self._traced(effect, request))
            case Gather(flows, limit):
                return (yield Gather([self._within(flow) for flow in flows], limit))
            case RunLocked(lock, flow):
                return (yield RunLocked(lock, self._within(flow)))
            case Invoke(function, arguments):
                return (yield Invoke(self._current_in(function), arguments))
            case ReportEvent(Retrying() as event) if self._span is not None:
                facts = {"attempt": event.attempt, "delay": event.delay, "reason": event.reason}
                self._span.add_event("retry", cast("dict[str, str | float]", facts))
            case _:
                pass
        return (yield effect)

    def _traced(self, effect: Send | OpenStream | OpenSocket, request: HttpRequest) -> Flow[Any]:
        from opentelemetry import trace

        if self._span is None:
            return (yield effect)
        span = trace.get_tracer("fal_typed", __version__).start_span(
            request.method,
            context=trace.set_span_in_context(self._span),
            kind=trace.SpanKind.CLIENT,
            attributes=_http_attributes(request),
        )
        try:
            response = yield replace(effect, request=_with_context(request, span))
            head = response.response if isinstance(response, OpenedSocket) else response
            self._received(span, head.status, head.headers)
        except BaseException as error:
            if not isinstance(error, GeneratorExit):
                _fail(span, error)
            raise
        finally:
            span.end()
        return response

    def _received(self, span: Span, status: int, headers: Mapping[str, str]) -> None:
        from opentelemetry.trace import StatusCode

        span.set_attribute("http.response.status_code", status)
        if status >= _FIRST_ERROR:
            span.set_attribute("error.type", str(status))
            span.set_status(StatusCode.ERROR)
        if self.request_id is None:
            self.request_id = headers.get("x-fal-request-id")

    def _current_in(self, function: Callable[..., object]) -> Callable[..., object]:
        """A user's function, inside of which the call's span is the current one."""
        from opentelemetry import trace

        span = self._span
        if span is None:
            return function

        def call(*arguments: object) -> object:
            with _use(trace, span):
                return function(*arguments)

        async def call_async(*arguments: object) -> object:
            with _use(trace, span):
                return await cast("Any", function)(*arguments)

        return call_async if iscoroutinefunction(function) else call


def _is_tracing() -> bool:
    return "opentelemetry.trace" in sys.modules


def _use(trace: Any, span: Span) -> Any:
    # What the function raises is recorded when the call ends with it.
    return trace.use_span(span, record_exception=False, set_status_on_exception=False)


def _with_context(request: HttpRequest, span: Span) -> HttpRequest:
    # Other hosts, such as those of results, learn nothing about the caller's traces.
    if request.call is None or "traceparent" in request.headers:
        return request
    from opentelemetry import trace
    from opentelemetry.propagate import inject

    headers = dict(request.headers)
    inject(headers, context=trace.set_span_in_context(span))
    return replace(request, headers=headers)


def _http_attributes(request: HttpRequest) -> dict[str, str | int]:
    from urllib.parse import urlsplit

    url = shown_url(request.url)
    attributes: dict[str, str | int] = {"http.request.method": request.method, "url.full": url}
    try:
        parts = urlsplit(url)
        attributes["server.address"] = parts.hostname or ""
        attributes["server.port"] = parts.port or (80 if parts.scheme in ("http", "ws") else 443)
    except ValueError:  # the transport reports it
        pass
    return attributes


def _fail(span: Span, error: BaseException) -> None:
    from opentelemetry.trace import Status, StatusCode

    kind = type(error)
    span.set_attribute("error.type", f"{kind.__module__}.{kind.__qualname__}")
    if isinstance(error, FalHTTPError):
        span.set_attribute("http.response.status_code", error.status_code)
    span.record_exception(error)
    span.set_status(Status(StatusCode.ERROR, str(error)))


def _is_cancellation(error: BaseException) -> bool:
    import asyncio

    kinds = (FalCancelledError, asyncio.CancelledError, KeyboardInterrupt)
    return isinstance(error, kinds)
