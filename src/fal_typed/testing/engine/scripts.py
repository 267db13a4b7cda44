"""Scripts of endpoints: their times, outputs, failures and limits."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from fal_typed.testing.engine.handler_threads import in_thread
from fal_typed.testing.engine.json_bodies import dump
from fal_typed.testing.engine.limits import EndpointLimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from fal_typed._documents.document import Codec, RealtimeMode, Route
    from fal_typed.testing.engine.faults import EndpointFaults
    from fal_typed.testing.engine.sockets import SocketHandler

Arguments: TypeAlias = "dict[str, Any]"
InputHandler: TypeAlias = "Callable[[Arguments], Any | Awaitable[Any]]"

INFRASTRUCTURE: dict[str, int] = {
    "request_timeout": 504,
    "startup_timeout": 504,
    "runner_scheduling_failure": 503,
    "runner_connection_timeout": 503,
    "runner_disconnected": 503,
    "runner_connection_refused": 503,
    "runner_connection_error": 503,
    "runner_incomplete_response": 502,
    "runner_server_error": 500,
    "client_disconnected": 499,
    "client_cancelled": 499,
    "bad_request": 400,
    "internal_error": 500,
    "concurrent_requests_limit": 429,
}
"""Status of each infrastructure error type (docs/protocol.md section 8.2)."""

_MODEL_STATUS = {
    "internal_server_error": 500,
    "downstream_service_unavailable": 500,
    "generation_timeout": 504,
    "downstream_service_error": 400,
}


class ScriptedFailure(Exception):  # noqa: N818  (a scripted result, not an error of the emulator)
    """A failure as a result; raise it in a handler or pass it to `EndpointScript.fails`.

    Args:
        status: HTTP status code.
        body: JSON body of the response.
        headers: Headers in addition to the usual ones.
        error_type: Set for failures that the platform itself reports in the job's status.

    >>> ScriptedFailure.infrastructure("runner_disconnected").status
    503
    >>> ScriptedFailure.model("content_policy_violation", loc=("body", "prompt")).status
    422
    """

    def __init__(
        self,
        status: int,
        body: Any,
        *,
        headers: Mapping[str, str] | None = None,
        error_type: str | None = None,
    ) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body
        self.headers = dict(headers or {})
        self.error_type = error_type

    @classmethod
    def infrastructure(cls, error_type: str, detail: str | None = None) -> ScriptedFailure:
        """Make a failure of the platform (docs/protocol.md section 8.2).

        Args:
            error_type: One of `INFRASTRUCTURE`.
            detail: Text of ``detail``; by default it is derived from the type.

        Returns:
            The failure.

        Raises:
            KeyError: The type is unknown.
        """
        status = INFRASTRUCTURE[error_type]
        headers = {"x-fal-error-type": error_type}
        if error_type == "concurrent_requests_limit":
            headers |= {"x-fal-needs-retry": "1", "retry-after": "1"}
        text = detail or error_type.replace("_", " ").capitalize()
        body = {"detail": text, "error_type": error_type}
        return cls(status, body, headers=headers, error_type=error_type)

    @classmethod
    def model(
        cls,
        kind: str,
        message: str = "",
        *,
        loc: Sequence[str | int] = ("body",),
        status: int | None = None,
        **context: Any,
    ) -> ScriptedFailure:
        """Make a failure that the model reports (docs/protocol.md section 8.3).

        Args:
            kind: The ``type``, e.g. ``content_policy_violation``.
            message: The ``msg``.
            loc: Location of the cause in the request.
            status: HTTP status; by default the one documented for the type.
            context: Members of ``ctx``.

        Returns:
            The failure.
        """
        problem: dict[str, Any] = {
            "loc": list(loc),
            "msg": message or kind.replace("_", " ").capitalize(),
            "type": kind,
        }
        if context:
            problem["ctx"] = context
        return cls(status or _MODEL_STATUS.get(kind, 422), {"detail": [problem]})

    def content(self) -> bytes:
        """Serialize the body.

        Returns:
            JSON; bytes and text are sent unchanged.
        """
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else dump(self.body)


@dataclass
class RealtimeScript:
    """How a realtime route of an endpoint behaves."""

    mode: RealtimeMode = "unary"
    """``unary``, ``server_streaming``, ``client_streaming`` or ``bidi``."""
    handler: Callable[[Any], Any] | None = None
    """Called with each input; if the client streams, called once with an async iterator of them.
    It may be async, and a generator if the server streams."""
    codec: Codec = "msgpack"
    """``msgpack`` or ``json``."""
    buffering: int | None = None
    """How many unread inputs are kept; when there are more, the oldest are dropped."""
    session_timeout: float = 60.0
    """Seconds without input after which the session ends."""
    run_time: float = 0.0
    """Seconds that one result takes, without a handler."""
    timings: bool = False
    """Whether a timings message follows each result."""


class EndpointScript:
    """How one endpoint behaves; `FalEmulator.endpoint` returns it.

    Every attribute can be set at any time and applies to later requests.

    >>> from fal_typed.testing import FalEmulator
    >>> with FalEmulator() as emulator:
    ...     dev = emulator.endpoint("fal-ai/flux/dev")
    ...     dev.queue_time, dev.run_time = 0.2, 0.5
    ...     dev.fails(ScriptedFailure.infrastructure("runner_disconnected"), times=1)
    """

    def __init__(
        self, endpoint_id: str, faults: EndpointFaults, *, queue_time: float, run_time: float
    ) -> None:
        self.endpoint_id = endpoint_id
        self.faults = faults
        """Network faults that happen to requests for this endpoint."""
        self.queue_time = queue_time
        """Seconds that a job waits in the queue."""
        self.run_time = run_time
        """Seconds that a job or a direct run takes."""
        self.positions: Sequence[int] = (2, 1, 0)
        """Queue positions that a waiting job reports, evenly spread over the queue time."""
        self.logs: Sequence[str] = ("Loading model", "Running inference", "Saving result")
        """Log lines, evenly spread over the run time."""
        self.log_level = "INFO"
        """Level of the log lines."""
        self.honors_cancel = True
        """Whether a running job ends when it is cancelled; a queued job always does."""
        self.handler: InputHandler | None = None
        """Called with the input; returns the output or raises a `ScriptedFailure`.

        It may be async. It may be a generator: each value is an event of a stream, and the last
        one is the output of a run.
        """
        self.events: Sequence[Any] | None = None
        """Events of a stream, the final output last; None to generate them from the schema."""
        self.methods: Sequence[str] = ("POST",)
        """HTTP methods that a direct run supports; with GET the query is the input."""
        self.realtime: dict[str, RealtimeScript] = {"/realtime": RealtimeScript()}
        """Realtime routes by path; add more, or change the default one. A route of a private app
        is an endpoint itself, so its path is empty, and the app's document configures it."""
        self.websockets: dict[str, SocketHandler] = {}
        """Plain websocket routes by path, e.g. ``{"/ws": echo}``."""
        self.checks_input = True
        """Whether an invalid input is refused with 422."""
        self.limits = EndpointLimits()
        """How many requests it runs at once and accepts per second."""
        self.price: float | None = None
        """US dollars per unit, as the platform API reports it; None invents a price."""
        self.billable_units: float = 1
        """Units that each successful run reports."""
        self._responses: list[tuple[Any, int | None]] = []

    def __repr__(self) -> str:
        return f"EndpointScript({self.endpoint_id!r})"

    def follow(self, route: Route) -> None:
        """Configure the realtime route as the document of a private app describes it.

        Args:
            route: The endpoint's route in that document.
        """
        if route.mode is None:
            self.realtime = {}
            return
        self.realtime = {
            "": RealtimeScript(
                mode=route.mode,
                codec=route.codec or "msgpack",
                buffering=route.buffering,
                session_timeout=route.session_timeout or RealtimeScript.session_timeout,
            )
        }

    def responds(self, response: Any, *, times: int | None = None) -> None:
        """Respond with fixed JSON instead of an output generated from the schema.

        Args:
            response: The JSON.
            times: For how many requests; None for all later ones.
        """
        self._responses.append((response, times))

    def fails(self, failure: ScriptedFailure | str, *, times: int | None = None) -> None:
        """Fail instead of responding with an output.

        Args:
            failure: A failure, or the name of an infrastructure error type.
            times: For how many requests; None for all later ones.
        """
        wanted = ScriptedFailure.infrastructure(failure) if isinstance(failure, str) else failure
        self._responses.append((wanted, times))

    def next_response(self) -> Any:
        """Take the scripted response to the next request, in the order they were added.

        Returns:
            JSON or a `ScriptedFailure`; `UNSCRIPTED` when nothing is scripted.
        """
        if not self._responses:
            return UNSCRIPTED
        response, times = self._responses[0]
        if times is not None:
            if times > 1:
                self._responses[0] = (response, times - 1)
            else:
                del self._responses[0]
        return response

    @property
    def is_plain(self) -> bool:
        """Whether the next output is generated from the schema."""
        return not self._responses and self.handler is None


UNSCRIPTED: Any = object()
"""What `EndpointScript.next_response` returns when nothing is scripted."""


async def handler_outputs(handler: Callable[[Any], Any], given: Any) -> AsyncIterator[Any]:
    """Call a handler, sync or async, generator or not, and read its outputs.

    Sync code runs in a thread, so that a handler may call the emulator itself.

    Args:
        handler: The handler.
        given: Its argument.

    Yields:
        Each output; the last one is the final output.
    """
    result = await in_thread(handler, given)
    if inspect.isasyncgen(result):
        async for event in result:
            yield event
    elif inspect.isgenerator(result):
        while (event := await in_thread(next, result, UNSCRIPTED)) is not UNSCRIPTED:
            yield event
    else:
        yield await result if inspect.isawaitable(result) else result
