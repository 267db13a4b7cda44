"""`FalClient`, the client for sync code, and what it shares with `AsyncFalClient`.

This module is the source of the call surface: `make surface` generates from it the async client
(`async_client.py`) and the module-level functions (`default.py`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, overload

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
from fal_typed._streaming.stream import Stream, default_path
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
    from fal_typed._queue.statuses import QueueStatus
    from fal_typed._realtime.connection import RealtimeConnection
    from fal_typed._realtime.pipelines import Pipeline
    from fal_typed._realtime.websockets import WebSocket
    from fal_typed._transport.base import HttpClient
    from fal_typed._uploads.content import Uploadable
    from fal_typed.endpoint import Endpoint
    from fal_typed.models import Request
    from fal_typed.platform.api import Platform

P = ParamSpec("P")
Out = TypeVar("Out")


class BaseClient:
    """What the two clients share: their configuration and their connections."""

    def __init__(  # each a setting of its own
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
    ) -> None:
        """Configure a client; nothing is read from the environment or opened before a call.

        Args:
            key: The key, or a function that returns it, asked at each request. Default: the
                environment's `FAL_KEY`, or `FAL_KEY_ID` and `FAL_KEY_SECRET`.
            timeout: Seconds any call may take, unless the call says otherwise.
            headers: Headers added to every request.
            retry: Policy for failed requests.
            run_host: Host of run, stream and realtime; default: `FAL_RUN_HOST`, or `fal.run`.
            queue_host: Host of the queue; default: `FAL_QUEUE_RUN_HOST`, or `queue.` and the
                run host.
            proxy_url: A server-side proxy that adds the key (docs/protocol.md section 1.7); the
                client then sends none.
            http_client: An httpx client to send with; it stays yours to close.
            event_hooks: Functions to call with each request, response and retry, by these
                names; see `EventHooks`.
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
        )

    @classmethod
    def _over(cls, runner: Runner) -> Self:
        """A client that shares a runner."""
        client = cls.__new__(cls)
        client._runner = runner  # noqa: SLF001 - a new client of this class
        return client

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._runner.credentials!r})"

    def with_options(self, **options: Unpack[ClientOptions]) -> Self:
        """A client like this one, sharing its connections, with other defaults for calls.

        Args:
            **options: Options of calls, such as `timeout=60` or `with_logs=True`.
        """
        check_options("with_options", options)
        other = copy.copy(self)
        other._runner = self._runner.with_options(options)  # noqa: SLF001 - a copy of self
        return other

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
            raise TypeError("A request object holds its arguments; pass none beside it.")
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
        """The endpoint behind an id, for clients that know some; else the target itself."""
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
            self._known(target), call_options(self._runner.default_options, options)
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

        timeout = cast("float | None", self._runner.default_options.get("timeout"))
        given: UploadOptions = {"timeout": timeout, **options}
        return lambda settings: storage.upload(
            settings, data, content_type, file_name, image_format=image_format, **given
        )


class FalClient(BaseClient):
    """A client for sync code; safe to share between threads.

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
        """Close the client's connections; a later call opens new ones."""
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
        """Call an endpoint directly and wait for its answer, without the queue.

        The platform does not retry a direct call, and a broken connection loses its result;
        `subscribe` is the safe way for anything that takes more than a moment.

        Args:
            application: An endpoint's input, or an endpoint id.
            arguments: With an id: the model's parameters.
            **options: See `RunOptions`.

        Returns:
            The result; its `data` is typed for a request object, plain JSON for an id.

        Raises:
            FalHTTPError: The model or the platform refused or failed.
            FalTimeoutError: The answer took longer than `timeout`.
            FalConnectionError: The platform was not reached, or the connection broke.
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
        """Put a call into the queue, follow it, and return its result.

        Args:
            application: An endpoint's input, or an endpoint id.
            arguments: With an id: the model's parameters.
            **options: See `SubscribeOptions`.

        Returns:
            The result; its `data` is typed for a request object, plain JSON for an id.

        Raises:
            FalHTTPError: The job failed, or the platform refused it.
            FalTimeoutError: It was not complete within `timeout`; it was cancelled.
            FalConnectionError: The platform was not reached. When the error has a request id,
                the job was accepted and its result can still be fetched with `result`.
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
        """Put a call into the queue and return at once.

        Args:
            application: An endpoint's input, or an endpoint id.
            arguments: With an id: the model's parameters.
            **options: See `SubmitOptions`.

        Returns:
            A handle to follow, fetch or cancel the job with.

        Raises:
            FalHTTPError: The platform refused the request.
            FalConnectionError: The platform was not reached; see `maybe_accepted`.
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
        """Call an endpoint and read its output while it is being made (docs/protocol.md section 4).

        The request is sent when the first event is asked for; it is never sent twice.

        Args:
            application: An endpoint's input, or an endpoint id.
            arguments: With an id: the model's parameters.
            **options: See `StreamOptions`.

        Returns:
            The stream; its events are typed for a request object, plain JSON for an id.

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
        """Open a realtime session: a websocket that inputs and results go over.

        Rests on docs/protocol.md section 5.

        Args:
            application: An endpoint, an endpoint's input class, or an endpoint id; `send` then
                takes parameters by name, a request object, or a mapping.
            **options: See `RealtimeOptions`.

        Returns:
            The session, to be used in a `with` block.

        Raises:
            FalHTTPError: On entering the block: the token or the connection was refused.
            FalConnectionError: On entering the block: the platform was not reached.

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
        """Open a plain websocket of an endpoint that speaks a protocol of its own.

        Args:
            application: An endpoint id.
            **options: See `SocketOptions`.

        Returns:
            The websocket, to be used in a `with` block.

        Raises:
            FalHTTPError: On entering the block: the token or the connection was refused.
            FalConnectionError: On entering the block: the platform was not reached.
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
        """Open one connection for many direct runs: HTTP over WebSocket.

        Rests on docs/protocol.md section 5.5.

        Args:
            application: An endpoint, an endpoint's input class, or an endpoint id; `run` then
                takes parameters by name, a request object, or a mapping.
            **options: See `PipelineOptions`.

        Returns:
            The pipeline, to be used in a `with` block.

        Raises:
            FalHTTPError: On entering the block: the connection was refused.
            FalConnectionError: On entering the block: the platform was not reached.

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
        """A handle of a job known by its id; nothing is sent.

        Args:
            application: The endpoint, its input class, or its id.
            request_id: Id of the job.
        """
        job = self._job(application, request_id)
        return Handle(job(self._runner.settings()), self._runner)

    def status(
        self,
        application: str | Endpoint[..., Any, Any] | type[Request[Any]],
        request_id: str,
        *,
        with_logs: bool = False,
    ) -> QueueStatus:
        """Ask for a job's status once (docs/protocol.md section 3.2).

        Args:
            application: The endpoint, its input class, or its id.
            request_id: Id of the job.
            with_logs: Ask for the model's logs as well.

        Raises:
            FalNotFoundError: The platform does not know the job (any more).
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
        timeout: float | None = None,
    ) -> Result[Any]:
        """Wait until a job is complete and fetch its result.

        Args:
            application: The endpoint, its input class, or its id.
            request_id: Id of the job.
            timeout: Seconds until `FalTimeoutError`; the job goes on.

        Raises:
            FalHTTPError: The job failed.
            FalNotFoundError: The platform does not know the job (any more).
        """
        job = self._job(application, request_id, timeout=timeout)
        return self._runner.perform(lambda settings: following.wait(settings, job(settings)))

    def cancel(
        self,
        application: str | Endpoint[..., Any, Any] | type[Request[Any]],
        request_id: str,
    ) -> None:
        """Ask the platform to stop a job (docs/protocol.md section 3.5).

        Args:
            application: The endpoint, its input class, or its id.
            request_id: Id of the job.

        Raises:
            FalConflictError: The job is already complete.
            FalNotFoundError: The platform does not know the job (any more).
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
            data: Bytes, a path, an open binary file (read from where it stands) or a Pillow
                image. A text is taken as content, not as a path.
            content_type: Media type; default: by the name, else by the first bytes.
            file_name: Name at the end of the URL; default: the file's own.
            **options: See `UploadOptions`.

        Returns:
            The file's URL, to be passed to endpoints.

        Raises:
            FalInputError: There is no such file, or it cannot be read; nothing was sent.
            FalHTTPError: The platform refused it.
            FalConnectionError: The platform was not reached.

        Example:
            >>> from fal_typed import FalClient
            >>> url = FalClient().upload(b"hello", "text/plain", "hello.txt")
            >>> url.endswith("/hello.txt")
            True
        """
        return self._runner.perform(self._upload(data, content_type, file_name, **options))

    def upload_file(self, path: str | PathLike[str], **options: Unpack[UploadOptions]) -> str:
        """Upload a file from disk; it is read while it is sent.

        Args:
            path: The file.
            **options: See `UploadOptions`.

        Returns:
            The file's URL, to be passed to endpoints.

        Raises:
            FalInputError: There is no such file, or it cannot be read; nothing was sent.
            FalHTTPError: The platform refused it.
            FalConnectionError: The platform was not reached.
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
            image: The picture.
            format: What it is written as, such as `jpeg`, `png` or `webp`.
            **options: See `UploadOptions`.

        Returns:
            The file's URL, to be passed to endpoints.

        Raises:
            FalInputError: The picture has no form in this format, such as JPEG for transparency.
            FalHTTPError: The platform refused it.
            FalConnectionError: The platform was not reached.
        """
        return self._runner.perform(self._upload(image, image_format=format, **options))
