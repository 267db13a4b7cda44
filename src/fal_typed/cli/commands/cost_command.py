"""``fal-typed cost``: prices and estimates."""

from __future__ import annotations

from typing import Annotated

import typer

from fal_typed import FalClient
from fal_typed._display.safe_text import one_line
from fal_typed.cli.command_list import FOUND
from fal_typed.cli.known_endpoints import UnlistedOption, complete_ids, find_document
from fal_typed.cli.terminal import note, say, say_json


def command(
    endpoints: Annotated[
        list[str], typer.Argument(help="Endpoint ids.", autocompletion=complete_ids)
    ],
    units: Annotated[
        float | None, typer.Option(min=0, help="Estimate this many units of each endpoint.")
    ] = None,
    calls: Annotated[
        float | None,
        typer.Option(min=0, help="Estimate this many calls at the average price of past calls."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    unlisted: UnlistedOption = False,
) -> None:
    """Show prices of endpoints and estimate the cost of calls.

    Example: fal-typed cost fal-ai/flux/dev --calls 1000
    """
    if units is not None and calls is not None:
        raise typer.BadParameter("--units and --calls cannot be used together")
    for endpoint in endpoints:
        find_document(endpoint, unlisted=unlisted)
    amount = units if calls is None else calls
    with FalClient() as client:
        prices = client.platform.pricing(endpoints)
        estimate = amount is not None and client.platform.estimate(
            dict.fromkeys(endpoints, amount),
            by="unit_price" if calls is None else "historical_api_price",
        )
    if as_json:
        found = {"prices": [price.model_dump(mode="json") for price in prices]}
        say_json(found | ({"estimate": estimate.model_dump(mode="json")} if estimate else {}))
        return
    for price in prices:
        unit = f"{price.unit_price:g} {one_line(price.currency)} per {one_line(price.unit)}"
        say(f"{one_line(price.endpoint_id)}  {unit}")
    if estimate:
        number = f"{amount:g} {'units' if calls is None else 'calls'}"
        say(f"{number} of each: {estimate.total_cost:g} {one_line(estimate.currency)}")
    unpriced = set(endpoints) - {price.endpoint_id for price in prices}
    if unpriced:
        note(f"error: fal has no price for {', '.join(sorted(unpriced))}")
        raise typer.Exit(FOUND)
