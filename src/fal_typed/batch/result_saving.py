"""Saving the files of results: under unique names, whole or not at all, and on disk for good."""

from __future__ import annotations

import hashlib
import os
import re
import string
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
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
_SAMPLE = {"key": "k", "request_id": "r", "index": 0, "name": "n", "ext": ".x"}
_FILES_AT_ONCE = 4
_FOLDS_CASE = sys.platform in ("win32", "darwin")
_HASH_LENGTH = 16
_HASHED = re.compile(rf"-[0-9a-f]{{{_HASH_LENGTH}}}$", re.IGNORECASE)
_MOST_NAME_BYTES = 200
# Parts of a path that different keys never share: `{index}` has only digits and `{ext}` only one
# dot, so the key can be read from the name.
_DISTINCT = re.compile(r"[^{}]*\{key\}([^{}]*|[^{}]*[^{}0-9]\{index(:0?\d*d?)?\}[^{}]*)(\{ext\})?")
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,10}")


class SaveTemplate:
    """Where the files of results are saved.

    Args:
        template: A path with `{key}` or `{request_id}`, and `{index}`, `{name}` and `{ext}`; or a
            folder, for `{key}-{index}{ext}` inside it.

    Raises:
        FalInputError: The template is invalid, or would give two items the same file.
    """

    def __init__(self, template: str | os.PathLike[str]) -> None:
        text = os.fspath(template)
        fields = _fields_of(text)
        if not fields:
            text = os.path.join(text.replace("{", "{{").replace("}", "}}"), _DEFAULT)  # noqa: PTH118
            fields = {"key", "index", "ext"}
        if unknown := fields - _SAMPLE.keys():
            raise FalInputError(
                f"save has no field {{{min(unknown)}}}. Use {', '.join(sorted(_SAMPLE))}."
            )
        if not fields & {"key", "request_id"}:
            raise FalInputError(
                "save needs {key} or {request_id}, so that each item has its own files."
            )
        self._parts = Path(text).parts
        self._is_distinct = "request_id" in fields or any(map(_DISTINCT.fullmatch, self._parts))
        self._key_is_in_name = "{key" in self._parts[-1]
        self.paths("k", "r", [{"url": ""}])

    def paths(self, key: str, request_id: str, files: Sequence[dict[str, Any]]) -> list[Path]:
        """The paths of the files of a result, all different."""
        paths: dict[str, Path] = {}
        for index, file in enumerate(files):
            path = self._path(key, request_id, index, file)
            numbers = count(index)
            while _folded(path) in paths:
                # Another key may have this name with a number, but not with the hash.
                mark = f"-{digest(key)}" if self._key_is_in_name else ""
                path = path.with_name(f"{path.stem}-{next(numbers)}{mark}{path.suffix}")
            paths[_folded(path)] = path
        return list(paths.values())

    def _path(self, key: str, request_id: str, index: int, file: dict[str, Any]) -> Path:
        name = _own_name(file)
        values = {
            "key": unique_name(key, is_hashed=not self._is_distinct),
            "request_id": unique_name(request_id),
            "index": index,
            "name": Path(name).stem,
            "ext": _extension(file, name),
        }
        return Path(*(_shortened(part.format(**values)) for part in self._parts))


def _fields_of(template: str) -> set[str]:
    """The fields of a template.

    Raises:
        FalInputError: It is not a template.
    """
    try:
        fields = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
        if fields <= _SAMPLE.keys():
            template.format(**_SAMPLE)
    except (ValueError, KeyError, IndexError) as error:
        raise FalInputError(f"save is not a path with fields such as {{key}}: {error}.") from None
    return fields


def digest(text: str) -> str:
    """A hash for file names."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]


def unique_name(key: str, *, is_hashed: bool = False) -> str:
    """A file name for a key; different keys have different names on every system.

    Args:
        key: The key.
        is_hashed: True adds a hash to every name, else only to those that differ from the key.
    """
    name = safe_name(key)
    is_same = name == key and not (_FOLDS_CASE and key != key.lower())
    if is_same and not is_hashed and not _HASHED.search(name):
        return name
    return f"{name or 'item'}-{digest(key)}"


def _folded(path: Path) -> str:
    """The same for two paths that may be one file on some system."""
    return unicodedata.normalize("NFC", str(path)).casefold()


def _shortened(name: str) -> str:
    """A name that every file system takes."""
    if len(name.encode("utf-8", "surrogatepass")) <= _MOST_NAME_BYTES:
        return name
    stem = name.encode("utf-8", "ignore")[: _MOST_NAME_BYTES - 40].decode(errors="ignore")
    suffix = Path(name).suffix
    extension = suffix if _EXTENSION.fullmatch(suffix) else ""
    return f"{stem}-{digest(name)}{extension}"


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
    files = list(file_objects(raw))
    if not files:
        return []
    paths = template.paths(key, request_id, files)
    flows = [_save(settings, file["url"], path) for file, path in zip(files, paths, strict=True)]
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
    """The extension of a file; every file has one, so that `a` and `a.png` stay apart."""
    if _EXTENSION.fullmatch(suffix := Path(name).suffix):
        return suffix
    url, kind = cast("str", file["url"]), file.get("content_type")
    if url[:5].lower() == "data:":
        kind = data_uri.content_type(url)
    return (extension_of(kind) if isinstance(kind, str) else "") or ".bin"
