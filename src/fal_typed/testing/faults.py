"""Faults on the wire: what happens between a client and a platform that are both well."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from fal_typed.testing.chance import chance
from fal_typed.testing.messages import Answer, Response, StreamResponse, json_response
from fal_typed.testing.protocol import reset, transport_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from fal_typed.testing.messages import Receive, Scope, Send

Kind: TypeAlias = Literal[
    "reset_before",
    "reset_after",
    "truncate",
    "slow",
    "hang",
    "drop",
    "rate_limited",
    "bad_gateway",
    "unavailable",
]
"""What can go wrong:

- ``reset_before``: the connection is reset and the request was not read;
- ``reset_after``: the request was read and acted on, then the connection is reset;
- ``truncate``: the answer breaks off in the middle of its body;
- ``slow``: the answer's bytes come slowly;
- ``hang``: the request was read and no answer ever comes;
- ``drop``: a stream or websocket ends after some events, without a proper end;
- ``rate_limited``: 429 with ``Retry-After``, the request was not acted on;
- ``bad_gateway``, ``unavailable``: nginx's own 502 and 503 pages, not acted on.
"""

_STREAMS = frozenset({"status_stream", "stream"})
_SOCKETS = frozenset({"realtime", "websocket", "http_over_websocket"})
_SLOW_PIECES = 20


@dataclass(frozen=True)
class Fault:
    """One fault.

    Args:
        kind: What happens.
        route: The only route it happens on; None for any.
        endpoint_id: The only endpoint it happens to; None for any.
        seconds: For ``slow``: how long the answer takes; for ``rate_limited``: ``Retry-After``.
        after: For ``drop``: how many events or messages pass before.
    """

    kind: Kind
    route: str | None = None
    endpoint_id: str | None = None
    seconds: float = 0.05
    after: int = 1

    def concerns(self, route: str, endpoint_id: str | None) -> bool:
        """Whether it may happen to a request.

        Args:
            route: The request's route.
            endpoint_id: Its endpoint, or the app that its job belongs to.

        Returns:
            True if so.
        """
        if self.route not in (None, route):
            return False
        if self.kind == "drop" and route not in _STREAMS | _SOCKETS:
            return False
        if self.kind != "drop" and route in _SOCKETS:
            return False
        return self.endpoint_id is None or _same_app(self.endpoint_id, endpoint_id)

    def instead(self) -> Response | None:
        """The answer that stands in for the real one.

        Returns:
            The answer; None for faults that let the request be acted on.
        """
        if self.kind == "rate_limited":
            headers = [
                (b"retry-after", f"{self.seconds:g}".encode()),
                (b"x-fal-needs-retry", b"1"),
                (b"x-fal-error-type", b"concurrent_requests_limit"),
            ]
            body = {
                "detail": "Too many concurrent requests",
                "error_type": "concurrent_requests_limit",
            }
            return json_response(body, 429, headers)
        if self.kind == "bad_gateway":
            return _ingress(502, "Bad Gateway")
        if self.kind == "unavailable":
            return _ingress(503, "Service Temporarily Unavailable")
        return None


def _same_app(endpoint_id: str, other: str | None) -> bool:
    # Requests about a job carry only owner and alias of its endpoint.
    return other is not None and (endpoint_id == other or endpoint_id.startswith(other + "/"))


def _ingress(status: int, reason: str) -> Response:
    title = f"{status} {reason}"
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return Response(status, [(b"content-type", b"text/html")], page.encode())


@dataclass(frozen=True)
class FaultPlan:
    """Faults at random: the same seed gives the same sequence of decisions.

    Args:
        rates: Share of requests that each kind of fault happens to, 0 to 1.
        seed: Seed of the decisions.
        routes: The only routes it concerns; None for all.
        seconds: See `Fault`.
    """

    rates: Mapping[Kind, float]
    seed: int = 0
    routes: frozenset[str] | None = None
    seconds: float = 0.05


@dataclass
class _Planned:
    fault: Fault
    times: int | None


@dataclass
class FaultBook:
    """The faults that are still to happen; may be written by any thread.

    Args:
        plan: Faults at random beside the planned ones.
    """

    plan: FaultPlan | None = None
    _planned: list[_Planned] = field(default_factory=list["_Planned"])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._chance = chance(self.plan.seed if self.plan else 0)

    def add(self, fault: Fault, times: int | None = 1) -> None:
        """Plan a fault.

        Args:
            fault: The fault.
            times: How often it happens; None for ever.
        """
        with self._lock:
            self._planned.append(_Planned(fault, times))

    def clear(self) -> None:
        """Forget what was planned; the random plan stays."""
        with self._lock:
            self._planned.clear()

    def take(self, route: str, endpoint_id: str | None) -> Fault | None:
        """Decide what happens to a request.

        Args:
            route: Its route.
            endpoint_id: Its endpoint.

        Returns:
            The fault; None for a request that all goes well with.
        """
        if not self._planned and self.plan is None:
            return None
        with self._lock:
            return self._planned_for(route, endpoint_id) or self._random(route, endpoint_id)

    def _planned_for(self, route: str, endpoint_id: str | None) -> Fault | None:
        for planned in self._planned:
            if not planned.fault.concerns(route, endpoint_id):
                continue
            if planned.times is not None:
                planned.times -= 1
                if planned.times == 0:
                    self._planned.remove(planned)
            return planned.fault
        return None

    def _random(self, route: str, endpoint_id: str | None) -> Fault | None:
        plan = self.plan
        if plan is None or (plan.routes is not None and route not in plan.routes):
            return None
        for kind, rate in plan.rates.items():
            fault = Fault(kind, seconds=plan.seconds)
            if fault.concerns(route, endpoint_id) and self._chance.random() < rate:
                return fault
        return None


class EndpointFaults:
    """Plans faults for one endpoint.

    Args:
        book: Where they are noted.
        endpoint_id: The endpoint.
    """

    def __init__(self, book: FaultBook, endpoint_id: str) -> None:
        self._book = book
        self._endpoint_id = endpoint_id

    def add(
        self,
        kind: Kind,
        *,
        route: str | None = None,
        times: int | None = 1,
        seconds: float = 0.05,
        after: int = 1,
    ) -> None:
        """Plan a fault.

        Args:
            kind: See `Kind`.
            route: The only route it happens on, e.g. ``submit``; None for any.
            times: How often it happens; None for ever.
            seconds: See `Fault`.
            after: See `Fault`.
        """
        self._book.add(Fault(kind, route, self._endpoint_id, seconds, after), times)


async def send_faulty(
    fault: Fault, answer: Answer, scope: Scope, receive: Receive, send: Send
) -> Answer | None:
    """Play a fault on an answer.

    Args:
        fault: What happens.
        answer: The answer that was to be sent.
        scope: The request's ASGI scope.
        receive: Reads from the client.
        send: Writes to the client.

    Returns:
        What is still to be sent; None when nothing is.
    """
    if fault.kind == "hang":
        await until_gone(receive)
        return None
    if fault.kind == "reset_after":
        reset(transport_of(scope))
        await until_gone(receive)
        return None
    if isinstance(answer, StreamResponse):
        return _faulty_stream(fault, answer, scope)
    if fault.kind == "truncate":
        await _truncated(answer, scope, send)
        await until_gone(receive)
        return None
    return _slowly(answer, fault.seconds) if fault.kind == "slow" else answer


async def until_gone(receive: Receive) -> None:
    """Wait until the connection is closed, by whichever side.

    Args:
        receive: Reads from the client.
    """
    while (await receive())["type"] != "http.disconnect":
        pass


async def _truncated(answer: Response, scope: Scope, send: Send) -> None:
    length = (b"content-length", str(len(answer.body)).encode())
    headers = [*answer.headers, length]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    half = answer.body[: len(answer.body) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})
    transport_of(scope).close()


def _slowly(answer: Response, seconds: float) -> StreamResponse:
    length = (b"content-length", str(len(answer.body)).encode())
    size = max(1, -(-len(answer.body) // _SLOW_PIECES))

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(answer.body), size):
            await asyncio.sleep(seconds / _SLOW_PIECES)
            yield answer.body[start : start + size]

    return StreamResponse([*answer.headers, length], pieces(), answer.status)


def _faulty_stream(fault: Fault, answer: StreamResponse, scope: Scope) -> StreamResponse:
    chunks = answer.chunks

    async def cut() -> AsyncIterator[bytes]:
        left = fault.after
        async for chunk in chunks:
            if left:
                yield chunk
            if chunk.startswith(b"data:") or fault.kind == "truncate":
                left -= 1
            if left <= 0:
                # Closed, not reset: a reset may eat events that the client has not read yet.
                transport_of(scope).close()
                return

    async def delayed() -> AsyncIterator[bytes]:
        async for chunk in chunks:
            await asyncio.sleep(fault.seconds)
            yield chunk

    answer.chunks = delayed() if fault.kind == "slow" else cut()
    return answer
