"""``fal-typed models``: the models of the platform, live."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fal_typed import FalClient
from fal_typed._display.safe_text import one_line
from fal_typed.cli.command_list import FOUND
from fal_typed.cli.terminal import note, say_json, say_table

if TYPE_CHECKING:
    from fal_typed.platform.records import ModelInfo


def command(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="WORD", help="Words to search for.")
    ] = None,
    category: Annotated[
        str | None, typer.Option(help="Only models of this category, e.g. text-to-image.")
    ] = None,
    status: Annotated[
        Literal["active", "deprecated"] | None, typer.Option(help="Only models with this status.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of models.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the models of the platform, as they are now.

    This asks fal; `search` searches the catalog on this machine. No key is needed. The exit code
    is 1 when no model is found.

    Example: fal-typed models kling --category image-to-video
    """
    query = " ".join(words or []) or None
    with FalClient() as client:
        found = client.platform.iter_models(query, category=category, status=status)
        models = list(islice(found, limit))
    if as_json:
        say_json([model.model_dump(mode="json", exclude_unset=True) for model in models])
    else:
        say_table(["Endpoint", "Category", "Name"], [_row(model) for model in models])
    if not models:
        note("error: no model matches")
        raise typer.Exit(FOUND)


def _row(model: ModelInfo) -> list[str]:
    facts = model.metadata
    category = (facts and facts.category) or ""
    name = (facts and facts.display_name) or ""
    return [one_line(model.endpoint_id), one_line(category), one_line(name)]
