"""What a test tells the emulator about an endpoint: its times, its answers, its failures."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from fal_typed.testing.limits import Limits
from fal_typed.testing.messages import dump

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from fal_typed._documents.document import Route
    from fal_typed.testing.codecs import Codec
    from fal_typed.testing.faults import EndpointFaults
    from fal_typed.testing.sockets import SocketHandler

Arguments: TypeAlias = "dict[str, Any]"
Mode: TypeAlias = Literal["unary", "server_streaming", "client_streaming", "bidi"]
Handler: TypeAlias = "Callable[[Arguments], Any | Awaitable[Any]]"

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


class Failure(Exception):  # noqa: N818  (it is an outcome that a script asks for, not a fault)
    """An answer that is an error; raise it in a handler or give it to `EndpointScript.fails`.

    Args:
        status: HTTP status code.
        body: JSON of the answer.
        headers: Headers beside the usual ones.
        error_type: Set for failures that the platform itself reports in the job's status.

    >>> Failure.infrastructure("runner_disconnected").status
    503
    >>> Failure.model("content_policy_violation", "not allowed", loc=("body", "prompt")).status
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
    def infrastructure(cls, error_type: str, detail: str | None = None) -> Failure:
        """A failure of the platform (docs/protocol.md section 8.2).

        Args:
            error_type: One of `INFRASTRUCTURE`.
            detail: Text of ``detail``; by default made from the type.

        Returns:
            The failure.

        Raises:
            KeyError: There is no such type.
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
    ) -> Failure:
        """A failure that the model reports (docs/protocol.md section 8.3).

        Args:
            kind: The ``type``, e.g. ``content_policy_violation``.
            message: The ``msg``.
            loc: Where in the request the cause lies.
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
        """Serialise the body.

        Returns:
            JSON; bytes and text are taken as they are.
        """
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else dump(self.body)


@dataclass
class RealtimeScript:
    """How a realtime route of an endpoint behaves."""

    mode: Mode = "unary"
    """``unary``, ``server_streaming``, ``client_streaming`` or ``bidi``."""
    handler: Callable[[Any], Any] | None = None
    """Called with each input; in the modes where the client streams, once with an async iterator
    of the inputs. It may be async, and a generator where the server streams."""
    codec: Codec = "msgpack"
    """``msgpack`` or ``json``."""
    buffering: int | None = None
    """How many unread inputs are kept; when more come the oldest are dropped."""
    session_timeout: float = 60.0
    """Seconds without input after which the session ends."""
    run_time: float = 0.0
    """Seconds that one answer takes, without a handler."""
    timings: bool = False
    """Whether a timings message follows each result."""


class EndpointScript:
    """How one endpoint behaves; get it by `FalEmulator.endpoint`.

    Every attribute may be set at any time and holds for requests that come after.

    >>> from fal_typed.testing import FalEmulator
    >>> with FalEmulator() as emulator:
    ...     dev = emulator.endpoint("fal-ai/flux/dev")
    ...     dev.queue_time, dev.run_time = 0.2, 0.5
    ...     dev.fails(Failure.infrastructure("runner_disconnected"), times=1)
    """

    def __init__(
        self, endpoint_id: str, faults: EndpointFaults, *, queue_time: float, run_time: float
    ) -> None:
        self.endpoint_id = endpoint_id
        self.faults = faults
        """Faults on the wire that happen to requests for this endpoint."""
        self.queue_time = queue_time
        """Seconds that a job waits in the queue."""
        self.run_time = run_time
        """Seconds that a job or a direct run takes."""
        self.positions: Sequence[int] = (2, 1, 0)
        """Positions that a job passes while it waits, evenly spread over the queue time."""
        self.logs: Sequence[str] = ("Loading model", "Running inference", "Saving result")
        """Log lines, evenly spread over the run time."""
        self.log_level = "INFO"
        """Level of the log lines."""
        self.honours_cancel = True
        """Whether a running job ends when it is cancelled; one in the queue always does."""
        self.handler: Handler | None = None
        """Called with the input; returns the answer or raises a `Failure`.

        It may be async, and it may be a generator: each value is an event of a stream, the last
        one the answer of a run.
        """
        self.events: Sequence[Any] | None = None
        """Events of a stream, the final answer last; None for what the schema suggests."""
        self.methods: Sequence[str] = ("POST",)
        """HTTP methods that a direct run takes; with GET the query is the input."""
        self.realtime: dict[str, RealtimeScript] = {"/realtime": RealtimeScript()}
        """Realtime routes by path; add to them, or change the usual one. A route of a private app
        is an endpoint itself, so its path is the empty one, and its app's document sets it up."""
        self.websockets: dict[str, SocketHandler] = {}
        """Plain websocket routes by path, e.g. ``{"/ws": echo}``."""
        self.checks_input = True
        """Whether an input that does not fit the schema is answered with 422."""
        self.limits = Limits()
        """How much it takes at once and in a second."""
        self._answers: list[tuple[Any, int | None]] = []

    def follow(self, route: Route) -> None:
        """Behave as the document of a private app says of one of its routes.

        Args:
            route: What it says.
        """
        if route.kind == "realtime":
            self.realtime = {
                "": RealtimeScript(
                    mode=route.mode or "unary",
                    codec=route.codec or "msgpack",
                    buffering=route.buffering,
                    session_timeout=route.session_timeout or RealtimeScript.session_timeout,
                )
            }

    def answers(self, answer: Any, *, times: int | None = None) -> None:
        """Answer with fixed JSON instead of what the schema suggests.

        Args:
            answer: The JSON.
            times: For how many requests; None for all that come.
        """
        self._answers.append((answer, times))

    def fails(self, failure: Failure | str, *, times: int | None = None) -> None:
        """Fail.

        Args:
            failure: A failure, or the name of an infrastructure error type.
            times: For how many requests; None for all that come.
        """
        wanted = Failure.infrastructure(failure) if isinstance(failure, str) else failure
        self._answers.append((wanted, times))

    def next_answer(self) -> Any:
        """Take the scripted answer for the next request, in the order they were given.

        Returns:
            JSON or a `Failure`; `UNSCRIPTED` when the schema shall answer.
        """
        if not self._answers:
            return UNSCRIPTED
        answer, times = self._answers[0]
        if times is not None:
            if times > 1:
                self._answers[0] = (answer, times - 1)
            else:
                del self._answers[0]
        return answer

    @property
    def plain(self) -> bool:
        """Whether the schema alone answers the next request."""
        return not self._answers and self.handler is None


UNSCRIPTED: Any = object()
"""What `EndpointScript.next_answer` returns when nothing was scripted."""


async def handled(result: Any) -> AsyncIterator[Any]:
    """Everything that a handler answers with, whichever way it does.

    Args:
        result: What it returned: a value, an awaitable, or a plain or async generator.

    Yields:
        Each answer; the last one is the final answer.
    """
    if inspect.isasyncgen(result):
        async for event in result:
            yield event
    elif inspect.isgenerator(result):
        for event in result:
            yield event
    else:
        yield await result if inspect.isawaitable(result) else result
