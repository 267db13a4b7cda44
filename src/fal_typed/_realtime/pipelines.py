"""Pipelines: many runs over one websocket (docs/protocol.md section 5.5).

Inputs are sent without waiting for results. Results arrive in the order of the inputs, each as a
`start` frame, the frames of the body, and an `end` frame.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent import futures
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, Union

from typing_extensions import ParamSpec, Self, TypeVar

from fal_typed._calls.building import input_arguments
from fal_typed._calls.parameter_methods import takes_parameters
from fal_typed._core import responses
from fal_typed._core.call_record import CallRecord
from fal_typed._core.copying import not_copyable
from fal_typed._core.flow import (
    CloseSocket,
    Flow,
    FlowLock,
    ReceiveFrame,
    SendFrame,
    run_locked,
)
from fal_typed._core.json_values import as_object, as_text, parse_json
from fal_typed._core.number_checks import check_seconds
from fal_typed._realtime.connecting import connect_for_runs
from fal_typed._transport.base import HttpResponse, OpenedSocket, SocketClosed
from fal_typed._transport.cleanup import shielded
from fal_typed._uploads.request_body import request_body
from fal_typed.errors import FalConnectionError, FalError, FalProtocolError, FalTimeoutError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from fal_typed._calls.call import Call
    from fal_typed._calls.endpoint_spec import EndpointSpec
    from fal_typed._core.runner import Runner
    from fal_typed._core.settings import Settings
    from fal_typed.results import Result

P = ParamSpec("P")
Out = TypeVar("Out", covariant=True)  # noqa: PLC0105 - the name users see in hovers
_FIRST_ERROR = 400
_MAX_TEXT = 200
_TO_FIRST_BYTE = "time_to_first_byte_seconds"


@dataclass(frozen=True)
class RunResponse:
    """The response of one run, as if received over HTTP."""

    response: HttpResponse
    metrics: Mapping[str, Any]


Outcome = Union[RunResponse, FalError]
Settle = Callable[[Outcome], None]


@dataclass
class _PartialResponse:
    request_id: str | None
    status: int
    headers: dict[str, str]
    body: list[bytes] = field(default_factory=list[bytes])


class ResponseReader:
    """Assembles responses from their frames."""

    def __init__(self) -> None:
        self._started: _PartialResponse | None = None

    def feed(self, frame: bytes | str) -> RunResponse | None:
        """Process a frame; returns the response that it completes, if any.

        Raises:
            FalProtocolError: The frame does not belong to a response.
        """
        message = _message(frame)
        if self._started is None:
            if message.get("type") != "start":
                raise FalProtocolError(f"Unexpected frame between responses: {_excerpt(frame)!r}")
            self._started = _start(message)
            return None
        # A body may look like an `end` frame; only the request id distinguishes them.
        if message.get("type") == "end" and message.get("request_id") == self._started.request_id:
            return self._finish(self._started, message)
        self._started.body.append(frame.encode() if isinstance(frame, str) else frame)
        return None

    def _finish(self, started: _PartialResponse, message: Mapping[str, Any]) -> RunResponse:
        self._started = None
        status = message.get("status")
        failed_late = isinstance(status, int) and status >= _FIRST_ERROR > started.status
        response = HttpResponse(
            status if failed_late and isinstance(status, int) else started.status,
            started.headers,
            b"".join(started.body),
        )
        first = message.get(_TO_FIRST_BYTE)
        return RunResponse(response, {} if first is None else {_TO_FIRST_BYTE: first})


def _message(frame: bytes | str) -> dict[str, Any]:
    if not isinstance(frame, str) or not frame.startswith("{"):
        return {}
    try:
        return as_object(parse_json(frame)) or {}
    except ValueError:
        return {}


def _start(message: Mapping[str, Any]) -> _PartialResponse:
    headers = {
        name.lower(): str(value)
        for name, value in (as_object(message.get("headers")) or {}).items()
    }
    request_id = as_text(message.get("request_id"))
    if request_id is not None:
        headers.setdefault("x-fal-request-id", request_id)
    status = message.get("status")
    return _PartialResponse(request_id, status if isinstance(status, int) else 200, headers)


def _excerpt(frame: bytes | str) -> bytes | str:
    return frame[:_MAX_TEXT]


class _Runs:
    """The flows of one pipeline connection, where each input gets one response."""

    def __init__(self, call: Call[Any]) -> None:
        self.call = call
        self._socket: OpenedSocket | None = None
        self._reader = ResponseReader()
        self._unsettled: deque[Settle] = deque()
        self._broken: FalError | None = None
        self._sending = FlowLock()
        self._record = CallRecord("pipeline", call)

    @property
    def is_used(self) -> bool:
        """Whether the connection is open or was."""
        return self._socket is not None

    def open(self, settings: Settings) -> Flow[None]:
        connecting = connect_for_runs(settings.of_call(self._record), self.call)
        self._socket = yield from self._record.opening(connecting)

    def close(self) -> Flow[None]:
        if self._socket is not None:
            yield CloseSocket(self._socket)
        self._record.end()

    def submit(self, settings: Settings, call: Call[Any], settle: Settle) -> Flow[None]:
        """Send the input of a run; `settle` is called with its outcome."""
        record = CallRecord("run", call)

        def settled(outcome: Outcome) -> None:
            record.end(_failure(call, outcome))
            settle(outcome)

        body = yield from record.opening(request_body(settings.of_call(record), call))
        yield from record.opening(run_locked(self._sending, self._send(body, settled)))

    def _send(self, body: bytes, settle: Settle) -> Flow[None]:
        socket = self._opened()
        if self._broken is not None:
            raise self._broken
        self._unsettled.append(settle)
        try:
            yield SendFrame(socket, body.decode())
        except SocketClosed as closed:
            with suppress(ValueError):  # `read_all` may have settled it already
                self._unsettled.remove(settle)
            raise self._lost(f"is closed ({closed}), so the input was not sent") from None

    def read_all(self) -> Flow[None]:
        """Read responses until the connection closes, and settle each run in order."""
        socket = self._opened()
        try:
            while True:
                frame: bytes | str = yield ReceiveFrame(socket, None)
                response = self._reader.feed(frame)
                if response is not None and self._unsettled:
                    self._unsettled.popleft()(response)
        except SocketClosed as closed:
            error: FalError = self._lost(
                f"closed ({closed}) before the result arrived; the run is not retried, as it may "
                "have been accepted",
                maybe_accepted=True,
            )
        except FalProtocolError as unreadable:
            # Responses can no longer be matched to runs.
            error = unreadable
            yield CloseSocket(socket)
        self._broken = error
        while self._unsettled:
            self._unsettled.popleft()(error)

    def _opened(self) -> OpenedSocket:
        if self._socket is None:
            raise FalConnectionError("The pipeline is not open: use it in a `with` block.")
        return self._socket

    def _lost(self, reason: str, *, maybe_accepted: bool = False) -> FalConnectionError:
        return FalConnectionError(
            f"The connection to {self.call.endpoint.full} {reason}.", maybe_accepted=maybe_accepted
        )


def _failure(call: Call[Any], outcome: Outcome) -> FalError | None:
    if isinstance(outcome, FalError):
        return outcome
    if not responses.is_error(outcome.response):
        return None
    return responses.http_error(outcome.response, endpoint=call.endpoint.full)


class _PendingView(Generic[Out]):
    """The common parts of `PendingRun` and `AsyncPendingRun`."""

    def __init__(self, call: Call[Out], outcome: Any) -> None:
        self._call = call
        self._outcome = outcome

    def __reduce__(self) -> tuple[Any, ...]:
        raise not_copyable(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._call.endpoint.full!r})"

    def _limit(self, timeout: float | None) -> float | None:
        check_seconds("timeout", timeout)
        return self._call.options.timeout if timeout is None else timeout

    def _result(self, outcome: Outcome) -> Result[Out]:
        if isinstance(outcome, FalError):
            raise outcome
        return self._call.result(outcome.response, metrics=outcome.metrics)

    def _timeout_error(self, limit: float | None) -> FalTimeoutError:
        return FalTimeoutError(
            f"{self._call.endpoint.full} returned no result within {limit:g} s; the run "
            "continues, and you can call get() again",
            timeout=limit,
            maybe_accepted=True,
        )


class PendingRun(_PendingView[Out]):
    """A run whose input was sent; `get` waits for its result."""

    def get(self, timeout: float | None = None) -> Result[Out]:
        """Wait for the result.

        Args:
            timeout: Seconds until `FalTimeoutError`; the run continues. Default: the pipeline's.

        Raises:
            FalHTTPError: The model or the platform rejected the run or failed; other runs
                continue.
            FalConnectionError: The connection broke; the run may have been accepted.
        """
        limit = self._limit(timeout)
        done, _ = futures.wait([self._outcome], timeout=limit)
        if not done:
            raise self._timeout_error(limit)
        return self._result(self._outcome.result())


class AsyncPendingRun(_PendingView[Out]):
    """A run whose input was sent; `PendingRun` for async code."""

    async def get(self, timeout: float | None = None) -> Result[Out]:
        """Wait for the result; see `PendingRun.get`."""
        limit = self._limit(timeout)
        done, _ = await asyncio.wait([self._outcome], timeout=limit)
        if not done:
            raise self._timeout_error(limit)
        return self._result(self._outcome.result())


class _PipelineView(Generic[P, Out]):
    """The common parts of `Pipeline` and `AsyncPipeline`."""

    def __init__(self, runner: Runner, call: Call[Out], spec: EndpointSpec | None) -> None:
        self._runner = runner
        self._call = call
        self._spec = spec
        self._bound: dict[str, Any] = {}
        self._runs = _Runs(call)

    def __reduce__(self) -> tuple[Any, ...]:
        if self._runs.is_used:
            raise not_copyable(self)
        return type(self), (self._runner, self._call, self._spec)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._call.endpoint.full!r})"

    def __fal_parameters__(self) -> EndpointSpec | None:
        return self._spec


class Pipeline(_PipelineView[P, Out]):
    """One connection for many direct runs of one endpoint; use it in a `with` block.

    It saves a handshake per run, and runs queue on the platform instead of in the caller's code.
    Safe to share between threads.

    Example:
        >>> from fal_typed.endpoints.fal_ai.flux.dev import flux_dev
        >>> with flux_dev.pipeline() as pipeline:
        ...     pending = [pipeline.submit(prompt="a cat", seed=seed) for seed in (1, 2)]
        ...     [run.get().data.seed for run in pending]
        [1, 2]
    """

    _reader: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._runner.perform(self._runs.open)
        self._reader = threading.Thread(
            target=self._read_all, name="fal-typed-pipeline", daemon=True
        )
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @takes_parameters
    def submit(self, *args: P.args, **kwargs: P.kwargs) -> PendingRun[Out]:
        """Send the input of a run and return immediately.

        Raises:
            FalInputError: The arguments do not match the endpoint's schema; nothing was sent.
            FalConnectionError: The connection is closed; the input was not sent.
        """
        arguments = input_arguments(self._call, self._spec, args, kwargs)
        call = replace(self._call, arguments=arguments)
        outcome: futures.Future[Outcome] = futures.Future()
        self._runner.perform(lambda settings: self._runs.submit(settings, call, outcome.set_result))
        return PendingRun(call, outcome)

    @takes_parameters
    def run(self, *args: P.args, **kwargs: P.kwargs) -> Result[Out]:
        """Send the input of a run and wait for its result; see `submit` and `PendingRun.get`."""
        return self.submit(*args, **kwargs).get()

    def close(self) -> None:
        """Close the connection; pending results are lost. Closing twice is allowed."""
        self._runner.resume(self._runs.close())
        if self._reader is not None:
            self._reader.join()

    def _read_all(self) -> None:
        self._runner.resume(self._runs.read_all())


class AsyncPipeline(_PipelineView[P, Out]):
    """One connection for many direct runs; `Pipeline` for async code. Tasks can share it."""

    _reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._runner.perform_async(self._runs.open)
        self._reader = asyncio.ensure_future(self._runner.resume_async(self._runs.read_all()))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @takes_parameters
    async def submit(self, *args: P.args, **kwargs: P.kwargs) -> AsyncPendingRun[Out]:
        """Send the input of a run and return immediately; see `Pipeline.submit`."""
        arguments = input_arguments(self._call, self._spec, args, kwargs)
        call = replace(self._call, arguments=arguments)
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        await self._runner.perform_async(
            lambda settings: self._runs.submit(settings, call, outcome.set_result)
        )
        return AsyncPendingRun(call, outcome)

    @takes_parameters
    async def run(self, *args: P.args, **kwargs: P.kwargs) -> Result[Out]:
        """Send the input of a run and wait for its result; see `Pipeline.run`."""
        return await (await self.submit(*args, **kwargs)).get()

    async def close(self) -> None:
        """Close the connection; see `Pipeline.close`."""
        await shielded(self._shut())

    async def _shut(self) -> None:
        await self._runner.resume_async(self._runs.close())
        if self._reader is not None:
            await asyncio.wait([self._reader])
