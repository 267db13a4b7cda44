"""Looks up endpoint ids, and suggests similar ones for an unknown id before anything is sent."""

from __future__ import annotations

import difflib
import re
import zipfile
from typing import TYPE_CHECKING, Annotated

import typer

from fal_typed._calls.catalog_modules import similar_ids
from fal_typed._display.safe_text import one_line
from fal_typed._documents.catalog import Catalog, UnknownEndpointError
from fal_typed._documents.document import InvalidDocumentError

if TYPE_CHECKING:
    from pathlib import Path

    from fal_typed._documents.document import EndpointDocument

_ID = re.compile(r"[\w.-]+(/[\w.-]+)+")


def complete_ids(incomplete: str) -> list[str]:
    """List the ids of the catalog that a shell can complete a word to."""
    return [id_ for id_ in Catalog().ids() if id_.startswith(incomplete)]


EndpointArgument = Annotated[
    str,
    typer.Argument(
        metavar="ENDPOINT",
        help="The endpoint's id, e.g. fal-ai/flux/dev.",
        autocompletion=complete_ids,
    ),
]
RequestIdArgument = Annotated[
    str,
    typer.Argument(metavar="REQUEST_ID", help="The job's id, as printed by submit and run."),
]
UnlistedOption = Annotated[
    bool,
    typer.Option("--unlisted", help="Accept an endpoint id that is not in the catalog."),
]


def open_catalog(root: Path | None = None) -> Catalog:
    """Open a catalog; the one that comes with fal-typed by default."""
    try:
        return Catalog(root)
    except (OSError, zipfile.BadZipFile) as error:
        raise typer.BadParameter(
            f"{root} cannot be opened as a folder or archive of endpoint documents: {error}",
            param_hint="--schemas",
        ) from error


def read_document(catalog: Catalog, endpoint: str) -> EndpointDocument:
    """Read the document of an endpoint, whose id must be in the catalog."""
    try:
        return catalog.document(endpoint)
    except UnknownEndpointError:
        raise unknown_endpoint(catalog, endpoint) from None
    except InvalidDocumentError as error:
        raise typer.BadParameter(
            f"the document of {endpoint} in {catalog.root} is invalid: {error}"
        ) from error


def find_document(endpoint: str, *, unlisted: bool) -> EndpointDocument | None:
    """Read the document of an endpoint to call; None for an endpoint of a private app.

    Args:
        endpoint: The id.
        unlisted: Accept any id that is not in the catalog.

    Raises:
        typer.BadParameter: The id is probably misspelled: it is similar to one of the catalog, or
            its owner has other endpoints there.
    """
    catalog = open_catalog()
    try:
        return catalog.document(endpoint)
    except UnknownEndpointError:
        if unlisted or (_ID.fullmatch(endpoint) and not _seems_misspelled(catalog, endpoint)):
            return None
    hint = " Add --unlisted to call it anyway." if _ID.fullmatch(endpoint) else ""
    raise typer.BadParameter(f"{_unknown(catalog, endpoint)}{hint}")


def unknown_endpoint(catalog: Catalog, endpoint: str) -> typer.BadParameter:
    """The error for an id that is not in the catalog, with similar ids."""
    return typer.BadParameter(_unknown(catalog, endpoint))


def _unknown(catalog: Catalog, endpoint: str) -> str:
    near = similar_ids(endpoint, catalog.ids())
    if near:
        return f"unknown endpoint {one_line(endpoint)!r}. Did you mean {' or '.join(near)}?"
    return f"unknown endpoint {one_line(endpoint)!r}. To find one, run: fal-typed search WORD"


def _seems_misspelled(catalog: Catalog, endpoint: str) -> bool:
    owner = endpoint.partition("/")[0].lower()
    owners = {id_.partition("/")[0].lower() for id_ in catalog.ids()}
    similar = difflib.get_close_matches(endpoint.lower(), catalog.ids(), n=1, cutoff=0.85)
    return owner in owners or bool(similar)
