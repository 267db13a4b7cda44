"""Requests to the platform API (docs/protocol.md section 10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from fal_typed._calls.outputs import read_output
from fal_typed._core import responses
from fal_typed._core.flow import Deadline, Emit, Flow
from fal_typed._core.json_values import as_list, as_object, as_text
from fal_typed._core.retry import RetrySafety, send_with_retries
from fal_typed._core.settings import encode_json
from fal_typed.errors import FalInputError, FalNotFoundError, FalProtocolError
from fal_typed.models import OutputModel
from fal_typed.platform.records import (
    CostEstimate,
    ModelInfo,
    ModelPage,
    PlatformMeta,
    Price,
)

if TYPE_CHECKING:
    from fal_typed._core.settings import Settings
    from fal_typed._transport.base import HttpResponse

Record = TypeVar("Record", bound=OutputModel)
Status = Literal["active", "deprecated"]
Timeframe = Literal["minute", "hour", "day", "week", "month"]
EstimateType = Literal["unit_price", "historical_api_price"]

_SCHEMAS = "openapi-3.0"
_IDS_AT_ONCE = 50
_MAX_PAGES = 10_000

Query = Mapping[str, "str | int | None"]


def search_query(
    query: str | None,
    category: str | None,
    status: Status | None,
    with_schemas: bool,
    limit: int | None,
) -> Query:
    """Query parameters of a model search."""
    expand = _SCHEMAS if with_schemas else None
    return {"q": query, "category": category, "status": status, "expand": expand, "limit": limit}


def usage_query(
    *,
    start: str | None,
    end: str | None,
    timezone: str | None,
    timeframe: Timeframe | None,
    endpoint_ids: Sequence[str],
    expand: Sequence[str],
    limit: int | None,
) -> Query:
    """Query parameters of a usage report."""
    return {
        "start": start,
        "end": end,
        "timezone": timezone,
        "timeframe": timeframe,
        "endpoint_id": ",".join(_checked_ids(endpoint_ids)) or None,
        "expand": ",".join(expand) or None,
        "limit": limit,
    }


def _request(
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
    parameters = {name: value for name, value in (query or {}).items() if value is not None}
    response = yield from send_with_retries(
        settings.request(method, f"{settings.hosts.api}/{path}", query=parameters, body=body),
        safety=RetrySafety.SAFE,
        policy=settings.retry,
        deadline=(yield from Deadline.after(settings.timeout)),
    )
    if responses.is_error(response):
        raise responses.http_error(response, request_id=_request_id_in_body(response))
    return responses.parse_object(response)


def _request_id_in_body(response: HttpResponse) -> str | None:
    from fal_typed.results import RawResponse

    content = as_object(RawResponse(response.status, response.headers, response.body).json())
    error = as_object((content or {}).get("error"))
    return as_text((error or {}).get("request_id"))


def read_page(
    settings: Settings,
    path: str,
    page: type[Record],
    query: Query,
    cursor: str | None,
    *,
    needs_key: bool = False,
) -> Flow[Record]:
    """Read one page of a list."""
    content = yield from _request(
        settings, "GET", path, {**query, "cursor": cursor}, needs_key=needs_key
    )
    return read_output(page, content)


def emit_models(settings: Settings, search: Query) -> Flow[None]:
    """Emit every model of a search, page by page."""
    cursor, seen = None, set[str]()
    for _ in range(_MAX_PAGES):
        page = yield from read_page(settings, "models", ModelPage, search, cursor)
        for model in page.models or ():
            yield Emit(model)
        cursor = page.next_cursor
        if not cursor or not page.has_more:
            return
        if cursor in seen:
            raise FalProtocolError("The platform's list of models repeats a page cursor.")
        seen.add(cursor)
    raise FalProtocolError(f"The platform's list of models has more than {_MAX_PAGES} pages.")


def one_model(settings: Settings, endpoint_id: str, with_schema: bool) -> Flow[ModelInfo]:
    """Look up one model by its endpoint id."""
    (checked,) = _checked_ids([endpoint_id])
    expand = _SCHEMAS if with_schema else None
    query = {"endpoint_id": checked, "expand": expand}
    page = yield from read_page(settings, "models", ModelPage, query, None)
    for model in page.models or ():
        if model.endpoint_id == checked and (model.metadata or model.openapi):
            return model
    raise FalNotFoundError(
        f"The platform has no model {endpoint_id!r}.", status_code=404, headers={}, body=b""
    )


def read_prices(settings: Settings, endpoint_ids: Sequence[str]) -> Flow[list[Price]]:
    """Read the unit prices of endpoints."""
    ids = _checked_ids(endpoint_ids)
    prices: list[Price] = []
    for start in range(0, len(ids), _IDS_AT_ONCE):
        query = {"endpoint_id": ",".join(ids[start : start + _IDS_AT_ONCE])}
        content = yield from _request(settings, "GET", "models/pricing", query, needs_key=True)
        prices += [read_output(Price, entry) for entry in as_list(content.get("prices")) or ()]
    return prices


def read_estimate(
    settings: Settings, quantities: Mapping[str, float], by: EstimateType
) -> Flow[CostEstimate]:
    """Read an estimate of what calls would cost."""
    unit = "unit_quantity" if by == "unit_price" else "call_quantity"
    ids = _checked_ids(list(quantities))
    wanted = {"estimate_type": by, "endpoints": {name: {unit: quantities[name]} for name in ids}}
    content = yield from _request(
        settings, "POST", "models/pricing/estimate", body=encode_json(wanted), needs_key=True
    )
    return read_output(CostEstimate, content)


def read_meta(settings: Settings) -> Flow[PlatformMeta]:
    """Read facts about the platform."""
    return read_output(PlatformMeta, (yield from _request(settings, "GET", "meta")))


def _checked_ids(endpoint_ids: Sequence[str]) -> list[str]:
    if isinstance(endpoint_ids, str):
        raise FalInputError("Pass a list of endpoint ids, not a string.")
    ids = list(endpoint_ids)
    for endpoint_id in ids:
        if not endpoint_id or "," in endpoint_id:
            raise FalInputError(f"{endpoint_id!r} is not a valid endpoint id.")
    return ids
