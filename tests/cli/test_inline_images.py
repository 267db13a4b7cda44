"""Images in terminals."""

from __future__ import annotations

import base64
import re
from io import BytesIO

import pytest
from PIL import Image

from fal_typed.cli.inline_images import escape_sequence, protocol_of


def image_file(kind: str) -> bytes:
    image = Image.new("RGB", (60, 20), "red")
    image.paste("blue", (0, 0, 30, 10))
    target = BytesIO()
    image.save(target, kind)
    return target.getvalue()


@pytest.mark.parametrize(
    ("environment", "protocol"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, None),
        ({}, None),
    ],
)
def test_the_protocol_of_a_terminal(environment: dict[str, str], protocol: str | None) -> None:
    assert protocol_of(environment) == protocol


def test_iterm_receives_the_file() -> None:
    content = image_file("JPEG")
    encoded = escape_sequence(content, "iterm").rpartition(":")[2].removesuffix("\x07")
    assert base64.b64decode(encoded) == content


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_kitty_receives_a_png_in_parts(kind: str) -> None:
    sequence = escape_sequence(image_file(kind), "kitty")
    parts = re.findall(r"\x1b_G[^;]*m=(\d);([^\x1b]*)\x1b\\", sequence)
    assert [more for more, _ in parts] == ["1"] * (len(parts) - 1) + ["0"]
    with Image.open(BytesIO(base64.b64decode("".join(data for _, data in parts)))) as image:
        assert (image.format, image.size) == ("PNG", (60, 20))


def test_sixels_have_every_pixel() -> None:
    sequence = escape_sequence(image_file("PNG"), "sixel")
    assert sequence.startswith('\x1bPq"1;1;60;20')
    bands = re.sub(r"#\d+;2;\d+;\d+;\d+", "", sequence[2:-2].partition("60;20")[2]).split("-")
    painted = sum(
        int(count) * (ord(sign) - 63).bit_count()
        for band in bands
        for count, sign in re.findall(r"!(\d+)([?-~])", band)
    )
    assert (len(bands), painted) == (4, 60 * 20)
