"""``fal-typed download``: download files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fal_typed.cli.saving import check_folder
from fal_typed.cli.terminal import say
from fal_typed.files import File


def command(
    urls: Annotated[list[str], typer.Argument(help="URLs of files, such as those of a result.")],
    to: Annotated[
        Path, typer.Option(file_okay=False, help="Folder to save in; created if missing.")
    ] = Path(),
) -> None:
    """Download files by their URLs.

    The paths are printed one per line. No existing file is replaced; names that are taken get a
    number. The key is never sent.

    Example: fal-typed download https://v3.fal.media/files/a/cat.png --to out
    """
    check_folder(to, "--to")
    for url in urls:
        say(str(File(url=url).save(to)))
