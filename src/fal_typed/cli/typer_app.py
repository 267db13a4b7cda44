"""The typer application of one run: the chosen command, and the others by their summaries."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from fal_typed._version import __version__
from fal_typed.cli.command_list import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable


def build(chosen: str) -> typer.Typer:
    """Build the application; only the module of the chosen command is imported.

    Args:
        chosen: The command's name, or an empty string when the command line has none.

    Returns:
        The application, to be called with the arguments of the command line.

    Raises:
        ModuleNotFoundError: The command's extra is not installed.
    """
    application = typer.Typer(
        help="Search, call, generate and emulate the endpoints of fal.",
        epilog="Example: fal-typed run fal-ai/flux/dev prompt='a cat' --save out",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    application.callback()(_options)
    for name, command in COMMANDS.items():
        if name == chosen:
            application.command(name)(_load(name))
        else:
            application.command(name, help=command.summary)(_not_imported)
    return application


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fal-typed {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version."),
    ] = False,
) -> None:
    """Accept the options that come before a command."""


def _load(name: str) -> Callable[..., None]:
    module = import_module(f"fal_typed.cli.commands.{name}_command")
    command: Callable[..., None] = module.command
    return command


def _not_imported() -> None:
    """List a command whose module is not imported."""
