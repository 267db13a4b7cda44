"""The command line, ``fal-typed``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

from fal_typed.cli.command_list import COMMANDS, FOUND, WRONG_USE

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command that the arguments name, then exit with its code.

    Args:
        arguments: The arguments without the program's name; those of the process by default.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    chosen = next((word for word in words if word in COMMANDS), "")
    try:
        # typer belongs to the extras, so even this import can fail.
        from fal_typed.cli.typer_app import build

        build(chosen)(words, prog_name="fal-typed")
    except ModuleNotFoundError as error:
        _exit_for_missing_extra(chosen, error)
    except Exception as error:  # noqa: BLE001 - unknown errors are raised again
        _exit_for_fal_error(error)
    sys.exit(0)


def _exit_for_missing_extra(chosen: str, error: ModuleNotFoundError) -> NoReturn:
    module = (error.name or "").partition(".")[0]
    if module in {"", "fal_typed", "fal_typed_codegen"}:
        raise error
    extra = COMMANDS[chosen].extra if chosen else "codegen"
    command = f"fal-typed {chosen}".rstrip()
    _exit(f"{command} needs {module}: pip install 'fal-typed[{extra}]'", WRONG_USE)


def _exit_for_fal_error(error: Exception) -> NoReturn:
    from fal_typed.errors import FalError, FalInputError

    if not isinstance(error, FalError):
        raise error
    _exit(str(error), WRONG_USE if isinstance(error, FalInputError) else FOUND)


def _exit(message: str, code: int) -> NoReturn:
    sys.stderr.write(f"error: {message}\n")
    sys.exit(code)
