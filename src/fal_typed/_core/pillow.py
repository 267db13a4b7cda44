"""The parts of Pillow that the SDK uses, so that type hints do not need Pillow."""

from __future__ import annotations

import sys
from io import BytesIO
from typing import Any, Protocol, cast, runtime_checkable

_FOREIGN_COLORS = ("CMYK", "LAB", "YCbCr", "HSV")
_EQUIVALENT = {"PA": "RGBA", "RGBX": "RGB", "RGBa": "RGBA", "La": "LA", "F": "L"}
_DEEP_FORMATS = ("png", "tiff")  # with 16 bits per pixel


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


def as_seen(image: PILImage, format_name: str) -> PILImage:
    """The image as a viewer shows it, in colors that models and the format can read.

    It is turned as its camera recorded it; colors other than gray and RGB are converted, by their
    color profile if there is one; and JPEG, which has no transparency, gets a white background.
    An object that only behaves like a Pillow image is returned unchanged.
    """
    pillow = sys.modules.get("PIL.Image")  # a Pillow image cannot exist before this is imported
    if pillow is None or not isinstance(image, pillow.Image):
        return image
    from PIL import ImageOps

    turned: Any = ImageOps.exif_transpose(cast("Any", image))
    return cast("PILImage", _in_plain_colors(turned, format_name))


def _in_plain_colors(image: Any, format_name: str) -> Any:
    if image.mode in _FOREIGN_COLORS:
        image = _in_rgb(image)
    elif image.mode in _EQUIVALENT:
        image = image.convert(_EQUIVALENT[image.mode])
    elif image.mode.startswith("I"):
        return _in_gray(image, format_name)
    if format_name == "bmp" and image.mode == "LA":
        return image.convert("RGBA")
    if format_name != "jpeg":
        return image
    if not image.has_transparency_data:
        return image if image.mode in ("1", "L", "RGB") else image.convert("RGB")
    from PIL import Image

    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def _in_gray(image: Any, format_name: str) -> Any:
    # Pillow would clip 16 bits to 8, which turns nearly everything white.
    if format_name in _DEEP_FORMATS:
        return image.convert("I;16") if image.mode == "I" else image
    return image.convert("I").point(_high_byte).convert("L")


def _high_byte(value: float) -> float:
    return value / 256


def _in_rgb(image: Any) -> Any:
    profile = image.info.pop("icc_profile", None)
    if profile is None:
        return image.convert("RGB")
    from PIL import ImageCms

    try:
        standard: Any = cast("Any", ImageCms).createProfile("sRGB")
        return cast("Any", ImageCms).profileToProfile(
            image, BytesIO(profile), standard, outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError):
        return image.convert("RGB")
