"""Reads the table `[tool.fal-typed]` of an application's `pyproject.toml`."""

from __future__ import annotations

import difflib
import keyword
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fal_typed._core.json_values import as_list, as_object
from fal_typed._documents.regular_files import read_regular_file

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "pyproject.toml"
TABLE = "tool.fal-typed"
_SOURCE = "src"


class ProjectError(ValueError):
    """The table is invalid; the message names the key and the reason."""


@dataclass(frozen=True)
class Project:
    """What to generate for an application.

    Attributes:
        root: Folder of its `pyproject.toml`; paths of the table are relative to it.
        output: Folder of the package to generate.
        package: Full name of that package.
        endpoints: Ids and glob patterns.
        scan: Folders and files to search for ids.
        documents: Folders and files of documents that are not in the catalog.
        schemas: Folder of the catalog; the included catalog if None.
        allow_unknown_ids: Whether the typed client also accepts unknown ids.
    """

    root: Path
    output: Path
    package: str
    endpoints: tuple[str, ...] = ()
    scan: tuple[Path, ...] = ()
    documents: tuple[Path, ...] = ()
    schemas: Path | None = None
    allow_unknown_ids: bool = False


def load_project(root: Path) -> Project | None:
    """Read the table of a folder's `pyproject.toml`.

    Args:
        root: The folder.

    Returns:
        The project; None if the file or the table does not exist.

    Raises:
        ProjectError: The file or the table is invalid.
    """
    file = root / FILE
    if not file.is_file():
        return None
    try:
        content = tomllib.loads(read_regular_file(file).decode())
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProjectError(f"{FILE}: {error}") from error
    table = (as_object(content.get("tool")) or {}).get("fal-typed")
    if table is None:
        return None
    entries = as_object(table)
    if entries is None:
        raise ProjectError(f"[{TABLE}] must be a table")
    return _Reader(root, entries).project()


class _Reader:
    def __init__(self, root: Path, table: Mapping[str, Any]) -> None:
        self._root = root
        self._table = table

    def project(self) -> Project:
        known = [field for field in Project.__dataclass_fields__ if field != "root"]
        for key in self._table:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"valid keys: {', '.join(known)}"
                raise ProjectError(f"[{TABLE}] unknown key {key!r}; {hint}")
        output = self._output()
        project = Project(
            root=self._root,
            output=self._root / output,
            package=self._text("package") or _package_of(output),
            endpoints=self._texts("endpoints"),
            scan=self._paths("scan"),
            documents=self._paths("documents"),
            schemas=self._schemas(),
            allow_unknown_ids=self._flag("allow_unknown_ids"),
        )
        if not (project.endpoints or project.scan or project.documents):
            raise ProjectError(
                f"[{TABLE}] selects no endpoint: set 'endpoints', 'scan' or 'documents'"
            )
        if not _is_package(project.package):
            raise self._wrong("package", f"{project.package!r} is not a valid package name")
        return project

    def _output(self) -> Path:
        text = self._text("output")
        if not text:
            raise self._wrong("output", "missing; set a folder, such as 'src/myapp/fal'")
        root = self._root.resolve()
        folder = (root / text).resolve()
        if folder == root or not folder.is_relative_to(root):
            raise self._wrong("output", f"{text!r} is not a folder inside the project")
        return folder.relative_to(root)

    def _schemas(self) -> Path | None:
        text = self._text("schemas")
        if text is None:
            return None
        if not (self._root / text).exists():
            raise self._wrong("schemas", f"folder not found: {text!r}")
        return self._root / text

    def _paths(self, key: str) -> tuple[Path, ...]:
        return tuple(self._path(key, text) for text in self._texts(key))

    def _path(self, key: str, text: str) -> Path:
        if "://" in text:
            raise self._wrong(
                key, f"{text!r} is a URL; download it with `fal-typed pull` and set the file"
            )
        path = self._root / text
        if not path.exists():
            raise self._wrong(key, f"file or folder not found: {text!r}")
        return path

    def _texts(self, key: str) -> tuple[str, ...]:
        values = as_list(self._table.get(key, []))
        if values is None or not all(isinstance(value, str) and value for value in values):
            raise self._wrong(key, "must be a list of strings")
        return tuple(values)

    def _text(self, key: str) -> str | None:
        value = self._table.get(key)
        if value is not None and not isinstance(value, str):
            raise self._wrong(key, "must be a string")
        return value

    def _flag(self, key: str) -> bool:
        value = self._table.get(key, False)
        if not isinstance(value, bool):
            raise self._wrong(key, "must be true or false")
        return value

    def _wrong(self, key: str, why: str) -> ProjectError:
        return ProjectError(f"[{TABLE}] {key}: {why}")


def _package_of(output: Path) -> str:
    """Package name of a folder of the project: the path after `src`, if it contains `src`."""
    parts = list(output.parts)
    if _SOURCE in parts[:-1]:
        parts = parts[parts.index(_SOURCE) + 1 :]
    return ".".join(parts)


def _is_package(name: str) -> bool:
    parts = name.split(".")
    return all(part.isidentifier() and not keyword.iskeyword(part) for part in parts)
