"""Downloaded images as Pillow images (extra `images`)."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, cast

from fal_typed.errors import FalDownloadError

if TYPE_CHECKING:
    from fal_typed._core.pillow import PILImage


def pillow_image(data: bytes) -> PILImage:
    """Open image bytes with Pillow.

    Raises:
        ImportError: Pillow is not installed.
        FalDownloadError: Pillow cannot read the image.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise ImportError("to_pil needs Pillow: pip install 'fal-typed[images]'") from None
    try:
        return cast("PILImage", Image.open(BytesIO(data)))
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise FalDownloadError(f"Pillow cannot read the file as an image: {error}") from None
