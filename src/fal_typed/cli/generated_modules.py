"""Finds the generated module of an endpoint."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

from fal_typed._calls.catalog_modules import module_of


class GeneratedModule(NamedTuple):
    """The generated module of an endpoint.

    Attributes:
        module: Its full name.
        endpoint: Name of the endpoint object in it.
    """

    module: str
    endpoint: str

    def load(self) -> Any:
        """Import the module; it has `Input`, `Output` and the endpoint object."""
        return import_module(self.module)


def find_generated(endpoint_id: str) -> GeneratedModule | None:
    """Find the generated module of an endpoint without importing it; None if there is none."""
    from fal_typed_codegen.interface.naming import choose_names

    module = module_of(endpoint_id)
    if module is None:
        return None
    return GeneratedModule(module, choose_names([endpoint_id], {})[endpoint_id].endpoint)
