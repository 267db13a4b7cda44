"""Builds a `Call` from the caller's arguments, for each of the three ways to write a call."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from fal_typed._calls.call import Call
from fal_typed._calls.call_options import OPTIONS_OF, CallOptions
from fal_typed._calls.endpoint_id import EndpointId
from fal_typed._calls.endpoint_spec import EndpointSpec, spec_of
from fal_typed.errors import FalInputError

if TYPE_CHECKING:
    from pydantic import BaseModel


_PLACES_OF_PARAMETERS = {
    "with_options": "to the call, as in subscribe({name}=…)",
    "realtime": "to send() of the connection",
    "ws_connect": "to send() of the connection",
    "pipeline": "to run() of the pipeline",
}


def check_options(call: str, given: Mapping[str, Any]) -> None:
    """Check that a call accepts the options passed to it.

    Args:
        call: Name of the method, such as `run`.
        given: The options.

    Raises:
        TypeError: The call does not accept an option.
    """
    unknown = given.keys() - OPTIONS_OF[call]
    if unknown:
        name = min(unknown)
        raise TypeError(f"{call}() got an unknown option {name!r}{_option_hint(call, name)}.")


def _option_hint(call: str, name: str) -> str:
    takers = [other for other, names in OPTIONS_OF.items() if name in names]
    if takers:
        return f"; it is an option of {' and '.join(takers)}"
    near = difflib.get_close_matches(name, OPTIONS_OF[call], n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    place = _PLACES_OF_PARAMETERS.get(call, "in arguments={{{name!r}: …}}, or as a request object")
    return f"; if it is a parameter of the model, pass it {place.format(name=name)}"


def call_options(*layers: Mapping[str, Any]) -> CallOptions:
    """Merge options; later ones override earlier ones."""
    merged: dict[str, Any] = {}
    for layer in layers:
        if "headers" in layer and "headers" in merged:
            layer = {**layer, "headers": {**merged["headers"], **layer["headers"]}}  # noqa: PLW2901
        merged.update(layer)
    merged.pop("client", None)
    return CallOptions(**merged)


def request_call(request: object, options: CallOptions) -> Call[Any]:
    """The call for a request object (client-first)."""
    from fal_typed._calls.checking import check_again, dump_input

    spec = spec_of(type(request))
    given = cast("BaseModel", request)
    checked = check_again(given) if options.validate else given
    arguments = _with_extra(dump_input(checked), options)
    return Call(EndpointId.parse(spec.id), arguments, spec.output, options)


def endpoint_call(
    spec: EndpointSpec, args: tuple[object, ...], kwargs: Mapping[str, Any], options: CallOptions
) -> Call[Any]:
    """The call for the arguments of an endpoint's method.

    Raises:
        FalInputError: The arguments are invalid, or positional although the input is an object.
    """
    if is_body(spec):
        from fal_typed._calls.input_bodies import body_arguments

        arguments = body_arguments(spec, args, kwargs, validate=options.validate)
        return Call(
            EndpointId.parse(spec.id), _with_extra(arguments, options), spec.output, options
        )
    if args:
        raise FalInputError(
            f"Pass the parameters of {spec.id} as keyword arguments; nothing was sent."
        )
    return keyword_call(spec, kwargs, options)


def is_body(spec: EndpointSpec) -> bool:
    """Whether the input of an endpoint is no plain object."""
    return hasattr(spec.input, "__fal_forms__")


def keyword_call(
    spec: EndpointSpec, arguments: Mapping[str, Any], options: CallOptions
) -> Call[Any]:
    """The call for keyword arguments of an endpoint (endpoint-first)."""
    from fal_typed._calls.checking import dump_input, dump_unchecked, given_values

    model = cast("type[BaseModel]", spec.input)
    dumped = (
        dump_input(model(**given_values(dict(arguments))))
        if options.validate
        else dump_unchecked(model, arguments)
    )
    dumped |= dict(options.extra_arguments or {})
    return Call(EndpointId.parse(spec.id), dumped, spec.output, options)


def untyped_call(application: str, arguments: object, options: CallOptions) -> Call[Any]:
    """The call for an endpoint id and plain arguments (string-first)."""
    return Call(EndpointId.parse(application), _with_extra(arguments, options), None, options)


def reference_call(target: object, options: CallOptions) -> Call[Any]:
    """A call without arguments, for a known request id or a connection."""
    if isinstance(target, str):
        return untyped_call(target, {}, options)
    spec = spec_of(target)
    return Call(EndpointId.parse(spec.id), {}, spec.output, options)


def connection_call(
    target: object, *layers: Mapping[str, Any]
) -> tuple[Call[Any], EndpointSpec | None]:
    """The call (without arguments) of a connection, and its endpoint's spec if known."""
    if isinstance(target, str):
        return untyped_call(target, {}, call_options(*layers)), None
    spec = spec_of(target)
    *defaults, given = layers
    return reference_call(target, call_options(*defaults, spec.options, given)), spec


def input_arguments(
    call: Call[Any],
    spec: EndpointSpec | None,
    args: tuple[object, ...],
    kwargs: Mapping[str, Any],
) -> object:
    """The input of one message or run on a connection.

    Raises:
        FalInputError: The input does not match the endpoint, or is for another endpoint.
        TypeError: The input is neither a single object nor keyword arguments.
    """
    if len(args) > 1 or (args and kwargs):
        raise TypeError("Pass one request object or mapping, or parameters as keyword arguments.")
    given = args[0] if args else kwargs
    if getattr(type(given), "__fal_endpoint__", None) is None:
        if spec is not None and is_body(spec):
            return endpoint_call(spec, args, kwargs, call.options).arguments
        if spec is None or not isinstance(given, Mapping):
            return _with_extra(given, call.options)
        return keyword_call(spec, cast("Mapping[str, Any]", given), call.options).arguments
    built = request_call(given, call.options)
    if built.endpoint != call.endpoint:
        raise FalInputError(
            f"This connection is to {call.endpoint.full}, but the input is for "
            f"{built.endpoint.full}."
        )
    return built.arguments


def _with_extra(arguments: object, options: CallOptions) -> object:
    if options.extra_arguments and isinstance(arguments, Mapping):
        return {**cast("Mapping[str, Any]", arguments), **options.extra_arguments}
    return arguments
