"""The common shape of the services: from a request to the handler of its route."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from fal_typed.testing.engine.messages import error_response, method_not_allowed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from fal_typed.testing.engine.messages import AnyResponse, IncomingRequest
    from fal_typed.testing.engine.sockets import Socket, SocketHandler

RouteHandler: TypeAlias = "Callable[[IncomingRequest], Awaitable[AnyResponse]]"
Routes: TypeAlias = "Mapping[tuple[str, str], tuple[str, RouteHandler]]"
"""Names and handlers of routes, by method and path."""


class MatchedRoute(NamedTuple):
    """The route of a request."""

    name: str
    """Name of the route, as in recorded requests and faults."""
    endpoint_id: str | None
    handler: RouteHandler
    recorded: bool = True
    """Whether the request is recorded."""


class MatchedSocket(NamedTuple):
    """The route of a websocket handshake."""

    name: str
    """Name of the route, as in recorded requests and faults."""
    endpoint_id: str | None
    handler: SocketHandler


class Service(Protocol):
    """One of the platform's hosts."""

    def route(self, request: IncomingRequest) -> MatchedRoute:
        """Find the route of a request.

        Args:
            request: The request; its body has not been read yet.

        Returns:
            Its route.
        """
        ...


class SocketService(Protocol):
    """One of the platform's hosts that accept websockets."""

    def socket_route(self, path: str) -> MatchedSocket:
        """Find the route of a websocket handshake.

        Args:
            path: Path at the service.

        Returns:
            Its route.
        """
        ...


class RouteTable:
    """Routes with fixed paths.

    Args:
        routes: Names and handlers by method and path.
    """

    def __init__(self, routes: Routes) -> None:
        self._routes = routes

    def find(self, method: str, path: str) -> tuple[str, RouteHandler] | None:
        """Find a route.

        Args:
            method: HTTP method.
            path: Path.

        Returns:
            Its name and handler; None when there is no such route.
        """
        return self._routes.get((method, path))

    def fallback(self, path: str, not_found: RouteHandler) -> RouteHandler:
        """Choose the handler of a request that has no route.

        Args:
            path: Its path.
            not_found: Handles requests for unknown paths.

        Returns:
            A handler that returns 405 when the path supports other methods, else `not_found`.
        """
        allowed = [method for method, known in self._routes if known == path]
        return refuse_method(allowed) if allowed else not_found


def refuse_method(allowed: Sequence[str]) -> RouteHandler:
    """Make a handler that refuses every request.

    Args:
        allowed: The methods that the path supports.

    Returns:
        A handler that returns 405.
    """

    async def refuse(_request: IncomingRequest) -> AnyResponse:
        return method_not_allowed(*allowed)

    return refuse


async def no_service(_request: IncomingRequest) -> AnyResponse:
    """Handle a request for a path that belongs to no service.

    Args:
        _request: The request.

    Returns:
        A 404.
    """
    return error_response(404, "No service of the platform has this path")


async def refuse_socket(socket: Socket) -> None:
    """Refuse a websocket handshake.

    Args:
        socket: The connection.
    """
    await socket.refuse()
