"""Media types of files, by file name and by content."""

from __future__ import annotations

import mimetypes
import re
from pathlib import PurePath

OCTETS = "application/octet-stream"
# Types that `mimetypes` of some Python versions lacks; file names use a type's first extension.
_TYPES = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".heic": "image/heic",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".glb": "model/gltf-binary",
    ".zip": "application/zip",
    ".bin": OCTETS,
}
_MAGIC = (
    (re.compile(rb"\x89PNG\r\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"RIFF....WAVE", re.DOTALL), "audio/wav"),
    (re.compile(rb"....ftypavif", re.DOTALL), "image/avif"),
    (re.compile(rb"....ftyp(heic|heix|mif1)", re.DOTALL), "image/heic"),
    (re.compile(rb"....ftypM4A", re.DOTALL), "audio/mp4"),
    (re.compile(rb"....ftyp", re.DOTALL), "video/mp4"),
    (re.compile(rb"\x1aE\xdf\xa3"), "video/webm"),
    (re.compile(rb"ID3|\xff[\xfb\xf3\xf2]"), "audio/mpeg"),
    (re.compile(rb"OggS"), "audio/ogg"),
    (re.compile(rb"fLaC"), "audio/flac"),
    (re.compile(rb"glTF"), "model/gltf-binary"),
    (re.compile(rb"%PDF-"), "application/pdf"),
    (re.compile(rb"PK\x03\x04"), "application/zip"),
)


def type_of_name(name: str) -> str | None:
    """The media type for a file name, by its extension."""
    extension = PurePath(name).suffix.lower()
    return _TYPES.get(extension) or mimetypes.guess_type(f"file{extension}")[0]


def type_of_bytes(head: bytes) -> str | None:
    """The media type for the first bytes of a file."""
    return next((found for magic, found in _MAGIC if magic.match(head)), None)


def extension_of(content_type: str) -> str:
    """The file extension for a media type, `.bin` if unknown."""
    known = next((end for end, found in _TYPES.items() if found == content_type), None)
    return known or mimetypes.guess_extension(content_type) or ".bin"
