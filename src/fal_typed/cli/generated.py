"""Finds the generated module of an endpoint, if there is one."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from fal_typed_codegen.naming import choose_names

from fal_typed.catalog import Catalog

PACKAGE = "fal_typed.endpoints"


class Generated(NamedTuple):
    """Where an endpoint's typed code is."""

    module: str
    endpoint: str

    def load(self) -> Any:
        """Import the module; it has `Input`, `Output` and the endpoint object."""
        return import_module(self.module)


def find_generated(endpoint_id: str) -> Generated | None:
    """Find the module that was generated for an endpoint of the catalogue, without importing it."""
    catalog = Catalog()
    if endpoint_id not in catalog:
        return None
    names = choose_names(catalog.ids(), {})[endpoint_id]
    module = f"{PACKAGE}.{names.path}"
    try:
        spec = find_spec(module)
    except ModuleNotFoundError:
        return None
    return Generated(module, names.endpoint) if spec else None
