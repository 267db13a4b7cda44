"""What one output is generated from: the input, and seeded randomness for what it leaves open."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from fal_typed.testing.engine import sizes
from fal_typed.testing.media.rendering import render
from fal_typed.testing.media.spec import IMAGES, SOUNDS, VIDEOS, MediaSpec

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

IMAGE_SIZE = (1024, 1024)
VIDEO_SIZE = (832, 480)
SECONDS = 2.0
TEXT_NAMES = ("prompt", "text", "input", "lyrics", "gen_text")
_LONGEST_LABEL = 60


class GenerationInput:
    """One input, and what outputs are generated from.

    Args:
        arguments: The input, defaults filled in.
        files: Base URL of files.
        random: Random numbers, seeded by the input.
    """

    def __init__(self, arguments: Mapping[str, Any], files: str, random: random.Random) -> None:
        self.arguments = arguments
        self.random = random
        self._files = files

    @property
    def text(self) -> str:
        """The input's prompt or a similar text; empty when it has none."""
        for name in TEXT_NAMES:
            if isinstance(value := self.arguments.get(name), str) and value:
                return value
        return ""

    @property
    def seconds(self) -> float:
        """Requested length of sounds and videos, in seconds."""
        return sizes.seconds(self.arguments, SECONDS)

    @property
    def image_size(self) -> tuple[int, int]:
        """Requested width and height of images, in pixels."""
        return sizes.size(self.arguments, IMAGE_SIZE)

    def media(self, extension: str) -> MediaSpec:
        """Specify the next file of the output.

        Args:
            extension: Kind of file.

        Returns:
            The specification; each call returns another one.
        """
        seed, text = self.random.getrandbits(32), self.text[:_LONGEST_LABEL]
        if extension in IMAGES:
            return MediaSpec(extension, seed, text, *self.image_size)
        if extension in VIDEOS:
            width, height = sizes.size(self.arguments, VIDEO_SIZE)
            # Video codecs need even sides.
            width, height = max(2, width - width % 2), max(2, height - height % 2)
            rate = sizes.frame_rate(self.arguments)
            return MediaSpec(extension, seed, text, width, height, self.seconds, rate)
        if extension in SOUNDS:
            return MediaSpec(extension, seed, seconds=self.seconds)
        return MediaSpec(extension, seed, text)

    def url(self, spec: MediaSpec) -> str:
        """Build the URL of a file; a data URI when the input sets ``sync_mode``.

        Args:
            spec: The file.

        Returns:
            The URL.
        """
        if self.arguments.get("sync_mode") is not True:
            return self._files + spec.path()
        data = base64.b64encode(render(spec)).decode()
        return f"data:{spec.content_type};base64,{data}"
