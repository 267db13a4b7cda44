"""Videos: the image of the same seed with a bar that moves across it."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw

from fal_typed.testing.media.av_library import av
from fal_typed.testing.media.images import draw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fal_typed.testing.media.spec import MediaSpec

_FRAMES_PER_SECOND = 24
_WHITE = 235  # the brightest luma value of video
_SAME_BYTES = {"fflags": "+bitexact"}  # no random ids, no dates
_CODECS = {
    "mp4": ("mp4", "libx264", {"preset": "ultrafast", "crf": "32"}),
    "mov": ("mov", "libx264", {"preset": "ultrafast", "crf": "32"}),
    "webm": ("webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}),
}


def render_video(spec: MediaSpec) -> bytes:
    """Generate a video file.

    Args:
        spec: Extension, size, length, frame rate and seed of the video.

    Returns:
        A playable MP4, MOV, WebM or GIF file without sound.
    """
    if spec.extension == "gif":
        return _gif(spec)
    container_format, codec, options = _CODECS[spec.extension]
    rate = min(spec.rate or _FRAMES_PER_SECOND, 120)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container_format, options=_SAME_BYTES) as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        still = draw(spec).convert("RGB")
        stream.width, stream.height = _even(still.width), _even(still.height)
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, rate)
        for frame in _encodable(still, spec.frames):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _encodable(still: Image.Image, count: int) -> Iterator[Any]:
    """One frame at a time, so that a long video is never in memory as a whole.

    The image is converted to YUV once; the bar is drawn into its luma plane.
    """
    first = av.VideoFrame.from_image(still).reformat(
        width=_even(still.width), height=_even(still.height), format="yuv420p"
    )
    luma, *chroma = [bytes(plane) for plane in first.planes]
    row = first.planes[0].line_size
    top, width = first.height * 9 // 10, first.width
    bar = bytes([_WHITE]) * (width // 20)
    for index in range(count):
        frame = av.VideoFrame(width, first.height, "yuv420p")
        left = width * index // count
        bar_here = bar[: width - left]
        drawn = bytearray(luma)
        for line in range(top, first.height):
            drawn[line * row + left : line * row + left + len(bar_here)] = bar_here
        for plane, content in zip(frame.planes, (drawn, *chroma), strict=True):
            plane.update(content)
        frame.pts = index
        yield frame


def _frames(still: Image.Image, count: int) -> list[Image.Image]:
    width, height = still.size
    images: list[Image.Image] = []
    for index in range(count):
        image = still.copy()
        left = width * index // count
        bar = (left, height * 9 // 10, left + width // 20, height)
        ImageDraw.Draw(image).rectangle(bar, fill=255)
        images.append(image)
    return images


def _even(length: int) -> int:
    """4:2:0 chroma subsampling needs even sides."""
    return max(2, length - length % 2)


def _gif(spec: MediaSpec) -> bytes:
    rate = min(spec.rate or 10, 25)
    still = draw(spec).quantize(255)
    frames = _frames(still, min(spec.frames, 50))
    buffer = io.BytesIO()
    frames[0].save(
        buffer, "gif", save_all=True, append_images=frames[1:], duration=1000 // rate, loop=0
    )
    return buffer.getvalue()
