"""Makes the modules of one document; runs in worker processes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fal_typed_codegen.documents import read
from fal_typed_codegen.interface import normalize
from fal_typed_codegen.rendering import render, safety

if TYPE_CHECKING:
    from fal_typed_codegen.interface.naming import ModuleNames


@dataclass(frozen=True)
class Task:
    """What is to be made of one document.

    Attributes:
        schemas: The schema folder.
        document: Key of the document, see `read.FileContent`.
        origin: Where the document stands, for headers.
        package: Full name of the package that the modules belong to.
        names: What the endpoint is called.
        shared: Full names of the modules that hold its shared classes, by class name.
        endpoint: File of the endpoint's module; None when it is up to date.
        classes: Files of the shared classes to be made from this document, by class name.
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
    """Source text by file, not formatted; or why there is none."""

    sources: dict[str, str] = field(default_factory=dict[str, str])
    error: str | None = None


def build(task: Task) -> Built:
    """Make the modules that a task asks for.

    Args:
        task: The task.

    Returns:
        The modules, each checked; an error concerns this document alone.
    """
    try:
        return Built(_sources(task))
    except Exception as error:  # noqa: BLE001 - one bad document never stops the others
        return Built(error=f"{type(error).__name__}: {error}"[:1000])


def _sources(task: Task) -> dict[str, str]:
    path = read.file_of(task.document)
    content = Path(task.schemas, path).read_bytes()
    document = read.read_file(content, path).documents[task.document]
    interface = normalize.normalize(document, task.names)
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
