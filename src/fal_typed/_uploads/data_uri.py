"""Data URIs: small files inside the request itself (docs/protocol.md section 6.5).

They are accepted wherever a file's URL is, up to about 10 MiB of text. Anything larger is better
uploaded.
"""

from __future__ import annotations

import os
import re
from base64 import b64decode, b64encode
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from fal_typed._uploads.content import encode_picture, type_of_name

if TYPE_CHECKING:
    from fal_typed.files import PILImage

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")


def encode(data: str | bytes, content_type: str) -> str:
    """Write data as a data URI.

    Args:
        data: The content; text is encoded as UTF-8.
        content_type: Its media type, such as `image/png`.

    Returns:
        The data URI.

    Example:
        >>> encode("hi", "text/plain")
        'data:text/plain;base64,aGk='
    """
    content = data.encode() if isinstance(data, str) else data
    return f"data:{content_type};base64,{b64encode(content).decode()}"


def encode_file(path: str | os.PathLike[str]) -> str:
    """Write a file as a data URI.

    Args:
        path: The file; its name tells the media type.

    Returns:
        The data URI.

    Raises:
        OSError: The file cannot be read.
    """
    file = Path(path)
    return encode(file.read_bytes(), type_of_name(file.name) or "application/octet-stream")


def encode_image(image: PILImage, format: str = "jpeg") -> str:  # noqa: A002 - Pillow's name
    """Write a Pillow image as a data URI.

    Args:
        image: The picture.
        format: Name of the format, such as `jpeg`, `png` or `webp`.

    Returns:
        The data URI.

    Raises:
        FalInputError: The picture has no form in this format, such as JPEG for transparency.
    """
    return encode(*encode_picture(image, format))


def decode(uri: str) -> bytes:
    """Read a data URI, as far from the standard as browsers accept it.

    Args:
        uri: The URI; its Base64 may be of the URL-safe kind, unpadded, or broken into lines.

    Returns:
        The content.

    Raises:
        ValueError: It is no data URI, or cut off.
    """
    head, comma, body = uri.partition(",")
    if not comma or not head.lower().startswith("data:"):
        raise ValueError("not a data URI")
    content = unquote_to_bytes(body)
    if not head.lower().rstrip().endswith(";base64"):
        return content
    content = b"".join(content.split()).rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    if _NOT_BASE64.search(content) or len(content) % 4 == 1:
        raise ValueError("the Base64 of a data URI is broken")
    return b64decode(content + b"=" * (-len(content) % 4))


def content_type(uri: str) -> str:
    """The media type a data URI names."""
    return uri[len("data:") :].partition(",")[0].partition(";")[0].strip().lower() or "text/plain"
