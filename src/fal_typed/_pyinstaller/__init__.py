"""Hooks that PyInstaller finds by an entry point: what programs import or read by name only."""

from __future__ import annotations

from pathlib import Path
from pkgutil import walk_packages

_PACKAGE = Path(__file__).parent.parent
_SITE = _PACKAGE.parent


def hook_folders() -> list[str]:
    """The folder of the hooks."""
    return [str(Path(__file__).parent)]


def data_files(*patterns: str) -> list[tuple[str, str]]:
    """Files that are not modules, and the folders they belong into."""
    return [
        (str(path), str(path.parent.relative_to(_SITE)))
        for pattern in patterns
        for path in _SITE.glob(pattern)
        if path.suffix not in (".py", ".pyc") and path.is_file()
    ]


def modules_in(folder: str) -> list[str]:
    """The modules of a folder of this package."""
    found = walk_packages([str(_PACKAGE / folder)], f"fal_typed.{folder}.")
    return [module.name for module in found]
