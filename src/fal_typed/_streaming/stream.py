"""Streaming: a model's output while it is being made (docs/protocol.md section 4).

The stream has no end mark and no event names: every event is the output so far, and by
convention the last one is the result.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import AsyncGenerator, Generator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, cast

from typing_extensions import Self, TypeVar

from fal_typed._calls.endpoint_id import join_path
from fal_typed._calls.headers import call_headers
from fal_typed._core import responses
from fal_typed._core.flow import (
    CloseStream,
    Deadline,
    Emit,
    Flow,
    OpenStream,
    ReadChunk,
    shorter,
)
from fal_typed._core.retry import Repeat, send_retrying
from fal_typed._transport.base import (
    HttpRequest,
    HttpResponse,
    OpenedStream,
    TransportError,
)
from fal_typed._transport.cleanup import shielded
from fal_typed._transport.sse import EventDecoder
from fal_typed._uploads.request_body import request_body
from fal_typed.errors import FalStreamError, FalTimeoutError, SchemaDriftWarning
from fal_typed.results import RawResponse, Result

if TYPE_CHECKING:
    from types import TracebackType

    from fal_typed._calls.call import Call
    from fal_typed._core.runner import Runner
    from fal_typed._core.settings import Settings

Out = TypeVar("Out", covariant=True)  # noqa: PLC0105 - the name users see in hovers
_REDIRECTS = 300
_END_MARK = "[DONE]"
_MAX_TEXT = 200
_ERROR_LIMIT = 10.0


@dataclass(frozen=True)
class _Head:
    """The answer has begun, and is no error."""

    status: int
    headers: Mapping[str, str]


class _Event(NamedTuple):
    """One event's content: JSON, or bytes where the endpoint streams neither JSON nor events."""

    content: Any


@dataclass(frozen=True)
class _Malformed:
    """An event that is no JSON."""

    text: str


def default_path(endpoint_id: str) -> str:
    """The path below an endpoint's id that streams: `/stream`, if the id does not end so."""
    return "" if endpoint_id.endswith("/stream") else "/stream"


def emit_events(settings: Settings, call: Call[Any]) -> Flow[None]:
    """Open a stream and emit a `_Head`, then its events."""
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
    response = yield from send_retrying(
        # A model that fails in mid-stream ends the body as if all were well, and then breaks the
        # connection: whoever used it next would be lost.
        replace(request, headers={**request.headers, "connection": "close"}),
        repeat=Repeat.COSTS,
        policy=options.retry or settings.retry,
        deadline=deadline,
        sender=opening.send,
    )
    if opening.stream is None:
        raise responses.http_error(response, endpoint=call.endpoint.full)
    yield Emit(_Head(response.status, response.headers))
    yield from _emit_body(_StreamBody(call, deadline, opening.stream))
    yield CloseStream(opening.stream)


class _StreamOpening:
    """Opens the stream; an answer that is an error is read whole instead."""

    def __init__(self) -> None:
        self.stream: OpenedStream | None = None

    def send(self, request: HttpRequest) -> Flow[HttpResponse]:
        opened: OpenedStream = yield OpenStream(request)
        if opened.status < _REDIRECTS:
            self.stream = opened
            return HttpResponse(opened.status, opened.headers, b"", request.url)
        body = yield from _read_error(opened)
        yield CloseStream(opened)
        return HttpResponse(opened.status, opened.headers, body, request.url)


def _read_error(stream: OpenedStream) -> Flow[bytes]:
    body = b""
    try:
        while chunk := (yield ReadChunk(stream, _ERROR_LIMIT)):
            body += chunk
    except TransportError:
        pass  # the status and what there is of the body say more than the cut does
    return body


class _StreamBody:
    """The body of an opened stream, read within the limits of the call."""

    def __init__(self, call: Call[Any], deadline: Deadline, stream: OpenedStream) -> None:
        self._call = call
        self._deadline = deadline
        self._stream = stream
        self.content_type = stream.headers.get("content-type", "").split(";")[0].strip().lower()

    def read(self) -> Flow[bytes]:
        """The next bytes, `b""` at the end.

        Raises:
            FalTimeoutError: The whole took too long, or nothing came for too long.
            FalConnectionError: The connection broke.
        """
        idle, remaining = self._call.options.idle_timeout, None
        if self._deadline.at is not None:
            remaining = yield from self._deadline.remaining()
        if remaining == 0:
            raise self._too_late()
        try:
            chunk: bytes = yield ReadChunk(self._stream, shorter(idle, remaining))
        except TransportError as error:
            if not error.timed_out:
                raise self._broken(error) from None
            if idle is None or (remaining is not None and remaining <= idle):
                raise self._too_late() from None
            raise self._timeout(f"sent nothing for {idle:g} s", idle) from None
        return chunk

    def _too_late(self) -> FalTimeoutError:
        limit = self._deadline.limit
        return self._timeout(f"did not end its stream within {limit:g} s", limit)

    def _timeout(self, what: str, limit: float | None) -> FalTimeoutError:
        return FalTimeoutError(
            f"{self._call.endpoint.full} {what}",
            request_id=self._request_id,
            timeout=limit,
            maybe_accepted=True,
        )

    def _broken(self, error: TransportError) -> Exception:
        request = HttpRequest("POST", f"<{self._call.endpoint.full}>")
        return responses.transport_error(error, request, request_id=self._request_id)

    @property
    def _request_id(self) -> str | None:
        return self._stream.headers.get("x-fal-request-id")


def _emit_body(body: _StreamBody) -> Flow[None]:
    if body.content_type == "text/event-stream":
        yield from _emit_server_sent(body)
    elif body.content_type.endswith("json"):
        yield from _emit_json(body)
    else:
        while chunk := (yield from body.read()):
            yield Emit(_Event(chunk))


def _emit_server_sent(body: _StreamBody) -> Flow[None]:
    decoder = EventDecoder()
    while True:
        chunk = yield from body.read()
        for text in decoder.feed(chunk) if chunk else decoder.finish():
            # Nothing of fal's ends so, but endpoints that pass on another platform's stream may.
            if text != _END_MARK:
                yield Emit(_parsed(text))
        if not chunk:
            return


def _emit_json(body: _StreamBody) -> Flow[None]:
    whole = b""
    while chunk := (yield from body.read()):
        whole += chunk
    yield Emit(_parsed(whole.decode("utf-8", "replace")))


def _parsed(text: str) -> _Event | _Malformed:
    try:
        return _Event(json.loads(text))
    except ValueError:
        return _Malformed(text)


_NOTHING: Any = object()


class _StreamView(Generic[Out]):
    """What the two kinds of streams share: all but the waiting."""

    def __init__(self, runner: Runner, call: Call[Out]) -> None:
        self._runner = runner
        self._call = call
        self._head: _Head | None = None
        self._last: Any = _NOTHING
        self._ended = False
        self._closed = False
        self.errors: list[FalStreamError] = []
        """One error for each event that could not be read; the stream goes on after it."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._call.endpoint.full!r})"

    @property
    def request_id(self) -> str | None:
        """Id of the request on the platform, known once the stream is open."""
        return self.headers.get("x-fal-request-id")

    @property
    def headers(self) -> Mapping[str, str]:
        """The answer's headers, names in lower case; empty before the stream is open."""
        return {} if self._head is None else self._head.headers

    @property
    def raw(self) -> Any:
        """The latest event as it came: JSON, or bytes; None before the first."""
        return None if self._last is _NOTHING else self._last

    def _take(self, item: object) -> Any:
        """What the caller gets for an emitted item, if anything."""
        if isinstance(item, _Event):
            self._last = item.content
            return self._typed(item.content, partial=True)
        if isinstance(item, _Head):
            self._head = item
        elif isinstance(item, _Malformed):
            self._report(item)
        return _NOTHING

    def _typed(self, content: Any, *, partial: bool) -> Out:
        if self._call.output is None or isinstance(content, bytes):
            return cast("Out", content)
        from fal_typed._calls.outputs import read_output

        # An event may lack what the finished output has; only the last one is held to the schema.
        return read_output(self._call.output, content, quiet=partial)

    def _report(self, item: _Malformed) -> None:
        message = (
            f"An event of {self._call.endpoint.full} is no JSON and was left out: "
            f"{item.text[:_MAX_TEXT]!r}"
        )
        self.errors.append(FalStreamError(message, request_id=self.request_id))
        warnings.warn(message, SchemaDriftWarning, stacklevel=4)

    def _result(self) -> Result[Out]:
        if self._last is _NOTHING or not self._ended:
            why = "ended without any event" if self._ended else "was closed before its end"
            raise FalStreamError(
                f"The stream of {self._call.endpoint.full} {why}, so it has no result.",
                request_id=self.request_id,
            )
        assert self._head is not None  # noqa: S101 - a stream with events has begun
        is_json = not isinstance(self._last, bytes)
        body = json.dumps(self._last).encode() if is_json else self._last
        return Result(
            data=self._typed(self._last, partial=False),
            request_id=self.request_id,
            raw=self._last,
            raw_response=RawResponse(self._head.status, self._head.headers, body),
        )


class Stream(_StreamView[Out]):
    """The events of a stream, each the output so far; read it by iterating.

    The request is sent when the first event is asked for, or at the start of a `with` block.
    Leaving the block or calling `close` closes the connection, whatever is still to come.

    Example:
        >>> from fal_typed.endpoints.fal_ai.flux.dev import flux_dev
        >>> with flux_dev.stream(prompt="a cat") as stream:
        ...     for event in stream:
        ...         latest = event.images[-1].url
        >>> stream.done().data.images[-1].url == latest
        True
    """

    _items: Generator[Any, None, None] | None = None

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Out:
        """The next event.

        Raises:
            FalHTTPError: The platform or the model refused the request.
            FalTimeoutError: Nothing came for `idle_timeout`, or the whole took over `timeout`.
            FalConnectionError: The connection broke.
        """
        try:
            for item in self._open():
                event = self._take(item)
                if event is not _NOTHING:
                    return cast("Out", event)
        except BaseException:
            self._closed = True
            raise
        self._ended = not self._closed
        raise StopIteration

    def done(self) -> Result[Out]:
        """Read to the end and return the last event as the result.

        Raises:
            FalStreamError: There was no event, or the stream was closed before its end.
        """
        for _ in self:
            pass
        return self._result()

    def close(self) -> None:
        """Close the connection; what was not read yet is lost. Closing twice is fine."""
        if not self._closed and not self._ended:
            self._closed = True
            self._open_or_nothing().close()

    def _open(self) -> Generator[Any, None, None]:
        if self._items is None:
            self._items = self._runner.iterate(lambda settings: emit_events(settings, self._call))
            self._take(next(self._items))
        return self._items

    def _open_or_nothing(self) -> Generator[Any, None, None]:
        if self._items is None:
            self._items = self._runner.iterate(lambda _settings: _nothing())
        return self._items


class AsyncStream(_StreamView[Out]):
    """The events of a stream, each the output so far; `Stream` for async code.

    Awaiting it sends the request and gives the stream itself; iterating does so, too.
    """

    _items: AsyncGenerator[Any, None] | None = None

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def __await__(self) -> Generator[Any, Any, Self]:
        return self.__aenter__().__await__()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Out:
        """The next event; see `Stream.__next__`."""
        try:
            async for item in await self._open():
                event = self._take(item)
                if event is not _NOTHING:
                    return cast("Out", event)
        except BaseException:
            self._closed = True
            raise
        self._ended = not self._closed
        raise StopAsyncIteration

    async def done(self) -> Result[Out]:
        """Read to the end and return the last event as the result; see `Stream.done`."""
        async for _ in self:
            pass
        return self._result()

    async def close(self) -> None:
        """Close the connection; see `Stream.close`."""
        if not self._closed and not self._ended:
            self._closed = True
            await shielded(self._open_or_nothing().aclose())

    async def _open(self) -> AsyncGenerator[Any, None]:
        if self._items is None:
            self._items = self._runner.iterate_async(
                lambda settings: emit_events(settings, self._call)
            )
            self._take(await anext(self._items))
        return self._items

    def _open_or_nothing(self) -> AsyncGenerator[Any, None]:
        if self._items is None:
            self._items = self._runner.iterate_async(lambda _settings: _nothing())
        return self._items


def _nothing() -> Flow[None]:
    return
    yield
