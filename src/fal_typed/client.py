"""`FalClient`, the client for sync code, and the base that it shares with `AsyncFalClient`.

This module is the source of the call surface: `make surface` generates the async client
(`async_client.py`) and the module-level functions (`default.py`) from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from typing_extensions import ParamSpec, Self, TypeVar, Unpack

from fal_typed._calls.building import (
    call_options,
    check_options,
    connection_call,
    reference_call,
    request_call,
    untyped_call,
)
from fal_typed._calls.endpoint_spec import spec_of
from fal_typed._calls.not_given import NOT_GIVEN, only_given
from fal_typed._core.credentials import Key
from fal_typed._core.flow import Flow
from fal_typed._core.hooks import EventHooks
from fal_typed._core.retry import RetryPolicy
from fal_typed._core.runner import Runner
from fal_typed._core.settings import Settings
from fal_typed._direct import run as direct
from fal_typed._queue import cancellation, following, submitting, subscribing
from fal_typed._queue.handles import Handle
from fal_typed._queue.jobs import Job, job_from_id
from fal_typed._streaming.event_flow import default_path
from fal_typed._streaming.stream import Stream
from fal_typed._transport.base import MAX_RESPONSE_BYTES
from fal_typed.options import (
    ClientOptions,
    PipelineOptions,
    RealtimeOptions,
    RunOptions,
    SocketOptions,
    StreamOptions,
    SubmitOptions,
    SubscribeOptions,
    UploadOptions,
)
from fal_typed.results import Result

if TYPE_CHECKING:
    from types import TracebackType

    from fal_typed._calls.call import Call
    from fal_typed._calls.endpoint_spec import EndpointSpec
    from fal_typed._core.pillow import PILImage
    from fal_typed._endpoint import Endpoint
    from fal_typed._queue.statuses import QueueStatus
    from fal_typed._realtime.connection import RealtimeConnection
    from fal_typed._realtime.pipelines import Pipeline
    from fal_typed._realtime.websockets import WebSocket
    from fal_typed._transport.base import HttpClient
    from fal_typed._uploads.content import Uploadable
    from fal_typed.models import Request
    from fal_typed.platform.api import Platform

P = ParamSpec("P")
Out = TypeVar("Out")


class BaseClient:
    """Configuration and connections, shared by both clients."""

    def __init__(
        self,
        key: Key | None = None,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
        retry: RetryPolicy | None = None,
        run_host: str | None = None,
        queue_host: str | None = None,
        proxy_url: str | None = None,
        http_client: HttpClient | None = None,
        event_hooks: EventHooks | None = None,
        private_addresses: bool = True,
        max_response_bytes: int | None = MAX_RESPONSE_BYTES,
        max_file_bytes: int | None = None,
    ) -> None:
        """Create a client. The environment is read, and connections are opened, at each call.

        Args:
            key: The key, or a function that returns it and is called for each request. Default:
                `FAL_KEY`, or `FAL_KEY_ID` and `FAL_KEY_SECRET`, from the environment.
            timeout: Default timeout of calls, in seconds. Default: none.
            headers: Headers added to every request.
            retry: Retry policy. Default: `RetryPolicy()`.
            run_host: Host of run, stream and realtime. Default: `FAL_RUN_HOST`, else `fal.run`.
            queue_host: Host of the queue. Default: `FAL_QUEUE_RUN_HOST`, else `queue.` followed
                by the run host.
            proxy_url: URL of a server-side proxy that adds the key (docs/protocol.md section
                1.7); the client itself then sends no key.
            http_client: An httpx client to send requests with. The caller closes it.
            event_hooks: Functions called on each `request`, `response` and `retry`; see
                `EventHooks`.
            private_addresses: Whether files may be downloaded from this machine and from private
                networks. Set it to False on servers: a result may name any URL.
            max_response_bytes: Bytes that a response, an event of a stream, a message, or a file
                that is read into memory may have; None for no limit. Default: 256 MiB.
            max_file_bytes: Bytes that a file that is saved to disk may have. Default: no limit.
        """
        self._runner = Runner(
            key,
            options={} if timeout is None else {"timeout": timeout},
            headers=headers,
            retry=retry,
            run_host=run_host,
            queue_host=queue_host,
            proxy_url=proxy_url,
            http_client=http_client,
            event_hooks=event_hooks,
            private_addresses=private_addresses,
            max_response_bytes=max_response_bytes,
            max_file_bytes=max_file_bytes,
        )

    @property
    def __fal_runner__(self) -> Runner:
        """What endpoints, files and webhooks run their flows with; see `ClientLike`."""
        return self._runner

    @classmethod
    def __fal_over__(cls, runner: Runner) -> Self:
        """Create a client with an existing runner."""
        client = cls.__new__(cls)
        client._runner = runner  # noqa: SLF001 - a new client of this class
        return client

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._runner.credentials!r})"

    def with_options(self, **options: Unpack[ClientOptions]) -> Self:
        """A copy of the client with other default options, sharing its connections.

        Args:
            **options: Call options such as `timeout=60` or `with_logs=True`.

        Raises:
            TypeError: An option is unknown.
        """
        check_options("with_options", options)
        return self.__fal_over__(self._runner.with_options(options))

    def with_key(self, key: Key) -> Self:
        """A client like this one, sharing its connections, with another key.

        Args:
            key: The key, or a function that returns it for each request.
        """
        return self.__fal_over__(self._runner.with_key(key))

    def _call(
        self,
        name: str,
        target: str | Request[Any],
        arguments: object,
        options: Mapping[str, Any],
    ) -> Call[Any]:
        check_options(name, options)
        merged = call_options(self._runner.default_options, options)
        if isinstance(target, str):
            return untyped_call(target, {} if arguments is None else arguments, merged)
        if arguments is not None:
            raise TypeError("Pass either a request object or an endpoint id with arguments.")
        return request_call(target, merged)

    def _stream_call(
        self, target: str | Request[Any], arguments: object, options: Mapping[str, Any]
    ) -> Call[Any]:
        if isinstance(target, str):
            path = default_path(target)
        else:
            spec = spec_of(type(target))
            path = spec.options.get("path", default_path(spec.id))
        return self._call("stream", target, arguments, {"path": path, **options})

    def _known(self, target: Any) -> Any:
        """The endpoint of an id, if the client knows it; else the target itself."""
        return target

    def _connection_call(
        self, name: str, target: object, options: Mapping[str, Any]
    ) -> tuple[Call[Any], EndpointSpec | None]:
        check_options(name, options)
        return connection_call(self._known(target), self._runner.default_options, options)

    def _job(
        self, target: object, request_id: str, **options: Any
    ) -> Callable[[Settings], Job[Any]]:
        call = reference_call(
            self._known(target), call_options(self._runner.default_options, only_given(options))
        )
        return lambda settings: job_from_id(settings, call, request_id)

    def _upload(
        self,
        data: Uploadable | str,
        content_type: str | None = None,
        file_name: str | None = None,
        *,
        image_format: str = "png",
        **options: Unpack[UploadOptions],
    ) -> Callable[[Settings], Flow[str]]:
        from fal_typed._uploads import storage

        given: UploadOptions = {"timeout": self._runner.settings().timeout, **options}
        return lambda settings: storage.upload(
            settings, data, content_type, file_name, image_format=image_format, **given
        )


class FalClient(BaseClient):
    """A client for sync code. Safe to share between threads.

    Example:
        >>> from fal_typed import FalClient
        >>> from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput
        >>> with FalClient() as client:
        ...     result = client.subscribe(FluxDevInput(prompt="a cat"))
        >>> len(result.data.images)
        1
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def platform(self) -> Platform:
        """The platform API: models, prices, usage (docs/protocol.md section 10)."""
        from fal_typed.platform.api import Platform

        return Platform(self._runner)

    def close(self) -> None:
        """Close the client's connections; later calls open new ones."""
        self._runner.connections.close()

    @overload
    def run(self, application: Request[Out], /, **options: Unpack[RunOptions]) -> Result[Out]: ...
    @overload
    def run(
        self, application: str, arguments: Mapping[str, Any] = ..., **options: Unpack[RunOptions]
    ) -> Result[dict[str, Any]]: ...
    def run(
        self,
        application: str | Request[Any],
        arguments: object = None,
        **options: Unpack[RunOptions],
    ) -> Result[Any]:
        """Call an endpoint directly, without the queue, and return the result.

        The platform does not retry direct calls, and a broken connection loses the result. Use
        `subscribe` for anything that takes more than a few seconds.

        Args:
            application: An input such as `FluxDevInput(…)`, or an endpoint id.
            arguments: With an endpoint id: the model's parameters.
            **options: See `RunOptions`.

        Returns:
            The result. Its `data` is typed for an input object, and plain JSON for an id.

        Raises:
            FalHTTPError: The model or the platform rejected the request or failed.
            FalTimeoutError: The call took longer than `timeout`.
            FalConnectionError: The platform could not be reached, or the connection broke.
        """
        call = self._call("run", application, arguments, options)
        return self._runner.perform(lambda settings: direct.run(settings, call))

    @overload
    def subscribe(
        self, application: Request[Out], /, **options: Unpack[SubscribeOptions]
    ) -> Result[Out]: ...
    @overload
    def subscribe(
        self,
        application: str,
        arguments: Mapping[str, Any] = ...,
        **options: Unpack[SubscribeOptions],
    ) -> Result[dict[str, Any]]: ...
    def subscribe(
        self,
        application: str | Request[Any],
        arguments: object = None,
        **options: Unpack[SubscribeOptions],
    ) -> Result[Any]:
        """Submit to the queue, wait, and return the result.

        Args:
            application: An input such as `FluxDevInput(…)`, or an endpoint id.
            arguments: With an endpoint id: the model's parameters.
            **options: See `SubscribeOptions`.

        Returns:
            The result. Its `data` is typed for an input object, and plain JSON for an id.

        Raises:
            FalHTTPError: The job failed, or the platform rejected it.
            FalTimeoutError: The job did not complete within `timeout` and was canceled.
            FalConnectionError: The platform could not be reached. If the error has a request id,
                the job was accepted and you can still fetch its result with `result`.
        """
        call = self._call("subscribe", application, arguments, options)
        return self._runner.perform(lambda settings: subscribing.subscribe(settings, call))

    @overload
    def submit(
        self, application: Request[Out], /, **options: Unpack[SubmitOptions]
    ) -> Handle[Out]: ...
    @overload
    def submit(
        self, application: str, arguments: Mapping[str, Any] = ..., **options: Unpack[SubmitOptions]
    ) -> Handle[dict[str, Any]]: ...
    def submit(
        self,
        application: str | Request[Any],
        arguments: object = None,
        **options: Unpack[SubmitOptions],
    ) -> Handle[Any]:
        """Submit to the queue and return a handle immediately.

        Args:
            application: An input such as `FluxDevInput(…)`, or an endpoint id.
            arguments: With an endpoint id: the model's parameters.
            **options: See `SubmitOptions`.

        Returns:
            A handle to follow the job, fetch its result, or cancel it.

        Raises:
            FalHTTPError: The platform rejected the request.
            FalConnectionError: The platform could not be reached; see `maybe_accepted`.
        """
        call = self._call("submit", application, arguments, options)
        return Handle(
            self._runner.perform(lambda settings: submitting.submit(settings, call)), self._runner
        )

    @overload
    def stream(
        self, application: Request[Out], /, **options: Unpack[StreamOptions]
    ) -> Stream[Out]: ...
    @overload
    def stream(
        self, application: str, arguments: Mapping[str, Any] = ..., **options: Unpack[StreamOptions]
    ) -> Stream[dict[str, Any]]: ...
    def stream(
        self,
        application: str | Request[Any],
        arguments: object = None,
        **options: Unpack[StreamOptions],
    ) -> Stream[Any]:
        """Call an endpoint and stream its output as it is generated (docs/protocol.md section 4).

        The request is sent when the first event is read, and never retried once it was accepted.

        Args:
            application: An input such as `FluxDevInput(…)`, or an endpoint id.
            arguments: With an endpoint id: the model's parameters.
            **options: See `StreamOptions`.

        Returns:
            The stream. Its events are typed for an input object, and plain JSON for an id.

        Example:
            >>> from fal_typed import FalClient
            >>> with FalClient() as client:
            ...     stream = client.stream("fal-ai/flux/dev", arguments={"prompt": "a cat"})
            ...     len(stream.done().data["images"])
            1
        """
        return Stream(self._runner, self._stream_call(application, arguments, options))

    @overload
    def realtime(
        self, application: Endpoint[P, Any, Out], /, **options: Unpack[RealtimeOptions]
    ) -> RealtimeConnection[P, Out]: ...
    @overload
    def realtime(
        self, application: type[Request[Out]], /, **options: Unpack[RealtimeOptions]
    ) -> RealtimeConnection[[Request[Out]], Out]: ...
    @overload
    def realtime(
        self, application: str, **options: Unpack[RealtimeOptions]
    ) -> RealtimeConnection[..., Any]: ...
    def realtime(
        self, application: Any, **options: Unpack[RealtimeOptions]
    ) -> RealtimeConnection[..., Any]:
        """Open a realtime connection: a websocket for inputs and results.

        See docs/protocol.md section 5.

        Args:
            application: An `Endpoint`, its input class, or an endpoint id. `send` then takes
                keyword arguments, an input object, or a mapping.
            **options: See `RealtimeOptions`.

        Returns:
            The connection, to be used in a `with` block.

        Raises:
            FalHTTPError: On entering the block: the token request or the connection was rejected.
            FalConnectionError: On entering the block: the platform could not be reached.

        Example:
            >>> from fal_typed import FalClient
            >>> with FalClient().realtime("fal-ai/flux/dev") as connection:
            ...     connection.send({"prompt": "a cat"})
            ...     connection.recv()["prompt"]
            'a cat'
        """
        from fal_typed._realtime.connecting import realtime_call
        from fal_typed._realtime.connection import RealtimeConnection

        return RealtimeConnection(
            self._runner, *realtime_call(*self._connection_call("realtime", application, options))
        )

    def ws_connect(self, application: str, **options: Unpack[SocketOptions]) -> WebSocket:
        """Open a plain websocket to an endpoint with its own protocol.

        Args:
            application: An endpoint id.
            **options: See `SocketOptions`.

        Returns:
            The websocket, to be used in a `with` block.

        Raises:
            FalHTTPError: On entering the block: the token request or the connection was rejected.
            FalConnectionError: On entering the block: the platform could not be reached.
        """
        from fal_typed._realtime.websockets import WebSocket

        return WebSocket(self._runner, self._call("ws_connect", application, None, options))

    @overload
    def pipeline(
        self, application: Endpoint[P, Any, Out], /, **options: Unpack[PipelineOptions]
    ) -> Pipeline[P, Out]: ...
    @overload
    def pipeline(
        self, application: type[Request[Out]], /, **options: Unpack[PipelineOptions]
    ) -> Pipeline[[Request[Out]], Out]: ...
    @overload
    def pipeline(
        self, application: str, **options: Unpack[PipelineOptions]
    ) -> Pipeline[..., Any]: ...
    def pipeline(self, application: Any, **options: Unpack[PipelineOptions]) -> Pipeline[..., Any]:
        """Open a pipeline: one websocket for many direct runs.

        See docs/protocol.md section 5.5.

        Args:
            application: An `Endpoint`, its input class, or an endpoint id. `run` then takes
                keyword arguments, an input object, or a mapping.
            **options: See `PipelineOptions`.

        Returns:
            The pipeline, to be used in a `with` block.

        Raises:
            FalHTTPError: On entering the block: the connection was rejected.
            FalConnectionError: On entering the block: the platform could not be reached.

        Example:
            >>> from fal_typed import FalClient
            >>> with FalClient().pipeline("fal-ai/flux/dev") as pipeline:
            ...     pipeline.run({"prompt": "a cat"}).data["prompt"]
            'a cat'
        """
        from fal_typed._realtime.pipelines import Pipeline

        return Pipeline(self._runner, *self._connection_call("pipeline", application, options))

    @overload
    def handle(
        self, application: Endpoint[..., Any, Out] | type[Request[Out]], request_id: str
    ) -> Handle[Out]: ...
    @overload
    def handle(self, application: str, request_id: str) -> Handle[dict[str, Any]]: ...
    def handle(
        self,
        application: str | Endpoint[..., Any, Any] | type[Request[Any]],
        request_id: str,
    ) -> Handle[Any]:
        """Get a handle of an existing job; sends no request.

        Args:
            application: The job's endpoint: an `Endpoint`, its input class, or its id.
            request_id: Id of the job.
        """
        job = self._job(application, request_id)
        return Handle(job(self._runner.settings()), self._runner)

    def status(
        self,
        application: str | Endpoint[..., Any, Any] | type[Request[Any]],
        request_id: str,
        *,
        with_logs: bool = NOT_GIVEN,
    ) -> QueueStatus:
        """Request a job's status once (docs/protocol.md section 3.2).

        Args:
            application: The job's endpoint: an `Endpoint`, its input class, or its id.
            request_id: Id of the job.
            with_logs: Request the model's logs, too.

        Raises:
            FalNotFoundError: The job does not exist or is no longer stored.
        """
        job = self._job(application, request_id, with_logs=with_logs)
        return self._runner.perform(lambda settings: following.read_status(settings, job(settings)))

    @overload
    def result(
        self,
        application: Endpoint[..., Any, Out] | type[Request[Out]],
        request_id: str,
        *,
        timeout: float | None = ...,
    ) -> Result[Out]: ...
    @overload
    def result(
        self, application: str, request_id: str, *, timeout: float | None = ...
    ) -> Result[dict[str, Any]]: ...
    def result(
        self,
        application: str | Endpoint[..., Any, Any] | type[Request[Any]],
        request_id: str,
        *,
        timeout: float | None = NOT_GIVEN,
    ) -> Result[Any]:
        """Wait until a job is complete and return its result.

        Args:
            application: The job's endpoint: an `Endpoint`, its input class, or its id.
            request_id: Id of the job.
            timeout: Seconds until `FalTimeoutError`; the job keeps running.

        Raises:
            FalHTTPError: The job failed.
            FalNotFoundError: The job does not exist or is no longer stored.
        """
        job = self._job(application, request_id, timeout=timeout)
        return self._runner.perform(lambda settings: following.wait(settings, job(settings)))

    def cancel(
        self,
        application: str | Endpoint[..., Any, Any] | type[Request[Any]],
        request_id: str,
    ) -> None:
        """Ask the platform to cancel a job (docs/protocol.md section 3.5).

        Args:
            application: The job's endpoint: an `Endpoint`, its input class, or its id.
            request_id: Id of the job.

        Raises:
            FalConflictError: The job is already complete.
            FalNotFoundError: The job does not exist or is no longer stored.
        """
        job = self._job(application, request_id)
        self._runner.perform(lambda settings: cancellation.cancel(settings, job(settings)))

    def upload(
        self,
        data: Uploadable | str,
        content_type: str | None = None,
        file_name: str | None = None,
        **options: Unpack[UploadOptions],
    ) -> str:
        """Upload a file to the platform (docs/protocol.md section 6).

        Args:
            data: Bytes, a path, an open binary file (read from its current position) or a Pillow
                image. A string is the content itself, not a path.
            content_type: Media type. Default: by the file name, else by the first bytes.
            file_name: File name at the end of the URL. Default: the file's own name.
            **options: See `UploadOptions`.

        Returns:
            The file's URL, which you can pass to endpoints.

        Raises:
            FalInputError: The file does not exist or cannot be read; nothing was sent.
            FalHTTPError: The platform rejected the file.
            FalConnectionError: The platform could not be reached.

        Example:
            >>> from fal_typed import FalClient
            >>> url = FalClient().upload(b"hello", "text/plain", "hello.txt")
            >>> url.endswith("/hello.txt")
            True
        """
        return self._runner.perform(self._upload(data, content_type, file_name, **options))

    def upload_file(self, path: str | PathLike[str], **options: Unpack[UploadOptions]) -> str:
        """Upload a file from disk without reading it into memory.

        Args:
            path: Path of the file.
            **options: See `UploadOptions`.

        Returns:
            The file's URL, which you can pass to endpoints.

        Raises:
            FalInputError: The file does not exist or cannot be read; nothing was sent.
            FalHTTPError: The platform rejected the file.
            FalConnectionError: The platform could not be reached.
        """
        return self._runner.perform(self._upload(Path(path), **options))

    def upload_image(
        self,
        image: PILImage,
        format: str = "jpeg",  # noqa: A002 - Pillow's name
        **options: Unpack[UploadOptions],
    ) -> str:
        """Upload a Pillow image.

        Args:
            image: The image.
            format: Format to encode it in, such as `jpeg`, `png` or `webp`.
            **options: See `UploadOptions`.

        Returns:
            The file's URL, which you can pass to endpoints.

        Raises:
            FalInputError: The image cannot be encoded in this format; JPEG, for example, has no
                transparency.
            FalHTTPError: The platform rejected the file.
            FalConnectionError: The platform could not be reached.
        """
        return self._runner.perform(self._upload(image, image_format=format, **options))
