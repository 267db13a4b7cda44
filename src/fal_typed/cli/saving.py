"""Saves the files of results in a folder."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fal_typed._core.json_values import as_list, as_object, as_text
from fal_typed.cli.terminal import note
from fal_typed.errors import FalError
from fal_typed.files import File

if TYPE_CHECKING:
    from collections.abc import Iterator

SaveOption = Annotated[
    Path | None,
    typer.Option(file_okay=False, help="Folder to save the result's files in; created if missing."),
]


def check_folder(folder: Path, option: str = "--save") -> None:
    """Create a folder and check that files can be written to it, before a job is paid for."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise typer.BadParameter(
            f"cannot write to the folder {folder}: {error.strerror or error}", param_hint=option
        ) from error


def save_all(value: Any, folder: Path) -> bool:
    """Save every file of a result's JSON, and report each on standard error.

    Returns:
        Whether all files were saved. A file that fails does not stop the others.
    """
    complete = True
    for file in files_in(value):
        try:
            note(f"saved {file.save(folder)}")
        except (FalError, OSError) as error:
            complete = False
            note(f"error: {file.url[:200].split('?')[0]} could not be saved: {error}")
    return complete


def files_in(value: Any) -> Iterator[File]:
    """The files in a JSON value: objects with a URL, outer ones first."""
    items, mapping = as_list(value) or [], as_object(value) or {}
    if isinstance(mapping.get("url"), str):
        yield File(
            url=mapping["url"],
            file_name=as_text(mapping.get("file_name")),
            content_type=as_text(mapping.get("content_type")),
        )
    for inner in (*items, *mapping.values()):
        yield from files_in(inner)
