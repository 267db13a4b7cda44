"""Images arrive as their owner sees them."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image, ImageCms

from fal_typed._uploads.content import encode_image_bytes
from fal_typed.testing import FalEmulator

FORMATS = ["png", "jpeg", "webp"]
# The sides that an EXIF orientation swaps.
TURNED = {1: False, 2: False, 3: False, 4: False, 5: True, 6: True, 7: True, 8: True}


def encoded(image, name):
    data, content_type = encode_image_bytes(image, name)
    assert content_type == f"image/{name}"
    return Image.open(BytesIO(data))


def photo(orientation):
    """A JPEG of a camera: red on the left, blue on the right, with an orientation."""
    image = Image.new("RGB", (32, 16), "blue")
    image.paste("red", (0, 0, 16, 16))
    exif = image.getexif()
    exif[0x0112] = orientation
    buffer = BytesIO()
    image.save(buffer, "jpeg", exif=exif, quality=95)
    return Image.open(buffer)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("orientation", TURNED)
def test_an_image_is_turned_as_the_camera_recorded_it(orientation, name):
    image = encoded(photo(orientation), name)
    assert image.size == ((16, 32) if TURNED[orientation] else (32, 16))
    assert image.getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("mode", ["RGB", "CMYK", "YCbCr", "LAB", "HSV", "RGBX", "P", "PA", "RGBa"])
def test_colors_survive_every_mode(mode, name):
    if mode == "LAB":
        standard, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        red = Image.new("RGB", (8, 8), (204, 51, 51))
        image = ImageCms.profileToProfile(red, standard, lab, outputMode="LAB")
        assert image is not None
        image.info["icc_profile"] = ImageCms.ImageCmsProfile(lab).tobytes()
    else:
        via = "RGBA" if mode == "RGBa" else "P" if mode == "PA" else "RGB"
        image = Image.new("RGB", (8, 8), (204, 51, 51)).convert(via).convert(mode)
    pixel = encoded(image, name).convert("RGB").getpixel((4, 4))
    assert isinstance(pixel, tuple)
    assert all(abs(a - b) < 12 for a, b in zip(pixel, (204, 51, 51), strict=True)), pixel


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("mode", ["1", "L", "LA", "La", "I", "I;16", "I;16B", "F"])
def test_gray_is_not_clipped(mode, name):
    white = 65535 if mode.startswith("I") else 255
    value = (white // 2, 255) if mode in ("LA", "La") else 1 if mode == "1" else white // 2
    image = encoded(Image.new(mode, (8, 8), value), name)
    pixel = image.getpixel((4, 4)) if image.mode == "I;16" else image.convert("L").getpixel((4, 4))
    assert isinstance(pixel, (int, float))
    half = pixel / (65535 if image.mode == "I;16" else 255)
    assert half == 1 if mode == "1" else abs(half - 0.5) < 0.02


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA"])
def test_transparency_is_kept_where_the_format_has_it_and_white_elsewhere(mode):
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0)).convert("LA" if mode == "LA" else "RGBA")
    if mode in ("P", "PA"):
        image = Image.new("P", (8, 8), 0)
        image.info["transparency"] = 0
    assert encoded(image, "png").convert("RGBA").getpixel((4, 4))[3] == 0
    assert encoded(image, "webp").convert("RGBA").getpixel((4, 4))[3] == 0
    assert encoded(image, "jpeg").convert("RGB").getpixel((4, 4)) == (255, 255, 255)


def test_an_uploaded_photo_is_upright(mode):
    with FalEmulator() as emulator, pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAL_EMULATOR_HOST", emulator.host)
        client = mode.client()
        client.upload(photo(6))
        client.upload_image(photo(6))
        stored = [Image.open(BytesIO(file.read())) for file in emulator.files]
        assert [image.size for image in stored] == [(16, 32), (16, 32)]
