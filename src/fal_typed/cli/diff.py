"""``fal-typed diff``: say what changed, and what that means for callers."""

from __future__ import annotations

from typing import Annotated, Literal

import typer
from fal_typed_codegen import diff_report
from fal_typed_codegen.diff import compare
from fal_typed_codegen.diff_sources import NothingThereError, load
from fal_typed_codegen.lock import InvalidLockError

from fal_typed.cli import FOUND

_WRITERS = {
    "text": diff_report.as_text,
    "markdown": diff_report.as_markdown,
    "json": diff_report.as_json,
}


def command(
    old: Annotated[str, typer.Argument(help="Folder, document or lock; or REVISION:PATH of git.")],
    new: Annotated[str, typer.Argument(help="The same, as it is now.")],
    output_format: Annotated[
        Literal["text", "markdown", "json"], typer.Option("--format", help="Form of the report.")
    ] = "text",
    fail_on: Annotated[
        Literal["breaking", "compatible", "docs"] | None,
        typer.Option(help="Exit with 1 on changes of this class or a worse one."),
    ] = None,
) -> None:
    """Say what changed between schemas, and what that means for callers.

    Every change is breaking, compatible or docs, by what callers of the typed code see of it.
    Between two locks only added, removed and changed endpoints can be told; how they changed
    needs the documents.

    Example: fal-typed diff main:schemas schemas --fail-on breaking
    """
    try:
        before, after = load(old), load(new)
    except (NothingThereError, InvalidLockError) as error:
        raise typer.BadParameter(str(error)) from error
    changes = compare(before, after)
    typer.echo(_WRITERS[output_format](changes), nl=False)
    for name, reason in sorted(changes.failed.items()):
        typer.echo(f"error: {name}: {reason}", err=True)
    if before.is_lock or after.is_lock:
        typer.echo("Locks tell what changed; to see how, compare the documents.", err=True)
    if fail_on is not None and (changes.failed or changes.reaches(fail_on)):
        raise typer.Exit(FOUND)
