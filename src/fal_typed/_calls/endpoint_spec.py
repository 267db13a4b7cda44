"""What building a call needs to know of an endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fal_typed.errors import FalInputError


@dataclass(frozen=True)
class EndpointSpec:
    """An endpoint's id, models and default options.

    `Endpoint` objects and their input models carry it as `__fal_endpoint__`.
    """

    id: str
    input: type[Any]
    output: type[Any]
    options: Mapping[str, Any]


def spec_of(target: object) -> EndpointSpec:
    """The spec of an `Endpoint` or of an endpoint's input model.

    Raises:
        FalInputError: The target belongs to no endpoint.
    """
    spec = getattr(target, "__fal_endpoint__", None)
    if not isinstance(spec, EndpointSpec):
        name = target.__name__ if isinstance(target, type) else type(target).__name__
        raise FalInputError(
            f"{name} is not the input of an endpoint. Pass an endpoint's input, such as "
            "FluxDevInput(prompt=…), or an endpoint id and arguments={…}."
        )
    return spec
