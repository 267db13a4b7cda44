"""Replaces files atomically: no reader sees a partial file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


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
    check_inside(root, path)
    write_atomic(path, content)


def write_atomic(path: Path, content: bytes) -> None:
    """Replace a file's content atomically.

    Args:
        path: The file; its folder is created if missing.
        content: The new content.

    Raises:
        OSError: The file cannot be written; the old content remains.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        # mkstemp creates private files; files of a checkout are readable by others.
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
