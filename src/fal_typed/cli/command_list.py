"""The commands of ``fal-typed`` and their exit codes, without importing any of them.

The module of a command is ``commands/NAME_command.py``. It is imported only when the command is
run, so that ``--help`` is fast and a command needs only its own extra. It has one function,
``command``:

- typer turns its parameters into options; its docstring is the help, and starts with the summary
  given below;
- the docstring ends with a paragraph ``Example: fal-typed …``;
- it returns on success, raises ``typer.Exit(FOUND)`` when it found a problem, and
  ``typer.BadParameter`` when it is used incorrectly;
- it prints with the functions of ``terminal.py`` only;
- if it calls an endpoint, it has a parameter ``flags``; see ``endpoint_flags.py``.

Commands import the generator inside functions: what needs its dependencies belongs to the extra
``codegen``.
"""

from __future__ import annotations

from typing import NamedTuple

FOUND = 1
WRONG_USE = 2
INTERRUPTED = 130


class Command(NamedTuple):
    """What is known about a command without importing its module."""

    summary: str
    extra: str = "cli"
    has_flags: bool = False


COMMANDS = {
    "search": Command("Search endpoints by task, id, category and parameter names."),
    "show": Command("Show an endpoint's parameters, result and example calls."),
    "run": Command("Call an endpoint and print its result.", has_flags=True),
    "submit": Command("Submit a job to the queue and print its request id.", has_flags=True),
    "batch": Command("Call an endpoint for each row of a file.", "batch,cli"),
    "status": Command("Print the status of a job."),
    "result": Command("Wait for a job and print its result."),
    "cancel": Command("Cancel a job."),
    "upload": Command("Upload files and print their URLs."),
    "download": Command("Download files by their URLs."),
    "cost": Command("Show prices of endpoints and estimate the cost of calls."),
    "models": Command("List the models of the platform, as they are now."),
    "whoami": Command("Show which key is used and whether fal accepts it."),
    "open": Command("Open an endpoint's page on fal.ai in a browser."),
    "emulator": Command("Run an emulator of the platform's API on this machine.", "emulator"),
    "pull": Command("Download endpoint documents into a folder.", "codegen"),
    "generate": Command("Generate the typed modules of endpoints from their schemas.", "codegen"),
    "diff": Command("Show what changed between schemas and how it affects callers.", "codegen"),
    "check": Command("List generated modules that are out of date or edited by hand.", "codegen"),
}
