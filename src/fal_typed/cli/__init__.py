"""The command line, ``fal-typed``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

from fal_typed.cli.command_list import COMMANDS, FOUND, INTERRUPTED, WRONG_USE
from fal_typed.cli.terminal import note, prepare_streams

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command that the arguments name, then exit with its code.

    Args:
        arguments: The arguments without the program's name; those of the process by default.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    prepare_streams()
    chosen = ""
    try:
        # typer belongs to the extras, so even this import can fail.
        chosen = _chosen(words)
        from fal_typed.cli.typer_app import run, words_to_complete

        completed = words_to_complete()
        chosen = _chosen(completed) if completed else chosen
        code = run(words or ["--help"], completed or words, chosen)
    except ModuleNotFoundError as error:
        _exit_for_missing_extra(chosen, error)
    except KeyboardInterrupt:
        _exit("interrupted", INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - unknown errors are raised again
        _exit_for_known_error(error)
    sys.exit(code if words else WRONG_USE)


def _chosen(words: Sequence[str]) -> str:
    return next((word for word in words if word in COMMANDS), "")


def _exit_for_missing_extra(chosen: str, error: ModuleNotFoundError) -> NoReturn:
    module = (error.name or "").partition(".")[0]
    if module in {"", "fal_typed", "fal_typed_codegen"}:
        raise error
    extra = COMMANDS[chosen].extra if chosen else "cli"
    command = f"fal-typed {chosen}".rstrip()
    _exit(f"{command} needs {module}: pip install 'fal-typed[{extra}]'", WRONG_USE)


def _exit_for_known_error(error: Exception) -> NoReturn:
    from fal_typed.cli.typer_app import usage_message
    from fal_typed.errors import FalError, FalInputError

    usage = usage_message(error)
    if usage is not None:
        _exit(usage, WRONG_USE)
    if isinstance(error, FalError):
        _exit(str(error), WRONG_USE if isinstance(error, FalInputError) else FOUND)
    if isinstance(error, OSError):
        _exit(str(error), FOUND)
    raise error


def _exit(message: str, code: int) -> NoReturn:
    note(f"error: {message}")
    sys.exit(code)
