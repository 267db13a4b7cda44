"""HTML of files, for notebooks.

A result is untrusted: every text is escaped, only `http`, `https` and `data` URLs of known media
types become elements, and data URIs are never linked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any, Literal, cast
from urllib.parse import urlsplit

MediaKind = Literal["image", "video", "audio", "file"]

_MAX_DATA_URI = 20_000_000
_MAX_FILES = 24
_MAX_DEPTH = 20
_MAX_NAME = 80
# No SVG: it may contain scripts, which run where an image is opened by itself.
_DATA_URI = re.compile(
    r"data:(?:(image)/(?:png|jpeg|jpg|gif|webp|avif|bmp)|(audio)/[\w.+-]+|(video)/[\w.+-]+)"
    r"(?:;[\w=.+\"-]+)*;base64,[A-Za-z0-9+/=_-]*",
    re.IGNORECASE,
)
_EXTENSIONS: dict[str, MediaKind] = {
    **dict.fromkeys(("png", "jpg", "jpeg", "gif", "webp", "avif", "bmp", "svg"), "image"),
    **dict.fromkeys(("mp4", "webm", "mov", "m4v"), "video"),
    **dict.fromkeys(("mp3", "wav", "ogg", "opus", "flac", "m4a", "aac"), "audio"),
}
_TEMPLATES = {
    "image": '<img src="{url}" alt="{name}" referrerpolicy="no-referrer" style="{style}">',
    "video": '<video src="{url}" controls preload="metadata" style="{style}"></video>',
    "audio": '<audio src="{url}" controls preload="metadata"></audio>',
}
_STYLE = "max-width: {width}; height: auto; border-radius: 4px"
_ROW = '<div style="display: flex; flex-wrap: wrap; gap: 8px; align-items: flex-end">{}</div>'
_FIGURE = (
    '<figure style="margin: 0; text-align: left">{}<figcaption style="{}">{}</figcaption></figure>'
)
_CAPTION = "margin: 0; font-size: 85%; opacity: 0.75; overflow-wrap: anywhere; max-width: {}"
# A percentage would keep a row of images from being as narrow as the images.
_ONE_WIDTH, _MANY_WIDTH = "min(100%, 512px)", "256px"


def is_file(value: object) -> bool:
    """Whether a value is a file of a result, typed or plain JSON."""
    if isinstance(value, dict):
        url = cast("dict[str, object]", value).get("url")
        return isinstance(url, str) and _kind(value) != "file"
    return getattr(type(value), "__fal_file__", False) is True


def files_in(value: object) -> list[Any]:
    """The files in a result, at any depth, up to a number that a notebook can show."""
    found: list[Any] = []
    for file in _walk(value, 0):
        found.append(file)
        if len(found) == _MAX_FILES:
            break
    return found


def _walk(value: object, depth: int) -> Iterator[Any]:
    if depth > _MAX_DEPTH:
        return
    if is_file(value):
        yield value
        return
    items: Iterable[object] = ()
    if isinstance(value, dict):
        items = cast("dict[object, object]", value).values()
    elif isinstance(value, (list, tuple)):
        items = cast("list[object]", value)
    elif hasattr(type(value), "model_fields"):
        items = [item for _, item in cast("Iterable[tuple[str, object]]", value)]
    for item in items:
        yield from _walk(item, depth + 1)


def files_html(files: Iterable[Any]) -> str:
    """Show files in a row, each with its name, size and a link."""
    shown = list(files)
    width = _ONE_WIDTH if len(shown) == 1 else _MANY_WIDTH
    return _ROW.format("".join(_figure(file, width) for file in shown))


def _figure(file: Any, width: str) -> str:
    url, kind = str(_attribute(file, "url") or ""), _kind(file)
    name = _name(file, url)
    if is_embeddable(url, kind) and kind in _TEMPLATES:
        element = _TEMPLATES[kind].format(
            url=escape(url), name=escape(name), style=_STYLE.format(width=width)
        )
    else:
        element = ""
    return _FIGURE.format(element, _CAPTION.format(width), _caption(file, url, name))


def _caption(file: Any, url: str, name: str) -> str:
    words = [escape(name)]
    if is_web_url(url):
        words = [
            f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer">{escape(name)}</a>'
        ]
    width, height = _attribute(file, "width"), _attribute(file, "height")
    if isinstance(width, int) and isinstance(height, int):
        words.append(f"{width} × {height}")  # noqa: RUF001 - the sign between two sizes
    duration = _attribute(file, "duration")
    if isinstance(duration, (int, float)):
        words.append(f"{duration:.1f} s")
    size = _attribute(file, "file_size")
    if isinstance(size, int):
        words.append(_size(size))
    return ", ".join(words)


def is_web_url(url: str) -> bool:
    """Whether a URL is http(s) with a host, and contains nothing that browsers would drop."""
    if not url.isprintable() or " " in url or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def is_embeddable(url: str, kind: MediaKind) -> bool:
    """Whether a URL may be the source of an element of a kind."""
    if url[:5].lower() != "data:":
        return is_web_url(url)
    matched = _DATA_URI.fullmatch(url) if len(url) <= _MAX_DATA_URI else None
    return matched is not None and kind in {group.lower() for group in matched.groups("")}


def _kind(file: Any) -> MediaKind:
    for base in type(file).__mro__:
        if base.__name__ in ("Image", "Video", "Audio") and hasattr(base, "__fal_file__"):
            return cast("MediaKind", base.__name__.lower())
    url = str(_attribute(file, "url") or "")
    media_type = str(_attribute(file, "content_type") or "")
    if url[:5].lower() == "data:":
        media_type = url[5:50]
    major = media_type.partition("/")[0].lower()
    if major in ("image", "video", "audio"):
        return cast("MediaKind", major)
    return _EXTENSIONS.get(_last_part(url).rpartition(".")[2].lower(), "file")


def _name(file: Any, url: str) -> str:
    name = _attribute(file, "file_name")
    if not isinstance(name, str) or not name:
        name = _last_part(url) if is_web_url(url) else ""
    return (name or _kind(file))[:_MAX_NAME]


def _last_part(url: str) -> str:
    return url[:4096].partition("?")[0].partition("#")[0].rpartition("/")[2]


def _attribute(file: Any, name: str) -> object:
    if isinstance(file, dict):
        return cast("dict[str, object]", file).get(name)
    return getattr(file, name, None)


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:  # noqa: PLR2004 - the step between units
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
