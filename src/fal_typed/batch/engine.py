"""What the runs of a batch share: the journal, the limit of what is in flight, and the price."""

from __future__ import annotations

import asyncio
import math
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fal_typed._queue.submitting import checked_webhook
from fal_typed.batch.batch_inputs import InputPlanner
from fal_typed.batch.concurrency import AdaptiveLimit
from fal_typed.batch.journal import Journal
from fal_typed.batch.journal_writer import JournalWriter
from fal_typed.batch.money import ItemPrice, nanodollars
from fal_typed.batch.platform_calls import PlatformCalls
from fal_typed.batch.request_history import find_uncertain
from fal_typed.batch.result_saving import SaveTemplate
from fal_typed.batch.worker import Worker
from fal_typed.errors import FalError, FalHTTPError, FalInputError
from fal_typed.platform.flows import read_estimate, read_prices

if TYPE_CHECKING:
    from fal_typed._core.runner import Runner
    from fal_typed._endpoint import Endpoint
    from fal_typed.batch.batch_items import BatchItem

Out = TypeVar("Out")


@dataclass(frozen=True)
class BatchSettings:
    """What a batch was configured with; see `Batch` for the meaning."""

    endpoint: Endpoint[..., Any, Any] | type[Any] | str
    journal: str | os.PathLike[str]
    name: str | None
    key: str
    concurrency: int
    budget: float | None
    price: float | None
    save: str | os.PathLike[str] | None
    webhook_url: str | None

    def __post_init__(self) -> None:
        # Callers without a type checker may pass anything.
        if not isinstance(self.concurrency, int) or self.concurrency < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise FalInputError("concurrency is a whole number from 1.")
        for name, amount in (("budget", self.budget), ("price", self.price)):
            if amount is not None and not _is_amount(amount):
                raise FalInputError(f"{name} is an amount of dollars, 0 or more.")
        if not os.fspath(self.journal):
            raise FalInputError("journal is the path of an SQLite file or a postgresql:// URL.")
        if self.webhook_url is not None:
            checked_webhook(self.webhook_url)


@dataclass
class ActiveItem(Generic[Out]):
    """An item that is in progress, and its outcome for those who come with the same key."""

    digest: str
    outcome: asyncio.Future[BatchItem[Out] | None]


def _is_amount(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return 0 <= value < math.inf


class BatchEngine(Generic[Out]):
    """One worker on one batch, in the event loop that opens it.

    Attributes:
        planner: Makes items of rows.
        calls: What the platform is asked.
        limit: Slots for items in flight.
        price: What an item is expected to cost.
        runner: The client's runner.
        active: Items in progress in any run, by key.
    """

    journal: Journal
    worker: Worker
    writer: JournalWriter
    limit: AdaptiveLimit
    price: ItemPrice

    def __init__(self, settings: BatchSettings, runner: Runner) -> None:
        self.settings = settings
        self.planner: InputPlanner[Out] = InputPlanner(
            settings.endpoint, runner.default_options, settings.key
        )
        template = None if settings.save is None else SaveTemplate(settings.save)
        self.calls: PlatformCalls[Out] = PlatformCalls(
            runner, self.planner.job, template, settings.webhook_url
        )
        self.runner = runner
        self.active: dict[str, ActiveItem[Out]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_open(self) -> bool:
        """Whether it works on the journal."""
        return self._loop is not None

    def open_journal(self) -> Journal:
        """Open the journal without becoming a worker."""
        name = self.settings.name or self.planner.endpoint_id.full
        return Journal.open(self.settings.journal, name, self.planner.endpoint_id.full)

    async def open(self) -> None:
        """Become a worker on the journal.

        Raises:
            BatchJournalError: The journal cannot be used for this batch.
            FalInputError: There is a budget, but no price.
            FalError: There is a budget, and the platform could not be asked for the price.
        """
        journal = await asyncio.to_thread(self.open_journal)
        try:
            self.price = await self.read_price()
            budget = self._budget(self.price)
            self.worker = Worker(journal, budget, learns=not self.price.is_per_item)
            await asyncio.to_thread(self.worker.join)
        except BaseException:
            journal.engine.dispose()
            raise
        self.journal = journal
        self._loop = asyncio.get_running_loop()
        self.limit = AdaptiveLimit(0)
        self.writer = JournalWriter(self.worker, self._beat)
        try:
            await find_uncertain(journal, self.runner, self.planner.endpoint_id.full)
        except BaseException:
            await self.close()
            raise

    def _budget(self, price: ItemPrice) -> int | None:
        if self.settings.budget is None:
            return None
        if not price.is_known:
            raise FalInputError(
                "A budget needs a price, and the platform gives none for "
                f"{self.planner.endpoint_id.full}. Pass price=, the most dollars an item costs."
            )
        return nanodollars(self.settings.budget)

    async def close(self) -> None:
        """Stop being a worker; what is unfinished is free for others."""
        if self._loop is None:
            return
        self._loop = None
        await self.writer.close()
        try:
            await asyncio.to_thread(self.worker.leave)
        finally:
            self.journal.engine.dispose()

    async def read_price(self) -> ItemPrice:
        """What an item costs, by the caller or by the platform."""
        if self.settings.price is not None:
            price = nanodollars(self.settings.price)
            return ItemPrice(price, price, is_per_item=True)
        endpoint_id = self.planner.endpoint_id.full
        try:
            prices = await self.runner.perform_async(
                lambda settings: read_prices(settings, [endpoint_id])
            )
        except FalHTTPError:
            return ItemPrice(None, 0)
        except FalError:
            if self.settings.budget is not None:
                raise
            return ItemPrice(None, 0)
        found = next((p for p in prices if p.endpoint_id == endpoint_id), None)
        if found is None or found.currency != "USD":
            return ItemPrice(None, 0)
        unit = nanodollars(found.unit_price)
        return ItemPrice(unit, max(unit, await self._usual_price(endpoint_id)))

    async def _usual_price(self, endpoint_id: str) -> int:
        """What a call of the endpoint did cost in the past, for units are not always one."""
        try:
            estimate = await self.runner.perform_async(
                lambda settings: read_estimate(settings, {endpoint_id: 1}, "historical_api_price")
            )
        except FalError:
            return 0
        return nanodollars(estimate.total_cost)

    def _beat(self) -> None:
        """Give a sign of life, in the writer's thread, and take this worker's share."""
        ceiling = self.limit.ceiling
        share = self.worker.beat(self.settings.concurrency, ceiling, self.limit.in_flight)
        loop = self._loop
        if share != ceiling and loop is not None:
            with suppress(RuntimeError):  # the loop may have ended
                loop.call_soon_threadsafe(self.limit.set_ceiling, share)
