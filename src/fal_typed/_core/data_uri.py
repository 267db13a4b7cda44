"""Data URIs: small files inside the request (docs/protocol.md section 6.5).

A data URI works wherever a file URL does, up to about 10 MiB of text. Upload larger files.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from urllib.parse import unquote_to_bytes

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")


def encode(data: str | bytes, content_type: str) -> str:
    """Encode data as a data URI.

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
    """Decode a data URI, as leniently as browsers do.

    Args:
        uri: The URI. Its Base64 may be URL-safe, unpadded, or split into lines.

    Returns:
        The content.

    Raises:
        ValueError: The text is not a data URI, or it is truncated.
    """
    head, comma, body = uri.partition(",")
    if not comma or not head.lower().startswith("data:"):
        raise ValueError("not a data URI")
    content = unquote_to_bytes(body)
    if not head.lower().rstrip().endswith(";base64"):
        return content
    content = b"".join(content.split()).rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    if _NOT_BASE64.search(content) or len(content) % 4 == 1:
        raise ValueError("the Base64 of the data URI is invalid")
    return b64decode(content + b"=" * (-len(content) % 4))


def content_type(uri: str) -> str:
    """The media type of a data URI."""
    return uri[len("data:") :].partition(",")[0].partition(";")[0].strip().lower() or "text/plain"
