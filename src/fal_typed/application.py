"""Base classes of the clients in generated application packages.

`fal-typed generate` writes the types (one overload per endpoint id) into the application's own
source tree. The behavior is here: for a known id, arguments are checked against the input model
before anything is sent, and the result is typed. Other ids work as on `FalClient`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from typing_extensions import Unpack, override

from fal_typed._calls.building import (
    call_options,
    check_options,
    endpoint_call,
    is_body,
    keyword_call,
)
from fal_typed._calls.catalog_modules import similar_ids
from fal_typed._calls.endpoint_spec import spec_of
from fal_typed._core.json_values import as_object
from fal_typed.async_client import AsyncFalClient
from fal_typed.client import BaseClient, FalClient
from fal_typed.errors import FalInputError
from fal_typed.options import SocketOptions

if TYPE_CHECKING:
    from fal_typed._calls.call import Call
    from fal_typed._endpoint import Endpoint
    from fal_typed._realtime.websockets import AsyncWebSocket, WebSocket
    from fal_typed.models import Request

Client = TypeVar("Client", bound=BaseClient)


class _KnownEndpoints(BaseClient):
    """Replaces known endpoint ids with their endpoints."""

    _endpoints: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """Module and name of each endpoint, by id; modules are imported on first use."""

    def endpoint(self, id: str) -> Endpoint[..., Any, Any]:  # noqa: A002
        """Get the endpoint object for an id; its calls use this client.

        Args:
            id: Id of an endpoint of the application.

        Raises:
            FalInputError: The application does not list the endpoint; the error names similar ids.
        """
        found = self._find(id)
        if found is not None:
            return found.with_options(client=self)
        near = " or ".join(map(repr, similar_ids(id, self._endpoints)))
        raise FalInputError(
            f"This application has no endpoint {id!r}"
            + (f"; did you mean {near}?" if near else ".")
            + " Its endpoints are listed in [tool.fal-typed] in pyproject.toml."
        )

    @override
    def _call(
        self, name: str, target: str | Request[Any], arguments: object, options: Mapping[str, Any]
    ) -> Call[Any]:
        endpoint = self._find(target)
        if endpoint is None:
            return super()._call(name, target, arguments, options)
        check_options(name, options)
        spec = spec_of(endpoint)
        merged = call_options(self._runner.default_options, options)
        if is_body(spec):
            return endpoint_call(spec, (arguments,), {}, merged)
        given = as_object({} if arguments is None else arguments)
        if given is None:
            raise FalInputError(f"Pass the arguments of {endpoint.id} as a dict; nothing was sent.")
        return keyword_call(spec, given, merged)

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
    """Base class of the generated `Client`: a `FalClient` with the application's endpoints."""

    @property
    def untyped(self) -> FalClient:
        """A plain `FalClient` that shares this client's connections and configuration.

        Use it for endpoints that the application does not list, and for arguments that type
        checkers cannot follow: arguments are not checked, and results are plain JSON.
        """
        return _share_state(FalClient.__new__(FalClient), self)

    @override
    def ws_connect(self, application: str, **options: Unpack[SocketOptions]) -> WebSocket:
        return self.untyped.ws_connect(application, **options)


class AsyncApplicationClient(_KnownEndpoints, AsyncFalClient):
    """Base class of the generated `AsyncClient`; see `ApplicationClient`."""

    @property
    def untyped(self) -> AsyncFalClient:
        """A plain `AsyncFalClient`; see `ApplicationClient.untyped`."""
        return _share_state(AsyncFalClient.__new__(AsyncFalClient), self)

    @override
    def ws_connect(self, application: str, **options: Unpack[SocketOptions]) -> AsyncWebSocket:
        return self.untyped.ws_connect(application, **options)


def _share_state(copied: Client, client: BaseClient) -> Client:
    copied.__dict__.update(client.__dict__)
    return copied
