"""The typer application of one invocation: the chosen command, the others by their summaries."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from fal_typed._version import __version__
from fal_typed.cli import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable


def build(chosen: str) -> typer.Typer:
    """Build the application, importing the module of the chosen command alone.

    Args:
        chosen: The command's name, or an empty string when none was named.

    Returns:
        The application, to be called with the words of the command line.

    Raises:
        ModuleNotFoundError: The command's extra is not installed.
    """
    application = typer.Typer(
        help="Find, call, generate and emulate the endpoints of fal.",
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
            application.command(name, help=command.summary)(_listed_only)
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
    """Take the options that stand before a command."""


def _load(name: str) -> Callable[..., None]:
    command: Callable[..., None] = import_module(f"fal_typed.cli.{name}").command
    return command


def _listed_only() -> None:
    """Stand in the list of commands for one whose module is not imported."""
