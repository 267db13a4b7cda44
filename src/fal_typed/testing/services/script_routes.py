"""Scripting over HTTP, for tests in other languages: `EndpointScript` as JSON."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import parse_qs

from fal_typed._core.json_values import as_list, as_object
from fal_typed.testing.engine.faults import FaultKind
from fal_typed.testing.engine.json_bodies import parse
from fal_typed.testing.engine.messages import (
    AnyResponse,
    IncomingRequest,
    error_response,
    json_response,
)
from fal_typed.testing.engine.scripts import INFRASTRUCTURE, EndpointScript, ScriptedFailure
from fal_typed.testing.services.routing import MatchedRoute, refuse_method
from fal_typed.testing.tape.scrubbing import Scrubber, scrub_query, secrets_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from fal_typed.testing.engine.emulation import Emulation
    from fal_typed.testing.services.routing import RouteHandler
    from fal_typed.testing.tape.request_log import RecordedRequest, RequestLog

_SCRIPT = "/_emulator/endpoints/"

_MOST_AMOUNT = 1e9
_MOST_TIMES = 1_000_000_000
_STATUSES = range(200, 600)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_LIMITS = ("concurrency", "rate")


class InvalidScriptError(ValueError):
    """A script is invalid; the message says why."""


def apply_script(endpoint: EndpointScript, wanted: dict[str, Any]) -> None:
    """Apply a script.

    Args:
        endpoint: The endpoint to script.
        wanted: Attributes of `EndpointScript` by name; ``concurrency`` and ``rate``; and
            ``responds``, ``fails`` and ``faults``, each a list whose entries may have ``times``.

    Raises:
        InvalidScriptError: A part of it is invalid; then nothing is changed.
    """
    _all([_step(endpoint, name, value) for name, value in wanted.items()])


def _step(endpoint: EndpointScript, name: str, value: Any) -> Callable[[], None]:
    if name in _ATTRIBUTES:
        description, is_valid = _ATTRIBUTES[name]
        _require(is_valid(value), f"{name} must be {description}")
        return lambda: setattr(endpoint, name, value)
    if name in _LIMITS:
        _require(value is None or _is_count(value), f"{name} must be a positive integer or null")
        return lambda: setattr(endpoint.limits, name, value)
    readers = {"responds": _response, "fails": _failure, "faults": _fault}
    if name not in readers:
        known = ", ".join([*_ATTRIBUTES, *_LIMITS, *readers])
        raise InvalidScriptError(f"{name} is unknown; known are {known}")
    if (entries := as_list(value)) is None:
        raise InvalidScriptError(f"{name} must be a list")
    objects = [entry for entry in map(as_object, entries) if entry is not None]
    _require(len(objects) == len(entries), f"each entry of {name} must be an object")
    for entry in objects:
        times = entry.get("times")
        _require(times is None or _is_count(times), f"times in {name} must be a positive integer")
    return partial(_all, [readers[name](endpoint, entry) for entry in objects])


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise InvalidScriptError(message)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_integer(value) and 1 <= value <= _MOST_TIMES


def _is_position(value: Any) -> bool:
    return _is_integer(value) and 0 <= value <= _MOST_TIMES


def _is_amount(value: Any) -> bool:
    return (_is_integer(value) or isinstance(value, float)) and 0 <= value <= _MOST_AMOUNT


def _is_amount_or_null(value: Any) -> bool:
    return value is None or _is_amount(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_token(value: Any) -> bool:
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def _list_of(is_valid: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def is_list(value: Any) -> bool:
        items = as_list(value)
        return items is not None and all(map(is_valid, items))

    return is_list


def _is_list_or_null(value: Any) -> bool:
    return value is None or isinstance(value, list)


def _are_headers(value: Any) -> bool:
    fields = as_object(value)
    return value is None or (
        fields is not None
        and all(map(_is_token, fields))
        and all(isinstance(one, str) and _is_header_value(one) for one in fields.values())
    )


def _is_header_value(value: str) -> bool:
    return value.isprintable() and all(ord(letter) < 256 for letter in value)  # noqa: PLR2004


_ATTRIBUTES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "queue_time": ("a number of seconds", _is_amount),
    "run_time": ("a number of seconds", _is_amount),
    "positions": ("a list of integers, 0 or greater", _list_of(_is_position)),
    "logs": ("a list of texts", _list_of(_is_text)),
    "log_level": ("a text", _is_text),
    "honors_cancel": ("true or false", _is_boolean),
    "events": ("a list or null", _is_list_or_null),
    "methods": ("a list of HTTP methods", _list_of(_is_token)),
    "checks_input": ("true or false", _is_boolean),
    "price": ("a number of dollars or null", _is_amount_or_null),
    "billable_units": ("a number, 0 or greater", _is_amount),
}


def _all(steps: list[Callable[[], None]]) -> None:
    for step in steps:
        step()


def _response(endpoint: EndpointScript, entry: dict[str, Any]) -> Callable[[], None]:
    if "response" not in entry:
        raise InvalidScriptError("each entry of responds needs a response")
    return lambda: endpoint.responds(entry["response"], times=entry.get("times"))


def _failure(endpoint: EndpointScript, entry: dict[str, Any]) -> Callable[[], None]:
    kind, status, detail = entry.get("error_type"), entry.get("status"), entry.get("detail")
    if isinstance(kind, str) and kind in INFRASTRUCTURE:
        _require(detail is None or _is_text(detail), "detail must be a text")
        failure = ScriptedFailure.infrastructure(kind, detail)
    elif status is not None and "body" in entry:
        _require(_is_integer(status) and status in _STATUSES, "status must be from 200 to 599")
        headers = entry.get("headers")
        _require(_are_headers(headers), "headers must be an object of names and texts on one line")
        failure = ScriptedFailure(status, entry["body"], headers=headers)
    else:
        raise InvalidScriptError(
            "each entry of fails needs an error_type of the platform, or status and body"
        )
    return lambda: endpoint.fails(failure, times=entry.get("times"))


_FAULT_OPTIONS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "kind": (f"one of {', '.join(get_args(FaultKind))}", lambda kind: kind in get_args(FaultKind)),
    "route": ("a text or null", lambda route: route is None or _is_text(route)),
    "seconds": ("a number of seconds", _is_amount),
    "after": ("an integer, 0 or greater", _is_position),
}


def _fault(endpoint: EndpointScript, entry: dict[str, Any]) -> Callable[[], None]:
    options = {key: value for key, value in entry.items() if key != "times"}
    _require("kind" in options, "each entry of faults needs a kind")
    for name, value in options.items():
        _require(name in _FAULT_OPTIONS, f"{name} of faults is unknown")
        description, is_valid = _FAULT_OPTIONS[name]
        _require(is_valid(value), f"{name} of faults must be {description}")
    return lambda: endpoint.faults.add(**options, times=entry.get("times", 1))


class ScriptRoutes:
    """Routes that script the emulator.

    Args:
        emulation: The emulator's state.
        requests: Every recorded request.
    """

    def __init__(self, emulation: Emulation, requests: RequestLog) -> None:
        self._emulation = emulation
        self._requests = requests

    def find(self, request: IncomingRequest) -> MatchedRoute | None:
        """Find the route of a request.

        Args:
            request: A request to the emulator itself.

        Returns:
            Its route; None when it is not about scripting.
        """
        if request.path.startswith(_SCRIPT):
            return self._route(request, "POST", self._script)
        if request.path == "/_emulator/reset":
            return self._route(request, "POST", self._reset)
        if request.path == "/_emulator/requests":
            return self._route(request, "GET", self._recorded)
        return None

    def _route(self, request: IncomingRequest, method: str, handler: RouteHandler) -> MatchedRoute:
        if request.method != method:
            handler = refuse_method([method])
        elif method == "POST" and not _is_json(request):
            handler = _want_json
        return MatchedRoute("script", None, handler, recorded=False)

    async def _script(self, request: IncomingRequest) -> AnyResponse:
        endpoint_id = request.path.removeprefix(_SCRIPT).strip("/")
        try:
            wanted = as_object(parse(request.body))
            if wanted is None or "/" not in endpoint_id:
                message = "The body must be a JSON object and the path must end with an endpoint id"
                return error_response(422, message)
            apply_script(self._emulation.endpoints.script(endpoint_id), wanted)
        except ValueError as error:
            return error_response(422, str(error))
        return json_response({"endpoint_id": endpoint_id})

    async def _reset(self, _request: IncomingRequest) -> AnyResponse:
        self._emulation.reset()
        self._requests.clear()
        return json_response({})

    async def _recorded(self, _request: IncomingRequest) -> AnyResponse:
        return json_response([_described(record) for record in self._requests])


def _described(record: RecordedRequest) -> dict[str, Any]:
    """A request without its credentials: whoever reads it need not be who sent it."""
    scrubber = Scrubber(secrets_of(record.headers.items()))
    return {
        "at": record.at,
        "service": record.service,
        "route": record.route,
        "endpoint_id": record.endpoint_id,
        "method": record.method,
        "path": scrubber.text(record.path),
        "query": parse_qs(scrubber.text(scrub_query(record.query_string)), keep_blank_values=True),
        "headers": scrubber.masked_headers(record.headers.items()),
        "body": scrubber.lines(record.body.decode("utf-8", "replace")),
        "size": record.size,
        "status": record.status,
        "fault": record.fault,
    }


def _is_json(request: IncomingRequest) -> bool:
    """Web pages of other origins cannot send this content type without a preflight request."""
    kind = (request.header(b"content-type") or "").partition(";")[0]
    return kind.strip() == "application/json"


async def _want_json(_request: IncomingRequest) -> AnyResponse:
    return error_response(415, "The content type must be application/json")
