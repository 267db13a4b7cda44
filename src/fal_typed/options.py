"""Call options: everything about a call that is not one of the model's own parameters.

Editors and type checkers read these classes at `client.subscribe(…, with_logs=True)` and
`endpoint.with_options(…)`. This module is the only place where an option is declared; the class
that flows read (`_calls/call_options.py`) is generated from it by `make surface`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, Union

from typing_extensions import TypedDict

from fal_typed._queue.statuses import OnQueueUpdate
from fal_typed._uploads.transfer_options import TransferOptions

if TYPE_CHECKING:
    from fal_typed._calls.lifecycle import Lifecycle
    from fal_typed._core.retry import RetryPolicy
    from fal_typed._core.runner import ClientLike
    from fal_typed.errors import FalError

OnEnqueue = Callable[[str], Union[Awaitable[object], object]]
OnResult = Callable[[Any], Union[Awaitable[object], object]]
OnError = Callable[["FalError"], Union[Awaitable[object], object]]
TokenProvider = Callable[[str], Union[Awaitable[str], str]]


class HeaderOptions(TypedDict, total=False):
    """Options of all calls."""

    headers: Mapping[str, str]
    """Extra request headers."""


class InputOptions(TypedDict, total=False):
    """How a call's arguments are checked."""

    extra_arguments: Mapping[str, Any] | None
    """Parameters that are missing from the schema, sent unchecked."""
    validate: bool
    """False sends the arguments without checking them against the schema."""


class FileInputOptions(TypedDict, total=False):
    """How files among a call's arguments are sent."""

    inline_files: int
    """Files of up to this many bytes are sent inside the request as data URIs, instead of being
    uploaded first; at most 7 MiB. Default: 0, none."""


class RunnerHintOptions(TypedDict, total=False):
    """Which of an app's runners gets a request."""

    hint: str | None
    """Runner hint: requests with the same hint go to the same runner where possible."""


class RetryOptions(TypedDict, total=False):
    """How failed requests are retried."""

    retry: RetryPolicy | None
    """Policy for failed requests and handshakes. Default: the client's."""


class RunOptions(
    HeaderOptions, RetryOptions, InputOptions, FileInputOptions, RunnerHintOptions, total=False
):
    """Options of `run`, the direct call without a queue."""

    path: str
    """Extra path below the endpoint id."""
    method: Literal["POST", "GET", "PUT", "PATCH", "DELETE"]
    """HTTP method; with GET, the arguments are sent in the query. Default: POST."""
    timeout: float | None
    """Seconds the whole call may take, or None for no limit (the default). A dead connection, on
    which nothing arrives and no TCP probe is answered, fails after 2 minutes."""
    start_timeout: float | None
    """Seconds within which processing must start, else the platform returns 504. Must exceed 1."""
    output_lifecycle: Lifecycle | None
    """How long generated files are kept and who may read them."""
    store_io: bool | None
    """False prevents the platform from storing the request's input and output."""
    tags: Mapping[str, str] | None
    """Up to 10 tags for the platform's usage reports."""


class SubmitOptions(RunOptions, total=False):
    """Options of `submit`."""

    priority: Literal["normal", "low"] | None
    """Priority in the queue; the platform's default is normal."""
    webhook_url: str | None
    """URL the platform posts the result to."""
    max_queue_length: int | None
    """Reject the request (429) if more than this many requests are waiting."""
    server_retry: bool
    """False prevents the platform from retrying the job after infrastructure failures."""


class SubscribeOptions(SubmitOptions, total=False):
    """Options of `subscribe`."""

    with_logs: bool
    """Request the model's logs with each update."""
    progress: bool
    """True shows the position in the queue, the elapsed time and the logs on standard error, or
    below the cell of a notebook (extra `progress`)."""
    on_enqueue: OnEnqueue | None
    """Called with the request id once the job is accepted."""
    on_queue_update: OnQueueUpdate | None
    """Called with each change of the job's status; may be a coroutine function in async code."""
    interval: float | None
    """Seconds between status requests. Setting it polls instead of following the status stream."""
    client_timeout: float | None
    """Alias of `timeout`."""
    cancel_on_stop: bool
    """False leaves the job running on the platform when the wait is interrupted."""


class StreamOptions(HeaderOptions, InputOptions, FileInputOptions, RunnerHintOptions, total=False):
    """Options of `stream`."""

    path: str
    """Path below the endpoint id. Default: `/stream`."""
    timeout: float | None
    """Seconds the whole stream may take, or None for no limit (the default)."""
    idle_timeout: float | None
    """Seconds without data after which the stream fails, or None for no limit (the default). A dead
    connection, on which no TCP probe is answered either, fails after 2 minutes."""


class SocketOptions(HeaderOptions, RetryOptions, total=False):
    """Options of `ws_connect`, the plain websocket."""

    path: str
    """Path below the endpoint id. Default: none for `ws_connect`, `/realtime` for `realtime`."""
    timeout: float | None
    """Seconds until the connection must be open, a cold start included. Default: 90."""
    use_jwt: bool
    """False sends the key itself instead of a short-lived token created with it."""
    token_expiration: int
    """Seconds a token is valid; it is reused for 90% of that time. Default: 120."""
    token_provider: TokenProvider | None
    """Called with the endpoint id for each connection; returns a token created elsewhere. May be
    a coroutine function in async code."""
    max_buffering: int | None
    """How many inputs the platform may buffer for the endpoint, from 1 to 60."""


class RealtimeOptions(SocketOptions, InputOptions, total=False):
    """Options of `realtime`."""

    codec: Literal["msgpack", "json"]
    """Encoding of inputs and results. Default: MessagePack, which carries raw bytes as they are."""
    encode_message: Callable[[Any], bytes] | None
    """Function that encodes an input, instead of the codec."""
    decode_message: Callable[[bytes], Any] | None
    """Function that decodes a result, instead of the codec."""
    throttle: float | None
    """Minimum seconds between two inputs; of inputs sent faster, only the latest is sent."""
    reconnect: bool
    """True opens a new connection when one breaks. Inputs are never sent twice. Default: False."""
    on_result: OnResult | None
    """Called with each result as it arrives; may be a coroutine function in async code."""
    on_error: OnError | None
    """With `on_result`: called with errors that would otherwise be raised at the end of the `with`
    block."""


class PipelineOptions(HeaderOptions, RetryOptions, InputOptions, total=False):
    """Options of `pipeline`."""

    timeout: float | None
    """Seconds until the connection must be open, and until each result must have arrived.
    Default: 90 for the connection and no limit for results."""


class UploadOptions(TransferOptions, total=False):
    """Options of `upload`, `upload_file` and `upload_image`."""

    timeout: float | None
    """Seconds the upload may take, or None for no limit (the default)."""


class ClientOptions(SubscribeOptions, StreamOptions, RealtimeOptions, total=False):
    """Options of `with_options` on a client: those of all calls."""


class EndpointOptions(ClientOptions, total=False):
    """Options of `with_options` on an endpoint: those of all calls, and the client."""

    client: ClientLike | None
    """`FalClient` or `AsyncFalClient` to use. Default: the module-level client."""


DEFAULTS: Final[ClientOptions] = {
    "path": "",
    "method": "POST",
    "headers": {},
    "validate": True,
    "inline_files": 0,
    "server_retry": True,
    "with_logs": False,
    "progress": False,
    "cancel_on_stop": True,
    "use_jwt": True,
    "token_expiration": 120,
    "codec": "msgpack",
    "reconnect": False,
}
"""Defaults of options; options not listed here default to None."""
