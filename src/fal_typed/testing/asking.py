"""What one answer is made from: the input, and chance for all that the input leaves open."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from fal_typed.testing import sizes
from fal_typed.testing.media import IMAGES, SOUNDS, VIDEOS, MediaSpec, render

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

PICTURE_SIZE = (1024, 1024)
VIDEO_SIZE = (832, 480)
SECONDS = 2.0
_LONGEST_LABEL = 60
TEXT_NAMES = ("prompt", "text", "input", "lyrics", "gen_text")


class Asked:
    """One input, and what answers read from it.

    Args:
        arguments: The input, defaults filled in.
        files: Base URL that files are served under.
        chance: Seeded by the input.
    """

    def __init__(self, arguments: Mapping[str, Any], files: str, chance: random.Random) -> None:
        self.arguments = arguments
        self.chance = chance
        self._files = files

    @property
    def text(self) -> str:
        """The input's prompt or its like; empty when it has none."""
        for name in TEXT_NAMES:
            if isinstance(value := self.arguments.get(name), str) and value:
                return value
        return ""

    @property
    def seconds(self) -> float:
        """Length of the sound or video asked for."""
        return sizes.seconds(self.arguments, SECONDS)

    @property
    def picture_size(self) -> tuple[int, int]:
        """Width and height of the pictures asked for."""
        return sizes.size(self.arguments, PICTURE_SIZE)

    def media(self, extension: str) -> MediaSpec:
        """Specify the next file of the answer.

        Args:
            extension: Kind of file.

        Returns:
            The specification; each call gives another file.
        """
        seed, text = self.chance.getrandbits(32), self.text[:_LONGEST_LABEL]
        if extension in IMAGES:
            return MediaSpec(extension, seed, text, *self.picture_size)
        if extension in VIDEOS:
            width, height = sizes.size(self.arguments, VIDEO_SIZE)
            # Video codecs take even sides only.
            width, height = max(2, width - width % 2), max(2, height - height % 2)
            rate = sizes.frame_rate(self.arguments)
            return MediaSpec(extension, seed, text, width, height, self.seconds, rate)
        if extension in SOUNDS:
            return MediaSpec(extension, seed, seconds=self.seconds)
        return MediaSpec(extension, seed, text)

    def url(self, spec: MediaSpec) -> str:
        """URL of a file; a data URI when the input asks for ``sync_mode``.

        Args:
            spec: The file.

        Returns:
            The URL.
        """
        if self.arguments.get("sync_mode") is not True:
            return self._files + spec.path()
        data = base64.b64encode(render(spec)).decode()
        return f"data:{spec.content_type};base64,{data}"
