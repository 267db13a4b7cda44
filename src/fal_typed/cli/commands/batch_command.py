"""``fal-typed batch``: call an endpoint for each row of a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fal_typed.batch import Batch, BatchInputError, RowFile
from fal_typed.batch.exporting import checked_target
from fal_typed.cli.command_list import FOUND
from fal_typed.cli.generated_modules import find_generated
from fal_typed.cli.known_endpoints import EndpointArgument, UnlistedOption, find_document
from fal_typed.cli.terminal import note, say

if TYPE_CHECKING:
    from fal_typed.batch import BatchItem


def command(
    endpoint: EndpointArgument,
    rows: Annotated[
        Path | None,
        typer.Argument(help="A file of rows: .jsonl, .csv, .tsv or .parquet.", dir_okay=False),
    ] = None,
    journal: Annotated[
        str,
        typer.Option(help="Journal that keeps the state: an SQLite file, or a postgresql:// URL."),
    ] = "batch.db",
    name: Annotated[
        str | None, typer.Option(help="Name of the batch in the journal; default: the endpoint.")
    ] = None,
    key: Annotated[str, typer.Option(help="Column with the key of a row.")] = "key",
    save: Annotated[
        str | None,
        typer.Option(help="Folder for the results' files, or a path with {key} and {index}."),
    ] = None,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Maximum number of items in flight.")
    ] = 64,
    budget: Annotated[
        float | None, typer.Option(min=0, help="Dollars after which nothing more is submitted.")
    ] = None,
    price: Annotated[
        float | None, typer.Option(min=0, help="Maximum cost of an item, in dollars.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check every row and show the cost; submit nothing.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Submit failed items again.")
    ] = False,
    resubmit_uncertain: Annotated[
        bool,
        typer.Option(
            "--resubmit-uncertain",
            help="Submit items again that may have been accepted, and may be billed twice.",
        ),
    ] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Show how many items are in each state.")
    ] = False,
    export: Annotated[
        Path | None, typer.Option(help="Write all items to a .parquet, .csv or .jsonl file.")
    ] = None,
    unlisted: UnlistedOption = False,
) -> None:
    """Call an endpoint for each row of a file.

    The same command resumes after an interruption: items that were accepted are not submitted
    again. Paths given for file parameters are uploaded. The key is read from FAL_KEY.

    Example: fal-typed batch fal-ai/flux/dev prompts.jsonl --journal cats.db --save out --budget 20
    """
    if rows is None and not status and export is None:
        raise typer.BadParameter("name a file of rows, or use --status or --export")
    if export is not None:
        checked_target(export)
    find_document(endpoint, unlisted=unlisted)
    generated = find_generated(endpoint)
    try:
        batch: Batch[Any] = Batch(
            endpoint if generated is None else generated.load().Input,
            journal=journal,
            name=name,
            key=key,
            save=save,
            concurrency=concurrency,
            budget=budget,
            price=price,
        )
        is_clean = True
        if rows is not None and dry_run:
            is_clean = _plan(batch, RowFile(rows, takes_paths=True))
        elif rows is not None and not status:
            is_clean = _run(
                batch, RowFile(rows, takes_paths=True), retry_failed, resubmit_uncertain
            )
        if status:
            _show_status(batch)
        if export is not None:
            say(f"wrote {batch.export(export)} items to {export}")
    except ModuleNotFoundError as error:
        # Says which extra is missing: that of the file's kind, or of the journal's.
        raise typer.BadParameter(str(error)) from error
    if not is_clean:
        raise typer.Exit(FOUND)


def _plan(batch: Batch[Any], rows: RowFile) -> bool:
    """Check every row; return whether all are valid."""
    plan = batch.plan(rows)
    say(str(plan))
    return not plan.problems


def _run(batch: Batch[Any], rows: RowFile, retry_failed: bool, resubmit_uncertain: bool) -> bool:
    """Run a batch; return whether every item has a result."""
    with batch:
        try:
            for item in batch.run(
                rows, retry_failed=retry_failed, resubmit_uncertain=resubmit_uncertain
            ):
                _show(item)
        except BatchInputError as error:
            for problem in error.problems:
                note(str(problem))
            note(f"{len(error.problems)} invalid rows; nothing was submitted")
            return False
        except BaseException:
            say(str(batch.report))
            raise
    report = batch.report
    say(str(report))
    return not (report.failed or report.uncertain or report.unfinished or report.stopped)


def _show(item: BatchItem[Any]) -> None:
    if item.error is not None and not item.replayed:
        note(f"{item.key}: {item.state}: {item.error}")


def _show_status(batch: Batch[Any]) -> None:
    for state, count in sorted(batch.status().items()):
        say(f"{count:>9} {state}")
    say(f"${batch.spent():.4f} spent or reserved")
    for item in batch.items("uncertain"):
        say(f"uncertain: {item.key}")
