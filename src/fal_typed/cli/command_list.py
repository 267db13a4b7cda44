"""The commands of ``fal-typed`` and their exit codes, without importing any of them.

The module of a command is ``commands/NAME_command.py``. It is imported only when the command is
run, so that ``--help`` is fast and a command needs only its own extra. It has one function,
``command``:

- typer turns its parameters into options; its docstring is the help, and starts with the summary
  given below;
- the docstring ends with a paragraph ``Example: fal-typed …``;
- it returns on success, raises ``typer.Exit(FOUND)`` when it found a problem, and
  ``typer.BadParameter`` when it is used incorrectly.

Commands import the generator inside functions: it belongs to the extra ``codegen``.
"""

from __future__ import annotations

from typing import NamedTuple

FOUND = 1
WRONG_USE = 2


class Command(NamedTuple):
    """What is known about a command without importing its module."""

    summary: str
    extra: str


COMMANDS = {
    "pull": Command("Download endpoint documents into a folder.", "codegen"),
    "generate": Command("Generate the typed modules of endpoints from their schemas.", "codegen"),
    "diff": Command("Show what changed between schemas and how it affects callers.", "codegen"),
    "check": Command("List generated modules that are out of date or edited by hand.", "codegen"),
    "search": Command("Search endpoints by id, category and parameter names.", "codegen"),
    "show": Command("Show an endpoint's parameters, result and an example call.", "codegen"),
    "run": Command("Call an endpoint and print its result.", "codegen"),
    "batch": Command("Call an endpoint for each row of a file.", "batch,codegen"),
    "emulator": Command("Run an emulator of the platform's API on this machine.", "emulator"),
}
