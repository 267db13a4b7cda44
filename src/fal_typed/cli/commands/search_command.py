"""``fal-typed search``: search the catalog of endpoints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from fal_typed._documents.document import InvalidDocumentError
from fal_typed._documents.schemas import properties
from fal_typed._documents.tasks import possible_words, task_of
from fal_typed.cli.command_list import FOUND
from fal_typed.cli.known_endpoints import open_catalog
from fal_typed.cli.terminal import note, say_json, say_table

if TYPE_CHECKING:
    from fal_typed._documents.catalog import Catalog
    from fal_typed._documents.document import EndpointDocument

_WEIGHTS = (1, 2, 4, 8)


class Match(NamedTuple):
    """An endpoint that contains all the words, and where."""

    id: str
    category: str
    parameters: list[str]
    score: int


def command(
    words: Annotated[
        list[str],
        typer.Argument(help="Words in any order; an endpoint must have all of them."),
    ],
    category: Annotated[
        str, typer.Option(help="Only endpoints of this category, e.g. video.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of results.")] = 20,
    prices: Annotated[
        bool, typer.Option("--prices", help="Ask fal for the prices of the results.")
    ] = False,
    schemas: Annotated[
        Path | None,
        typer.Option(help="Folder of endpoint documents; the included catalog by default."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Search endpoints by task, id, category and parameter names.

    Words of the task and of the id rank highest, then the category, then parameter names. The
    exit code is 1 when nothing is found.

    Example: fal-typed search background removal
    """
    matches = find(open_catalog(schemas), words, category)
    shown = matches[:limit]
    known = _prices([match.id for match in shown]) if prices and shown else {}
    if as_json:
        rows = [match._asdict() for match in shown]
        say_json([row | ({"price": known.get(row["id"])} if prices else {}) for row in rows])
    else:
        _print(shown, known if prices else None)
    if len(matches) > limit:
        note(f"{len(matches) - limit} more: --limit {len(matches)}")
    if not matches:
        note("error: no endpoint has all these words")
        raise typer.Exit(FOUND)


def find(catalog: Catalog, words: list[str], category: str = "") -> list[Match]:
    """List the endpoints that have all the words, best match first.

    Args:
        catalog: The endpoints.
        words: Words; one that contains spaces counts as several.
        category: Only endpoints of this category.
    """
    lowered = " ".join(words).lower().split()
    matches = (_match(catalog, *item, lowered) for item in catalog.contents())
    found = [m for m in matches if m and category.lower() in {"", m.category.lower()}]
    return sorted(found, key=lambda match: (-match.score, len(match.id), match.id))


def _match(catalog: Catalog, id_: str, content: bytes, words: list[str]) -> Match | None:
    # Parsing all documents would take most of the time.
    searched = content.lower() + possible_words(id_).encode()
    if not all(word.encode() in searched for word in words):
        return None
    try:
        document = catalog.document(id_)
    except InvalidDocumentError:
        return None
    return _score(document, words)


def _score(document: EndpointDocument, words: list[str]) -> Match | None:
    id_ = document.id.lower()
    segments = set(id_.replace("-", "/").split("/"))
    task = task_of(document)
    category = task.category if task else document.category or ""
    known = f"{task.words} {task.summary}".lower() if task else ""
    about = f"{category} {document.description or ''} {known}".lower()
    task_names = set(task.words.split()) if task else set[str]()
    names = list(properties(document.input_schema))
    total = 0
    for word in words:
        places = (
            any(word in name.lower() for name in names),
            word in about,
            word in id_,
            word in segments or word in task_names,
        )
        if not any(places):
            return None
        total += max(weight * met for weight, met in zip(_WEIGHTS, places, strict=True))
    met = [name for name in names if any(word in name.lower() for word in words)]
    return Match(document.id, category, met, total)


def _prices(ids: list[str]) -> dict[str, str]:
    from fal_typed import FalClient

    with FalClient() as client:
        found = client.platform.pricing(ids)
    return {
        price.endpoint_id: f"{price.unit_price:g} {price.currency}/{price.unit}" for price in found
    }


def _print(matches: list[Match], prices: dict[str, str] | None) -> None:
    header = ["Endpoint", "Category", "Matching parameters"]
    rows = [[match.id, match.category, ", ".join(match.parameters)] for match in matches]
    if prices is not None:
        header.insert(2, "Price")
        for row in rows:
            row.insert(2, prices.get(row[0], "unknown"))
    say_table(header, rows)
