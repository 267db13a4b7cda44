"""Generates the modules of one document; runs in worker processes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fal_typed._documents.regular_files import read_regular_file
from fal_typed_codegen.documents import read
from fal_typed_codegen.interface import normalize
from fal_typed_codegen.interface.aliases import with_aliases
from fal_typed_codegen.rendering import render, safety

if TYPE_CHECKING:
    from fal_typed_codegen.interface.naming import ModuleNames


@dataclass(frozen=True)
class BuildTask:
    """The modules to generate from one document.

    Attributes:
        schemas: The schema folder.
        document: Key of the document; see `FileContent`.
        origin: Path of the document, for headers.
        package: Full name of the package of the modules.
        names: Python names of the endpoint.
        shared: Full names of the modules of its shared classes, by class name.
        endpoint: Path of the endpoint's module; None if it is up to date.
        classes: Paths of the shared classes to generate from this document, by class name.
    """

    schemas: str
    document: str
    origin: str
    package: str
    names: ModuleNames
    shared: dict[str, str]
    endpoint: str | None
    classes: dict[str, str]


@dataclass(frozen=True)
class Built:
    """Unformatted source text by path, or an error."""

    sources: dict[str, str] = field(default_factory=dict[str, str])
    error: str | None = None


def build(task: BuildTask) -> Built:
    """Generate the modules of a task.

    Args:
        task: The task.

    Returns:
        The verified modules, or the error of this document.
    """
    try:
        return Built(_sources(task))
    except Exception as error:  # noqa: BLE001 - one invalid document must not stop the others
        return Built(error=f"{type(error).__name__}: {error}"[:1000])


def _sources(task: BuildTask) -> dict[str, str]:
    path = read.file_of(task.document)
    content = read_regular_file(Path(task.schemas, path))
    document = read.read_file(content, path).documents[task.document]
    normalized = normalize.normalize(document, task.names)
    interface = with_aliases(normalized, task.names.type_name)
    sources = {
        path: render.shared_module(interface, name, task.shared)
        for name, path in task.classes.items()
    }
    if task.endpoint is not None:
        sources[task.endpoint] = render.endpoint_module(
            interface, task.names, task.shared, task.origin
        )
    for source in sources.values():
        safety.verify(source, task.package)
    return sources
