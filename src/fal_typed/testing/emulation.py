"""What the emulator's services share, and the shape they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from fal_typed.testing.jobs import Jobs
from fal_typed.testing.models import Models

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fal_typed.catalog import Catalog
    from fal_typed.testing.clock import Clock
    from fal_typed.testing.messages import Answer, Request

Endpoint: TypeAlias = "Callable[[Request], Awaitable[Answer]]"


class Call(NamedTuple):
    """What a request asks for."""

    route: str
    """Name of the route, as records and faults know it."""
    endpoint_id: str | None
    handler: Endpoint


class Service(Protocol):
    """One of the platform's hosts."""

    def route(self, request: Request) -> Call:
        """Find what a request asks for; its body is not read yet.

        Args:
            request: The request.

        Returns:
            What to do.
        """
        ...


class Emulation:
    """The state of one emulator.

    Args:
        catalog: Documents of the endpoints.
        clock: The emulator's time.
        queue_time: Seconds in the queue, unless a script says otherwise.
        run_time: Seconds of a run, unless a script says otherwise.
        seed: Decides the answers.
    """

    def __init__(
        self, catalog: Catalog, clock: Clock, *, queue_time: float, run_time: float, seed: int
    ) -> None:
        self.catalog = catalog
        self.clock = clock
        self.models = Models(catalog, queue_time=queue_time, run_time=run_time, seed=seed)
        self.jobs = Jobs(clock)
