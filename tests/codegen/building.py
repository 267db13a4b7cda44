"""Builds documents, generates packages from them and imports the packages."""

from __future__ import annotations

import importlib
import itertools
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from fal_typed_codegen.generate import GenerateReport, generate

_numbers = itertools.count()


def document(
    properties: dict[str, Any] | None = None,
    *,
    endpoint_id: str = "acme/echo",
    required: list[str] | None = None,
    components: dict[str, Any] | None = None,
    output: dict[str, Any] | None = None,
    info: dict[str, Any] | None = None,
    **input_keywords: Any,
) -> dict[str, Any]:
    """A queue document of one endpoint; by default without parameters and without a result."""
    return {
        "openapi": "3.0.4",
        "info": {
            "title": endpoint_id,
            "version": "1.0.0",
            **(info or {}),
            "x-fal-metadata": {"endpointId": endpoint_id, "category": "image"},
        },
        "paths": {
            f"/{endpoint_id}": {"post": {"requestBody": _content("TheInput")}},
            f"/{endpoint_id}/requests/{{request_id}}": {
                "get": {"responses": {"200": _content("TheOutput")}}
            },
        },
        "components": {
            "schemas": {
                "TheInput": {
                    "type": "object",
                    "properties": properties or {},
                    "required": required or [],
                    **input_keywords,
                },
                "TheOutput": output or {"type": "object", "properties": {}},
                **(components or {}),
            }
        },
    }


def ref(component: str, **beside: Any) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{component}", **beside}


def write_documents(folder: Path, *documents: dict[str, Any]) -> Path:
    for number, one in enumerate(documents):
        endpoint_id = one["info"]["x-fal-metadata"]["endpointId"]
        is_plain = re.fullmatch(r"[a-zA-Z0-9/-]{1,100}", endpoint_id)
        path = folder / f"{endpoint_id if is_plain else number}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(one))
    return folder


def run(tmp_path: Path, *documents: dict[str, Any], **options: Any) -> GenerateReport:
    """Generate the package ``acme_fal`` in a folder, from documents written next to it."""
    schemas = write_documents(tmp_path / "schemas", *documents)
    return generate(schemas, tmp_path / "acme_fal", "acme_fal", jobs=1, **options)


def contents(out: Path) -> dict[str, bytes]:
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in sorted(out.rglob("*.py"))}


class Packages:
    """Generates packages that can be imported, each with its own name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self, *documents: dict[str, Any]) -> tuple[str, GenerateReport]:
        """Name of a new package and the report of its generation."""
        package = f"made_{next(_numbers)}"
        schemas = write_documents(self.folder / f"{package}_schemas", *documents)
        report = generate(schemas, self.folder / package, package, jobs=1)
        importlib.invalidate_caches()
        return package, report

    def module(self, one: dict[str, Any], path: str = "acme.echo") -> ModuleType:
        """The module of one document, which must have no warnings."""
        package, report = self.make(one)
        assert report.failed == {}
        assert report.warnings == {}
        return importlib.import_module(f"{package}.{path}")

    def warned(self, one: dict[str, Any]) -> tuple[ModuleType, list[str]]:
        """The module of one document, and its warnings."""
        package, report = self.make(one)
        assert report.failed == {}
        (warnings,) = report.warnings.values()
        return importlib.import_module(f"{package}.acme.echo"), warnings

    def forget(self) -> None:
        for name in [name for name in sys.modules if name.startswith("made_")]:
            del sys.modules[name]


def _content(component: str) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": ref(component)}}}
