"""Writes the data of the catalog page: an index of all endpoints, and a file for each of them.

MkDocs runs it after each build (``hooks`` in mkdocs.yml). ``docs/assets/catalog.js`` reads the index
at once, and the file of an endpoint when it is opened.
"""

from __future__ import annotations

import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fal_typed._documents.catalog import Catalog
from fal_typed._documents.media import KINDS, listed
from fal_typed._documents.tasks import task_of
from fal_typed.cli.commands import show_command

if TYPE_CHECKING:
    from fal_typed._documents.document import EndpointDocument
    from fal_typed._documents.tasks import Task

# First words that mean little without the second: stable-diffusion, nano-banana, image-editing.
_HALF_NAMES = {
    *("ace", "ai", "face", "fast", "gpt", "hyper", "image"),
    *("nano", "post", "stable", "sync", "video", "z"),
}


def on_post_build(config: Any, **_: Any) -> None:
    """Write the data beside the built page; called by MkDocs."""
    write(Path(config["site_dir"]) / "catalog")


def write(folder: Path, catalog: Catalog | None = None) -> None:
    """Write ``index.json`` and ``endpoints/<id>.json`` into a folder."""
    catalog = catalog or Catalog()
    names: dict[str, int] = {}
    rows: list[list[Any]] = []
    for endpoint_id in catalog.ids():
        document = catalog.document(endpoint_id)
        details = described(document)
        rows.append(_row(document, details, names))
        _dump(folder / "endpoints" / f"{endpoint_id}.json", details)
    _dump(folder / "index.json", {"kinds": KINDS, "parameters": list(names), "endpoints": rows})


def described(document: EndpointDocument) -> dict[str, Any]:
    """All that the page shows of an endpoint: what `fal-typed show` prints, and a curl command."""
    return {**show_command.describe(document), "curl": _curl(document)}


def family_of(endpoint_id: str) -> str:
    """The family of models: the owner, or the first word of the model's name below ``fal-ai``."""
    owner, _, rest = endpoint_id.lower().partition("/")
    words = re.findall(r"[a-z]+", rest.partition("/")[0])
    if owner != "fal-ai" or not words:
        return owner
    return "-".join(words[:2] if words[0] in _HALF_NAMES else words[:1])


def known_task(document: EndpointDocument) -> Task:
    """The task of an endpoint; private apps, which have none, are not part of the page."""
    task = task_of(document)
    if task is None:
        raise ValueError(f"{document.id} is a route of a private app")
    return task


def _row(document: EndpointDocument, details: dict[str, Any], names: dict[str, int]) -> list[Any]:
    """One endpoint of the index, as short as it can be: the page loads all of them."""
    task = known_task(document)
    return [
        document.id,
        task.name.replace("-", " "),
        [KINDS.index(kind) for kind in listed(task.media.inputs)],
        [KINDS.index(kind) for kind in listed(task.media.outputs)],
        family_of(document.id),
        [names.setdefault(field["name"], len(names)) for field in details["parameters"]],
    ]


def _curl(document: EndpointDocument) -> str:
    arguments = show_command._example_arguments(document)  # noqa: SLF001
    body = json.dumps(arguments, ensure_ascii=False, default=str).replace("'", "'\\''")
    return (
        f"curl https://queue.fal.run/{document.id} \\\n"
        '  -H "Authorization: Key $FAL_KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  -d '{body}'"
    )


@cache
def _folder(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)


def _dump(path: Path, value: Any) -> None:
    _folder(path.parent)
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
