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

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

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
        """List models, one page at a time. No key is needed, but a key raises the rate limit.

        Args:
            query: Search text.
            category: Category such as `text-to-image`.
            status: Only `active` or only `deprecated` models. Default: both.
            with_schemas: Include each model's OpenAPI document; pages are then small.
            limit: Maximum number of models per page; the platform has its own limit.
            cursor: `next_cursor` of the previous page.

        Returns:
            The page.

        Raises:
            FalHTTPError: The platform rejected the request.
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
        """Iterate over all matching models, page by page; takes the arguments of `models`.

        Raises:
            FalHTTPError: The platform rejected the request.
        """
        search = search_query(query, category, status, with_schemas, None)
        return self._runner.iterate(lambda settings: emit_models(settings, search))

    def model(self, endpoint_id: str, *, with_schema: bool = False) -> ModelInfo:
        """Look up a model by its endpoint id.

        Args:
            endpoint_id: Endpoint id such as `fal-ai/flux/dev`.
            with_schema: Include its OpenAPI document.

        Raises:
            FalNotFoundError: The model does not exist.
        """
        return self._runner.perform(lambda settings: one_model(settings, endpoint_id, with_schema))

    def pricing(self, endpoint_ids: Sequence[str]) -> list[Price]:
        """Get the unit prices of endpoints.

        Args:
            endpoint_ids: Any number of endpoint ids.

        Raises:
            FalHTTPError: The platform rejected the request.
        """
        return self._runner.perform(lambda settings: read_prices(settings, endpoint_ids))

    def estimate(
        self, quantities: Mapping[str, float], *, by: EstimateType = "unit_price"
    ) -> CostEstimate:
        """Estimate the cost of calls.

        Args:
            quantities: The number of units or calls, by endpoint id.
            by: `unit_price` for units at the current price; `historical_api_price` for calls at
                the average price of past calls.

        Raises:
            FalHTTPError: The platform rejected the request.
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
        """Get the account's usage; needs a key with the scope ADMIN.

        Args:
            start: Start time in ISO 8601. Default: 24 hours ago.
            end: End time in ISO 8601. Default: now.
            timezone: Time zone in which days are counted. Default: UTC.
            timeframe: Length of a time bucket.
            endpoint_ids: Only these endpoints, at most 50. Default: all.
            expand: What to include.
            limit: Maximum number of time buckets per page.
            cursor: `next_cursor` of the previous page.

        Raises:
            FalPermissionError: The key does not have the scope ADMIN.
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
        """Get facts about the platform, such as the networks that webhooks are sent from."""
        return self._runner.perform(read_meta)
