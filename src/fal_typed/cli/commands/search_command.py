"""``fal-typed search``: search the catalog of endpoints."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fal_typed._documents.catalog import Catalog
from fal_typed._documents.schemas import properties

if TYPE_CHECKING:
    from fal_typed._documents.document import EndpointDocument


@dataclass(frozen=True)
class Match:
    """An endpoint that contains all the words, and where."""

    id: str
    category: str
    parameters: list[str]
    score: int


def command(
    words: Annotated[
        list[str], typer.Argument(help="Words to search for; an endpoint must contain all of them.")
    ],
    category: Annotated[
        str, typer.Option(help="Only endpoints of this category, e.g. video.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of results.")] = 20,
    schemas: Annotated[
        Path | None,
        typer.Option(
            exists=True, help="Folder of endpoint documents; the included catalog by default."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Search endpoints by id, category and parameter names.

    A match in the id ranks highest, then the category, then parameter names.

    Example: fal-typed search flux image lora
    """
    matches = find(Catalog(schemas), words, category)
    if as_json:
        typer.echo(json.dumps([asdict(match) for match in matches[:limit]], indent=2))
        return
    _print(matches, limit)


def find(catalog: Catalog, words: list[str], category: str = "") -> list[Match]:
    """List the endpoints that contain all the words, best match first."""
    lowered = [word.lower() for word in words]
    candidates = (_match(catalog.document(id_), lowered) for id_ in catalog.ids())
    matches = [m for m in candidates if m and category in {"", m.category}]
    return sorted(matches, key=lambda match: (-match.score, len(match.id), match.id))


def _match(document: EndpointDocument, words: list[str]) -> Match | None:
    id_ = document.id.lower()
    segments = set(id_.replace("-", "/").split("/"))
    category = (document.category or "").lower()
    names = list(properties(document.input_schema))
    total = 0
    for word in words:
        score = (
            8 * (word in segments)
            + 4 * (word in id_)
            + 2 * (word in category)
            + any(word in name.lower() for name in names)
        )
        if not score:
            return None
        total += score
    met = [name for name in names if any(word in name.lower() for word in words)]
    return Match(document.id, category, met, total)


def _print(matches: list[Match], limit: int) -> None:
    from rich.console import Console
    from rich.table import Table

    if not matches:
        typer.echo("No endpoint matches all these words.", err=True)
        return
    table = Table("Endpoint", "Category", "Matching parameters", box=None, pad_edge=False)
    for match in matches[:limit]:
        table.add_row(match.id, match.category, ", ".join(match.parameters))
    console = Console()
    console.print(table)
    if len(matches) > limit:
        console.print(f"[dim]{len(matches) - limit} more: --limit {len(matches)}[/dim]")
