"""What `generate` and `check` share: their options, the run, and its problems.

A run writes the package that the command line names or, in a folder whose ``pyproject.toml`` has a
table ``[tool.fal-typed]``, the package of that application.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from fal_typed.cli.terminal import note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fal_typed_codegen.application.project import Project
    from fal_typed_codegen.generate import GenerateReport

SCHEMAS = Path("schemas")
OUT = Path("src/fal_typed/endpoints")
PACKAGE = "fal_typed.endpoints"

SchemasOption = Annotated[Path, typer.Option(file_okay=False, help="Folder of endpoint documents.")]
OutOption = Annotated[Path, typer.Option(file_okay=False, help="Folder of the generated package.")]
PackageOption = Annotated[str, typer.Option(help="Full name of the generated package.")]
EndpointOption = Annotated[
    list[str] | None,
    typer.Option(help="Only matching endpoints, e.g. 'fal-ai/flux/*'; repeatable."),
]
_GIVEN_BY_THE_TABLE = ("schemas", "out", "package", "endpoint")


class Generation(NamedTuple):
    """A run of the generator, or a dry run: what it did, and for which package."""

    report: GenerateReport
    package: str


def run_generator(
    context: typer.Context,
    schemas: Path,
    out: Path,
    package: str,
    endpoints: Sequence[str],
    *,
    jobs: int | None = None,
    dry_run: bool = False,
    prune: bool = False,
) -> Generation:
    """Run the generator and print its warnings and errors to standard error."""
    from fal_typed_codegen.application.project import ProjectError, load_project

    try:
        project = load_project(Path.cwd()) if _uses_table(context) else None
        if project is not None:
            generation = _run_for_application(project, jobs, dry_run=dry_run)
        else:
            generation = _run_for_package(
                schemas, out, package, endpoints, jobs, dry_run=dry_run, prune=prune
            )
    except (ProjectError, FileNotFoundError) as error:
        raise typer.BadParameter(str(error)) from error
    _show_problems(generation.report)
    return generation


def _uses_table(context: typer.Context) -> bool:
    """Whether the command line leaves it to ``pyproject.toml`` what to generate."""
    sources = map(context.get_parameter_source, _GIVEN_BY_THE_TABLE)
    return not any(source is not None and source.name == "COMMANDLINE" for source in sources)


def _run_for_application(project: Project, jobs: int | None, *, dry_run: bool) -> Generation:
    from fal_typed_codegen.application.package import check_application, generate_application

    report = check_application(project) if dry_run else generate_application(project, jobs=jobs)
    for text in report.notes:
        note(f"warning: {text}")
    return Generation(report, project.package)


def _run_for_package(
    schemas: Path,
    out: Path,
    package: str,
    endpoints: Sequence[str],
    jobs: int | None,
    *,
    dry_run: bool,
    prune: bool,
) -> Generation:
    from fal_typed_codegen.generate import (
        NoDocumentsError,
        NoMatchError,
        RemovalError,
        generate,
    )

    if not all(part.isidentifier() for part in package.split(".")):
        raise typer.BadParameter(f"{package!r} is not a package name", param_hint="--package")
    try:
        report = generate(
            schemas, out, package, endpoints=endpoints, jobs=jobs, dry_run=dry_run, prune=prune
        )
    except NoMatchError as error:
        raise typer.BadParameter(str(error), param_hint="--endpoint") from error
    except (FileNotFoundError, NoDocumentsError, RemovalError) as error:
        raise typer.BadParameter(str(error), param_hint="--schemas") from error
    return Generation(report, package)


def _show_problems(report: GenerateReport) -> None:
    for path, texts in report.warnings.items():
        for text in texts:
            note(f"warning: {path}: {text}")
    for path, reason in report.failed.items():
        note(f"error: {path}: {reason}")
