"""The routes of the emulator itself: its page, the page's data, and scripting over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from fal_typed.testing.engine.messages import AnyResponse, IncomingRequest, json_response
from fal_typed.testing.services.page import page_routes
from fal_typed.testing.services.page_data import page_data_routes
from fal_typed.testing.services.proxied_requests import is_proxied
from fal_typed.testing.services.routing import MatchedRoute, RouteTable, Service, no_service
from fal_typed.testing.services.script_routes import ScriptRoutes

if TYPE_CHECKING:
    from fal_typed.testing.engine.emulation import Emulation
    from fal_typed.testing.tape.request_log import RequestLog


class EmulatorService(Service):
    """Routes of the emulator itself.

    Args:
        emulation: The emulator's state.
        requests: Every recorded request.
    """

    def __init__(self, emulation: Emulation, requests: RequestLog) -> None:
        self._scripts = ScriptRoutes(emulation, requests)
        routes = {**page_routes(), **page_data_routes(emulation, requests)}
        self._routes = RouteTable({key: ("page", handler) for key, handler in routes.items()})

    @override
    def route(self, request: IncomingRequest) -> MatchedRoute:
        if is_proxied(request):  # to an invalid target; valid ones were sent to their service
            return MatchedRoute("proxy", None, _invalid_target)
        if (scripting := self._scripts.find(request)) is not None:
            return scripting
        found = self._routes.find(request.method, request.path)
        if found is not None:  # not recorded, because the page polls every second
            return MatchedRoute(found[0], None, found[1], recorded=False)
        handler = self._routes.fallback(request.path, no_service)
        return MatchedRoute("unknown" if handler is no_service else "page", None, handler)


async def _invalid_target(_request: IncomingRequest) -> AnyResponse:
    return json_response("Invalid request", 400)
