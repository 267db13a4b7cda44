"""Replaces files atomically: no reader sees a partial file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SUFFIX = ".fal-typed-tmp"
"""End of the names of temporary files, by which the files of a killed run are found."""


class OutsideError(OSError):
    """A path leads out of its folder through a link in it."""


def check_inside(root: Path, path: Path) -> None:
    """Check that a path stays in its folder.

    Args:
        root: The folder.
        path: A path below it.

    Raises:
        OutsideError: A link in the folder leads out of it.
    """
    if not path.parent.resolve().is_relative_to(root.resolve()):
        raise OutsideError(f"{path} leads out of {root} through a link")


def write_inside(root: Path, path: Path, content: bytes) -> None:
    """Replace a file in a folder atomically.

    Args:
        root: The folder.
        path: The file, below the folder.
        content: The new content.

    Raises:
        OutsideError: A link in the folder leads out of it.
        OSError: The file cannot be written; the old content remains.
    """
    write_all(root, {path: content})


def write_all(root: Path, contents: Mapping[Path, bytes]) -> None:
    """Replace files in a folder, after all of them have been written to temporary files.

    Args:
        root: The folder.
        contents: New content by path, below the folder.

    Raises:
        OutsideError: A link in the folder leads out of it.
        OSError: A file cannot be written; the old content of all of them remains.
    """
    staged: dict[Path, Path] = {}
    created: list[Path] = []
    try:
        for path, content in contents.items():
            check_inside(root, path)
            created += _create_folders(path.parent)
            staged[path] = _stage(path, content)
        for path, temporary in staged.items():
            temporary.replace(path)
    except BaseException:
        _discard(staged.values(), created)
        raise


def write_atomic(path: Path, content: bytes) -> None:
    """Replace a file's content atomically.

    Args:
        path: The file; its folder is created if missing.
        content: The new content.

    Raises:
        OSError: The file cannot be written; the old content remains.
    """
    created = _create_folders(path.parent)
    staged: list[Path] = []
    try:
        staged.append(_stage(path, content))
        staged[0].replace(path)
    except BaseException:
        _discard(staged, created)
        raise


def leftovers(root: Path) -> list[Path]:
    """Temporary files of a killed run in a folder."""
    return sorted(path for path in root.rglob(f".*{_SUFFIX}") if path.is_file())


def remove_leftovers(root: Path) -> None:
    """Remove the temporary files of a killed run from a folder."""
    for path in leftovers(root):
        path.unlink(missing_ok=True)


def _create_folders(folder: Path) -> list[Path]:
    """Create a folder, and return the folders that are new, the outermost first."""
    missing: list[Path] = []
    while not folder.exists():
        missing.insert(0, folder)
        folder = folder.parent
    for new in missing:
        new.mkdir(exist_ok=True)
    return missing


def _stage(path: Path, content: bytes) -> Path:
    """Write a temporary file next to a path."""
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_SUFFIX)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        # mkstemp creates private files; files of a checkout are readable by others.
        temporary.chmod(0o644)
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):  # name the file, not the temporary one
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise
    return temporary


def _discard(files: Iterable[Path], folders: list[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
    for folder in reversed(folders):
        if not any(folder.iterdir()):
            folder.rmdir()
