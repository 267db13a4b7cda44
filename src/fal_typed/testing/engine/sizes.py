"""Reads the requested size, length and number of media files from an input."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

PRESETS: dict[str, tuple[int, int]] = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
    "portrait_3_2": (683, 1024),
    "landscape_3_2": (1024, 683),
    "portrait_hd": (768, 1024),
    "landscape_hd": (1024, 768),
    "square_uhd": (2048, 2048),
    "auto_1K": (1024, 1024),
    "auto_2K": (2048, 2048),
    "auto_3K": (3072, 3072),
    "auto_4K": (4096, 4096),
}
"""Named sizes, in pixels (docs/protocol.md section 11.3)."""

_LONGEST = {"low": 512, "medium": 768, "high": 1024}
_SIZE_NAMES = ("image_size", "video_size", "size", "output_size")
_PAIR = re.compile(r"(\d{1,5})\s*[xX*]\s*(\d{1,5})")
_RATIO = re.compile(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)")
_LINES = re.compile(r"(?:true_)?(\d{3,4})[pP]?")
_KILO = re.compile(r"(\d(?:\.\d)?)[kK]")
_MEGA = re.compile(r"(\d+)MP")


def size(arguments: Mapping[str, Any], default: tuple[int, int]) -> tuple[int, int]:
    """Read the requested size of images or videos.

    Args:
        arguments: The input, defaults filled in. The function looks at ``image_size`` and similar
            names (a preset, ``"1024x768"`` or an object), then at ``width`` and ``height``, then at
            ``resolution`` and ``aspect_ratio``.
        default: Size when the input has none of these, in pixels.

    Returns:
        Width and height in pixels.

    >>> size({"image_size": "landscape_4_3"}, (512, 512))
    (1024, 768)
    >>> size({"resolution": "720p", "aspect_ratio": "9:16"}, (512, 512))
    (720, 1280)
    """
    for name in _SIZE_NAMES:
        if (found := _named(arguments.get(name))) is not None:
            return found
    if (found := _pair(arguments)) is not None:
        return found
    return _from_resolution(arguments.get("resolution"), arguments.get("aspect_ratio"), default)


def _named(value: Any) -> tuple[int, int] | None:
    if isinstance(value, dict):
        return _pair(cast("dict[str, Any]", value))
    if not isinstance(value, str):
        return None
    if value in PRESETS:
        return PRESETS[value]
    match = _PAIR.fullmatch(value)
    return (max(1, int(match[1])), max(1, int(match[2]))) if match else None


def _pair(value: Mapping[str, Any]) -> tuple[int, int] | None:
    width, height = value.get("width"), value.get("height")
    if isinstance(width, (int, float)) and isinstance(height, (int, float)):
        return max(1, int(width)), max(1, int(height))
    return None


def _from_resolution(resolution: Any, ratio: Any, default: tuple[int, int]) -> tuple[int, int]:
    if (found := _named(resolution)) is not None:
        return found
    proportion = _proportion(ratio) or default[0] / default[1]
    text = str(resolution)
    if match := _KILO.fullmatch(text):
        return _of_area(proportion, round(float(match[1]) * 1024) ** 2)
    if match := _MEGA.fullmatch(text):
        return _of_area(proportion, int(match[1]) * 1_000_000)
    if match := _LINES.fullmatch(text):
        return _of_short_side(proportion, int(match[1]))
    if text in _LONGEST:
        return _of_area(proportion, _LONGEST[text] ** 2)
    return _of_area(proportion, default[0] * default[1])


def _proportion(ratio: Any) -> float | None:
    match = _RATIO.fullmatch(ratio) if isinstance(ratio, str) else None
    if match is None or float(match[2]) == 0 or float(match[1]) == 0:
        return None
    return float(match[1]) / float(match[2])


def _of_short_side(proportion: float, side: int) -> tuple[int, int]:
    if proportion >= 1:
        return _even(side * proportion), side
    return side, _even(side / proportion)


def _of_area(proportion: float, area: float) -> tuple[int, int]:
    return _even((area * proportion) ** 0.5), _even((area / proportion) ** 0.5)


def _even(length: float) -> int:
    return max(2, round(length / 2) * 2)


def seconds(arguments: Mapping[str, Any], default: float) -> float:
    """Read the requested length of sounds or videos.

    Args:
        arguments: The input, defaults filled in. The function looks at ``duration`` and similar
            names (a number, ``"5"`` or ``"5s"``), at ``duration_ms``, then at ``num_frames``, which
            it divides by the frame rate.
        default: Length when the input has none of these, in seconds.

    Returns:
        The length in seconds.

    >>> seconds({"duration": "5s"}, 2.0), seconds({"num_frames": 48, "fps": 24}, 9.0)
    (5.0, 2.0)
    """
    for name in ("duration", "duration_seconds", "seconds_total", "video_length", "seconds"):
        if (found := _seconds(arguments.get(name))) is not None:
            return found
    for name in ("duration_ms", "music_length_ms"):
        if (found := _seconds(arguments.get(name))) is not None:
            return found / 1000
    for name in ("num_frames", "number_of_frames"):
        count = arguments.get(name)
        if isinstance(count, (int, float)) and count > 0:
            return float(count) / frame_rate(arguments)
    return default


def _seconds(value: Any) -> float | None:
    if isinstance(value, str):
        text = value.removesuffix("s")
        value = float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
        return float(value)
    return None


def frame_rate(arguments: Mapping[str, Any]) -> int:
    """Read the requested frame rate.

    Args:
        arguments: The input, defaults filled in.

    Returns:
        Frames per second: the first of ``fps``, ``frames_per_second`` and ``frame_rate`` that is a
        number, at most 120; 24 without any.
    """
    for name in ("fps", "frames_per_second", "frame_rate"):
        value = arguments.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 1:
            return min(int(value), 120)
    return 24


def count(arguments: Mapping[str, Any]) -> int:
    """Read the requested number of files.

    Args:
        arguments: The input, defaults filled in.

    Returns:
        At least 1, at most 100.

    >>> count({"num_images": 4})
    4
    """
    names = ("num_images", "num_samples", "num_outputs", "max_images", "num_videos", "batch_size")
    for name in names:
        value = arguments.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return min(value, 100)
    return 1
