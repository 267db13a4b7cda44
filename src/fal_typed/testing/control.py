"""Scripting over HTTP, for tests in other languages: what `EndpointScript` offers, as JSON."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast, get_args

from fal_typed.testing.emulation import Call, refuse_method
from fal_typed.testing.faults import Fault, Kind
from fal_typed.testing.messages import Answer, Request, as_list, detail, json_response
from fal_typed.testing.models import parse
from fal_typed.testing.scripts import INFRASTRUCTURE, EndpointScript, Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from fal_typed.testing.emulation import Emulation, Endpoint
    from fal_typed.testing.recording import RecordedRequest, RequestLog

_SCRIPT = "/_emulator/endpoints/"

_ATTRIBUTES: dict[str, tuple[type, ...]] = {
    "queue_time": (int, float),
    "run_time": (int, float),
    "positions": (list,),
    "logs": (list,),
    "log_level": (str,),
    "honours_cancel": (bool,),
    "events": (list, type(None)),
    "methods": (list,),
    "checks_input": (bool,),
}
_LIMITS = ("concurrency", "rate")


class ControlError(ValueError):
    """A script that cannot be read; the message says what is wrong with it."""


def script(endpoint: EndpointScript, wanted: dict[str, Any]) -> None:
    """Apply a script.

    Args:
        endpoint: The endpoint to script.
        wanted: Attributes of `EndpointScript` by name; ``concurrency`` and ``rate``; and
            ``answers``, ``fails`` and ``faults``, each a list whose entries may have ``times``.

    Raises:
        ControlError: Something in it is not understood; nothing was changed then.
    """
    _all([_step(endpoint, name, value) for name, value in wanted.items()])


def _step(endpoint: EndpointScript, name: str, value: Any) -> Callable[[], None]:
    if name in _ATTRIBUTES:
        if not isinstance(value, _ATTRIBUTES[name]):
            raise ControlError(f"{name} cannot be {value!r}")
        return lambda: setattr(endpoint, name, value)
    if name in _LIMITS:
        if value is not None and (not isinstance(value, int) or value < 1):
            raise ControlError(f"{name} is a positive whole number or null")
        return lambda: setattr(endpoint.limits, name, value)
    readers = {"answers": _answer, "fails": _failure, "faults": _fault}
    if name not in readers:
        known = ", ".join([*_ATTRIBUTES, *_LIMITS, *readers])
        raise ControlError(f"{name} is not known; there are {known}")
    if not isinstance(value, list):
        raise ControlError(f"{name} is a list")
    entries = as_list(value)
    if not all(isinstance(entry, dict) for entry in entries):
        raise ControlError(f"each of {name} is an object")
    each = [readers[name](endpoint, cast("dict[str, Any]", entry)) for entry in entries]
    return partial(_all, each)


def _all(steps: list[Callable[[], None]]) -> None:
    for step in steps:
        step()


def _answer(endpoint: EndpointScript, entry: dict[str, Any]) -> Callable[[], None]:
    if "answer" not in entry:
        raise ControlError("each of answers has an answer")
    return lambda: endpoint.answers(entry["answer"], times=entry.get("times"))


def _failure(endpoint: EndpointScript, entry: dict[str, Any]) -> Callable[[], None]:
    kind = entry.get("error_type")
    if kind in INFRASTRUCTURE:
        failure = Failure.infrastructure(str(kind), entry.get("detail"))
    elif isinstance(entry.get("status"), int) and "body" in entry:
        failure = Failure(entry["status"], entry["body"], headers=entry.get("headers"))
    else:
        raise ControlError("each of fails has an error_type of the platform, or status and body")
    return lambda: endpoint.fails(failure, times=entry.get("times"))


def _fault(endpoint: EndpointScript, entry: dict[str, Any]) -> Callable[[], None]:
    options = {key: value for key, value in entry.items() if key != "times"}
    try:
        known = Fault(**options).kind in get_args(Kind)
    except TypeError as error:
        raise ControlError(str(error)) from error
    if not known:
        raise ControlError(f"kind is one of {', '.join(get_args(Kind))}")
    return lambda: endpoint.faults.add(**options, times=entry.get("times", 1))


class Control:
    """Routes that script the emulator.

    Args:
        emulation: What the services share.
        requests: Every request that came in.
    """

    def __init__(self, emulation: Emulation, requests: RequestLog) -> None:
        self._emulation = emulation
        self._requests = requests

    def find(self, request: Request) -> Call | None:
        """Find what a request asks for.

        Args:
            request: A request to the emulator itself.

        Returns:
            What to do; None when it is not about scripting.
        """
        if request.path.startswith(_SCRIPT):
            return self._call(request, "POST", self._script)
        if request.path == "/_emulator/reset":
            return self._call(request, "POST", self._reset)
        if request.path == "/_emulator/requests":
            return self._call(request, "GET", self._recorded)
        return None

    def _call(self, request: Request, method: str, endpoint: Endpoint) -> Call:
        if request.method != method:
            endpoint = refuse_method([method])
        elif method == "POST" and not _is_json(request):
            endpoint = _want_json
        return Call("control", None, endpoint, recorded=False)

    async def _script(self, request: Request) -> Answer:
        endpoint_id = request.path.removeprefix(_SCRIPT).strip("/")
        try:
            wanted = parse(request.body)
            if not isinstance(wanted, dict) or "/" not in endpoint_id:
                return detail(422, "A JSON object for an endpoint id is expected")
            script(self._emulation.models.script(endpoint_id), cast("dict[str, Any]", wanted))
        except ValueError as error:
            return detail(422, str(error))
        return json_response({"endpoint_id": endpoint_id})

    async def _reset(self, _request: Request) -> Answer:
        self._emulation.reset()
        self._requests.clear()
        return json_response({})

    async def _recorded(self, _request: Request) -> Answer:
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


def _is_json(request: Request) -> bool:
    """No web page can send that here without asking first."""
    kind = (request.header(b"content-type") or "").partition(";")[0]
    return kind.strip() == "application/json"


async def _want_json(_request: Request) -> Answer:
    return detail(415, "The content type must be application/json")
