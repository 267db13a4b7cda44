"""``fal-typed check``: list generated modules that are out of date or edited by hand."""

from __future__ import annotations

import shlex

import typer

from fal_typed._core.json_values import as_list
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
) -> None:
    """List generated modules that are out of date or edited by hand.

    Nothing is written. The exit code is 1 when a file differs from what would be generated. In a
    folder whose pyproject.toml has a table [tool.fal-typed], it checks the package of that table.

    Example: fal-typed check --schemas schemas --out src/my_app/fal --package my_app.fal
    """
    report, name = run_generator(context, schemas, out, package, endpoint or [], dry_run=True)
    for path in report.written:
        say(f"out of date: {path}")
    for path in report.removed:
        say(f"no longer generated: {path}")
    for path in report.leftovers:
        say(f"left by a run that was killed: {path}")
    if report.written or report.removed or report.leftovers:
        prune = ["--prune"] if report.needs_prune else []
        say(f"Run `{shlex.join([*_generate_command(context), *prune])}` to update them.")
    if report.failed:
        say("Correct or remove the documents with errors; generating keeps their old modules.")
    if report.written or report.removed or report.leftovers or report.failed:
        raise typer.Exit(FOUND)
    say(f"{report.endpoints} endpoints in {name}: {report.unchanged} files up to date")


def _generate_command(context: typer.Context) -> list[str]:
    """The command that updates what was checked, with the same options."""
    words = ["fal-typed", "generate"]
    for name, value in context.params.items():
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            values = as_list(value) or [value]
            words += [word for one in values for word in (f"--{name}", str(one))]
    return words
