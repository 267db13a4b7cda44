"""`SyncClient` of fal_client; `make surface` writes `AsyncClient` from it."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from fal_typed._core.runner import Runner, default_runner
from fal_typed._streaming.stream import Stream
from fal_typed.compat import _steps as steps
from fal_typed.compat._failures import translated
from fal_typed.compat._request_handles import SyncRequestHandle
from fal_typed.compat._session_sockets import SessionSocket
from fal_typed.compat._sessions import RealtimeConnection
from fal_typed.compat._start_timeout import start_timeout_within
from fal_typed.compat._steps import (
    DEFAULT_QUEUE_POLL_INTERVAL,
    REALTIME_TOKEN_EXPIRATION_SECONDS,
)

if TYPE_CHECKING:
    from fal_typed._core.pillow import PILImage
    from fal_typed._uploads.transfer_options import Repository
    from fal_typed.compat._states import Status
    from fal_typed.compat._storage_settings import StorageSettings


@dataclass(frozen=True)
class ClientSettings:
    """What the two clients share.

    Attributes:
        key: The key; default: the environment's, or the login of `fal auth login`.
        default_timeout: Seconds that putting a request into the queue may take.
    """

    key: str | None = field(default=None, repr=False)
    default_timeout: float = 120.0

    @cached_property
    def _client(self) -> Runner:
        return default_runner() if self.key is None else Runner(self.key)


class SyncClient(ClientSettings):
    """A client for sync code; safe to share between threads.

    Example:
        >>> from fal_typed.compat import SyncClient
        >>> result = SyncClient().subscribe("fal-ai/flux/dev", {"prompt": "a cat"})
        >>> len(result["images"])
        1
    """

    def run(
        self,
        application: str,
        arguments: dict[str, Any],
        *,
        method: str = "POST",
        path: str = "",
        timeout: float | None = None,
        start_timeout: float | None = None,
        hint: str | None = None,
        headers: Mapping[str, str] = {},
    ) -> dict[str, Any]:
        """Call an endpoint directly, without the queue (docs/protocol.md section 2).

        Args:
            application: The endpoint's id.
            arguments: The model's parameters; not sent with GET.
            method: HTTP method.
            path: Extra path below the id.
            timeout: Seconds the call may take; default: no limit.
            start_timeout: Seconds within which the platform must start processing; above 1.
            hint: Runner hint: requests with the same hint go to the same runner where possible.
            headers: Extra request headers.

        Returns:
            The result's JSON.

        Raises:
            FalClientHTTPError: The model or the platform refused or failed.
        """
        call = steps.call_of(
            application,
            None if method.upper() == "GET" else arguments,
            method=method.upper(),
            path=path,
            timeout=timeout,
            start_timeout=start_timeout,
            hint=hint,
            headers=headers,
        )
        return self._client.perform(lambda settings: steps.run(settings, call))

    def submit(
        self,
        application: str,
        arguments: dict[str, Any],
        *,
        path: str = "",
        hint: str | None = None,
        webhook_url: str | None = None,
        priority: Literal["normal", "low"] | None = None,
        headers: Mapping[str, str] = {},
        start_timeout: float | None = None,
    ) -> SyncRequestHandle:
        """Put a request into the queue and return at once (docs/protocol.md section 3.1).

        Args:
            application: The endpoint's id.
            arguments: The model's parameters.
            path: Extra path below the id.
            hint: Runner hint: requests with the same hint go to the same runner where possible.
            webhook_url: URL the platform posts the result to.
            priority: `normal` or `low`.
            headers: Extra request headers.
            start_timeout: Seconds within which the platform must start processing; above 1.

        Returns:
            A handle to follow, fetch or cancel the request with.

        Raises:
            FalClientHTTPError: The platform refused the request.
        """
        call = steps.call_of(
            application,
            arguments,
            path=path,
            hint=hint,
            webhook_url=webhook_url,
            priority=priority,
            headers=headers,
            start_timeout=start_timeout,
            timeout=self.default_timeout,
        )
        job = self._client.perform(lambda settings: steps.submit(settings, call))
        return SyncRequestHandle.of_job(self._client, job)

    def subscribe(
        self,
        application: str,
        arguments: dict[str, Any],
        *,
        path: str = "",
        hint: str | None = None,
        with_logs: bool = False,
        interval: float = DEFAULT_QUEUE_POLL_INTERVAL,
        on_enqueue: Callable[[str], object] | None = None,
        on_queue_update: Callable[[Status], object] | None = None,
        priority: Literal["normal", "low"] | None = None,
        headers: Mapping[str, str] = {},
        start_timeout: float | None = None,
        client_timeout: float | None = None,
    ) -> dict[str, Any]:
        """Put a request into the queue, follow it and return its result.

        Args:
            application: The endpoint's id.
            arguments: The model's parameters.
            path: Extra path below the id.
            hint: Runner hint: requests with the same hint go to the same runner where possible.
            with_logs: Request the logs for `on_queue_update` as well.
            interval: Seconds between two calls of `on_queue_update`.
            on_enqueue: Called with the request id once the request is in the queue.
            on_queue_update: Called with the status, at each interval.
            priority: `normal` or `low`.
            headers: Extra request headers.
            start_timeout: Seconds within which the platform must start processing; above 1.
                Default: `client_timeout`.
            client_timeout: Seconds the whole call may take; then the request is cancelled.

        Returns:
            The result's JSON.

        Raises:
            FalClientHTTPError: The request failed, or the platform refused it.
            FalClientTimeoutError: It was not complete within `client_timeout`.
        """
        call = steps.call_of(
            application,
            arguments,
            path=path,
            hint=hint,
            with_logs=with_logs,
            priority=priority,
            headers=headers,
            start_timeout=start_timeout_within(client_timeout, start_timeout),
            timeout=client_timeout,
        )
        return self._client.perform(
            lambda settings: steps.subscribe(settings, call, on_enqueue, on_queue_update, interval)
        )

    def get_handle(self, application: str, request_id: str) -> SyncRequestHandle:
        """The handle of a request known by its id; nothing is sent.

        Args:
            application: The endpoint's id.
            request_id: Id of the request.
        """
        return SyncRequestHandle.from_request_id(self._client, application, request_id)

    def status(self, application: str, request_id: str, *, with_logs: bool = False) -> Status:
        """Request a status once (docs/protocol.md section 3.2).

        Args:
            application: The endpoint's id.
            request_id: Id of the request.
            with_logs: Request the logs as well.

        Returns:
            `Queued`, `InProgress` or `Completed`.

        Raises:
            FalClientHTTPError: The platform does not know the request.
        """
        job = steps.known_job(self._client, application, request_id)
        return self._client.perform(
            lambda settings: steps.status(settings, job, with_logs=with_logs)
        )

    def result(self, application: str, request_id: str) -> dict[str, Any]:
        """Wait until a request is complete and return its result.

        Args:
            application: The endpoint's id.
            request_id: Id of the request.

        Returns:
            The result's JSON.

        Raises:
            FalClientHTTPError: The request failed, or the platform does not know it.
        """
        job = steps.known_job(self._client, application, request_id)
        return self._client.perform(lambda settings: steps.get(settings, job))

    def cancel(self, application: str, request_id: str) -> None:
        """Cancel a request (docs/protocol.md section 3.5).

        Args:
            application: The endpoint's id.
            request_id: Id of the request.

        Raises:
            FalClientHTTPError: It is already complete, or unknown.
        """
        job = steps.known_job(self._client, application, request_id)
        self._client.perform(lambda settings: steps.cancel(settings, job))

    def stream(
        self,
        application: str,
        arguments: dict[str, Any],
        *,
        path: str = "/stream",
        timeout: float | None = None,
        headers: Mapping[str, str] = {},
    ) -> Generator[dict[str, Any]]:
        """Call an endpoint and yield its output while it is made (docs/protocol.md section 4).

        Args:
            application: The endpoint's id.
            arguments: The model's parameters.
            path: Path below the id.
            timeout: Seconds without any byte after which the stream fails.
            headers: Extra request headers.

        Yields:
            The JSON of each event.

        Raises:
            FalClientHTTPError: The platform or the model refused the request.
        """
        call = steps.call_of(
            application, arguments, path=path, idle_timeout=timeout, headers=headers
        )
        with translated("POST", steps.run_url(self._client.settings(), call)):  # noqa: SIM117
            with Stream(self._client, call) as stream:
                for event in stream:  # noqa: UP028 - async code has no `yield from`
                    yield event

    def upload(
        self,
        data: str | bytes,
        content_type: str,
        file_name: str | None = None,
        *,
        repository: Repository | None = None,
        fallback_repository: Repository | list[Repository] | None = None,
        lifecycle: StorageSettings | None = None,
    ) -> str:
        """Upload data (docs/protocol.md section 6).

        Args:
            data: The content; text is encoded as UTF-8.
            content_type: Its media type.
            file_name: Name at the end of the URL.
            repository: Where it is stored. Default: `fal_v3`.
            fallback_repository: Where it is stored when that fails. Default: `fal`.
            lifecycle: How long it is kept, and who may read it.

        Returns:
            The file's URL.

        Raises:
            FalClientHTTPError: The platform refused it.
        """
        return self._client.perform(
            lambda settings: steps.upload(
                settings,
                data,
                content_type,
                file_name,
                repository=repository,
                fallback_repository=fallback_repository,
                lifecycle=lifecycle,
            )
        )

    def upload_file(
        self,
        path: os.PathLike[str],
        *,
        repository: Repository | None = None,
        fallback_repository: Repository | list[Repository] | None = None,
        lifecycle: StorageSettings | None = None,
    ) -> str:
        """Upload a file from disk; it is read while it is sent.

        Args:
            path: The file.
            repository: Where it is stored. Default: `fal_v3`.
            fallback_repository: Where it is stored when that fails. Default: `fal`.
            lifecycle: How long it is kept, and who may read it.

        Returns:
            The file's URL.

        Raises:
            OSError: There is no such file, or it cannot be read.
            FalClientHTTPError: The platform refused it.
        """
        return self._client.perform(
            lambda settings: steps.upload_file(
                settings,
                path,
                repository=repository,
                fallback_repository=fallback_repository,
                lifecycle=lifecycle,
            )
        )

    def upload_image(
        self,
        image: PILImage,
        format: str = "jpeg",  # noqa: A002 - Pillow's name
        *,
        repository: Repository | None = None,
        fallback_repository: Repository | list[Repository] | None = None,
        lifecycle: StorageSettings | None = None,
    ) -> str:
        """Upload a Pillow image.

        Args:
            image: The image.
            format: What it is written as, such as `jpeg`, `png` or `webp`.
            repository: Where it is stored. Default: `fal_v3`.
            fallback_repository: Where it is stored when that fails. Default: `fal`.
            lifecycle: How long it is kept, and who may read it.

        Returns:
            The file's URL.

        Raises:
            FalInputError: The image cannot be written in this format.
            FalClientHTTPError: The platform refused it.
        """
        return self._client.perform(
            lambda settings: steps.upload(
                settings,
                image,
                image_format=format,
                repository=repository,
                fallback_repository=fallback_repository,
                lifecycle=lifecycle,
            )
        )

    @contextmanager
    def realtime(
        self,
        application: str,
        *,
        use_jwt: bool = True,
        path: str = "/realtime",
        max_buffering: int | None = None,
        token_expiration: int = REALTIME_TOKEN_EXPIRATION_SECONDS,
        encode_message: Callable[[Any], bytes] | None = None,
        decode_message: Callable[[bytes], Any] | None = None,
    ) -> Generator[RealtimeConnection]:
        """Open a realtime session, to be used in a `with` block.

        Rests on docs/protocol.md section 5.

        Args:
            application: The endpoint's id.
            use_jwt: False sends the key itself instead of a short-lived token.
            path: Path below the id.
            max_buffering: How many inputs the platform may buffer, from 1 to 60.
            token_expiration: Seconds the token is valid.
            encode_message: Encodes an input. Default: MessagePack.
            decode_message: Decodes a result. Default: MessagePack.

        Yields:
            The session.

        Raises:
            FalClientHTTPError: The token or the connection was refused.
        """
        call = steps.call_of(
            application,
            use_jwt=use_jwt,
            path=path,
            max_buffering=max_buffering,
            token_expiration=token_expiration,
        )
        with SessionSocket(self._client, call) as socket:
            yield RealtimeConnection(socket, encode_message, decode_message)

    @contextmanager
    def ws_connect(
        self,
        application: str,
        *,
        use_jwt: bool = True,
        path: str = "",
        max_buffering: int | None = None,
        token_expiration: int = REALTIME_TOKEN_EXPIRATION_SECONDS,
    ) -> Generator[SessionSocket]:
        """Open a plain websocket, to be used in a `with` block.

        Args:
            application: The endpoint's id.
            use_jwt: False sends the key itself instead of a short-lived token.
            path: Path below the id.
            max_buffering: How many messages the platform may buffer, from 1 to 60.
            token_expiration: Seconds the token is valid.

        Yields:
            The websocket.

        Raises:
            FalClientHTTPError: The token or the connection was refused.
        """
        call = steps.call_of(
            application,
            use_jwt=use_jwt,
            path=path,
            max_buffering=max_buffering,
            token_expiration=token_expiration,
        )
        with SessionSocket(self._client, call) as socket:
            yield socket
