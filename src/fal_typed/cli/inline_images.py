"""Shows images in terminals that can: by the protocols of kitty and iTerm, or as sixels."""

from __future__ import annotations

import base64
import os
import sys
from io import BytesIO
from itertools import groupby
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from fal_typed.cli.terminal import on_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from PIL.Image import Image as PillowImage

Protocol: TypeAlias = Literal["kitty", "iterm", "sixel"]

_CHUNK = 4096
_SIDE = 400
_ROWS = 16
_COLORS = 255
_BAND = 6
_PNG = b"\x89PNG"
_SIXEL_TERMINALS = ("sixel", "foot", "mlterm", "yaft", "contour")


def protocol_of(environment: Mapping[str, str]) -> Protocol | None:
    """Find how a terminal shows images.

    Args:
        environment: The environment variables that the terminal has set.

    Returns:
        The protocol; None if the terminal shows no images or is unknown. Inside tmux and screen,
        the terminal itself is unknown.
    """
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if term.startswith(("screen", "tmux")) or "TMUX" in environment:
        return None
    if "kitty" in term or "KITTY_WINDOW_ID" in environment or program == "ghostty":
        return "kitty"
    if program in {"iTerm.app", "WezTerm", "mintty", "vscode", "WarpTerminal"}:
        return "iterm"
    return "sixel" if any(word in term for word in _SIXEL_TERMINALS) else None


def show_image(content: bytes) -> bool:
    """Show an image on standard error, if it is a terminal that can.

    Returns:
        Whether it was shown. Showing kitty and sixel images needs Pillow (extra `images`).
    """
    protocol = protocol_of(os.environ) if on_terminal(sys.stderr) else None
    if protocol is None:
        return False
    try:
        sequence = escape_sequence(content, protocol)
    except (ImportError, OSError, ValueError, SyntaxError):
        return False  # no Pillow, or an image that it cannot read; the file is there all the same
    sys.stderr.write(f"{sequence}\n")
    sys.stderr.flush()
    return True


def escape_sequence(content: bytes, protocol: Protocol) -> str:
    """Encode an image for a terminal.

    Args:
        content: The image file.
        protocol: The terminal's protocol.

    Returns:
        The escape sequence that shows the image.
    """
    if protocol == "iterm":
        encoded = base64.b64encode(content).decode("ascii")
        options = f"inline=1;size={len(content)};height={_ROWS};preserveAspectRatio=1"
        return f"\x1b]1337;File={options}:{encoded}\x07"
    if protocol == "kitty":
        return "".join(_kitty(content if content.startswith(_PNG) else _as_png(content)))
    return _sixel(_thumbnail(content))


def _kitty(png: bytes) -> Iterator[str]:
    encoded = base64.b64encode(png).decode("ascii")
    parts = [encoded[start : start + _CHUNK] for start in range(0, len(encoded), _CHUNK)]
    for number, part in enumerate(parts):
        first = f"a=T,f=100,r={_ROWS}," if number == 0 else ""
        yield f"\x1b_G{first}m={int(number + 1 < len(parts))};{part}\x1b\\"


def _sixel(image: PillowImage) -> str:
    from PIL import Image

    indexed = image.convert("RGB").quantize(_COLORS, dither=Image.Dither.NONE)
    width, height = indexed.size
    palette = indexed.getpalette() or []
    pixels = indexed.tobytes()
    used = sorted(set(pixels))
    colors = "".join(
        f"#{color};2;" + ";".join(str(part * 100 // 255) for part in palette[color * 3 :][:3])
        for color in used
    )
    bands = (pixels[top * width : (top + _BAND) * width] for top in range(0, height, _BAND))
    lines = "-".join(_sixel_band(band, width) for band in bands)
    return f'\x1bPq"1;1;{width};{height}{colors}{lines}\x1b\\'


def _sixel_band(band: bytes, width: int) -> str:
    """Six rows of pixels: for each color, the pixels that have it."""
    rows = [band[start : start + width] for start in range(0, len(band), width)]
    lines: list[str] = []
    for color in sorted(set(band)):
        bits = (
            sum((row[x] == color) << number for number, row in enumerate(rows))
            for x in range(width)
        )
        runs = ((chr(63 + value), len(list(group))) for value, group in groupby(bits))
        lines.append(f"#{color}" + "".join(f"!{size}{sign}" for sign, size in runs))
    return "$".join(lines)


def _thumbnail(content: bytes) -> PillowImage:
    from PIL import Image

    image = cast("PillowImage", Image.open(BytesIO(content)))
    image.thumbnail((_SIDE, _SIDE))
    return image


def _as_png(content: bytes) -> bytes:
    target = BytesIO()
    _thumbnail(content).save(target, "PNG")
    return target.getvalue()
