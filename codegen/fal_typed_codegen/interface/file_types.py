"""Recognizes parameters that accept a file, and components of a result that are a file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypeAlias

from fal_typed._core.json_values import as_list, as_object

if TYPE_CHECKING:
    from fal_typed._documents.document import Schema

FileClass: TypeAlias = Literal["File", "Image", "Video", "Audio"]

FILE_FIELDS: dict[FileClass, frozenset[str]] = {
    "File": frozenset({"url", "content_type", "file_name", "file_size", "file_data"}),
    "Image": frozenset({"width", "height"}),
    "Video": frozenset({"width", "height", "duration", "fps", "num_frames"}),
    "Audio": frozenset({"duration", "sample_rate", "channels", "bitrate"}),
}
"""Fields of the predefined classes; the other three also have those of `File`."""

_MARKS = frozenset({"image", "video", "audio", "file", "archive", "image_mask", "mask"})
_EXACT = frozenset({"image", "images", "video", "videos", "audio", "audios", "file", "files"})
_URL_NAME = re.compile(r"(?:^|_)urls?(?:_?\d+)?$", re.IGNORECASE)
_MEDIA_URL_NAME = re.compile(
    r"(?:^|_)(?:image|video|audio|file|mask|img)_urls?(?:_|$)", re.IGNORECASE
)
# These URLs are called or visited; they are not files.
_ADDRESSES = re.compile(
    r"(?:^|_)(?:webhook|callback|redirect|website|web|webpage|site|page|homepage|api|proxy|server"
    r"|endpoint|repo|repository|link|profile|notification|source_code|socket|ws)_urls?",
    re.IGNORECASE,
)
_FILE_FACTS = frozenset({"content_type", "file_name", "file_size"})
_KINDS: tuple[tuple[str, FileClass], ...] = (
    ("image", "Image"),
    ("video", "Video"),
    ("audio", "Audio"),
)


def is_file_parameter(name: str, schema: Schema) -> bool:
    """Whether a parameter accepts a file.

    Args:
        name: The parameter's name.
        schema: Its schema.

    Returns:
        True if it is marked as a file or named like one. Only its strings become files; a parameter
        without strings is not changed.

    >>> is_file_parameter("image_url", {"type": "string"})
    True
    >>> is_file_parameter("webhook_url", {"type": "string"})
    False
    """
    if schema.get("x-fal-file-input") is True:
        return True
    mark = (as_object(schema.get("ui")) or {}).get("field") or schema.get("_fal_ui_field")
    if isinstance(mark, str) and mark in _MARKS:
        return True
    if _ADDRESSES.search(name):
        return False
    return bool(name in _EXACT or _URL_NAME.search(name) or _MEDIA_URL_NAME.search(name))


def is_file_component(schema: Schema) -> bool:
    """Whether a component describes a file: a required `url` and a typical field of a file.

    Args:
        schema: The component's schema, an object.

    Returns:
        True for `File` and its subclasses.

    >>> is_file_component({"required": ["url"], "properties": {
    ...     "url": {"type": "string"}, "content_type": {"type": "string"}}})
    True
    """
    properties = as_object(schema.get("properties")) or {}
    if "url" not in (as_list(schema.get("required")) or []):
        return False
    if (as_object(properties.get("url")) or {}).get("type") != "string":
        return False
    return bool(_FILE_FACTS & properties.keys()) or {"width", "height"} <= properties.keys()


def file_class(component: str, schema: Schema, field: str) -> FileClass:
    """Choose the class of a file.

    Args:
        component: Name of the component.
        schema: The component's schema.
        field: Name of the field that contains it.

    Returns:
        The class that the component's name indicates, else `Image` if it has width and height, else
        the class that the field's name indicates.

    >>> file_class("VideoFile", {}, "result"), file_class("File", {}, "rendered_image")
    ('Video', 'Image')
    """
    named = _kind(component)
    if named is not None:
        return named
    if {"width", "height"} <= (as_object(schema.get("properties")) or {}).keys():
        return "Image"
    words = re.sub(r"_(?:file|url)s?$", "", field.lower())
    return _kind(words.rpartition("_")[2]) or "File"


def _kind(text: str) -> FileClass | None:
    lowered = text.lower()
    return next((kind for word, kind in _KINDS if word in lowered), None)
