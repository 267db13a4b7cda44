"""The parts of an endpoint that are needed to build a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fal_typed.errors import FalInputError


@dataclass(frozen=True)
class EndpointSpec:
    """An endpoint's id, models and default options.

    `Endpoint` objects and their input models have it as `__fal_endpoint__`.
    """

    id: str
    input: type[Any]
    output: type[Any]
    options: Mapping[str, Any]


def spec_of(target: object) -> EndpointSpec:
    """The spec of an `Endpoint` or of an input model.

    Raises:
        FalInputError: The target does not belong to an endpoint.
    """
    spec = getattr(target, "__fal_endpoint__", None)
    if not isinstance(spec, EndpointSpec):
        name = target.__name__ if isinstance(target, type) else type(target).__name__
        raise FalInputError(
            f"{name} is not an endpoint input. Pass an input such as "
            "FluxDevInput(prompt=…), or an endpoint id and arguments={…}."
        )
    return spec
