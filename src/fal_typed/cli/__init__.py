"""The command line, ``fal-typed``.

Each command is a module of this package, named in `COMMANDS` and imported only when it is asked
for, so that ``--help`` is quick and a command needs only the extra it uses. Such a module exposes
one function, ``command``:

- typer reads its parameters; its docstring is the help, and begins with the summary given below;
- the docstring ends with a paragraph ``Example: fal-typed …``;
- it returns when done, raises ``typer.Exit(FOUND)`` when it found something and
  ``typer.BadParameter`` for wrong use.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

FOUND = 1
WRONG_USE = 2


class Command(NamedTuple):
    """What is known of a command before its module is imported."""

    summary: str
    extra: str


COMMANDS = {
    "pull": Command("Bring the documents of endpoints into a folder.", "codegen"),
    "generate": Command("Write the typed modules of endpoints from their schemas.", "codegen"),
    "diff": Command(
        "Say what changed between schemas, and what that means for callers.", "codegen"
    ),
    "check": Command("Say which generated modules are stale or edited by hand.", "codegen"),
    "search": Command("Find endpoints by words in their id, category and parameters.", "codegen"),
    "show": Command("Show an endpoint: its parameters, its result, an example call.", "codegen"),
    "run": Command("Call an endpoint and show its result.", "codegen"),
    "batch": Command("Call an endpoint for each row of a file.", "batch,codegen"),
    "emulator": Command("Serve the platform's API on this machine.", "emulator"),
}


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command that the arguments name, then exit with its code.

    Args:
        arguments: The words after the program's name; those of the process by default.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    chosen = next((word for word in words if word in COMMANDS), "")
    try:
        # typer is part of the extras, so even this import may fail.
        from fal_typed.cli.application import build

        build(chosen)(words, prog_name="fal-typed")
    except ModuleNotFoundError as error:
        _exit_for_missing_extra(chosen, error)
    except Exception as error:  # noqa: BLE001 - what is not ours is raised again
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
