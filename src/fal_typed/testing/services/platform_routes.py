"""The platform API ``api.fal.ai/v1``: models, prices, usage (docs/protocol.md section 10)."""

from __future__ import annotations

import base64
import binascii
import uuid
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from typing_extensions import override

from fal_typed._core.json_values import as_object
from fal_typed._documents.catalog import UnknownEndpointError
from fal_typed._documents.document import InvalidDocumentError
from fal_typed.testing.engine.json_bodies import parse
from fal_typed.testing.engine.keys import ADMIN, API
from fal_typed.testing.engine.messages import (
    AnyResponse,
    IncomingRequest,
    Response,
    json_response,
)
from fal_typed.testing.services.request_records import ended_requests, request_record
from fal_typed.testing.services.routing import MatchedRoute, RouteTable, Service
from fal_typed.testing.services.usage_report import InvalidPeriodError, UsagePeriod, usage_report

if TYPE_CHECKING:
    from fal_typed._documents.document import EndpointDocument
    from fal_typed.testing.engine.emulation import Emulation
    from fal_typed.testing.services.routing import RouteHandler

_DEFAULT_PAGE = 100
_LARGEST_PAGE = 1_000
_LARGEST_EXPANDED_PAGE = 10
_LARGEST_REQUEST_PAGE = 100
_MAX_IDS = 50
_DATE = "2026-01-01T00:00:00Z"
_UNITS = {"image": "images", "video": "seconds", "audio": "seconds", "3d": "generations"}
_IP_RANGES = ["127.0.0.0/8", "::1/128"]
_DOCS = "https://fal.ai/docs/api-reference/platform-apis"


class _ApiError(Exception):
    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


class _ResultPage(NamedTuple):
    entries: list[str]
    next_cursor: str | None

    def rest(self) -> dict[str, Any]:
        return {"next_cursor": self.next_cursor, "has_more": self.next_cursor is not None}


class PlatformService(Service):
    """Routes of ``api.fal.ai``.

    Args:
        emulation: The emulator's state.
    """

    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation
        self._catalog = emulation.catalog
        self._ids: list[str] | None = None
        self._routes = RouteTable(
            {
                ("GET", "/v1/models"): ("models", self._models),
                ("GET", "/v1/models/pricing"): ("pricing", self._pricing),
                ("POST", "/v1/models/pricing/estimate"): ("estimate", self._estimate),
                ("GET", "/v1/models/usage"): ("usage", self._usage),
                ("GET", "/v1/models/requests/by-endpoint"): ("requests", self._requests),
                ("GET", "/v1/meta"): ("meta", self._meta),
            }
        )

    @override
    def route(self, request: IncomingRequest) -> MatchedRoute:
        path = request.path.rstrip("/")
        if (found := self._routes.find(request.method, path)) is not None:
            return MatchedRoute(found[0], None, _with_errors(found[1]))
        is_known = self._routes.fallback(path, _not_found) is not _not_found
        return MatchedRoute("api", None, _wrong_method if is_known else _not_found)

    async def _models(self, request: IncomingRequest) -> AnyResponse:
        wanted = _requested_ids(request)
        expanded = "openapi-3.0" in _values(request, "expand")
        if request.header(b"authorization") is not None:
            self._require_key(request, API)  # optional here, but an invalid key is refused
        ids = wanted or self._matching(request)
        page = _page(request, ids, _LARGEST_EXPANDED_PAGE if expanded else _LARGEST_PAGE)
        models = [self._model(each, expanded=expanded) for each in page.entries]
        return json_response({"models": models, **page.rest()})

    def _matching(self, request: IncomingRequest) -> list[str]:
        if self._ids is None:
            self._ids = self._catalog.ids()
        status = request.parameter("status") or "active"
        if status not in ("active", "deprecated"):
            raise _ApiError(400, "validation_error", "status must be active or deprecated")
        if status == "deprecated":
            return []
        words = (request.parameter("q") or "").lower().split()
        category = request.parameter("category")
        return [
            each
            for each in self._ids
            if all(word in each.lower() for word in words)
            and (category is None or self._catalog.document(each).category == category)
        ]

    def _model(self, endpoint_id: str, *, expanded: bool) -> dict[str, Any]:
        document = self._document(endpoint_id)
        model: dict[str, Any] = {"endpoint_id": endpoint_id}
        if document is not None:
            model["metadata"] = _metadata(document)
        if expanded:
            model["openapi"] = _FAILED_EXPANSION if document is None else document.raw
        return model

    def _document(self, endpoint_id: str) -> EndpointDocument | None:
        try:
            return self._catalog.document(endpoint_id)
        except (UnknownEndpointError, InvalidDocumentError):
            return None

    async def _pricing(self, request: IncomingRequest) -> AnyResponse:
        self._require_key(request, API)
        ids = _requested_ids(request)
        if not ids:
            raise _ApiError(400, "validation_error", "endpoint_id is required")
        page = _page(request, ids, _MAX_IDS)
        prices = [self._price(each) for each in page.entries]
        return json_response({"prices": prices, **page.rest()})

    def _price(self, endpoint_id: str) -> dict[str, Any]:
        endpoint = self._emulation.endpoints.get(endpoint_id)
        if endpoint is None or (endpoint.document is None and endpoint.script.price is None):
            raise _ApiError(404, "not_found", f"unknown endpoint {endpoint_id!r}")
        category = "" if endpoint.document is None else endpoint.document.category or ""
        price = endpoint.script.price
        return {
            "endpoint_id": endpoint_id,
            "unit_price": price_of(endpoint_id) if price is None else price,
            "unit": _UNITS.get(category, "requests"),
            "currency": "USD",
        }

    async def _estimate(self, request: IncomingRequest) -> AnyResponse:
        self._require_key(request, API)
        try:
            wanted = _object(parse(request.body))
            kind, endpoints = wanted["estimate_type"], _object(wanted["endpoints"])
            name = _QUANTITIES[kind]
            total = sum(
                self._price(each)["unit_price"] * _quantity(amounts[name])
                for each, amounts in endpoints.items()
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            message = f"estimate_type and endpoints with their quantities are required: {error!r}"
            raise _ApiError(400, "validation_error", message) from error
        body = {"estimate_type": kind, "total_cost": round(total, 6), "currency": "USD"}
        return json_response(body)

    async def _usage(self, request: IncomingRequest) -> AnyResponse:
        self._require_key(request, ADMIN)
        now = self._emulation.clock.now()
        try:
            period = UsagePeriod.read(
                request.parameter("start"),
                request.parameter("end"),
                request.parameter("timeframe"),
                now,
            )
        except InvalidPeriodError as error:
            raise _ApiError(400, "validation_error", str(error)) from error
        wanted = set(_requested_ids(request))
        jobs = [
            job
            for job in self._emulation.jobs
            if job.stage(now) == "COMPLETED" and (not wanted or job.endpoint_id in wanted)
        ]
        expand = _values(request, "expand") or ["time_series"]
        return json_response(usage_report(jobs, period, self._price, expand))

    async def _requests(self, request: IncomingRequest) -> AnyResponse:
        self._require_key(request, API)
        ids = _requested_ids(request)
        if not ids:
            raise _ApiError(400, "validation_error", "endpoint_id is required")
        try:
            found = ended_requests(
                self._emulation.jobs,
                ids,
                request.parameter("start"),
                request.parameter("end"),
                self._emulation.clock.now(),
            )
        except ValueError as error:
            raise _ApiError(400, "validation_error", str(error)) from error
        page = _page(request, list(found), _LARGEST_REQUEST_PAGE)
        with_payloads = "payloads" in _values(request, "expand")
        listed = [request_record(found[each], with_payloads=with_payloads) for each in page.entries]
        return json_response({"items": listed, **page.rest()})

    async def _meta(self, _request: IncomingRequest) -> AnyResponse:
        return json_response({"webhook_ip_ranges": _IP_RANGES})

    def _require_key(self, request: IncomingRequest, scope: str) -> None:
        refusal = self._emulation.keys.refusal(request, scope)
        if refusal is not None:
            raise _ApiError(
                refusal.status,
                "authorization_error",
                "the key is invalid or lacks the required scope",
            )


class WebService(Service):
    """The public routes of ``fal.ai``: an endpoint's document.

    Args:
        emulation: The emulator's state.
    """

    def __init__(self, emulation: Emulation) -> None:
        self._catalog = emulation.catalog

    @override
    def route(self, request: IncomingRequest) -> MatchedRoute:
        path = request.path.rstrip("/")
        if request.method == "GET" and path == "/api/openapi/queue/openapi.json":
            return MatchedRoute("openapi", request.parameter("endpoint_id"), self._openapi)
        return MatchedRoute("web", None, _not_found)

    async def _openapi(self, request: IncomingRequest) -> AnyResponse:
        try:
            document = self._catalog.document(request.parameter("endpoint_id") or "")
        except (UnknownEndpointError, InvalidDocumentError):
            return json_response(None, 404)
        return json_response(document.raw)


_QUANTITIES = {"historical_api_price": "call_quantity", "unit_price": "unit_quantity"}
_FAILED_EXPANSION = {
    "error": {"code": "expansion_failed", "message": "No OpenAPI document for this endpoint"}
}


def price_of(endpoint_id: str) -> float:
    """Invent the price of an endpoint, the same in every run.

    Args:
        endpoint_id: Its id.

    Returns:
        US dollars per unit.
    """
    return (zlib.crc32(endpoint_id.encode()) % 200 + 1) / 1000


def _object(value: Any) -> dict[str, Any]:
    fields = as_object(value)
    if fields is None:
        raise TypeError("not a JSON object")
    return fields


def _quantity(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
        raise ValueError("a quantity must be a number above zero")
    return value


def _metadata(document: EndpointDocument) -> dict[str, Any]:
    owner, _, name = document.id.partition("/")
    return {
        "display_name": name.replace("/", " ").replace("-", " ").title(),
        "category": document.category or "unknown",
        "description": document.description or f"{name} by {owner}",
        "status": "active",
        "tags": [],
        "updated_at": _DATE,
        "is_favorited": None,
        "thumbnail_url": f"https://fal.ai/thumbnails/{document.id}.png",
        "model_url": f"https://fal.run/{document.id}",
        "date": _DATE,
        "highlighted": False,
        "pinned": False,
        "kind": "training" if document.category == "training" else "inference",
    }


def _values(request: IncomingRequest, name: str) -> list[str]:
    """Values of a parameter that may be repeated, and may contain several, separated by commas."""
    return [value for text in request.query.get(name, ()) for value in text.split(",") if value]


def _requested_ids(request: IncomingRequest) -> list[str]:
    ids = _values(request, "endpoint_id")
    if len(ids) > _MAX_IDS:
        raise _ApiError(400, "validation_error", f"at most {_MAX_IDS} endpoint ids are allowed")
    return ids


def _page(request: IncomingRequest, entries: list[str], largest: int) -> _ResultPage:
    limit = request.parameter("limit") or str(min(_DEFAULT_PAGE, largest))
    if not limit.isdecimal() or int(limit) < 1:
        raise _ApiError(400, "validation_error", "limit must be an integer of at least 1")
    start = _position(request.parameter("cursor"))
    end = start + min(int(limit), largest)
    following = _cursor(end) if end < len(entries) else None
    return _ResultPage(entries[start:end], following)


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(f"from:{position}".encode()).decode()


def _position(cursor: str | None) -> int:
    if not cursor:
        return 0
    try:
        word, _, number = base64.urlsafe_b64decode(cursor).decode().partition(":")
        if word == "from":
            return max(0, int(number))
    except (binascii.Error, ValueError):
        pass
    raise _ApiError(400, "validation_error", "the cursor is invalid")


def _with_errors(handler: RouteHandler) -> RouteHandler:
    async def guarded(request: IncomingRequest) -> AnyResponse:
        try:
            return await handler(request)
        except _ApiError as error:
            return _error(error.status, error.kind, str(error))

    return guarded


def _error(status: int, kind: str, message: str) -> Response:
    error = {
        "type": kind,
        "message": message,
        "docs_url": _DOCS,
        "request_id": str(uuid.uuid4()),
    }
    return json_response({"error": error}, status)


async def _not_found(request: IncomingRequest) -> AnyResponse:
    return _error(404, "not_found", f"unknown path {request.path[:200]}")


async def _wrong_method(request: IncomingRequest) -> AnyResponse:
    return _error(405, "validation_error", f"{request.method} is not supported here")
