"""Finds the generated module of an endpoint."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

PACKAGE = "fal_typed.endpoints"
_FOLDER = Path(__file__).parent.parent / "endpoints"


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
    from fal_typed_codegen.manifest import Manifest

    for document in Manifest.load(_FOLDER).documents.values():
        if document.id == endpoint_id:
            endpoint = choose_names([endpoint_id], {})[endpoint_id].endpoint
            return GeneratedModule(f"{PACKAGE}.{document.path}", endpoint)
    return None
