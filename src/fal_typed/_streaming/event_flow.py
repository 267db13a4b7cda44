"""Streaming: a model's output while it is generated (docs/protocol.md section 4).

A stream has no end marker and no event names: each event is the output so far, and by convention
the last one is the result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from fal_typed._calls.endpoint_id import join_path
from fal_typed._calls.option_headers import call_headers
from fal_typed._core import responses
from fal_typed._core.call_record import as_call
from fal_typed._core.flow import (
    CloseStream,
    Deadline,
    Emit,
    Flow,
    OpenStream,
    ReadChunk,
    shorter,
)
from fal_typed._core.json_values import parse_json
from fal_typed._core.retry import RetrySafety, send_with_retries
from fal_typed._transport.base import (
    HttpRequest,
    HttpResponse,
    OpenedStream,
    TransportError,
)
from fal_typed._transport.response_bodies import MAX_ERROR_BYTES, too_large
from fal_typed._transport.sse import EventDecoder
from fal_typed._uploads.request_body import request_body
from fal_typed.errors import FalTimeoutError

if TYPE_CHECKING:
    from fal_typed._calls.call import Call
    from fal_typed._core.settings import Settings

_SUCCESS, _REDIRECTS = 200, 300
_END_MARK = "[DONE]"
_ERROR_LIMIT = 10.0


@dataclass(frozen=True)
class StreamHead:
    """Status and headers of a successful response."""

    status: int
    headers: Mapping[str, str]


class StreamEvent(NamedTuple):
    """The content of one event: JSON, or bytes if the endpoint streams neither JSON nor events."""

    content: Any


@dataclass(frozen=True)
class MalformedEvent:
    """An event that is not JSON."""

    text: str


def default_path(endpoint_id: str) -> str:
    """The path that streams: `/stream`, unless the endpoint id already ends with it."""
    return "" if endpoint_id.endswith("/stream") else "/stream"


@as_call("stream")
def emit_events(settings: Settings, call: Call[Any]) -> Flow[None]:
    """Open a stream; emit a `StreamHead`, then the events."""
    options = call.options
    deadline = yield from Deadline.after(options.deadline)
    url = join_path(f"{settings.hosts.run}/{call.endpoint.full}", options.path)
    request = settings.request(
        "POST",
        url,
        headers={"accept": "text/event-stream", **call_headers(options)},
        body=(yield from request_body(settings, call, deadline)),
        timeout=options.idle_timeout,
    )
    opening = _StreamOpening()
    response = yield from send_with_retries(
        # A model that fails during a stream ends the body as if it had succeeded and then breaks
        # the connection, which must therefore not be reused.
        replace(request, headers={**request.headers, "connection": "close"}),
        safety=RetrySafety.BILLED,
        policy=options.retry or settings.retry,
        deadline=deadline,
        sender=opening.send,
    )
    if opening.stream is None:
        raise responses.http_error(response, endpoint=call.endpoint.full)
    yield Emit(StreamHead(response.status, response.headers))
    yield from _emit_body(_StreamBody(call, deadline, opening.stream, settings.max_response_bytes))
    yield CloseStream(opening.stream)


class _StreamOpening:
    """Opens the stream; if the response is an error, reads its body instead."""

    def __init__(self) -> None:
        self.stream: OpenedStream | None = None

    def send(self, request: HttpRequest) -> Flow[HttpResponse]:
        opened: OpenedStream = yield OpenStream(request)
        if _SUCCESS <= opened.status < _REDIRECTS:
            self.stream = opened
            return HttpResponse(opened.status, opened.headers, b"", request.url)
        body = yield from _read_error(opened)
        yield CloseStream(opened)
        return HttpResponse(opened.status, opened.headers, body, request.url)


def _read_error(stream: OpenedStream) -> Flow[bytes]:
    body = bytearray()
    deadline = yield from Deadline.after(_ERROR_LIMIT)
    try:
        while len(body) < MAX_ERROR_BYTES:
            remaining = yield from deadline.remaining()
            if not remaining or not (chunk := (yield ReadChunk(stream, remaining))):
                break
            body += chunk
    except TransportError:
        pass  # the status and the partial body say more than the connection error
    return bytes(body)


class _StreamBody:
    """The body of an open stream, read within the timeouts of the call."""

    def __init__(
        self, call: Call[Any], deadline: Deadline, stream: OpenedStream, max_bytes: int | None
    ) -> None:
        self.max_bytes = max_bytes
        self._call = call
        self._deadline = deadline
        self._stream = stream
        self.content_type = stream.headers.get("content-type", "").split(";")[0].strip().lower()

    def read(self) -> Flow[bytes]:
        """The next bytes, `b""` at the end.

        Raises:
            FalTimeoutError: `timeout` or `idle_timeout` expired.
            FalConnectionError: The connection broke.
        """
        idle, remaining = self._call.options.idle_timeout, None
        if self._deadline.at is not None:
            remaining = yield from self._deadline.remaining()
        if remaining == 0:
            raise self._deadline_error()
        try:
            chunk: bytes = yield ReadChunk(self._stream, shorter(idle, remaining))
        except TransportError as error:
            if not error.timed_out:
                raise self.failed(error) from None
            if idle is None or (remaining is not None and remaining <= idle):
                raise self._deadline_error() from None
            raise self._timeout(f"sent nothing for {idle:g} s", idle) from None
        return chunk

    def _deadline_error(self) -> FalTimeoutError:
        limit = self._deadline.limit
        return self._timeout(f"did not finish its stream within {limit:g} s", limit)

    def _timeout(self, message: str, limit: float | None) -> FalTimeoutError:
        return FalTimeoutError(
            f"{self._call.endpoint.full} {message}",
            request_id=self._request_id,
            timeout=limit,
            maybe_accepted=True,
        )

    def events(self, decoder: EventDecoder, chunk: bytes) -> list[str]:
        """The events that a chunk, or the end of the body, completes.

        Raises:
            FalProtocolError: An event is too large.
        """
        try:
            return decoder.feed(chunk) if chunk else decoder.finish()
        except TransportError as error:
            raise self.failed(error) from None

    def failed(self, error: TransportError) -> Exception:
        """The error for a body that cannot be read further."""
        request = HttpRequest("POST", f"<{self._call.endpoint.full}>")
        return responses.transport_error(error, request, request_id=self._request_id)

    @property
    def _request_id(self) -> str | None:
        return self._stream.headers.get("x-fal-request-id")


def _emit_body(body: _StreamBody) -> Flow[None]:
    if body.content_type == "text/event-stream":
        yield from _emit_sse(body)
    elif body.content_type.endswith("json"):
        yield from _emit_json(body)
    else:
        while chunk := (yield from body.read()):
            yield Emit(StreamEvent(chunk))


def _emit_sse(body: _StreamBody) -> Flow[None]:
    decoder = EventDecoder(body.max_bytes)
    while True:
        chunk = yield from body.read()
        for text in body.events(decoder, chunk):
            # Neither is used by fal, but endpoints may forward the stream of another platform.
            if text and text != _END_MARK:
                yield Emit(_parse_event(text))
        if not chunk:
            return


def _emit_json(body: _StreamBody) -> Flow[None]:
    whole = bytearray()
    while chunk := (yield from body.read()):
        whole += chunk
        if body.max_bytes is not None and len(whole) > body.max_bytes:
            raise body.failed(too_large("The response", body.max_bytes))
    yield Emit(_parse_event(whole.decode("utf-8", "replace")))


def _parse_event(text: str) -> StreamEvent | MalformedEvent:
    try:
        return StreamEvent(parse_json(text))
    except ValueError:
        return MalformedEvent(text)
