"""Options of a call, apart from the model's own parameters.

The `TypedDict`s are what checkers and editors see at `client.subscribe(…, with_logs=True)` and
`endpoint.with_options(…)`; `CallOptions` is what the flows read. A test keeps the two alike.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Union

from typing_extensions import TypedDict

if TYPE_CHECKING:
    from fal_typed._calls.lifecycle import Lifecycle
    from fal_typed._core.retry import RetryPolicy
    from fal_typed._queue.flows import QueueStatus
    from fal_typed._uploads.multipart import Multipart
    from fal_typed._uploads.progress import OnProgress
    from fal_typed.client import AsyncFalClient, FalClient
    from fal_typed.errors import FalError

OnEnqueue = Callable[[str], Union[Awaitable[object], object]]
OnQueueUpdate = Callable[["QueueStatus"], Union[Awaitable[object], object]]
OnResult = Callable[[Any], Union[Awaitable[object], object]]
OnError = Callable[["FalError"], Union[Awaitable[object], object]]
TokenProvider = Callable[[str], Union[Awaitable[str], str]]


class RunOptions(TypedDict, total=False):
    """Options of `run`, the direct call without a queue."""

    path: str
    """Extra path below the endpoint id."""
    method: Literal["POST", "GET", "PUT", "PATCH", "DELETE"]
    """HTTP method; with GET the arguments become the query. Default: POST."""
    headers: Mapping[str, str]
    """Extra request headers."""
    timeout: float | None
    """Seconds the whole call may take, or None for no limit (the default)."""
    start_timeout: float | None
    """Seconds within which the platform must start processing, else it answers 504; above 1."""
    hint: str | None
    """Runner hint: requests with the same hint go to the same runner where possible."""
    output_lifecycle: Lifecycle | None
    """How long generated files are kept and who may read them."""
    store_io: bool | None
    """False keeps the platform from storing the request's input and output."""
    tags: Mapping[str, str] | None
    """Up to 10 tags for the platform's reports."""
    extra_arguments: Mapping[str, Any] | None
    """Parameters the schema does not know, sent unchecked."""
    validate: bool
    """False sends the arguments without checking them against the schema."""
    inline_files: int
    """Files of up to this many bytes travel inside the request, as data URIs, instead of being
    uploaded first; at most 7 MiB. Default: 0, none."""
    retry: RetryPolicy | None
    """Policy for failed requests; default: the client's."""


class SubmitOptions(RunOptions, total=False):
    """Options of `submit`."""

    priority: Literal["normal", "low"] | None
    """Place in the queue; the platform's default is normal."""
    webhook_url: str | None
    """URL the platform posts the result to."""
    max_queue_length: int | None
    """Refuse the request (429) when more than this many are waiting."""
    server_retry: bool
    """False keeps the platform from retrying the job after infrastructure failures."""


class SubscribeOptions(SubmitOptions, total=False):
    """Options of `subscribe`."""

    with_logs: bool
    """Ask for the model's logs with each update."""
    on_enqueue: OnEnqueue | None
    """Called with the request id once the job is accepted."""
    on_queue_update: OnQueueUpdate | None
    """Called with each change of the job's status; may be a coroutine function in async code."""
    interval: float | None
    """Seconds between status requests; setting it polls instead of following the stream."""
    client_timeout: float | None
    """Another name for `timeout`."""
    cancel_on_stop: bool
    """False leaves the job running on the platform when the wait is stopped."""


class StreamOptions(TypedDict, total=False):
    """Options of `stream`."""

    path: str
    """Path below the endpoint id. Default: `/stream`."""
    headers: Mapping[str, str]
    """Extra request headers."""
    timeout: float | None
    """Seconds the whole stream may take, or None for no limit (the default)."""
    idle_timeout: float | None
    """Seconds without any byte after which the stream counts as dead, or None for no limit."""
    hint: str | None
    """Runner hint: requests with the same hint go to the same runner where possible."""
    extra_arguments: Mapping[str, Any] | None
    """Parameters the schema does not know, sent unchecked."""
    validate: bool
    """False sends the arguments without checking them against the schema."""
    inline_files: int
    """Files of up to this many bytes travel inside the request, as data URIs."""


class SocketOptions(TypedDict, total=False):
    """Options of `ws_connect`, the plain websocket."""

    path: str
    """Path below the endpoint id. Default: none for `ws_connect`, `/realtime` for `realtime`."""
    headers: Mapping[str, str]
    """Extra headers of the handshake."""
    timeout: float | None
    """Seconds until the connection must stand, a cold start included. Default: 90."""
    retry: RetryPolicy | None
    """Policy for failed handshakes and for reconnecting; default: the client's."""
    use_jwt: bool
    """False sends the key itself instead of a short-lived token made with it."""
    token_expiration: int
    """Seconds a token lives; kept and used again for nine tenths of that. Default: 120."""
    token_provider: TokenProvider | None
    """Called with the endpoint id for each connection; returns a token made elsewhere. May be a
    coroutine function in async code."""
    max_buffering: int | None
    """How many inputs the platform may hold back for the endpoint, from 1 to 60."""


class RealtimeOptions(SocketOptions, total=False):
    """Options of `realtime`."""

    codec: Literal["msgpack", "json"]
    """Form of inputs and results. Default: MessagePack, in which raw bytes travel as they are."""
    encode_message: Callable[[Any], bytes] | None
    """Turns an input into bytes, in place of the codec."""
    decode_message: Callable[[bytes], Any] | None
    """Turns bytes into a result, in place of the codec."""
    throttle: float | None
    """Seconds between two inputs; of those sent faster only the latest goes out."""
    reconnect: bool
    """True opens a new connection when one breaks. Inputs are never sent twice."""
    on_result: OnResult | None
    """Called with each result as it comes; may be a coroutine function in async code."""
    on_error: OnError | None
    """With `on_result`: called with what would else be raised at the end of the `with` block."""
    extra_arguments: Mapping[str, Any] | None
    """Parameters the schema does not know, sent unchecked with each input."""
    validate: bool
    """False sends inputs without checking them against the schema."""


class PipelineOptions(TypedDict, total=False):
    """Options of `pipeline`."""

    headers: Mapping[str, str]
    """Extra headers of the handshake."""
    timeout: float | None
    """Seconds until the connection must stand, and until each result must be there. Default: 90
    for the connection and no limit for results."""
    retry: RetryPolicy | None
    """Policy for failed handshakes; default: the client's."""
    extra_arguments: Mapping[str, Any] | None
    """Parameters the schema does not know, sent unchecked with each run."""
    validate: bool
    """False sends the arguments without checking them against the schema."""


Repository = Literal["fal_v3", "fal", "cdn"]
"""Where a file is stored: `fal_v3` is the platform's CDN, `fal` its storage behind signed URLs;
`cdn` is an old name of `fal_v3`."""


class TransferOptions(TypedDict, total=False):
    """How a file is sent."""

    repository: Repository | None
    """Where to. Default: `fal_v3`, or `fal` behind a server-side proxy."""
    fallback_repository: Repository | Sequence[Repository] | None
    """Where to when that fails. Default: `fal`; `[]` for none."""
    lifecycle: Lifecycle | None
    """How long the file is kept, and who may read it."""
    on_progress: OnProgress | None
    """Called with the bytes that have arrived, and the bytes in all (None while unknown)."""
    multipart: Multipart | None
    """From what size on, and how, the file is sent in parts."""


class UploadOptions(TransferOptions, total=False):
    """Options of `upload`, `upload_file` and `upload_image`."""

    timeout: float | None
    """Seconds the upload may take, or None for no limit (the default)."""


class ClientOptions(SubscribeOptions, StreamOptions, RealtimeOptions, total=False):
    """Options of `with_options` on a client: those of every kind of call."""


class EndpointOptions(ClientOptions, total=False):
    """Options of `with_options` on an endpoint: those of every kind of call, and the client."""

    client: FalClient | AsyncFalClient | None
    """Client to call with. Default: the module's own."""


@dataclass(frozen=True)
class CallOptions:
    """Options as the flows read them; the fields are explained at the `TypedDict`s."""

    path: str = ""
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    timeout: float | None = None
    start_timeout: float | None = None
    hint: str | None = None
    output_lifecycle: Lifecycle | None = None
    store_io: bool | None = None
    tags: Mapping[str, str] | None = None
    extra_arguments: Mapping[str, Any] | None = None
    validate: bool = True
    inline_files: int = 0
    retry: RetryPolicy | None = None
    priority: str | None = None
    webhook_url: str | None = None
    max_queue_length: int | None = None
    server_retry: bool = True
    with_logs: bool = False
    on_enqueue: OnEnqueue | None = None
    on_queue_update: OnQueueUpdate | None = None
    interval: float | None = None
    client_timeout: float | None = None
    cancel_on_stop: bool = True
    idle_timeout: float | None = None
    use_jwt: bool = True
    token_expiration: int = 120
    token_provider: TokenProvider | None = None
    max_buffering: int | None = None
    codec: str = "msgpack"
    encode_message: Callable[[Any], bytes] | None = None
    decode_message: Callable[[bytes], Any] | None = None
    throttle: float | None = None
    reconnect: bool = False
    on_result: OnResult | None = None
    on_error: OnError | None = None

    @property
    def deadline(self) -> float | None:
        """Seconds the whole call may take."""
        return self.timeout if self.timeout is not None else self.client_timeout
