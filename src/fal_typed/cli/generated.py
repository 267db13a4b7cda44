"""Finds the generated module of an endpoint, if there is one."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from fal_typed_codegen.manifest import Manifest
from fal_typed_codegen.naming import choose_names

PACKAGE = "fal_typed.endpoints"
_FOLDER = Path(__file__).parent.parent / "endpoints"


class Generated(NamedTuple):
    """Where an endpoint's typed code is."""

    module: str
    endpoint: str

    def load(self) -> Any:
        """Import the module; it has `Input`, `Output` and the endpoint object."""
        return import_module(self.module)


def find_generated(endpoint_id: str) -> Generated | None:
    """Find the module that was generated for an endpoint, without importing it."""
    for document in Manifest.load(_FOLDER).documents.values():
        if document.id == endpoint_id:
            endpoint = choose_names([endpoint_id], {})[endpoint_id].endpoint
            return Generated(f"{PACKAGE}.{document.path}", endpoint)
    return None
