"""Which network faults happen to which requests; the server plays them on the wire."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from fal_typed.testing.engine.messages import Response, too_many_requests
from fal_typed.testing.media.randomness import seeded

if TYPE_CHECKING:
    from collections.abc import Mapping

FaultKind: TypeAlias = Literal[
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

- ``reset_before``: the connection is reset before the request is read;
- ``reset_after``: the request is processed, then the connection is reset;
- ``truncate``: the response ends in the middle of its body;
- ``slow``: the response's bytes arrive slowly;
- ``hang``: the request is processed and no response arrives;
- ``drop``: a stream or websocket ends after some events, without a proper end;
- ``rate_limited``: 429 with ``Retry-After``, the request is not processed;
- ``bad_gateway``, ``unavailable``: the 502 and 503 pages of nginx, the request is not processed.
"""

_STREAMS = frozenset({"status_stream", "stream"})
_SOCKETS = frozenset({"realtime", "websocket", "http_over_websocket"})


@dataclass(frozen=True)
class Fault:
    """One fault.

    Args:
        kind: What happens.
        route: The only route that it happens on; None for any.
        endpoint_id: The only endpoint that it happens to; None for any.
        seconds: For ``slow``: how long the response takes; for ``rate_limited``: ``Retry-After``.
        after: For ``drop``: how many events or messages arrive before.
    """

    kind: FaultKind
    route: str | None = None
    endpoint_id: str | None = None
    seconds: float = 0.05
    after: int = 1

    def applies_to(self, route: str, endpoint_id: str | None) -> bool:
        """Whether it can happen to a request.

        Args:
            route: The request's route.
            endpoint_id: Its endpoint, or the app that its job belongs to.

        Returns:
            True if it can.
        """
        if self.route not in (None, route):
            return False
        if self.kind == "drop" and route not in _STREAMS | _SOCKETS:
            return False
        if self.kind != "drop" and route in _SOCKETS:
            return False
        return self.endpoint_id is None or _same_app(self.endpoint_id, endpoint_id)

    def replacement(self) -> Response | None:
        """Make the response that is sent instead of processing the request.

        Returns:
            The response; None for faults that let the request be processed.
        """
        if self.kind == "rate_limited":
            return too_many_requests("Too many concurrent requests", f"{self.seconds:g}")
        if self.kind == "bad_gateway":
            return _nginx_page(502, "Bad Gateway")
        if self.kind == "unavailable":
            return _nginx_page(503, "Service Temporarily Unavailable")
        return None


def _same_app(endpoint_id: str, other: str | None) -> bool:
    # Requests about a job contain only owner and alias of its endpoint.
    return other is not None and (endpoint_id == other or endpoint_id.startswith(other + "/"))


def _nginx_page(status: int, reason: str) -> Response:
    title = f"{status} {reason}"
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return Response(status, [(b"content-type", b"text/html")], page.encode())


@dataclass(frozen=True)
class FaultPlan:
    """Random faults; the same seed gives the same sequence of decisions.

    Args:
        rates: Share of requests that each kind of fault happens to, 0 to 1.
        seed: Seed of the decisions.
        routes: The only routes that it applies to; None for all.
        seconds: See `Fault`.
    """

    rates: Mapping[FaultKind, float]
    seed: int = 0
    routes: frozenset[str] | None = None
    seconds: float = 0.05


@dataclass
class _PlannedFault:
    fault: Fault
    times: int | None


@dataclass
class FaultBook:
    """The faults still to happen; any thread may add to it.

    Args:
        plan: Random faults in addition to the planned ones.
    """

    plan: FaultPlan | None = None
    _planned: list[_PlannedFault] = field(default_factory=list["_PlannedFault"])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._random = seeded(self.plan.seed if self.plan else 0)

    def add(self, fault: Fault, times: int | None = 1) -> None:
        """Plan a fault.

        Args:
            fault: The fault.
            times: How often it happens; None for every time.
        """
        with self._lock:
            self._planned.append(_PlannedFault(fault, times))

    def clear(self) -> None:
        """Remove all planned faults; the random plan stays."""
        with self._lock:
            self._planned.clear()

    def take(self, route: str, endpoint_id: str | None) -> Fault | None:
        """Decide what happens to a request.

        Args:
            route: Its route.
            endpoint_id: Its endpoint.

        Returns:
            The fault; None when nothing goes wrong.
        """
        if not self._planned and self.plan is None:
            return None
        with self._lock:
            return self._next_planned(route, endpoint_id) or self._next_random(route, endpoint_id)

    def _next_planned(self, route: str, endpoint_id: str | None) -> Fault | None:
        for planned in self._planned:
            if not planned.fault.applies_to(route, endpoint_id):
                continue
            if planned.times is not None:
                planned.times -= 1
                if planned.times == 0:
                    self._planned.remove(planned)
            return planned.fault
        return None

    def _next_random(self, route: str, endpoint_id: str | None) -> Fault | None:
        plan = self.plan
        if plan is None or (plan.routes is not None and route not in plan.routes):
            return None
        for kind, rate in plan.rates.items():
            fault = Fault(kind, seconds=plan.seconds)
            if fault.applies_to(route, endpoint_id) and self._random.random() < rate:
                return fault
        return None


class EndpointFaults:
    """Plans faults for one endpoint.

    Args:
        book: Where they are added.
        endpoint_id: The endpoint.
    """

    def __init__(self, book: FaultBook, endpoint_id: str) -> None:
        self._book = book
        self._endpoint_id = endpoint_id

    def add(
        self,
        kind: FaultKind,
        *,
        route: str | None = None,
        times: int | None = 1,
        seconds: float = 0.05,
        after: int = 1,
    ) -> None:
        """Plan a fault.

        Args:
            kind: See `FaultKind`.
            route: The only route that it happens on, e.g. ``submit``; None for any.
            times: How often it happens; None for every time.
            seconds: See `Fault`.
            after: See `Fault`.
        """
        self._book.add(Fault(kind, route, self._endpoint_id, seconds, after), times)
