"""Reads files whose folder anybody may have put together.

A folder of documents or of source code can contain anything: folders named like files, dangling
links, pipes that never end, links to devices. A read of one of these must neither hang nor end a
run that has other files to read.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MAX_FILE = 64 * 1024 * 1024
# A pipe that nobody writes to would block the call that opens it.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read_regular_file(path: str | os.PathLike[str], limit: int = MAX_FILE) -> bytes:
    """Read a regular file, or the one that a link leads to.

    Args:
        path: The file.
        limit: Maximum size in bytes, checked while reading.

    Returns:
        Its content.

    Raises:
        OSError: It is not a regular file, it is larger than the limit, or it cannot be read.
    """
    with os.fdopen(os.open(path, _FLAGS), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
        content = file.read(limit + 1)
    if len(content) > limit:
        message = f"larger than {limit // 1024 // 1024} MB"
        raise OSError(errno.EFBIG, message, os.fspath(path))
    return content


def read_if_regular(path: Path, limit: int = MAX_FILE) -> bytes | None:
    """Read a regular file; None for anything else and for what cannot be read."""
    try:
        return read_regular_file(path, limit)
    except OSError:
        return None
