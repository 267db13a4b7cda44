"""What `generate` and `check` do in the folder of an application (`[tool.fal-typed]`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer
from fal_typed_codegen.application import check_application, generate_application
from fal_typed_codegen.application_project import ProjectError, load_project
from typing_extensions import ParamSpec

from fal_typed.cli import FOUND

if TYPE_CHECKING:
    from collections.abc import Callable

    from fal_typed_codegen.application import ApplicationReport
    from fal_typed_codegen.application_project import Project
    from fal_typed_codegen.generate import Report

P = ParamSpec("P")
T = TypeVar("T")
_ANSWERED_BY_THE_TABLE = ("schemas", "out", "package", "endpoint")


def project_here(context: typer.Context) -> Project | None:
    """The application in the current folder, unless the command line says what is meant."""
    sources = map(context.get_parameter_source, _ANSWERED_BY_THE_TABLE)
    if any(source is not None and source.name == "COMMANDLINE" for source in sources):
        return None
    return _told(load_project, Path.cwd())


def generate_project(
    project: Project, jobs: int | None, show_problems: Callable[[Report], None]
) -> None:
    """Write the application's package."""
    report = _told(generate_application, project, jobs=jobs)
    _show(report, show_problems)
    typer.echo(
        f"{report.endpoints} endpoints in {project.package}: {len(report.written)} files written, "
        f"{len(report.removed)} removed, {report.unchanged} unchanged"
    )
    if report.failed:
        raise typer.Exit(FOUND)


def check_project(project: Project, show_problems: Callable[[Report], None]) -> None:
    """Say what in the application's package is stale or edited by hand."""
    report = _told(check_application, project)
    _show(report, show_problems)
    for path in report.written:
        typer.echo(f"not what its schema makes of it: {path}")
    for path in report.removed:
        typer.echo(f"no longer wanted: {path}")
    if report.written or report.removed or report.failed:
        typer.echo("Write them again with: fal-typed generate")
        raise typer.Exit(FOUND)
    typer.echo(f"{report.endpoints} endpoints: {report.unchanged} files up to date")


def _told(function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Call a function; what is wrong with the table is wrong use of the command."""
    try:
        return function(*arguments, **options)
    except (ProjectError, FileNotFoundError) as error:
        raise typer.BadParameter(str(error)) from error


def _show(report: ApplicationReport, show_problems: Callable[[Report], None]) -> None:
    for note in report.notes:
        typer.echo(f"warning: {note}", err=True)
    show_problems(report)
