"""What the emulator's services share, and the shape they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from fal_typed.testing import services
from fal_typed.testing.faults import FaultBook, FaultPlan
from fal_typed.testing.files import Files, lifecycle_of
from fal_typed.testing.jobs import Jobs
from fal_typed.testing.keys import Keys
from fal_typed.testing.messages import method_not_allowed
from fal_typed.testing.models import Models
from fal_typed.testing.signing import Signer
from fal_typed.testing.webhooks import Webhooks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from fal_typed._documents.catalog import Catalog
    from fal_typed.testing.clock import Clock
    from fal_typed.testing.messages import Answer, Request

Endpoint: TypeAlias = "Callable[[Request], Awaitable[Answer]]"


class Call(NamedTuple):
    """What a request asks for."""

    route: str
    """Name of the route, as records and faults know it."""
    endpoint_id: str | None
    handler: Endpoint
    recorded: bool = True
    """Whether the request stands in the log."""


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
        keys: The keys there are; None when none is needed.
        faults: Faults at random; None for none.
    """

    def __init__(
        self,
        catalog: Catalog,
        clock: Clock,
        *,
        queue_time: float,
        run_time: float,
        seed: int,
        keys: Collection[str] | Mapping[str, str] | None,
        faults: FaultPlan | None,
    ) -> None:
        self.catalog = catalog
        self.clock = clock
        self.faults = FaultBook(faults)
        self.models = Models(
            catalog, self.faults, queue_time=queue_time, run_time=run_time, seed=seed
        )
        self.jobs = Jobs(clock)
        self.files = Files(clock)
        self.keys = Keys(keys, clock)
        self.signer = Signer()
        self.webhooks = Webhooks(self.jobs, clock, self.signer)

    def reset(self) -> None:
        """Forget all scripts, faults, jobs, uploads and webhooks."""
        self.models.reset()
        self.faults.clear()
        self.jobs.clear()
        self.files.clear()
        self.webhooks.clear()

    def files_url(self, request: Request) -> str:
        """Base URL of the files in the answer to a request.

        Args:
            request: A run or a submit; its lifecycle header holds for its files.

        Returns:
            The URL.

        Raises:
            UploadError: The lifecycle header is not valid.
        """
        base = request.address.url(services.CDN)
        lifecycle = lifecycle_of(request)
        if lifecycle is None:
            return base
        return base + self.files.keep_outputs(lifecycle, self.keys.user(request))


def refuse_method(allowed: Sequence[str]) -> Endpoint:
    """Make an endpoint that refuses whatever comes.

    Args:
        allowed: The methods that would have been right.

    Returns:
        An endpoint that answers 405.
    """

    async def refuse(_request: Request) -> Answer:
        return method_not_allowed(*allowed)

    return refuse
