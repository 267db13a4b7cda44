"""The platform API: which models there are, what they cost, what was used.

Rests on docs/protocol.md section 10.

Answers are typed as far as they are known; a field that is new is kept, one that is missing is
None, and nothing of it raises.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from fal_typed._calls.validation import read_output
from fal_typed._core import responses
from fal_typed._core.flow import Deadline, Emit, Flow
from fal_typed._core.json_values import as_list, as_object, as_text
from fal_typed._core.retry import Repeat, send_retrying
from fal_typed._core.settings import encode_json
from fal_typed.errors import FalInputError, FalNotFoundError, FalProtocolError
from fal_typed.models import OutputModel

if TYPE_CHECKING:
    from fal_typed._core.flow import HttpResponse
    from fal_typed._core.settings import Settings
    from fal_typed.client import AsyncFalClient, FalClient

Model = TypeVar("Model", bound=OutputModel)
Status = Literal["active", "deprecated"]
Timeframe = Literal["minute", "hour", "day", "week", "month"]
EstimateType = Literal["unit_price", "historical_api_price"]

_SCHEMAS = "openapi-3.0"
_IDS_AT_ONCE = 50
_MAX_PAGES = 10_000


class ModelGroup(OutputModel):
    """Models that belong together."""

    key: str
    label: str | None = None


class ModelMetadata(OutputModel):
    """What the platform says of a model."""

    display_name: str | None = None
    category: str | None = None
    description: str | None = None
    status: str | None = None
    tags: list[str] | None = None
    updated_at: str | None = None
    date: str | None = None
    model_url: str | None = None
    thumbnail_url: str | None = None
    thumbnail_animated_url: str | None = None
    github_url: str | None = None
    license_type: str | None = None
    kind: str | None = None
    group: ModelGroup | None = None
    training_endpoint_ids: list[str] | None = None
    inference_endpoint_ids: list[str] | None = None
    stream_url: str | None = None
    duration_estimate: float | None = None
    is_favorited: bool | None = None
    highlighted: bool | None = None
    pinned: bool | None = None


class ModelInfo(OutputModel):
    """A model endpoint in the platform's catalogue."""

    endpoint_id: str
    metadata: ModelMetadata | None = None
    openapi: dict[str, Any] | None = None
    """The endpoint's OpenAPI document, when schemas were asked for."""
    enterprise_status: str | None = None


class ModelPage(OutputModel):
    """Some of the models, and where the next ones begin."""

    models: list[ModelInfo]
    next_cursor: str | None = None
    has_more: bool = False


class Price(OutputModel):
    """What one unit of an endpoint's work costs."""

    endpoint_id: str
    unit_price: float
    unit: str
    currency: str


class CostEstimate(OutputModel):
    """What calls would cost."""

    estimate_type: str
    total_cost: float
    currency: str


class UsageRow(OutputModel):
    """What one endpoint used in one stretch of time."""

    endpoint_id: str
    unit: str | None = None
    quantity: float | None = None
    unit_price: float | None = None
    auth_method: str | None = None


class UsageBucket(OutputModel):
    """A stretch of time."""

    bucket: str
    results: list[UsageRow]


class UsagePage(OutputModel):
    """Usage over some stretches of time, and where the next ones begin."""

    time_series: list[UsageBucket] | None = None
    summary: list[UsageRow] | None = None
    next_cursor: str | None = None
    has_more: bool = False


class PlatformMeta(OutputModel):
    """Facts about the platform itself."""

    webhook_ip_ranges: list[str] | None = None
    """Networks that webhook deliveries come from."""


class Platform:
    """The platform API of a `FalClient`; reach it as `client.platform`."""

    def __init__(self, client: FalClient) -> None:
        self._client = client

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
        search = _search(query, category, status, with_schemas, limit)
        return self._client.perform(
            lambda settings: _page(settings, "models", ModelPage, search, cursor)
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
        search = _search(query, category, status, with_schemas, None)
        return self._client.iterate(lambda settings: _emit_models(settings, search))

    def model(self, endpoint_id: str, *, with_schema: bool = False) -> ModelInfo:
        """Look up a model by its endpoint id.

        Args:
            endpoint_id: For example `fal-ai/flux/dev`.
            with_schema: Ask for its OpenAPI document.

        Raises:
            FalNotFoundError: There is no such model.
        """
        return self._client.perform(lambda settings: _model(settings, endpoint_id, with_schema))

    def pricing(self, endpoint_ids: Sequence[str]) -> list[Price]:
        """Ask what endpoints cost.

        Args:
            endpoint_ids: Any number of endpoint ids.

        Raises:
            FalHTTPError: The platform refused.
        """
        return self._client.perform(lambda settings: _prices(settings, endpoint_ids))

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
        return self._client.perform(lambda settings: _estimate(settings, quantities, by))

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
        query = _usage_query(
            start=start,
            end=end,
            timezone=timezone,
            timeframe=timeframe,
            endpoint_ids=endpoint_ids,
            expand=expand,
            limit=limit,
        )
        return self._client.perform(
            lambda settings: _page(
                settings, "models/usage", UsagePage, query, cursor, needs_key=True
            )
        )

    def meta(self) -> PlatformMeta:
        """Ask for facts about the platform, such as the networks webhooks come from."""
        return self._client.perform(_meta)


class AsyncPlatform:
    """The platform API of an `AsyncFalClient`; reach it as `client.platform`."""

    def __init__(self, client: AsyncFalClient) -> None:
        self._client = client

    async def models(
        self,
        query: str | None = None,
        *,
        category: str | None = None,
        status: Status | None = None,
        with_schemas: bool = False,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> ModelPage:
        """List models, one page at a time; see `Platform.models`."""
        search = _search(query, category, status, with_schemas, limit)
        return await self._client.perform_async(
            lambda settings: _page(settings, "models", ModelPage, search, cursor)
        )

    def iter_models(
        self,
        query: str | None = None,
        *,
        category: str | None = None,
        status: Status | None = None,
        with_schemas: bool = False,
    ) -> AsyncIterator[ModelInfo]:
        """Iterate over all models found, page after page; see `Platform.iter_models`."""
        search = _search(query, category, status, with_schemas, None)
        return self._client.iterate_async(lambda settings: _emit_models(settings, search))

    async def model(self, endpoint_id: str, *, with_schema: bool = False) -> ModelInfo:
        """Look up a model by its endpoint id; see `Platform.model`."""
        return await self._client.perform_async(
            lambda settings: _model(settings, endpoint_id, with_schema)
        )

    async def pricing(self, endpoint_ids: Sequence[str]) -> list[Price]:
        """Ask what endpoints cost; see `Platform.pricing`."""
        return await self._client.perform_async(lambda settings: _prices(settings, endpoint_ids))

    async def estimate(
        self, quantities: Mapping[str, float], *, by: EstimateType = "unit_price"
    ) -> CostEstimate:
        """Ask what calls would cost; see `Platform.estimate`."""
        return await self._client.perform_async(
            lambda settings: _estimate(settings, quantities, by)
        )

    async def usage(
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
        """Ask what the account has used; see `Platform.usage`."""
        query = _usage_query(
            start=start,
            end=end,
            timezone=timezone,
            timeframe=timeframe,
            endpoint_ids=endpoint_ids,
            expand=expand,
            limit=limit,
        )
        return await self._client.perform_async(
            lambda settings: _page(
                settings, "models/usage", UsagePage, query, cursor, needs_key=True
            )
        )

    async def meta(self) -> PlatformMeta:
        """Ask for facts about the platform; see `Platform.meta`."""
        return await self._client.perform_async(_meta)


Query = Mapping[str, "str | int | None"]


def _search(
    query: str | None,
    category: str | None,
    status: Status | None,
    with_schemas: bool,
    limit: int | None,
) -> Query:
    expand = _SCHEMAS if with_schemas else None
    return {"q": query, "category": category, "status": status, "expand": expand, "limit": limit}


def _usage_query(
    *,
    start: str | None,
    end: str | None,
    timezone: str | None,
    timeframe: Timeframe | None,
    endpoint_ids: Sequence[str],
    expand: Sequence[str],
    limit: int | None,
) -> Query:
    return {
        "start": start,
        "end": end,
        "timezone": timezone,
        "timeframe": timeframe,
        "endpoint_id": ",".join(_checked_ids(endpoint_ids)) or None,
        "expand": ",".join(expand) or None,
        "limit": limit,
    }


def _ask(
    settings: Settings,
    method: str,
    path: str,
    query: Query | None = None,
    *,
    body: bytes = b"",
    needs_key: bool = False,
) -> Flow[dict[str, Any]]:
    if not needs_key:
        settings = settings.with_changes(needs_key=False)
    set_only = {name: value for name, value in (query or {}).items() if value is not None}
    response = yield from send_retrying(
        settings.request(method, f"{settings.hosts.api}/{path}", query=set_only, body=body),
        repeat=Repeat.HARMLESS,
        policy=settings.retry,
        deadline=(yield from Deadline.after(settings.timeout)),
    )
    if responses.is_error(response):
        raise responses.http_error(response, request_id=_told_request_id(response))
    return responses.parse_object(response)


def _told_request_id(response: HttpResponse) -> str | None:
    from fal_typed.results import RawResponse

    content = as_object(RawResponse(response.status, response.headers, response.body).json())
    error = as_object((content or {}).get("error"))
    return as_text((error or {}).get("request_id"))


def _page(
    settings: Settings,
    path: str,
    page: type[Model],
    query: Query,
    cursor: str | None,
    *,
    needs_key: bool = False,
) -> Flow[Model]:
    content = yield from _ask(
        settings, "GET", path, {**query, "cursor": cursor}, needs_key=needs_key
    )
    return read_output(page, content)


def _emit_models(settings: Settings, search: Query) -> Flow[None]:
    cursor, seen = None, set[str]()
    for _ in range(_MAX_PAGES):
        page = yield from _page(settings, "models", ModelPage, search, cursor)
        for model in page.models or ():
            yield Emit(model)
        cursor = page.next_cursor
        if not cursor or not page.has_more:
            return
        if cursor in seen:
            raise FalProtocolError("The platform's list of models leads back to where it was.")
        seen.add(cursor)
    raise FalProtocolError(f"The platform's list of models has more than {_MAX_PAGES} pages.")


def _model(settings: Settings, endpoint_id: str, with_schema: bool) -> Flow[ModelInfo]:
    (checked,) = _checked_ids([endpoint_id])
    expand = _SCHEMAS if with_schema else None
    query = {"endpoint_id": checked, "expand": expand}
    page = yield from _page(settings, "models", ModelPage, query, None)
    for model in page.models or ():
        if model.endpoint_id == checked and (model.metadata or model.openapi):
            return model
    raise FalNotFoundError(
        f"The platform has no model {endpoint_id!r}.", status_code=404, headers={}, body=b""
    )


def _prices(settings: Settings, endpoint_ids: Sequence[str]) -> Flow[list[Price]]:
    ids = _checked_ids(endpoint_ids)
    prices: list[Price] = []
    for start in range(0, len(ids), _IDS_AT_ONCE):
        query = {"endpoint_id": ",".join(ids[start : start + _IDS_AT_ONCE])}
        content = yield from _ask(settings, "GET", "models/pricing", query, needs_key=True)
        prices += [read_output(Price, entry) for entry in as_list(content.get("prices")) or ()]
    return prices


def _estimate(
    settings: Settings, quantities: Mapping[str, float], by: EstimateType
) -> Flow[CostEstimate]:
    unit = "unit_quantity" if by == "unit_price" else "call_quantity"
    ids = _checked_ids(list(quantities))
    wanted = {"estimate_type": by, "endpoints": {name: {unit: quantities[name]} for name in ids}}
    content = yield from _ask(
        settings, "POST", "models/pricing/estimate", body=encode_json(wanted), needs_key=True
    )
    return read_output(CostEstimate, content)


def _meta(settings: Settings) -> Flow[PlatformMeta]:
    return read_output(PlatformMeta, (yield from _ask(settings, "GET", "meta")))


def _checked_ids(endpoint_ids: Sequence[str]) -> list[str]:
    if isinstance(endpoint_ids, str):
        raise FalInputError("Give a list of endpoint ids, not one text.")
    ids = list(endpoint_ids)
    for endpoint_id in ids:
        if not endpoint_id or "," in endpoint_id:
            raise FalInputError(f"{endpoint_id!r} is no endpoint id.")
    return ids
