"""What the clients of generated application packages do at run time.

`fal-typed generate` writes the types (one overload per endpoint id) into the application's own
tree; the behaviour is here: an id of the application is checked by its input model before
anything is sent, and its result is typed. Any other id works as it does on `FalClient`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from typing_extensions import Unpack, override

from fal_typed._calls.building import call_options, check_options, keyword_call
from fal_typed._calls.endpoint_spec import spec_of
from fal_typed._core.json_values import as_object
from fal_typed.async_client import AsyncFalClient
from fal_typed.client import BaseClient, FalClient
from fal_typed.errors import FalInputError
from fal_typed.options import SocketOptions

if TYPE_CHECKING:
    from fal_typed._calls.call import Call
    from fal_typed._realtime.websockets import AsyncWebSocket, WebSocket
    from fal_typed.endpoint import Endpoint
    from fal_typed.models import Request

Client = TypeVar("Client", bound=BaseClient)


class _KnownEndpoints(BaseClient):
    """Replaces ids by the endpoints they name."""

    _endpoints: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """Module and name of each endpoint, by id; a module is imported at its first call."""

    @override
    def _call(
        self, name: str, target: str | Request[Any], arguments: object, options: Mapping[str, Any]
    ) -> Call[Any]:
        endpoint = self._find(target)
        if endpoint is None:
            return super()._call(name, target, arguments, options)
        check_options(name, options)
        given = as_object({} if arguments is None else arguments)
        if given is None:
            raise FalInputError(f"{endpoint.id} takes its arguments as a dict; nothing was sent.")
        return keyword_call(
            spec_of(endpoint), given, call_options(self._runner.default_options, options)
        )

    @override
    def _known(self, target: Any) -> Any:
        return self._find(target) or target

    def _find(self, target: object) -> Endpoint[..., Any, Any] | None:
        place = self._endpoints.get(target.strip("/")) if isinstance(target, str) else None
        if place is None:
            return None
        module, name = place
        return cast("Endpoint[..., Any, Any]", getattr(import_module(module), name))


class ApplicationClient(_KnownEndpoints, FalClient):
    """Base of the generated `Client`: a `FalClient` that knows the application's endpoints."""

    @property
    def untyped(self) -> FalClient:
        """A client like this one, sharing its connections, to which every id is just a string.

        For endpoints that the application does not list, and for arguments that are built where
        no type checker can follow: they are sent as they are, and results are plain JSON.
        """
        return _become(FalClient.__new__(FalClient), self)

    @override
    def ws_connect(self, application: str, **options: Unpack[SocketOptions]) -> WebSocket:
        return self.untyped.ws_connect(application, **options)


class AsyncApplicationClient(_KnownEndpoints, AsyncFalClient):
    """Base of the generated `AsyncClient`; see `ApplicationClient`."""

    @property
    def untyped(self) -> AsyncFalClient:
        """A client like this one to which every id is just a string."""
        return _become(AsyncFalClient.__new__(AsyncFalClient), self)

    @override
    def ws_connect(self, application: str, **options: Unpack[SocketOptions]) -> AsyncWebSocket:
        return self.untyped.ws_connect(application, **options)


def _become(copied: Client, client: BaseClient) -> Client:
    copied.__dict__.update(client.__dict__)
    return copied
