"""Options of a call, apart from the model's own parameters (DESIGN section 2).

The `TypedDict`s are what checkers and editors see at `client.subscribe(…, with_logs=True)` and
`endpoint.with_options(…)`; `CallOptions` is what the flows read. A test keeps the two alike.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Union

from typing_extensions import TypedDict

if TYPE_CHECKING:
    from fal_typed.client import AsyncFalClient, FalClient
    from fal_typed.queue import QueueStatus
    from fal_typed.retry import RetryPolicy
    from fal_typed.storage import Lifecycle

OnEnqueue = Callable[[str], Union[Awaitable[object], object]]
OnQueueUpdate = Callable[["QueueStatus"], Union[Awaitable[object], object]]


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


class ClientOptions(SubscribeOptions, StreamOptions, total=False):
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

    @property
    def deadline(self) -> float | None:
        """Seconds the whole call may take."""
        return self.timeout if self.timeout is not None else self.client_timeout
