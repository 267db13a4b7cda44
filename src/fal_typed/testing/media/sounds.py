"""Sounds: two soft sine tones whose pitches come from the seed."""

from __future__ import annotations

import array
import io
import math
import sys
import wave
from typing import TYPE_CHECKING

from fal_typed.testing.media.randomness import seeded

if TYPE_CHECKING:
    from fal_typed.testing.media.spec import MediaSpec

_RATE = 24_000
_SAME_BYTES = {"fflags": "+bitexact"}  # no random ids, no dates
_CODECS = {
    "mp3": ("mp3", "libmp3lame", 44_100),
    "ogg": ("ogg", "libopus", 48_000),
    "flac": ("flac", "flac", 44_100),
    "m4a": ("mp4", "aac", 44_100),
}


def render_sound(spec: MediaSpec) -> bytes:
    """Generate a sound file.

    Args:
        spec: Extension, length, rate and seed of the sound.

    Returns:
        A mono WAV, MP3, Ogg Opus, FLAC or M4A file.
    """
    seconds = spec.seconds or 1.0
    if spec.extension == "wav":
        return _wav(tones(spec.seed, seconds, spec.rate or _RATE), spec.rate or _RATE)
    return _compressed(spec, seconds)


def tones(seed: int, seconds: float, rate: int) -> array.array[int]:
    """Generate the samples.

    Args:
        seed: Determines the pitches.
        seconds: Length in seconds.
        rate: Samples per second.

    Returns:
        Signed 16-bit samples.
    """
    source = seeded(seed)
    length = max(1, round(seconds * rate))
    # One second is computed and repeated; integer frequencies make that seamless.
    low, high = source.randrange(180, 360), source.randrange(360, 720)
    step = math.tau / rate
    second = array.array(
        "h",
        (
            int(7000 * (math.sin(low * step * index) + math.sin(high * step * index)))
            for index in range(min(length, rate))
        ),
    )
    return (second * math.ceil(length / len(second)))[:length]


def _wav(samples: array.array[int], rate: int) -> bytes:
    if sys.byteorder == "big":
        samples.byteswap()
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return buffer.getvalue()


def _compressed(spec: MediaSpec, seconds: float) -> bytes:
    # Takes 0.1 s to import, and only compressed sounds need it.
    from fal_typed.testing.media.av_library import av

    container_format, codec, rate = _CODECS[spec.extension]
    samples = tones(spec.seed, seconds, rate)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container_format, options=_SAME_BYTES) as container:
        stream = container.add_stream(codec, rate=rate)
        for start in range(0, len(samples), rate):
            piece = samples[start : start + rate]
            frame = av.AudioFrame(format="s16", layout="mono", samples=len(piece))
            frame.planes[0].update(piece.tobytes().ljust(frame.planes[0].buffer_size, b"\0"))
            frame.sample_rate = rate
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()
