"""Names of downloaded files, safe on every system."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path
from urllib.parse import unquote, urlsplit

from fal_typed._core import data_uri
from fal_typed._core.media_types import extension_of

_MAX_NAME_BYTES = 150
# Device names on Windows, whatever their extension.
_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)


def target_path(path: str | os.PathLike[str], file_name: str | None, url: str) -> Path:
    """Where to save a file: at the path, or inside it if it is a folder.

    The name comes from a result and is not trusted: the file never leaves the folder.
    """
    target = Path(path)
    if not target.is_dir():
        return target
    if file_name is None and url[:5].lower() == "data:":
        return target / f"file{extension_of(data_uri.content_type(url))}"
    return target / (safe_name(file_name or "") or safe_name(unquote(urlsplit(url).path)) or "file")


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
    return _shortened(stem, _MAX_NAME_BYTES) + (f".{extension}" if extension else "")


def _shortened(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")
