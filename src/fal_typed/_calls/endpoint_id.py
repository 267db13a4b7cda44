"""Endpoint ids: `owner/alias[/path…]`, optionally in a namespace.

See docs/protocol.md section 1.6.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from fal_typed.errors import FalInputError

NAMESPACES = ("workflows", "comfy")
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.~+@:-]*")
_LEGACY = re.compile(r"(\d+)-([A-Za-z0-9_.-]+)")
_ADDRESSES = ("https://fal.run/", "https://queue.fal.run/", "https://fal.ai/models/")
_WITH_NAMESPACE = 3
_PLAIN = 2


@dataclass(frozen=True)
class EndpointId:
    """A parsed endpoint id."""

    full: str
    app: str

    @classmethod
    @lru_cache(maxsize=1024)
    def parse(cls, text: str) -> EndpointId:
        """Parse an id, rejecting anything that could change the host or path of a URL.

        Raises:
            FalInputError: The text is not a valid endpoint id.
        """
        text = _without_host(text).strip("/")
        legacy = _LEGACY.fullmatch(text)
        if legacy:
            text = f"{legacy[1]}/{legacy[2]}"
        segments = text.split("/")
        if not all(_SEGMENT.fullmatch(segment) and ".." not in segment for segment in segments):
            raise FalInputError(_explain(text))
        length = _WITH_NAMESPACE if segments[0] in NAMESPACES else _PLAIN
        if len(segments) < length:
            raise FalInputError(_explain(text))
        return cls(full=text, app="/".join(segments[:length]))

    @property
    def alias(self) -> str:
        """The app's name without its owner, as used in realtime tokens."""
        return self.app.rsplit("/", 1)[1]


def _without_host(text: str) -> str:
    # People paste the URL of a model's page or of the endpoint.
    for address in _ADDRESSES:
        if text.startswith(address):
            return text.removeprefix(address)
    return text


def join_path(base: str, path: str) -> str:
    """Append an extra path to a URL, escaping anything that could change its host or query."""
    if not path:
        return base
    segments = path.strip("/").split("/")
    if any(segment in (".", "..") for segment in segments):
        raise FalInputError(f"The path {path!r} must not contain '.' or '..' segments.")
    try:
        return base + "/" + "/".join(quote(segment, safe="~@:+") for segment in segments)
    except UnicodeEncodeError:
        raise FalInputError(f"The path {path!r} is not valid Unicode.") from None


def _explain(text: str) -> str:
    return (
        f"{text[:200]!r} is not a valid endpoint id. Ids look like 'fal-ai/flux/dev': an owner, an "
        "app, and optionally more segments."
    )
