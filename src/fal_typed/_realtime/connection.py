"""The realtime connections that callers use."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic

from typing_extensions import ParamSpec, Self, TypeVar

from fal_typed._calls.building import input_arguments
from fal_typed._calls.parameter_methods import takes_parameters
from fal_typed._core.copying import not_copyable
from fal_typed._core.flow import invoke
from fal_typed._core.number_checks import check_seconds
from fal_typed._realtime.session import RealtimeSession
from fal_typed._transport.cleanup import shielded
from fal_typed.errors import FalError, FalInputError, FalTimeoutError

if TYPE_CHECKING:
    from types import TracebackType

    from fal_typed._calls.call import Call
    from fal_typed._calls.endpoint_spec import EndpointSpec
    from fal_typed._core.runner import Runner

P = ParamSpec("P")
Out = TypeVar("Out", covariant=True)  # noqa: PLC0105 - the name users see in hovers


class _ConnectionView(Generic[P, Out]):
    """The common parts of `RealtimeConnection` and `AsyncRealtimeConnection`."""

    def __init__(self, runner: Runner, call: Call[Out], spec: EndpointSpec | None) -> None:
        self._runner = runner
        self._call = call
        self._spec = spec
        self._bound: dict[str, Any] = {}
        self._session: RealtimeSession[Out] = RealtimeSession(call)
        self._failure: BaseException | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        if self._session.is_used:
            raise not_copyable(self)
        return type(self), (self._runner, self._call, self._spec)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._call.endpoint.full!r})"

    def __fal_parameters__(self) -> EndpointSpec | None:
        return self._spec

    @property
    def request_id(self) -> str | None:
        """Id of the connection on the platform, or None."""
        return self._session.request_id

    @property
    def raw(self) -> Any:
        """The latest result as received."""
        return self._session.raw

    @property
    def in_flight(self) -> int:
        """Number of inputs sent whose results have not arrived.

        Assumes one result per input, so it is not exact for endpoints that stream.
        """
        return self._session.in_flight

    @property
    def inference_time(self) -> float | None:
        """Seconds that the latest result took, or None if unknown."""
        return self._session.inference_time

    def _check_reader(self) -> None:
        if self._call.options.on_result is not None:
            raise FalInputError(
                "This connection passes its results to on_result; use wait() instead of recv()."
            )

    def _check_listener(self) -> None:
        if self._call.options.on_result is None:
            raise FalInputError("wait() needs a connection with on_result; use recv() instead.")

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _still_open(self, timeout: float | None) -> FalTimeoutError:
        return FalTimeoutError(
            f"The realtime session of {self._call.endpoint.full} was still open after {timeout} s",
            timeout=timeout,
            request_id=self.request_id,
        )


class RealtimeConnection(_ConnectionView[P, Out]):
    """A realtime connection to an endpoint; use it in a `with` block.

    One thread can send while another receives.

    Example:
        >>> from fal_typed.endpoints.fal_ai.flux.dev import flux_dev
        >>> with flux_dev.realtime() as connection:
        ...     connection.send(prompt="a cat")
        ...     len(connection.recv().images)
        1
    """

    _listener: threading.Thread | None = None
    _timer: threading.Timer | None = None

    def __enter__(self) -> Self:
        self._runner.perform(self._session.open)
        if self._call.options.on_result is not None:
            self._listener = threading.Thread(
                target=self._listen, name="fal-typed-realtime", daemon=True
            )
            self._listener.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        if error is None:
            self._raise_failure()

    @takes_parameters
    def send(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Send an input.

        With `throttle`, an input sent too early is delayed, and only the latest one is kept.

        Raises:
            FalInputError: The input does not match the endpoint's schema; nothing was sent.
            FalRealtimeError: The session has ended.
        """
        self._raise_failure()
        arguments = input_arguments(self._call, self._spec, args, kwargs)
        wait = self._runner.resume(self._session.send(arguments))
        if wait is not None:
            self._timer = threading.Timer(wait, self._flush)
            self._timer.daemon = True
            self._timer.start()

    def recv(self, timeout: float | None = None) -> Out | None:
        """Wait for the next result; returns None when the session has ended.

        Args:
            timeout: Seconds until `FalTimeoutError`; the session continues.

        Raises:
            FalRealtimeError: The endpoint failed, or the connection broke.
            FalStreamError: A result cannot be decoded; the session continues.
        """
        self._check_reader()
        received = self._receive(timeout)
        return None if received is None else received[0]

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Out:
        self._check_reader()
        received = self._receive(None)
        if received is None:
            raise StopIteration
        return received[0]

    def wait(self, timeout: float | None = None) -> None:
        """With `on_result`: wait until the session has ended.

        Args:
            timeout: Seconds until `FalTimeoutError`.

        Raises:
            FalRealtimeError: The session failed, and `on_error` is not set.
        """
        self._check_listener()
        check_seconds("timeout", timeout)
        if self._listener is not None:
            self._listener.join(timeout)
            if self._listener.is_alive():
                raise self._still_open(timeout)
        self._raise_failure()

    def close(self) -> None:
        """Close the connection; a delayed input is dropped. Closing twice is allowed."""
        if self._timer is not None:
            self._timer.cancel()
        self._runner.resume(self._session.close())
        if self._listener is not None and self._listener is not threading.current_thread():
            self._listener.join()

    def _receive(self, timeout: float | None) -> tuple[Out] | None:
        return self._runner.resume(self._session.receive(timeout))

    def _flush(self) -> None:
        # If the connection failed, the next call raises the error.
        with suppress(FalError):
            self._runner.resume(self._session.flush())

    def _listen(self) -> None:
        try:
            while self._dispatch():
                pass
        except BaseException as error:  # noqa: BLE001 - raised to the caller later
            self._failure = error

    def _dispatch(self) -> bool:
        options = self._call.options
        try:
            received = self._receive(None)
        except FalError as error:
            if options.on_error is None:
                raise
            reported = error
            self._runner.resume(invoke(options.on_error, reported))
            return True
        if received is not None:
            self._runner.resume(invoke(options.on_result, received[0]))
        return received is not None


class AsyncRealtimeConnection(_ConnectionView[P, Out]):
    """A realtime connection; `RealtimeConnection` for async code."""

    _listener: asyncio.Task[None] | None = None
    _timer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._runner.perform_async(self._session.open)
        if self._call.options.on_result is not None:
            self._listener = asyncio.ensure_future(self._listen())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
        if error is None:
            self._raise_failure()

    @takes_parameters
    async def send(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Send an input; see `RealtimeConnection.send`."""
        self._raise_failure()
        arguments = input_arguments(self._call, self._spec, args, kwargs)
        wait = await self._runner.resume_async(self._session.send(arguments))
        if wait is not None:
            self._timer = asyncio.ensure_future(self._flush(wait))

    async def recv(self, timeout: float | None = None) -> Out | None:
        """Wait for the next result; see `RealtimeConnection.recv`."""
        self._check_reader()
        received = await self._receive(timeout)
        return None if received is None else received[0]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Out:
        self._check_reader()
        received = await self._receive(None)
        if received is None:
            raise StopAsyncIteration
        return received[0]

    async def wait(self, timeout: float | None = None) -> None:
        """With `on_result`: wait until the session has ended; see `RealtimeConnection.wait`."""
        self._check_listener()
        check_seconds("timeout", timeout)
        if self._listener is not None:
            await asyncio.wait([self._listener], timeout=timeout)
            if not self._listener.done():
                raise self._still_open(timeout)
        self._raise_failure()

    async def close(self) -> None:
        """Close the connection; see `RealtimeConnection.close`."""
        if self._timer is not None:
            self._timer.cancel()
        waits = self._listener is not None and self._listener is not asyncio.current_task()
        await shielded(self._shut(self._listener if waits else None))

    async def _shut(self, listener: asyncio.Task[None] | None) -> None:
        await self._runner.resume_async(self._session.close())
        if listener is not None:
            await asyncio.wait([listener])

    async def _receive(self, timeout: float | None) -> tuple[Out] | None:
        return await self._runner.resume_async(self._session.receive(timeout))

    async def _flush(self, wait: float) -> None:
        await asyncio.sleep(wait)
        # If the connection failed, the next call raises the error.
        with suppress(FalError):
            await self._runner.resume_async(self._session.flush())

    async def _listen(self) -> None:
        try:
            while await self._dispatch():
                pass
        except BaseException as error:  # noqa: BLE001 - raised to the caller later
            self._failure = error

    async def _dispatch(self) -> bool:
        options = self._call.options
        try:
            received = await self._receive(None)
        except FalError as error:
            if options.on_error is None:
                raise
            reported = error
            await self._runner.resume_async(invoke(options.on_error, reported))
            return True
        if received is not None:
            await self._runner.resume_async(invoke(options.on_result, received[0]))
        return received is not None
