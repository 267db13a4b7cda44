"""Files and images as data URIs."""

from __future__ import annotations

import os
from pathlib import Path

from fal_typed._core.data_uri import encode
from fal_typed._core.media_types import OCTETS, type_of_name
from fal_typed._core.pillow import PILImage
from fal_typed._uploads.content import encode_picture


def encode_file(path: str | os.PathLike[str]) -> str:
    """Write a file as a data URI.

    Args:
        path: The file; its name tells the media type.

    Returns:
        The data URI.

    Raises:
        OSError: The file cannot be read.
    """
    file = Path(path)
    return encode(file.read_bytes(), type_of_name(file.name) or OCTETS)


def encode_image(image: PILImage, format: str = "jpeg") -> str:  # noqa: A002 - Pillow's name
    """Write a Pillow image as a data URI.

    Args:
        image: The picture.
        format: Name of the format, such as `jpeg`, `png` or `webp`.

    Returns:
        The data URI.

    Raises:
        FalInputError: The picture has no form in this format, such as JPEG for transparency.
    """
    return encode(*encode_picture(image, format))
