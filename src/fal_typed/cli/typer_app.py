"""The typer application of one run: the chosen command, and the others by their summaries."""

from __future__ import annotations

import inspect
import os
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, cast

import typer
from typer.main import get_command

from fal_typed._version import __version__
from fal_typed.cli.command_list import COMMANDS
from fal_typed.cli.terminal import say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PROGRAM = "fal-typed"
# ClickException: typer contains its own copy of click, or imports click, depending on its version.
_USAGE_PROBLEM = typer.BadParameter.__mro__[2]
_MAX_WIDTH = 120


def run(words: Sequence[str], named: Sequence[str], chosen: str) -> int:
    """Run a command line.

    Args:
        words: The arguments of the process.
        named: The words that name an endpoint and its flags: the arguments, or the words that a
            shell completes.
        chosen: The command that they name, or an empty string.

    Returns:
        The exit code.

    Raises:
        ModuleNotFoundError: The command's extra is not installed.
        ClickException: The command is used incorrectly; see `usage_message`.
    """
    application = get_command(_build(named, chosen))
    if chosen and COMMANDS[chosen].has_flags:
        from fal_typed.cli.endpoint_flags import with_dashes

        words = with_dashes(words)
    code = application.main(list(words), prog_name=PROGRAM, standalone_mode=False)
    return code if isinstance(code, int) else 0


def usage_message(error: Exception) -> str | None:
    """The message of an error that typer or a command raised for wrong use, else None."""
    if not isinstance(error, _USAGE_PROBLEM):
        return None
    message: str = cast("typer.BadParameter", error).format_message()
    return message.removeprefix("Invalid value: ")


def words_to_complete() -> list[str]:
    """The words of the command line that a shell wants to complete; none if it does not."""
    if "_FAL_TYPED_COMPLETE" not in os.environ:
        return []
    line = os.environ.get("_TYPER_COMPLETE_ARGS") or os.environ.get("COMP_WORDS", "")
    return line.split()[1:]


def _build(words: Sequence[str], chosen: str) -> typer.Typer:
    """Build the application; only the module of the chosen command is imported."""
    application = typer.Typer(
        help="Search, call, generate and emulate the endpoints of fal.",
        epilog="Example: fal-typed run fal-ai/flux/dev --prompt 'a cat' --save out",
        # Descriptions contain square brackets, which rich would take for markup.
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={
            "help_option_names": ["-h", "--help"],
            "max_content_width": _MAX_WIDTH,
        },
    )
    application.callback()(_options)
    for name, command in COMMANDS.items():
        if name == chosen:
            function = _load(name, words)
            application.command(name, help=_help(function))(function)
        else:
            application.command(name, help=command.summary)(_not_imported)
    return application


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"{PROGRAM} {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version."),
    ] = False,
) -> None:
    """Accept the options that come before a command."""


def _load(name: str, words: Sequence[str]) -> Callable[..., None]:
    module = import_module(f"fal_typed.cli.commands.{name}_command")
    command: Callable[..., None] = module.command
    if not COMMANDS[name].has_flags:
        return command
    from fal_typed.cli.endpoint_flags import with_flags

    return with_flags(command, words)


def _help(command: Callable[..., None]) -> str:
    """The docstring, with an example that is not wrapped and can be pasted."""
    return (inspect.getdoc(command) or "").replace("\nExample:", "\n\b\nExample:")


def _not_imported() -> None:
    """List a command whose module is not imported."""
