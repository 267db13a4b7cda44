"""What the emulator serves under no host of the platform: its page, and what the page reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fal_typed.testing.control import Control
from fal_typed.testing.emulation import Call, refuse_method
from fal_typed.testing.messages import Answer, Request, detail, json_response
from fal_typed.testing.overview import overview_routes
from fal_typed.testing.page import page_routes
from fal_typed.testing.proxying import is_proxied

if TYPE_CHECKING:
    from fal_typed.testing.emulation import Emulation, Endpoint
    from fal_typed.testing.recording import RequestLog


class LocalService:
    """Routes of the emulator itself.

    Args:
        emulation: What the services share.
        requests: Every request that came in.
    """

    def __init__(self, emulation: Emulation, requests: RequestLog) -> None:
        self._control = Control(emulation, requests)
        self._routes: dict[tuple[str, str], Endpoint] = {
            **page_routes(),
            **overview_routes(emulation, requests),
        }

    def route(self, request: Request) -> Call:
        """Find what a request asks for.

        Args:
            request: The request; its body is not read yet.

        Returns:
            What to do. The page asks every second, so requests for it are not recorded.
        """
        if is_proxied(request):  # to a target that proxies refuse; others went there at once
            return Call("proxy", None, _invalid_target)
        if (control := self._control.find(request)) is not None:
            return control
        endpoint = self._routes.get((request.method, request.path))
        if endpoint is not None:
            return Call("page", None, endpoint, recorded=False)
        allowed = [method for method, path in self._routes if path == request.path]
        if allowed:
            return Call("page", None, refuse_method(allowed))
        return Call("unknown", None, _nowhere)


async def _invalid_target(_request: Request) -> Answer:
    return json_response("Invalid request", 400)


async def _nowhere(_request: Request) -> Answer:
    return detail(404, "No service of the platform is at this path")
