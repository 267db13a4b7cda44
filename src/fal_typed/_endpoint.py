"""`Endpoint`, a model endpoint typed by its parameters and its result, and `endpoint` by id."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from typing_extensions import ParamSpec, Unpack

from fal_typed._calls.building import (
    call_options,
    check_options,
    connection_call,
    endpoint_call,
    reference_call,
)
from fal_typed._calls.catalog_modules import catalog_ids, module_of, similar_ids
from fal_typed._calls.endpoint_spec import EndpointSpec
from fal_typed._calls.not_given import NOT_GIVEN
from fal_typed._calls.parameter_methods import takes_parameters
from fal_typed._core.runner import runner_of
from fal_typed._direct import run as direct
from fal_typed._queue import submitting, subscribing
from fal_typed._queue.async_handles import AsyncHandle
from fal_typed._queue.handles import Handle
from fal_typed._queue.jobs import job_from_id
from fal_typed._streaming.event_flow import default_path
from fal_typed._streaming.stream import AsyncStream, Stream
from fal_typed.errors import FalInputError
from fal_typed.options import EndpointOptions, PipelineOptions, RealtimeOptions

if TYPE_CHECKING:
    from fal_typed._calls.call import Call
    from fal_typed._core.runner import Runner
    from fal_typed._core.settings import Settings
    from fal_typed._queue.jobs import Job
    from fal_typed._queue.statuses import QueueStatus
    from fal_typed._realtime.connection import AsyncRealtimeConnection, RealtimeConnection
    from fal_typed._realtime.pipelines import AsyncPipeline, Pipeline
    from fal_typed.results import Result

P = ParamSpec("P")
In = TypeVar("In")
Out = TypeVar("Out")
# jedi does not know `Self`, and would complete nothing after `with_options(…)`.
Me = TypeVar("Me", bound="Endpoint[..., Any, Any]")


class Endpoint(Generic[P, In, Out]):
    """A model endpoint of the platform.

    Each generated module defines one. Create your own for an endpoint that is not in the catalog.
    Calls use the module-level client unless you set another one with `with_options(client=…)`.

    Args:
        id: The endpoint's id, such as `fal-ai/flux/dev`.
        input: The input model.
        output: The output model.
        **options: Default options of its calls. Generated endpoints of private apps set their
            path and codec here.

    Example:
        >>> from fal_typed.endpoints.fal_ai.flux.dev import flux_dev
        >>> result = flux_dev.subscribe(prompt="a cat", image_size="landscape_4_3", seed=7)
        >>> result.data.seed
        7
    """

    def __init__(
        self,
        id: str,  # noqa: A002
        input: Callable[P, In],  # noqa: A002
        output: type[Out],
        **options: Unpack[EndpointOptions],
    ) -> None:
        self.id = id
        self.input = input
        self.output = output
        check_options("with_options", {**options, "client": None})
        self._client = options.pop("client", None)
        self._bound: dict[str, Any] = {}
        self.__fal_endpoint__ = EndpointSpec(id, cast("type[Any]", input), output, options)
        # Read when an input object is passed to a client.
        forms: list[Any] = getattr(input, "__fal_forms__", list[Any])()
        for model in (cast("Any", input), *forms):
            model.__fal_endpoint__ = self.__fal_endpoint__

    def __repr__(self) -> str:
        return f"Endpoint({self.id!r})"

    def with_options(self: Me, **options: Unpack[EndpointOptions]) -> Me:  # noqa: PYI019
        """A copy of the endpoint with other call options.

        Call options are passed here, so they cannot clash with model parameters.

        Args:
            **options: See `EndpointOptions`.

        Raises:
            TypeError: An option is unknown.
        """
        check_options("with_options", options)
        other = copy.copy(self)
        other._client = options.pop("client", self._client)  # noqa: SLF001 - a copy of self
        other._bound = {}  # noqa: SLF001 - a copy of self
        merged = {**self.__fal_endpoint__.options, **options}
        other.__fal_endpoint__ = replace(self.__fal_endpoint__, options=merged)
        return other

    def __fal_parameters__(self) -> EndpointSpec:
        return self.__fal_endpoint__

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_bound": {}}

    def _runner(self) -> Runner:
        return runner_of(self._client)

    def _call(
        self, args: tuple[object, ...], arguments: Mapping[str, Any], **defaults: object
    ) -> Call[Out]:
        spec = self.__fal_endpoint__
        options = call_options(defaults, self._runner().default_options, spec.options)
        return endpoint_call(spec, args, arguments, options)

    def _connection_call(
        self, name: str, options: Mapping[str, Any]
    ) -> tuple[Call[Out], EndpointSpec | None]:
        check_options(name, options)
        return connection_call(self, self._runner().default_options, options)

    def _job(self, request_id: str, **options: object) -> Callable[[Settings], Job[Out]]:
        spec = self.__fal_endpoint__
        merged = call_options(self._runner().default_options, spec.options, options)
        call = reference_call(self, merged)
        return lambda settings: job_from_id(settings, call, request_id)

    @takes_parameters
    def run(self, *args: P.args, **kwargs: P.kwargs) -> Result[Out]:
        """Call the endpoint directly, without the queue, and return the result.

        Raises:
            FalInputError: The arguments do not match the endpoint's schema; nothing was sent.
            FalHTTPError: The model or the platform rejected the request or failed.
        """
        call = self._call(args, kwargs)
        return self._runner().perform(lambda settings: direct.run(settings, call))

    @takes_parameters
    async def run_async(self, *args: P.args, **kwargs: P.kwargs) -> Result[Out]:
        """Call the endpoint directly and return the result; `run` for async code."""
        call = self._call(args, kwargs)
        return await self._runner().perform_async(lambda settings: direct.run(settings, call))

    @takes_parameters
    def subscribe(self, *args: P.args, **kwargs: P.kwargs) -> Result[Out]:
        """Submit to the queue, wait, and return the result.

        Raises:
            FalInputError: The arguments do not match the endpoint's schema; nothing was sent.
            FalHTTPError: The job failed, or the platform rejected it.
            FalTimeoutError: The job did not complete within `timeout` and was canceled.
        """
        call = self._call(args, kwargs)
        return self._runner().perform(lambda settings: subscribing.subscribe(settings, call))

    @takes_parameters
    async def subscribe_async(self, *args: P.args, **kwargs: P.kwargs) -> Result[Out]:
        """Submit to the queue, wait, and return the result; `subscribe` for async code."""
        call = self._call(args, kwargs)
        return await self._runner().perform_async(
            lambda settings: subscribing.subscribe(settings, call)
        )

    @takes_parameters
    def submit(self, *args: P.args, **kwargs: P.kwargs) -> Handle[Out]:
        """Submit to the queue and return a handle immediately.

        Raises:
            FalInputError: The arguments do not match the endpoint's schema; nothing was sent.
            FalHTTPError: The platform rejected the request.
        """
        call, runner = self._call(args, kwargs), self._runner()
        return Handle(runner.perform(lambda settings: submitting.submit(settings, call)), runner)

    @takes_parameters
    async def submit_async(self, *args: P.args, **kwargs: P.kwargs) -> AsyncHandle[Out]:
        """Submit to the queue and return a handle; `submit` for async code."""
        call, runner = self._call(args, kwargs), self._runner()
        job = await runner.perform_async(lambda settings: submitting.submit(settings, call))
        return AsyncHandle(job, runner)

    @takes_parameters
    def stream(self, *args: P.args, **kwargs: P.kwargs) -> Stream[Out]:
        """Call the endpoint and stream its output as it is generated.

        The request is sent when the first event is read, and never retried once it was accepted.

        Raises:
            FalInputError: The arguments do not match the endpoint's schema; nothing was sent.
        """
        return Stream(self._runner(), self._call(args, kwargs, path=default_path(self.id)))

    @takes_parameters
    def stream_async(self, *args: P.args, **kwargs: P.kwargs) -> AsyncStream[Out]:
        """Call the endpoint and stream its output; `stream` for async code."""
        return AsyncStream(self._runner(), self._call(args, kwargs, path=default_path(self.id)))

    def realtime(self, **options: Unpack[RealtimeOptions]) -> RealtimeConnection[P, Out]:
        """Open a realtime connection: a websocket for inputs and results.

        See docs/protocol.md section 5.

        Args:
            **options: See `RealtimeOptions`.

        Returns:
            The connection, to be used in a `with` block. Its `send` takes the endpoint's
            parameters.

        Raises:
            FalHTTPError: On entering the block: the token request or the connection was rejected.
            FalConnectionError: On entering the block: the platform could not be reached.
        """
        from fal_typed._realtime.connecting import realtime_call
        from fal_typed._realtime.connection import RealtimeConnection

        runner = self._runner()
        return RealtimeConnection(
            runner, *realtime_call(*self._connection_call("realtime", options))
        )

    def realtime_async(self, **options: Unpack[RealtimeOptions]) -> AsyncRealtimeConnection[P, Out]:
        """Open a realtime connection; `realtime` for async code."""
        from fal_typed._realtime.connecting import realtime_call
        from fal_typed._realtime.connection import AsyncRealtimeConnection

        runner = self._runner()
        return AsyncRealtimeConnection(
            runner, *realtime_call(*self._connection_call("realtime", options))
        )

    def pipeline(self, **options: Unpack[PipelineOptions]) -> Pipeline[P, Out]:
        """Open a pipeline: one websocket for many direct runs.

        See docs/protocol.md section 5.5.

        Args:
            **options: See `PipelineOptions`.

        Returns:
            The pipeline, to be used in a `with` block. Its `run` takes the endpoint's parameters.

        Raises:
            FalHTTPError: On entering the block: the connection was rejected.
            FalConnectionError: On entering the block: the platform could not be reached.
        """
        from fal_typed._realtime.pipelines import Pipeline

        runner = self._runner()
        return Pipeline(runner, *self._connection_call("pipeline", options))

    def pipeline_async(self, **options: Unpack[PipelineOptions]) -> AsyncPipeline[P, Out]:
        """Open a pipeline; `pipeline` for async code."""
        from fal_typed._realtime.pipelines import AsyncPipeline

        runner = self._runner()
        return AsyncPipeline(runner, *self._connection_call("pipeline", options))

    def handle(self, request_id: str) -> Handle[Out]:
        """Get a handle of an existing job; sends no request.

        Args:
            request_id: Id of the job.
        """
        runner = self._runner()
        return Handle(self._job(request_id)(runner.settings()), runner)

    def handle_async(self, request_id: str) -> AsyncHandle[Out]:
        """Get a handle of an existing job; `handle` for async code."""
        runner = self._runner()
        return AsyncHandle(self._job(request_id)(runner.settings()), runner)

    def status(self, request_id: str, *, with_logs: bool = NOT_GIVEN) -> QueueStatus:
        """Request a job's status once (docs/protocol.md section 3.2).

        Args:
            request_id: Id of the job.
            with_logs: Request the model's logs, too.

        Raises:
            FalNotFoundError: The job does not exist or is no longer stored.
        """
        return self.handle(request_id).status(with_logs=with_logs)

    async def status_async(self, request_id: str, *, with_logs: bool = NOT_GIVEN) -> QueueStatus:
        """Request a job's status once; `status` for async code."""
        return await self.handle_async(request_id).status(with_logs=with_logs)

    def result(self, request_id: str, *, timeout: float | None = NOT_GIVEN) -> Result[Out]:
        """Wait until a job is complete and return its result.

        Args:
            request_id: Id of the job.
            timeout: Seconds until `FalTimeoutError`; the job keeps running.

        Raises:
            FalHTTPError: The job failed.
            FalNotFoundError: The job does not exist or is no longer stored.
        """
        return self.handle(request_id).get(timeout=timeout)

    async def result_async(
        self,
        request_id: str,
        *,
        timeout: float | None = NOT_GIVEN,
    ) -> Result[Out]:
        """Wait until a job is complete and return its result; `result` for async code."""
        return await self.handle_async(request_id).get(timeout=timeout)

    def cancel(self, request_id: str) -> None:
        """Ask the platform to cancel a job (docs/protocol.md section 3.5).

        Args:
            request_id: Id of the job.

        Raises:
            FalConflictError: The job is already complete.
            FalNotFoundError: The job does not exist or is no longer stored.
        """
        self.handle(request_id).cancel()

    async def cancel_async(self, request_id: str) -> None:
        """Ask the platform to cancel a job; `cancel` for async code."""
        await self.handle_async(request_id).cancel()


def endpoint(id: str) -> Endpoint[..., Any, Any]:  # noqa: A002
    """Get the endpoint object for an id that is known only at run time.

    Type checkers cannot know its parameters: import it from its module where you can, or generate
    a client for your application's endpoints, whose `endpoint` is typed.

    Args:
        id: An id of the catalog, such as `fal-ai/flux/dev`.

    Returns:
        The object that the endpoint's module defines.

    Raises:
        FalInputError: The catalog does not have the endpoint; the error names similar ids.

    Example:
        >>> import fal_typed
        >>> model = fal_typed.endpoint("fal-ai/flux/dev")
        >>> result = model.subscribe(prompt="a cat", seed=7)
        >>> result.data.seed
        7
    """
    module = module_of(id.strip("/"))
    if module is not None:
        return cast("Endpoint[..., Any, Any]", import_module(module).endpoint)
    near = " or ".join(map(repr, similar_ids(id, catalog_ids())))
    raise FalInputError(
        f"The catalog has no endpoint {id!r}"
        + (f"; did you mean {near}?" if near else ".")
        + " For an endpoint that is not in the catalog, call a client with the id and "
        "arguments={…}."
    )
