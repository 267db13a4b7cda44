"""Prints and saves the result of a job; nothing that goes wrong on the way loses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from fal_typed import FalClient, RetryPolicy
from fal_typed._display.safe_text import one_line
from fal_typed._queue.job_progress import is_terminal
from fal_typed.cli.command_list import FOUND
from fal_typed.cli.saving import files_in, save_all
from fal_typed.cli.terminal import note, say_json
from fal_typed.errors import FalError

if TYPE_CHECKING:
    from pathlib import Path

    from fal_typed import Result

_PREVIEWS = 4
_PRICE_TIMEOUT = 3.0


def deliver(
    result: Result[Any],
    *,
    endpoint: str,
    elapsed: float,
    save: Path | None,
    quiet: bool,
) -> None:
    """Print a result to standard output, save its files, and sum it up on standard error.

    Raises:
        typer.Exit: It could not be printed, or some of its files could not be saved.
    """
    is_complete = _print_json(result, endpoint)
    if save is not None:
        is_complete = save_all(result.raw, save) and is_complete
    if not quiet:
        _preview(result)
        note(_summary(result, endpoint, elapsed))
    if not is_complete:
        raise typer.Exit(FOUND)


def _print_json(result: Result[Any], endpoint: str) -> bool:
    try:
        say_json(result.raw)
    except BrokenPipeError:
        return True  # a program such as head, which has read what it wanted
    except OSError as error:
        again = f"fal-typed result {endpoint} {result.request_id}"
        note(f"error: the result could not be printed: {error}. To get it again, run: {again}")
        return False
    return True


def _preview(result: Result[Any]) -> None:
    """Show the first images, in terminals that can."""
    import os

    from fal_typed.cli.inline_images import protocol_of, show_image

    if not is_terminal() or protocol_of(os.environ) is None:
        return
    images = [file for file in files_in(result.raw) if _is_image(file.content_type, file.url)]
    for image in images[:_PREVIEWS]:
        try:
            show_image(image.read())
        except FalError:
            return


def _is_image(content_type: str | None, url: str) -> bool:
    kinds = (".png", ".jpg", ".jpeg", ".webp", ".gif")
    return (content_type or "").startswith("image/") or url.split("?", maxsplit=1)[0].endswith(
        kinds
    )


def _summary(result: Result[Any], endpoint: str, elapsed: float) -> str:
    parts = [f"{endpoint}: completed in {elapsed:.1f} s", f"request id {result.request_id}"]
    units = result.billable_units
    if units is not None and is_terminal():
        parts.append(_cost(endpoint, units))
    return ", ".join(filter(None, parts))


def _cost(endpoint: str, units: float) -> str:
    """The price of a job, or an empty string if the platform does not say it."""
    try:
        with FalClient(timeout=_PRICE_TIMEOUT, retry=RetryPolicy(attempts=1)) as client:
            (price,) = client.platform.pricing([endpoint])
    except (FalError, ValueError):
        return f"{units:g} billed units"
    amount = f"{units * price.unit_price:.4f}".rstrip("0").rstrip(".")
    return f"cost {amount} {one_line(price.currency)} ({units:g} {one_line(price.unit)})"
