"""Real media files, made when they are downloaded.

A `MediaSpec` says what file is wanted; it travels inside the file's URL, so the emulator needs
to remember nothing to serve a file, and a recorded answer still works in the next process.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass
from functools import lru_cache

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
"""Content type of every kind of file that can be made, by extension."""

IMAGES = frozenset({"jpeg", "png", "webp", "svg"})
SOUNDS = frozenset({"wav", "mp3", "ogg", "flac", "m4a"})
VIDEOS = frozenset({"mp4", "webm", "mov", "gif"})
MESHES = frozenset({"glb", "obj", "stl", "ply"})

MAX_SIDE = 14142
"""The longest side of a custom image size on the platform, in pixels.

Rests on docs/protocol.md section 11.3.
"""
MAX_SECONDS = 600.0
_MAX_FRAMES = 1_200


class UnreadableSpecError(ValueError):
    """A URL does not hold a media specification."""


@dataclass(frozen=True)
class MediaSpec:
    """What one generated file shall be.

    Args:
        extension: One of `CONTENT_TYPES`.
        seed: Decides the look or the sound.
        text: Drawn on pictures and videos, written into text files.
        width: Pixels, for pictures and videos.
        height: Pixels, for pictures and videos.
        seconds: Length of sounds and videos.
        rate: Samples a second of a sound, frames a second of a video; 0 for the usual ones.
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
        """A file name as the platform gives them: a hash and the extension."""
        return f"{zlib.crc32(self.token().encode()):08x}.{self.extension}"

    @property
    def frames(self) -> int:
        """How many frames a video has: at least one, at most 1,200."""
        return min(max(1, round((self.seconds or 2.0) * (self.rate or 24))), _MAX_FRAMES)

    def token(self) -> str:
        """Write the specification as one URL-safe word.

        Returns:
            What `from_token` reads.
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
        """Read a specification back.

        Args:
            token: What `token` returned, or anything a client made up.

        Returns:
            The specification, within the limits of what is made.

        Raises:
            UnreadableSpecError: It is not a specification.
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
            raise UnreadableSpecError(f"not a media specification: {token[:40]!r}") from error
        if spec.extension not in CONTENT_TYPES:
            raise UnreadableSpecError(f"no such kind of file: {extension!r}")
        return spec

    def path(self) -> str:
        """Path of the file on the CDN host."""
        return f"/files/b/{self.token()}/{self.name}"


@lru_cache(maxsize=64)
def render(spec: MediaSpec) -> bytes:
    """Make the file.

    Args:
        spec: What it shall be.

    Returns:
        The file's bytes, the same for the same specification.
    """
    # Pillow and PyAV are slow to import and most runs need one of them or neither.
    if spec.extension in IMAGES:
        from fal_typed.testing.media.pictures import picture

        return picture(spec)
    if spec.extension in SOUNDS:
        from fal_typed.testing.media.sounds import sound

        return sound(spec)
    if spec.extension in VIDEOS:
        from fal_typed.testing.media.videos import video

        return video(spec)
    if spec.extension in MESHES:
        from fal_typed.testing.media.meshes import mesh

        return mesh(spec)
    from fal_typed.testing.media.papers import paper

    return paper(spec)
