"""`Platform`, the platform API: models, prices, usage (docs/protocol.md section 10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from fal_typed.platform.flows import (
    EstimateType,
    Status,
    Timeframe,
    emit_models,
    one_model,
    read_estimate,
    read_meta,
    read_page,
    read_prices,
    search_query,
    usage_query,
)
from fal_typed.platform.records import (
    CostEstimate,
    ModelInfo,
    ModelPage,
    PlatformMeta,
    Price,
    UsagePage,
)

if TYPE_CHECKING:
    from fal_typed._core.runner import Runner


class Platform:
    """The platform API of a `FalClient`; reach it as `client.platform`."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def models(
        self,
        query: str | None = None,
        *,
        category: str | None = None,
        status: Status | None = None,
        with_schemas: bool = False,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> ModelPage:
        """List models, one page at a time; a key is not needed, but raises the rate limit.

        Args:
            query: Words to search for.
            category: For example `text-to-image`.
            status: Only models that are active, or only deprecated ones.
            with_schemas: Ask for each model's OpenAPI document; pages are then small.
            limit: Most models in a page; the platform has a limit of its own.
            cursor: `next_cursor` of the page before.

        Returns:
            The page.

        Raises:
            FalHTTPError: The platform refused.
        """
        search = search_query(query, category, status, with_schemas, limit)
        return self._runner.perform(
            lambda settings: read_page(settings, "models", ModelPage, search, cursor)
        )

    def iter_models(
        self,
        query: str | None = None,
        *,
        category: str | None = None,
        status: Status | None = None,
        with_schemas: bool = False,
    ) -> Iterator[ModelInfo]:
        """Iterate over all models found, page after page; for the arguments see `models`.

        Raises:
            FalHTTPError: The platform refused.
        """
        search = search_query(query, category, status, with_schemas, None)
        return self._runner.iterate(lambda settings: emit_models(settings, search))

    def model(self, endpoint_id: str, *, with_schema: bool = False) -> ModelInfo:
        """Look up a model by its endpoint id.

        Args:
            endpoint_id: For example `fal-ai/flux/dev`.
            with_schema: Ask for its OpenAPI document.

        Raises:
            FalNotFoundError: There is no such model.
        """
        return self._runner.perform(lambda settings: one_model(settings, endpoint_id, with_schema))

    def pricing(self, endpoint_ids: Sequence[str]) -> list[Price]:
        """Ask what endpoints cost.

        Args:
            endpoint_ids: Any number of endpoint ids.

        Raises:
            FalHTTPError: The platform refused.
        """
        return self._runner.perform(lambda settings: read_prices(settings, endpoint_ids))

    def estimate(
        self, quantities: Mapping[str, float], *, by: EstimateType = "unit_price"
    ) -> CostEstimate:
        """Ask what calls would cost.

        Args:
            quantities: For each endpoint id a number of units, or of calls.
            by: `unit_price` counts units at today's price; `historical_api_price` counts calls
                at the price such calls had.

        Raises:
            FalHTTPError: The platform refused.
        """
        return self._runner.perform(lambda settings: read_estimate(settings, quantities, by))

    def usage(
        self,
        *,
        start: str | None = None,
        end: str | None = None,
        timezone: str | None = None,
        timeframe: Timeframe | None = None,
        endpoint_ids: Sequence[str] = (),
        expand: Sequence[Literal["time_series", "summary", "auth_method"]] = (),
        limit: int | None = None,
        cursor: str | None = None,
    ) -> UsagePage:
        """Ask what the account has used; needs a key with the scope ADMIN.

        Args:
            start: From when, in ISO 8601. Default: the last 24 hours.
            end: Until when.
            timezone: In whose days to count. Default: UTC.
            timeframe: Length of a stretch of time.
            endpoint_ids: Only these endpoints, at most 50.
            expand: What to tell.
            limit: Most stretches in a page.
            cursor: `next_cursor` of the page before.

        Raises:
            FalPermissionError: The key has not the scope ADMIN.
        """
        query = usage_query(
            start=start,
            end=end,
            timezone=timezone,
            timeframe=timeframe,
            endpoint_ids=endpoint_ids,
            expand=expand,
            limit=limit,
        )
        return self._runner.perform(
            lambda settings: read_page(
                settings, "models/usage", UsagePage, query, cursor, needs_key=True
            )
        )

    def meta(self) -> PlatformMeta:
        """Ask for facts about the platform, such as the networks webhooks come from."""
        return self._runner.perform(read_meta)
