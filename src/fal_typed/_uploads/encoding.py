"""Files and images as data URIs."""

from __future__ import annotations

import os
from pathlib import Path

from fal_typed._core.data_uri import encode
from fal_typed._core.media_types import OCTETS, type_of_name
from fal_typed._core.pillow import PILImage
from fal_typed._uploads.content import encode_image_bytes


def encode_file(path: str | os.PathLike[str]) -> str:
    """Encode a file as a data URI.

    Args:
        path: The file; its extension determines the media type.

    Returns:
        The data URI.

    Raises:
        OSError: The file cannot be read.
    """
    file = Path(path)
    return encode(file.read_bytes(), type_of_name(file.name) or OCTETS)


def encode_image(image: PILImage, format: str = "jpeg") -> str:  # noqa: A002 - Pillow's name
    """Encode a Pillow image as a data URI.

    It is turned as its camera recorded it, and formats without transparency get a white background.

    Args:
        image: The image.
        format: Format such as `jpeg`, `png` or `webp`.

    Returns:
        The data URI.

    Raises:
        FalInputError: The image cannot be encoded in this format.
    """
    return encode(*encode_image_bytes(image, format))
