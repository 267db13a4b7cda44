"""The state of one emulator, which all of its services share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fal_typed.testing.engine.addresses import CDN
from fal_typed.testing.engine.emulated_endpoints import EmulatedEndpoints
from fal_typed.testing.engine.faults import FaultBook, FaultPlan
from fal_typed.testing.engine.job_queue import JobQueue
from fal_typed.testing.engine.keys import Keys
from fal_typed.testing.engine.signing import Signer
from fal_typed.testing.engine.uploaded_files import UploadedFiles, lifecycle_of
from fal_typed.testing.engine.webhook_delivery import WebhookDeliveries

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from fal_typed._documents.catalog import Catalog
    from fal_typed.testing.engine.clock import Clock
    from fal_typed.testing.engine.messages import IncomingRequest


class Emulation:
    """The state of one emulator.

    Args:
        catalog: The endpoint documents.
        clock: The emulator's clock.
        queue_time: Seconds in the queue, unless scripted otherwise.
        run_time: Seconds of a run, unless scripted otherwise.
        seed: Seed of the outputs.
        keys: The accepted keys; None when no key is needed.
        faults: Random faults; None for none.
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
        self.endpoints = EmulatedEndpoints(
            catalog, self.faults, queue_time=queue_time, run_time=run_time, seed=seed
        )
        self.jobs = JobQueue(clock)
        self.files = UploadedFiles(clock)
        self.keys = Keys(keys, clock)
        self.signer = Signer()
        self.webhooks = WebhookDeliveries(self.jobs, clock, self.signer)

    def reset(self) -> None:
        """Remove all scripts, faults, jobs, uploads and webhooks."""
        self.endpoints.reset()
        self.faults.clear()
        self.jobs.clear()
        self.files.clear()
        self.webhooks.clear()

    def files_url(self, request: IncomingRequest) -> str:
        """Build the base URL of the files in the response to a request.

        Args:
            request: A run or a submit; its lifecycle header applies to its files.

        Returns:
            The URL.

        Raises:
            UploadError: The lifecycle header is invalid.
        """
        base = request.address.url(CDN)
        lifecycle = lifecycle_of(request)
        if lifecycle is None:
            return base
        return base + self.files.keep_outputs(lifecycle, self.keys.user(request))
