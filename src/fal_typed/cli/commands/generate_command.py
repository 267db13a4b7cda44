"""``fal-typed generate``: generate the typed modules of endpoints from their schemas."""

from __future__ import annotations

from typing import Annotated

import typer

from fal_typed.cli.command_list import FOUND
from fal_typed.cli.generation import (
    OUT,
    PACKAGE,
    SCHEMAS,
    EndpointOption,
    OutOption,
    PackageOption,
    SchemasOption,
    run_generator,
)
from fal_typed.cli.terminal import say


def command(
    context: typer.Context,
    schemas: SchemasOption = SCHEMAS,
    out: OutOption = OUT,
    package: PackageOption = PACKAGE,
    endpoint: EndpointOption = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Number of processes; one per core by default.")
    ] = None,
    prune: Annotated[
        bool,
        typer.Option("--prune", help="Remove modules without a document even if they are many."),
    ] = False,
) -> None:
    """Generate the typed modules of endpoints from their schemas.

    Files that do not change are not written. An invalid document is reported, keeps its existing
    modules, and does not stop the others. Modules whose document was removed are deleted, unless
    --endpoint limits the run. Deleting more than three modules and a tenth of the package needs
    --prune.

    In a folder whose pyproject.toml has a table [tool.fal-typed], and without --schemas, --out,
    --package and --endpoint, it generates the package that this table describes.

    Example: fal-typed generate --schemas schemas --out src/my_app/fal --package my_app.fal
    """
    report, name = run_generator(
        context, schemas, out, package, endpoint or [], jobs=jobs, prune=prune
    )
    say(
        f"{report.endpoints} endpoints in {name}: {len(report.written)} files written, "
        f"{len(report.removed)} removed, {report.unchanged} unchanged"
    )
    if report.failed:
        raise typer.Exit(FOUND)
