"""Names of downloaded files, safe on every system."""

from __future__ import annotations

import os
import re
import unicodedata
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from fal_typed._core import data_uri
from fal_typed._core.media_types import extension_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_SEPARATORS = ("/", os.sep)
_MAX_NAME_BYTES = 150
# Device names on Windows, whatever their extension.
_DEVICES = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE
)


class SaveTarget(NamedTuple):
    """Where a file is saved.

    Attributes:
        path: The path.
        is_exact: Whether the user gave the whole path, so that an existing file is replaced. In a
            folder, the file gets a name that no other file has.
    """

    path: Path
    is_exact: bool


def choose_target(path: str | os.PathLike[str], file_name: str | None, url: str) -> SaveTarget:
    """Where to save a file: at the path, or inside it if it is a folder.

    A path that ends in a separator is a folder, which is created. The name comes from a result
    and is not trusted: the file never leaves the folder.
    """
    folder = Path(path)
    if os.fspath(path).endswith(_SEPARATORS):
        folder.mkdir(parents=True, exist_ok=True)
    if not folder.is_dir():
        return SaveTarget(folder, is_exact=True)
    return SaveTarget(folder / _name_of(file_name, url), is_exact=False)


def free_paths(path: Path) -> Iterator[Path]:
    """Yield the path, then the path with numbers: `cat.png`, `cat-2.png` and so on."""
    yield path
    for number in count(2):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")


def publish(finished: Path, target: SaveTarget) -> Path:
    """Move a complete file to its target in one step.

    In a folder, no existing file is replaced, even if other programs save files there at the
    same time.

    Returns:
        The file's path.
    """
    if target.is_exact:
        finished.replace(target.path)
        return target.path
    return next(path for path in free_paths(target.path) if _claim(finished, path))


def _claim(finished: Path, path: Path) -> bool:
    """Move a file to a path, unless another file has it."""
    try:
        os.link(finished, path)
    except FileExistsError:
        return False
    except OSError:
        return _claim_without_links(finished, path)
    finished.unlink()
    return True


def _claim_without_links(finished: Path, path: Path) -> bool:
    """The same on file systems without hard links: an empty file reserves the name."""
    try:
        path.open("xb").close()
    except FileExistsError:
        return False
    finished.replace(path)
    return True


def _name_of(file_name: str | None, url: str) -> str:
    if file_name is None and url[:5].lower() == "data:":
        return f"file{extension_of(data_uri.content_type(url))}"
    return safe_name(file_name or "") or safe_name(_path_of(url)) or "file"


def _path_of(url: str) -> str:
    try:
        return unquote(urlsplit(url).path)
    except ValueError:
        return ""


def safe_name(name: str) -> str:
    r"""The last part of a name, without characters that are special to a file system.

    Example:
        >>> safe_name("../../.bashrc"), safe_name("C:\\cats\\con.png"), safe_name("a/")
        ('bashrc', '_con.png', '')
    """
    last = re.split(r"[/\\]", name)[-1]
    # Control, format (such as right-to-left marks), unassigned and separator characters.
    seen = "".join(sign for sign in last if unicodedata.category(sign)[0] != "C")
    plain = re.sub(r'[<>:"|?*\u2028\u2029]', "_", seen).strip(". ")
    if _DEVICES.fullmatch(plain):
        plain = f"_{plain}"
    stem, dot, extension = plain.rpartition(".")
    if not dot or len(extension.encode()) > _MAX_NAME_BYTES // 4:
        stem, extension = plain, ""
    # Windows removes spaces and dots at the end of a name.
    return f"{_shortened(stem, _MAX_NAME_BYTES)}.{extension}".rstrip(". ")


def _shortened(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")
