"""The platform API ``api.fal.ai/v1``: models, prices, usage (docs/protocol.md section 10)."""

from __future__ import annotations

import base64
import binascii
import uuid
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from fal_typed._documents.catalog import UnknownEndpointError
from fal_typed._documents.document import InvalidDocumentError
from fal_typed.testing.emulation import Call, Emulation
from fal_typed.testing.keys import ADMIN, API
from fal_typed.testing.messages import Answer, Request, Response, json_response
from fal_typed.testing.models import parse
from fal_typed.testing.past_requests import past_request, past_requests
from fal_typed.testing.usage import BadPeriodError, Period, usage

if TYPE_CHECKING:
    from fal_typed._documents.document import EndpointDocument
    from fal_typed.testing.emulation import Endpoint

_USUAL_PAGE = 100
_LARGEST_PAGE = 1_000
_LARGEST_EXPANDED_PAGE = 10
_MOST_IDS = 50
_MOST_REQUESTS = 100
_DATE = "2026-01-01T00:00:00Z"
_UNITS = {"image": "images", "video": "seconds", "audio": "seconds", "3d": "generations"}
_IP_RANGES = ["127.0.0.0/8", "::1/128"]
_DOCS = "https://fal.ai/docs/api-reference/platform-apis"


class _ApiError(Exception):
    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


class _Page(NamedTuple):
    entries: list[str]
    next_cursor: str | None

    def rest(self) -> dict[str, Any]:
        return {"next_cursor": self.next_cursor, "has_more": self.next_cursor is not None}


class PlatformService:
    """Routes of ``api.fal.ai``.

    Args:
        emulation: What the services share.
    """

    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation
        self._catalog = emulation.catalog
        self._ids: list[str] | None = None
        self._routes: dict[tuple[str, str], tuple[str, Endpoint]] = {
            ("GET", "/v1/models"): ("models", self._models),
            ("GET", "/v1/models/pricing"): ("pricing", self._pricing),
            ("POST", "/v1/models/pricing/estimate"): ("estimate", self._estimate),
            ("GET", "/v1/models/usage"): ("usage", self._usage),
            ("GET", "/v1/models/requests/by-endpoint"): ("requests", self._requests),
            ("GET", "/v1/meta"): ("meta", self._meta),
        }

    def route(self, request: Request) -> Call:
        """Find what a request asks for.

        Args:
            request: The request; its body is not read yet.

        Returns:
            What to do.
        """
        path = request.path.rstrip("/")
        found = self._routes.get((request.method, path))
        if found is not None:
            return Call(found[0], None, _reporting(found[1]))
        known = any(each == path for _, each in self._routes)
        return Call("api", None, _wrong_method if known else _not_found)

    async def _models(self, request: Request) -> Answer:
        wanted = _ids_asked_for(request)
        expanded = "openapi-3.0" in _values(request, "expand")
        if request.header(b"authorization") is not None:
            self._let_in(request, API)  # optional here, but a wrong key is still wrong
        ids = wanted or self._matching(request)
        page = _page(request, ids, _LARGEST_EXPANDED_PAGE if expanded else _LARGEST_PAGE)
        models = [self._model(each, expanded=expanded) for each in page.entries]
        return json_response({"models": models, **page.rest()})

    def _matching(self, request: Request) -> list[str]:
        if self._ids is None:
            self._ids = self._catalog.ids()
        status = request.parameter("status") or "active"
        if status not in ("active", "deprecated"):
            raise _ApiError(400, "validation_error", "status is active or deprecated")
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

    async def _pricing(self, request: Request) -> Answer:
        self._let_in(request, API)
        ids = _ids_asked_for(request)
        if not ids:
            raise _ApiError(400, "validation_error", "endpoint_id is required")
        page = _page(request, ids, _MOST_IDS)
        prices = [self._price(each) for each in page.entries]
        return json_response({"prices": prices, **page.rest()})

    def _price(self, endpoint_id: str) -> dict[str, Any]:
        document = self._document(endpoint_id)
        if document is None:
            raise _ApiError(404, "not_found", f"endpoint {endpoint_id!r} was not found")
        return {
            "endpoint_id": endpoint_id,
            "unit_price": price_of(endpoint_id),
            "unit": _UNITS.get(document.category or "", "requests"),
            "currency": "USD",
        }

    async def _estimate(self, request: Request) -> Answer:
        self._let_in(request, API)
        try:
            wanted = cast("dict[str, Any]", parse(request.body))
            kind, endpoints = wanted["estimate_type"], cast("dict[str, Any]", wanted["endpoints"])
            name = _QUANTITIES[kind]
            total = sum(
                self._price(each)["unit_price"] * _quantity(asked[name])
                for each, asked in endpoints.items()
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            message = f"estimate_type and endpoints with their quantities are expected: {error!r}"
            raise _ApiError(400, "validation_error", message) from error
        body = {"estimate_type": kind, "total_cost": round(total, 6), "currency": "USD"}
        return json_response(body)

    async def _usage(self, request: Request) -> Answer:
        self._let_in(request, ADMIN)
        now = self._emulation.clock.now()
        try:
            period = Period.read(
                request.parameter("start"),
                request.parameter("end"),
                request.parameter("timeframe"),
                now,
            )
        except BadPeriodError as error:
            raise _ApiError(400, "validation_error", str(error)) from error
        wanted = set(_ids_asked_for(request))
        jobs = [
            job
            for job in self._emulation.jobs
            if job.stage(now) == "COMPLETED" and (not wanted or job.endpoint_id in wanted)
        ]
        expand = _values(request, "expand") or ["time_series"]
        return json_response(usage(jobs, period, self._price, expand))

    async def _requests(self, request: Request) -> Answer:
        self._let_in(request, API)
        ids = _ids_asked_for(request)
        if not ids:
            raise _ApiError(400, "validation_error", "endpoint_id is required")
        try:
            found = past_requests(
                self._emulation.jobs,
                ids,
                request.parameter("start"),
                request.parameter("end"),
                self._emulation.clock.now(),
            )
        except ValueError as error:
            raise _ApiError(400, "validation_error", str(error)) from error
        page = _page(request, list(found), _MOST_REQUESTS)
        with_payloads = "payloads" in _values(request, "expand")
        listed = [past_request(found[each], with_payloads=with_payloads) for each in page.entries]
        return json_response({"items": listed, **page.rest()})

    async def _meta(self, _request: Request) -> Answer:
        return json_response({"webhook_ip_ranges": _IP_RANGES})

    def _let_in(self, request: Request, scope: str) -> None:
        refusal = self._emulation.keys.refusal(request, scope)
        if refusal is not None:
            raise _ApiError(refusal.status, "authorization_error", "the key is not accepted")


class WebService:
    """The public routes of ``fal.ai``: an endpoint's document.

    Args:
        emulation: What the services share.
    """

    def __init__(self, emulation: Emulation) -> None:
        self._catalog = emulation.catalog

    def route(self, request: Request) -> Call:
        """Find what a request asks for.

        Args:
            request: The request; its body is not read yet.

        Returns:
            What to do.
        """
        path = request.path.rstrip("/")
        if request.method == "GET" and path == "/api/openapi/queue/openapi.json":
            return Call("openapi", request.parameter("endpoint_id"), self._openapi)
        return Call("web", None, _not_found)

    async def _openapi(self, request: Request) -> Answer:
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
    """The made-up price of an endpoint, the same in every run.

    Args:
        endpoint_id: Its id.

    Returns:
        US dollars for one unit.
    """
    return (zlib.crc32(endpoint_id.encode()) % 200 + 1) / 1000


def _quantity(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
        raise ValueError("a quantity is a number above zero")
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


def _values(request: Request, name: str) -> list[str]:
    """Values of a parameter that may be repeated, and may hold several by commas."""
    return [value for text in request.query.get(name, ()) for value in text.split(",") if value]


def _ids_asked_for(request: Request) -> list[str]:
    ids = _values(request, "endpoint_id")
    if len(ids) > _MOST_IDS:
        raise _ApiError(400, "validation_error", f"at most {_MOST_IDS} endpoint ids are taken")
    return ids


def _page(request: Request, entries: list[str], largest: int) -> _Page:
    limit = request.parameter("limit") or str(min(_USUAL_PAGE, largest))
    if not limit.isdecimal() or int(limit) < 1:
        raise _ApiError(400, "validation_error", "limit is a number of 1 or more")
    start = _position(request.parameter("cursor"))
    end = start + min(int(limit), largest)
    following = _cursor(end) if end < len(entries) else None
    return _Page(entries[start:end], following)


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
    raise _ApiError(400, "validation_error", "the cursor is not one of ours")


def _reporting(endpoint: Endpoint) -> Endpoint:
    async def guarded(request: Request) -> Answer:
        try:
            return await endpoint(request)
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


async def _not_found(request: Request) -> Answer:
    return _error(404, "not_found", f"there is nothing at {request.path[:200]}")


async def _wrong_method(request: Request) -> Answer:
    return _error(405, "validation_error", f"{request.method} is not taken here")
