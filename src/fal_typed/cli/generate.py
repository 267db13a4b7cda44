"""``fal-typed generate``: write the typed modules of endpoints from their schemas."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from fal_typed_codegen.generate import NoMatchError, Report, generate

from fal_typed.cli import FOUND
from fal_typed.cli.project import generate_project, project_here

SCHEMAS = Path("schemas")
OUT = Path("src/fal_typed/endpoints")
PACKAGE = "fal_typed.endpoints"


def command(
    context: typer.Context,
    schemas: Annotated[
        Path, typer.Option(file_okay=False, help="Folder of endpoint documents.")
    ] = SCHEMAS,
    out: Annotated[
        Path, typer.Option(file_okay=False, help="Folder of the package to write.")
    ] = OUT,
    package: Annotated[str, typer.Option(help="Full name of that package.")] = PACKAGE,
    endpoint: Annotated[
        list[str] | None,
        typer.Option(help="Only endpoints like this, e.g. 'fal-ai/flux/*'; may be repeated."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Number of processes; one per core by default.")
    ] = None,
) -> None:
    """Write the typed modules of endpoints from their schemas.

    What would come out the same is left untouched. A document that can't be followed is told and
    stops no other; what stood in the package for it stays. Generated modules whose document is gone
    are removed, unless --endpoint says which ones this run is about.

    In a folder whose pyproject.toml has a table [tool.fal-typed], and without --schemas, --out,
    --package and --endpoint, it writes the package which that table describes.

    Example: fal-typed generate --schemas schemas --out src/my_app/fal --package my_app.fal
    """
    project = project_here(context)
    if project is not None:
        generate_project(project, jobs, show_problems)
        return
    check_package(package)
    try:
        report = generate(schemas, out, package, endpoints=endpoint or [], jobs=jobs)
    except NoMatchError as error:
        raise typer.BadParameter(str(error), param_hint="--endpoint") from error
    except FileNotFoundError as error:
        raise typer.BadParameter(str(error), param_hint="--schemas") from error
    show_problems(report)
    typer.echo(
        f"{report.endpoints} endpoints: {len(report.written)} files written, "
        f"{len(report.removed)} removed, {report.unchanged} unchanged"
    )
    if report.failed:
        raise typer.Exit(FOUND)


def check_package(package: str) -> None:
    """Refuse a package name that is none."""
    if not all(part.isidentifier() for part in package.split(".")):
        raise typer.BadParameter(f"{package!r} is not a package name", param_hint="--package")


def show_problems(report: Report) -> None:
    """Tell on standard error which documents could not be followed, and where."""
    for path, texts in report.warnings.items():
        for text in texts:
            typer.echo(f"warning: {path}: {text}", err=True)
    for path, reason in report.failed.items():
        typer.echo(f"error: {path}: {reason}", err=True)
