"""Images: a gradient whose colors come from the seed, with the prompt written on it."""

from __future__ import annotations

import io
import textwrap
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from fal_typed.testing.media.randomness import seeded

if TYPE_CHECKING:
    from fal_typed.testing.media.spec import MediaSpec

_SMALLEST_WITH_TEXT = 32
_COLOR_PIXELS = 16_000_000  # larger images are grayscale, which takes a third of the memory


def render_image(spec: MediaSpec) -> bytes:
    """Generate an image file.

    Args:
        spec: Extension, size, seed and text of the image.

    Returns:
        A PNG, JPEG, WebP or SVG file of exactly the requested size.
    """
    if spec.extension == "svg":
        return _svg(spec)
    return _encoded(draw(spec), spec.extension)


def draw(spec: MediaSpec) -> Image.Image:
    """Draw the image.

    Args:
        spec: Size, seed and text of the image.

    Returns:
        The image; RGB, or grayscale if it is very large.
    """
    size = (spec.width or 1024, spec.height or 1024)
    image = _resized(_gradient(spec.seed), size)
    if size[0] * size[1] > _COLOR_PIXELS:
        image = image.convert("L")
    _write(image, spec.text)
    return image


def _gradient(seed: int) -> Image.Image:
    """Four corner colors; resizing a 2x2 image blends them."""
    source = seeded(seed)
    colors = bytes(source.randrange(30, 226) for _ in range(12))
    return _resized(Image.frombytes("RGB", (2, 2), colors), (64, 64))


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size, Image.Resampling.BILINEAR)  # pyright: ignore[reportUnknownMemberType] # numpy's types, which Pillow names, need not be installed


def _write(image: Image.Image, text: str) -> None:
    if not text or min(image.size) < _SMALLEST_WITH_TEXT:
        return
    size = max(12, min(image.size) // 18)
    lines = textwrap.wrap(text, max(8, int(image.width / size * 1.6)))[:3]
    pen = ImageDraw.Draw(image)
    white = (255, 255, 255) if image.mode == "RGB" else 255
    pen.text((size, size), "\n".join(lines), font=_font(size), fill=white)


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def _encoded(image: Image.Image, extension: str) -> bytes:
    buffer = io.BytesIO()
    # The fastest settings: the file has to be real, not small.
    options = {"png": {"compress_level": 1}, "jpeg": {"quality": 80}, "webp": {"method": 0}}
    image.save(buffer, extension, **options[extension])
    return buffer.getvalue()


def _svg(spec: MediaSpec) -> bytes:
    source = seeded(spec.seed)
    color = f"#{source.randrange(0x1000000):06x}"
    width, height = spec.width or 512, spec.height or 512
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
        f'<rect width="100%" height="100%" fill="{color}"/>'
        f'<text x="16" y="32" fill="white">{escape(spec.text)}</text></svg>'
    ).encode()
