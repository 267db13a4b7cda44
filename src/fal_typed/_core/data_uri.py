"""Data URIs: small files inside the request itself (docs/protocol.md section 6.5).

They are accepted wherever a file's URL is, up to about 10 MiB of text. Anything larger is better
uploaded.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from urllib.parse import unquote_to_bytes

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
