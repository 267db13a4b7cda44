"""Specifications of generated media files.

A `MediaSpec` describes a file and is part of the file's URL. The emulator therefore stores nothing
to serve a file, and a recorded response still works in another process.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass

from typing_extensions import Self

CONTENT_TYPES: dict[str, str] = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "svg": "image/svg+xml",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mov": "video/quicktime",
    "glb": "model/gltf-binary",
    "obj": "model/obj",
    "stl": "model/stl",
    "ply": "application/x-ply",
    "zip": "application/zip",
    "safetensors": "application/octet-stream",
    "json": "application/json",
    "txt": "text/plain",
    "srt": "application/x-subrip",
    "bin": "application/octet-stream",
}
"""Content type of every kind of file that can be generated, by extension."""

RASTER_IMAGES = frozenset({"jpeg", "png", "webp"})
IMAGES = RASTER_IMAGES | {"svg"}
SOUNDS = frozenset({"wav", "mp3", "ogg", "flac", "m4a"})
VIDEOS = frozenset({"mp4", "webm", "mov", "gif"})
MESHES = frozenset({"glb", "obj", "stl", "ply"})

MAX_SIDE = 14142
"""The longest side of a custom image size on the platform, in pixels.

Rests on docs/protocol.md section 11.3.
"""
MAX_SECONDS = 600.0
_MAX_FRAMES = 1_200


class InvalidSpecError(ValueError):
    """A URL does not contain a valid media specification."""


@dataclass(frozen=True)
class MediaSpec:
    """The specification of one generated file.

    Args:
        extension: One of `CONTENT_TYPES`.
        seed: Determines how the file looks or sounds.
        text: Drawn on images and videos, written into text files.
        width: Width of images and videos, in pixels.
        height: Height of images and videos, in pixels.
        seconds: Length of sounds and videos, in seconds.
        rate: Samples per second of a sound, frames per second of a video; 0 for the default.
    """

    extension: str
    seed: int = 0
    text: str = ""
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    rate: int = 0

    @property
    def content_type(self) -> str:
        """MIME type of the file."""
        return CONTENT_TYPES[self.extension]

    @property
    def name(self) -> str:
        """A file name in the platform's form: a hash and the extension."""
        return f"{zlib.crc32(self.token().encode()):08x}.{self.extension}"

    @property
    def frames(self) -> int:
        """Number of frames of a video, 1 to 1,200."""
        return min(max(1, round((self.seconds or 2.0) * (self.rate or 24))), _MAX_FRAMES)

    def token(self) -> str:
        """Encode the specification as a URL-safe string.

        Returns:
            The string, which `from_token` decodes.
        """
        fields = [
            self.extension,
            self.seed,
            self.text,
            self.width,
            self.height,
            self.seconds,
            self.rate,
        ]
        text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
        return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")

    @classmethod
    def from_token(cls, token: str) -> Self:
        """Decode a specification.

        Args:
            token: What `token` returned, or any text that a client sent.

        Returns:
            The specification, with its numbers limited to what can be generated.

        Raises:
            InvalidSpecError: The token is not a specification.
        """
        try:
            text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            extension, seed, label, width, height, seconds, rate = json.loads(text)
            spec = cls(
                extension,
                int(seed),
                str(label),
                min(max(int(width), 0), MAX_SIDE),
                min(max(int(height), 0), MAX_SIDE),
                min(max(float(seconds), 0.0), MAX_SECONDS),
                min(max(int(rate), 0), 192_000),
            )
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise InvalidSpecError(f"not a media specification: {token[:40]!r}") from error
        if spec.extension not in CONTENT_TYPES:
            raise InvalidSpecError(f"unknown kind of file: {extension!r}")
        return spec

    def path(self) -> str:
        """Path of the file on the CDN host."""
        return f"/files/b/{self.token()}/{self.name}"
