"""``fal-typed check``: say which generated modules are stale or edited by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from fal_typed_codegen.generate import NoMatchError, generate

from fal_typed.cli import FOUND
from fal_typed.cli.generate import OUT, PACKAGE, SCHEMAS, check_package, show_problems
from fal_typed.cli.project import check_project, project_here


def command(
    context: typer.Context,
    schemas: Annotated[
        Path, typer.Option(file_okay=False, help="Folder of endpoint documents.")
    ] = SCHEMAS,
    out: Annotated[
        Path, typer.Option(file_okay=False, help="Folder of the generated package.")
    ] = OUT,
    package: Annotated[str, typer.Option(help="Full name of that package.")] = PACKAGE,
    endpoint: Annotated[
        list[str] | None,
        typer.Option(help="Only endpoints like this, e.g. 'fal-ai/flux/*'; may be repeated."),
    ] = None,
) -> None:
    """Say which generated modules are stale or edited by hand.

    Nothing is written. Exits with 1 when a file is not what its document makes of it. In a folder
    whose pyproject.toml has a table [tool.fal-typed], it looks at the package of that table.

    Example: fal-typed check --schemas schemas --out src/my_app/fal --package my_app.fal
    """
    project = project_here(context)
    if project is not None:
        check_project(project, show_problems)
        return
    check_package(package)
    try:
        report = generate(schemas, out, package, endpoints=endpoint or [], dry_run=True)
    except NoMatchError as error:
        raise typer.BadParameter(str(error), param_hint="--endpoint") from error
    except FileNotFoundError as error:
        raise typer.BadParameter(str(error), param_hint="--schemas") from error
    show_problems(report)
    for path in report.written:
        typer.echo(f"not what its schema makes of it: {path}")
    for path in report.removed:
        typer.echo(f"without a schema: {path}")
    if report.written or report.removed or report.failed:
        typer.echo("Write them again with: fal-typed generate")
        raise typer.Exit(FOUND)
    typer.echo(f"{report.endpoints} endpoints: {report.unchanged} files up to date")
