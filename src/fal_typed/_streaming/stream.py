"""`Stream` and `AsyncStream`: the events of a stream, in the hands of the caller."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Generator, Mapping
from typing import TYPE_CHECKING, Any, Generic, cast

from typing_extensions import Self, TypeVar

from fal_typed._core.caller_warnings import warn_caller
from fal_typed._core.copying import not_copyable
from fal_typed._core.flow import (
    Flow,
)
from fal_typed._transport.cleanup import shielded
from fal_typed.errors import FalStreamError, SchemaDriftWarning
from fal_typed.results import RawResponse, Result

if TYPE_CHECKING:
    from types import TracebackType

    from fal_typed._calls.call import Call
    from fal_typed._core.runner import Runner

from fal_typed._streaming.event_flow import MalformedEvent, StreamEvent, StreamHead, emit_events

Out = TypeVar("Out", covariant=True)  # noqa: PLC0105 - the name users see in hovers
_MAX_TEXT = 200
_NOTHING: Any = ...  # never the content of an event, and the same object after pickling


class _StreamView(Generic[Out]):
    """The common parts of `Stream` and `AsyncStream`."""

    def __init__(self, runner: Runner, call: Call[Out]) -> None:
        self._runner = runner
        self._call = call
        self._head: StreamHead | None = None
        self._last: Any = _NOTHING
        self._ended = False
        self._closed = False
        self.errors: list[FalStreamError] = []
        """One error for each event that could not be parsed; the stream continues after it."""

    def __getstate__(self) -> dict[str, Any]:
        if self.__dict__.get("_items") is not None and not self._is_over:
            raise not_copyable(self)
        return {**self.__dict__, "_items": None}

    @property
    def _is_over(self) -> bool:
        return self._ended or self._closed

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._call.endpoint.full!r})"

    @property
    def request_id(self) -> str | None:
        """Id of the request on the platform; None before the stream is open."""
        return self.headers.get("x-fal-request-id")

    @property
    def headers(self) -> Mapping[str, str]:
        """The response headers by lower-case name; empty before the stream is open."""
        return {} if self._head is None else self._head.headers

    @property
    def raw(self) -> Any:
        """The latest event as received (JSON or bytes); None before the first event."""
        return None if self._last is _NOTHING else self._last

    def _take(self, item: object) -> Any:
        """Process an emitted item; returns the caller's value, or `_NOTHING`."""
        if isinstance(item, StreamEvent):
            self._last = item.content
            return self._typed(item.content, partial=True)
        if isinstance(item, StreamHead):
            self._head = item
        elif isinstance(item, MalformedEvent):
            self._report(item)
        return _NOTHING

    def _typed(self, content: Any, *, partial: bool) -> Out:
        if self._call.output is None or isinstance(content, bytes):
            return cast("Out", content)
        from fal_typed._calls.outputs import read_output

        # An event may lack parts of the final output; only the last one must match the schema.
        return read_output(self._call.output, content, quiet=partial)

    def _report(self, item: MalformedEvent) -> None:
        message = (
            f"An event of {self._call.endpoint.full} is not JSON and was skipped: "
            f"{item.text[:_MAX_TEXT]!r}"
        )
        self.errors.append(FalStreamError(message, request_id=self.request_id))
        warn_caller(message, SchemaDriftWarning)

    def _result(self) -> Result[Out]:
        if self._last is _NOTHING or not self._ended:
            reason = "ended without any event" if self._ended else "was closed before its end"
            raise FalStreamError(
                f"The stream of {self._call.endpoint.full} {reason}, so it has no result.",
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
    """The events of a stream, each the output so far; iterate over it.

    The request is sent when the first event is read, or at the start of a `with` block. Leaving
    the block or calling `close` closes the connection, even if more events would follow.

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
            FalHTTPError: The platform or the model rejected the request.
            FalTimeoutError: `timeout` or `idle_timeout` expired.
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
        """Read the rest of the stream and return the last event as the result.

        Raises:
            FalStreamError: The stream had no events, or was closed before its end.
        """
        for _ in self:
            pass
        return self._result()

    def close(self) -> None:
        """Close the connection; unread events are lost. Closing twice is allowed."""
        if not self._is_over:
            self._closed = True
            self._open_or_nothing().close()

    def _open(self) -> Generator[Any, None, None]:
        if self._is_over:
            return self._open_or_nothing()
        if self._items is None:
            self._items = self._runner.iterate(lambda settings: emit_events(settings, self._call))
            self._take(next(self._items))
        return self._items

    def _open_or_nothing(self) -> Generator[Any, None, None]:
        if self._items is None:
            self._items = self._runner.iterate(lambda _settings: _nothing())
        return self._items


class AsyncStream(_StreamView[Out]):
    """The events of a stream; `Stream` for async code.

    Awaiting it sends the request and returns the stream. Iterating also sends the request.
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
        """Read the rest and return the last event as the result; see `Stream.done`."""
        async for _ in self:
            pass
        return self._result()

    async def close(self) -> None:
        """Close the connection; see `Stream.close`."""
        if not self._is_over:
            self._closed = True
            await shielded(self._open_or_nothing().aclose())

    async def _open(self) -> AsyncGenerator[Any, None]:
        if self._is_over:
            return self._open_or_nothing()
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
