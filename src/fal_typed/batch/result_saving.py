"""Saving the files of results: under unique names, whole or not at all, and on disk for good."""

from __future__ import annotations

import hashlib
import os
import string
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from fal_typed._core import data_uri
from fal_typed._core.flow import Flow, blocking, gather
from fal_typed._core.media_types import extension_of
from fal_typed._core.settings import Settings
from fal_typed._downloads import fetching
from fal_typed._downloads.file_names import SaveTarget, safe_name
from fal_typed.errors import FalInputError

_DEFAULT = "{key}-{index}{ext}"
_FIELDS = {"key", "request_id", "index", "name", "ext"}
_FILES_AT_ONCE = 4
_FOLDS_CASE = sys.platform in ("win32", "darwin")


class SaveTemplate:
    """Where the files of results are saved.

    Args:
        template: A path with `{key}` or `{request_id}`, and `{index}`, `{name}` and `{ext}`; or a
            folder, for `{key}-{index}{ext}` inside it.

    Raises:
        FalInputError: The template would give two items the same file.
    """

    def __init__(self, template: str | os.PathLike[str]) -> None:
        text = os.fspath(template)
        fields = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
        if not fields:
            text = os.path.join(text.replace("{", "{{").replace("}", "}}"), _DEFAULT)  # noqa: PTH118
            fields = {"key", "index", "ext"}
        if unknown := fields - _FIELDS:
            raise FalInputError(
                f"save has no field {{{min(unknown)}}}. Use {', '.join(sorted(_FIELDS))}."
            )
        if not fields & {"key", "request_id"}:
            raise FalInputError(
                "save needs {key} or {request_id}, so that each item has its own files."
            )
        self._template = text
        self._counts = "index" in fields

    def path(self, key: str, request_id: str, index: int, file: dict[str, Any]) -> Path:
        """The path of one file of a result."""
        name = _own_name(file)
        values = {
            "key": unique_name(key),
            "request_id": request_id,
            "index": index,
            "name": Path(name).stem,
            "ext": _extension(file, name),
        }
        path = Path(self._template.format(**values))
        if index and not self._counts:
            path = path.with_name(f"{path.stem}-{index}{path.suffix}")
        return path


def unique_name(key: str) -> str:
    """A file name for a key; different keys have different names on every system."""
    name = safe_name(key)
    is_same = name == key and not (_FOLDS_CASE and key != key.lower())
    if is_same:
        return name
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{name or 'item'}-{digest}"


def file_objects(value: object) -> Iterator[dict[str, Any]]:
    """The objects of a result that have a URL, in the result's order."""
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value)
        if isinstance(entries.get("url"), str):
            yield entries
        for entry in entries.values():
            yield from file_objects(entry)
    elif isinstance(value, list):
        for entry in cast("Iterable[object]", value):
            yield from file_objects(entry)


def save_files(
    settings: Settings, template: SaveTemplate, key: str, request_id: str, raw: object
) -> Flow[list[Path]]:
    """Save every file that a result names, in parallel.

    Raises:
        FalDownloadError: A file is gone, or its download broke too often.
        OSError: A folder cannot be written to.
    """
    targets = [
        (file["url"], template.path(key, request_id, index, file))
        for index, file in enumerate(file_objects(raw))
    ]
    if not targets:
        return []
    flows = [_save(settings, url, path) for url, path in targets]
    return (yield from gather(flows, _FILES_AT_ONCE))


def _save(settings: Settings, url: str, path: Path) -> Flow[Path]:
    yield from blocking(lambda: path.parent.mkdir(parents=True, exist_ok=True))
    saved = yield from fetching.save(settings, url, SaveTarget(path, is_exact=True))
    yield from blocking(lambda: _flush(saved))
    return saved


def _flush(path: Path) -> None:
    """Wait until a file and its name are on disk; the journal says so from then on."""
    for target in (path, path.parent):
        try:
            handle = os.open(target, os.O_RDONLY)
        except OSError:
            continue  # Windows opens no folders
        try:
            os.fsync(handle)
        except OSError:
            pass  # nor does it flush what is open for reading
        finally:
            os.close(handle)


def _own_name(file: dict[str, Any]) -> str:
    given = file.get("file_name")
    name = safe_name(given) if isinstance(given, str) else ""
    url = cast("str", file["url"])
    if not name and url[:5].lower() != "data:":
        name = safe_name(unquote(urlsplit(url).path))
    return name or "file"


def _extension(file: dict[str, Any], name: str) -> str:
    if suffix := Path(name).suffix:
        return suffix
    url, kind = cast("str", file["url"]), file.get("content_type")
    if url[:5].lower() == "data:":
        return extension_of(data_uri.content_type(url))
    return extension_of(kind) if isinstance(kind, str) else ""
