"""From what a caller wrote to a `Call`, in each of the three forms of a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from typing_extensions import TypeVar

from fal_typed._calls.call import Call
from fal_typed._calls.endpoint_id import EndpointId
from fal_typed.errors import FalInputError
from fal_typed.options import CallOptions

if TYPE_CHECKING:
    from pydantic import BaseModel

    from fal_typed.endpoint import Endpoint
    from fal_typed.models import Request

Out = TypeVar("Out")


def call_options(*layers: Mapping[str, Any]) -> CallOptions:
    """Options from defaults and what was given, the last one winning.

    Raises:
        TypeError: There is no such option.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        if "headers" in layer and "headers" in merged:
            layer = {**layer, "headers": {**merged["headers"], **layer["headers"]}}  # noqa: PLW2901
        merged.update(layer)
    merged.pop("client", None)
    return CallOptions(**merged)


def request_call(request: Request[Out], options: CallOptions) -> Call[Out]:
    """The call of a request object (client-first)."""
    from fal_typed._calls.validation import dump_input

    endpoint = endpoint_of(type(request))
    arguments = dump_input(cast("BaseModel", request)) | dict(options.extra_arguments or {})
    return Call(EndpointId.parse(endpoint.id), arguments, endpoint.output, options)


def keyword_call(
    endpoint: Endpoint[..., Any, Out], arguments: Mapping[str, Any], options: CallOptions
) -> Call[Out]:
    """The call of an endpoint with keyword arguments (endpoint-first)."""
    from fal_typed._calls.validation import dump_input, dump_unchecked

    model = cast("type[BaseModel]", endpoint.input)
    dumped = (
        dump_input(model(**arguments)) if options.validate else dump_unchecked(model, arguments)
    )
    dumped |= dict(options.extra_arguments or {})
    return Call(EndpointId.parse(endpoint.id), dumped, endpoint.output, options)


def input_arguments(
    call: Call[Any],
    endpoint: Endpoint[..., Any, Any] | None,
    args: tuple[object, ...],
    kwargs: Mapping[str, Any],
) -> object:
    """The input of one message or run on a connection that serves `call`'s endpoint.

    Raises:
        FalInputError: The input does not fit the endpoint, or is another endpoint's.
        TypeError: It is given neither as one object nor by name.
    """
    if len(args) > 1 or (args and kwargs):
        raise TypeError("Pass one request object or mapping, or parameters by name.")
    given = args[0] if args else kwargs
    if getattr(type(given), "__fal_endpoint__", None) is None:
        if endpoint is None or not isinstance(given, Mapping):
            return _with_extra(given, call.options)
        return keyword_call(endpoint, cast("Mapping[str, Any]", given), call.options).arguments
    made = request_call(cast("Request[Any]", given), call.options)
    if made.endpoint != call.endpoint:
        raise FalInputError(
            f"This connection is to {call.endpoint.full}, the input is for {made.endpoint.full}."
        )
    return made.arguments


def untyped_call(application: str, arguments: object, options: CallOptions) -> Call[Any]:
    """The call of an endpoint by its id, with plain arguments (string-first)."""
    return Call(EndpointId.parse(application), _with_extra(arguments, options), None, options)


def _with_extra(arguments: object, options: CallOptions) -> object:
    if options.extra_arguments and isinstance(arguments, Mapping):
        return {**cast("Mapping[str, Any]", arguments), **options.extra_arguments}
    return arguments


def reference_call(
    target: str | Endpoint[..., Any, Any] | type[Request[Any]], options: CallOptions
) -> Call[Any]:
    """A call without arguments, for what is known by a request id."""
    if isinstance(target, str):
        return untyped_call(target, {}, options)
    endpoint = endpoint_of(target) if isinstance(target, type) else target
    return Call(EndpointId.parse(endpoint.id), {}, endpoint.output, options)


def endpoint_of(model: type[Any]) -> Endpoint[..., Any, Any]:
    """The endpoint an input model belongs to.

    Raises:
        FalInputError: It belongs to none.
    """
    endpoint = getattr(model, "__fal_endpoint__", None)
    if endpoint is None:
        raise FalInputError(
            f"{model.__name__} is not the input of an endpoint. Pass an endpoint's input, such as "
            "FluxDevInput(prompt=…), or an endpoint id and arguments={…}."
        )
    return cast("Endpoint[..., Any, Any]", endpoint)
