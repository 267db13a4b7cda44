"""``fal-typed upload``: upload files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fal_typed import FalClient
from fal_typed.cli.terminal import say


def command(
    files: Annotated[list[Path], typer.Argument(help="Files to upload.")],
) -> None:
    """Upload files and print their URLs.

    The URLs are printed one per line, in the order of the files. All files are checked before the
    first one is uploaded.

    Example: fal-typed upload cat.png dog.png
    """
    missing = [str(path) for path in files if not path.is_file()]
    if missing:
        raise typer.BadParameter(f"no file {missing[0]!r}; nothing was uploaded")
    with FalClient() as client:
        for path in files:
            say(client.upload_file(path))
