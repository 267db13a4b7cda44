"""Scripting over HTTP, for tests in other languages: `EndpointScript` as JSON."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, get_args

from fal_typed._core.json_values import as_list, as_object
from fal_typed.testing.engine.faults import Fault, FaultKind
from fal_typed.testing.engine.json_bodies import parse
from fal_typed.testing.engine.messages import (
    AnyResponse,
    IncomingRequest,
    error_response,
    json_response,
)
from fal_typed.testing.engine.scripts import INFRASTRUCTURE, EndpointScript, ScriptedFailure
from fal_typed.testing.services.routing import MatchedRoute, refuse_method

if TYPE_CHECKING:
    from collections.abc import Callable

    from fal_typed.testing.engine.emulation import Emulation
    from fal_typed.testing.services.routing import RouteHandler
    from fal_typed.testing.tape.request_log import RecordedRequest, RequestLog

_SCRIPT = "/_emulator/endpoints/"

_ATTRIBUTES: dict[str, tuple[type, ...]] = {
    "queue_time": (int, float),
    "run_time": (int, float),
    "positions": (list,),
    "logs": (list,),
    "log_level": (str,),
    "honors_cancel": (bool,),
    "events": (list, type(None)),
    "methods": (list,),
    "checks_input": (bool,),
}
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
        if not isinstance(value, _ATTRIBUTES[name]):
            raise InvalidScriptError(f"{name} cannot be {value!r}")
        return lambda: setattr(endpoint, name, value)
    if name in _LIMITS:
        if value is not None and (not isinstance(value, int) or value < 1):
            raise InvalidScriptError(f"{name} must be a positive integer or null")
        return lambda: setattr(endpoint.limits, name, value)
    readers = {"responds": _response, "fails": _failure, "faults": _fault}
    if name not in readers:
        known = ", ".join([*_ATTRIBUTES, *_LIMITS, *readers])
        raise InvalidScriptError(f"{name} is unknown; known are {known}")
    if (entries := as_list(value)) is None:
        raise InvalidScriptError(f"{name} must be a list")
    objects = [entry for entry in map(as_object, entries) if entry is not None]
    if len(objects) < len(entries):
        raise InvalidScriptError(f"each entry of {name} must be an object")
    return partial(_all, [readers[name](endpoint, entry) for entry in objects])


def _all(steps: list[Callable[[], None]]) -> None:
    for step in steps:
        step()


def _response(endpoint: EndpointScript, entry: dict[str, Any]) -> Callable[[], None]:
    if "response" not in entry:
        raise InvalidScriptError("each entry of responds needs a response")
    return lambda: endpoint.responds(entry["response"], times=entry.get("times"))


def _failure(endpoint: EndpointScript, entry: dict[str, Any]) -> Callable[[], None]:
    kind = entry.get("error_type")
    if kind in INFRASTRUCTURE:
        failure = ScriptedFailure.infrastructure(str(kind), entry.get("detail"))
    elif isinstance(entry.get("status"), int) and "body" in entry:
        failure = ScriptedFailure(entry["status"], entry["body"], headers=entry.get("headers"))
    else:
        raise InvalidScriptError(
            "each entry of fails needs an error_type of the platform, or status and body"
        )
    return lambda: endpoint.fails(failure, times=entry.get("times"))


def _fault(endpoint: EndpointScript, entry: dict[str, Any]) -> Callable[[], None]:
    options = {key: value for key, value in entry.items() if key != "times"}
    try:
        known = Fault(**options).kind in get_args(FaultKind)
    except TypeError as error:
        raise InvalidScriptError(str(error)) from error
    if not known:
        raise InvalidScriptError(f"kind must be one of {', '.join(get_args(FaultKind))}")
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
    return {
        "at": record.at,
        "service": record.service,
        "route": record.route,
        "endpoint_id": record.endpoint_id,
        "method": record.method,
        "path": record.path,
        "query": record.query,
        "headers": record.headers,
        "body": record.body.decode("utf-8", "replace"),
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
