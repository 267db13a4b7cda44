"""The parts of Pillow that the SDK uses, so that type hints do not need Pillow."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class PILImage(Protocol):
    """A Pillow image."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        ...

    def save(self, fp: Any, format: str | None = None) -> None:  # noqa: A002 - Pillow's name
        """Write the image to a file object."""
        ...
