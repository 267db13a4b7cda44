"""``fal-typed diff``: show what changed between schemas and how it affects callers."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from fal_typed.cli.command_list import FOUND, WRONG_USE
from fal_typed.cli.terminal import note, say


def command(
    old: Annotated[
        str, typer.Argument(help="A folder, document or lock; or REVISION:PATH in git.")
    ],
    new: Annotated[str, typer.Argument(help="The same after the change.")],
    output_format: Annotated[
        Literal["text", "markdown", "json"], typer.Option("--format", help="Output format.")
    ] = "text",
    fail_on: Annotated[
        Literal["breaking", "compatible", "docs"] | None,
        typer.Option(help="Exit with 1 on changes of this class or a more severe one."),
    ] = None,
) -> None:
    """Show what changed between schemas and how it affects callers.

    Every change is breaking, compatible or docs, depending on what callers of the typed code see.
    Two locks show only which endpoints were added, removed or changed; to see what changed in
    them, compare the documents. The exit code is 2 when a document cannot be compared.

    Example: fal-typed diff main:schemas schemas --fail-on breaking
    """
    from fal_typed_codegen.diff import formats
    from fal_typed_codegen.diff.compare import compare
    from fal_typed_codegen.diff.state import NothingThereError, load
    from fal_typed_codegen.documents.lock import InvalidLockError

    try:
        before, after = load(old), load(new)
    except (NothingThereError, InvalidLockError) as error:
        raise typer.BadParameter(str(error)) from error
    changes = compare(before, after)
    writers = {
        "text": formats.as_text,
        "markdown": formats.as_markdown,
        "json": formats.as_json,
    }
    if text := writers[output_format](changes).rstrip("\n"):
        say(text)
    for name, reason in sorted(changes.failed.items()) if output_format != "text" else ():
        note(f"error: {name}: {reason}")
    if before.is_lock or after.is_lock:
        note("Locks show which endpoints changed; compare the documents to see how.")
    if changes.failed:
        raise typer.Exit(WRONG_USE)
    if fail_on is not None and changes.reaches(fail_on):
        raise typer.Exit(FOUND)
