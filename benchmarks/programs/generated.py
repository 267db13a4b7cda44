"""A program that calls five endpoints, by the modules that were generated for them."""

from __future__ import annotations

from fal_typed.endpoints.fal_ai.birefnet import birefnet
from fal_typed.endpoints.fal_ai.flux.dev import flux_dev
from fal_typed.endpoints.fal_ai.kling_video.v2_5_turbo.pro.text_to_video import (
    kling_video_v2_5_turbo_pro_text_to_video,
)
from fal_typed.endpoints.fal_ai.minimax.speech_02_hd import minimax_speech_02_hd
from fal_typed.endpoints.fal_ai.whisper import whisper


def picture(prompt: str) -> str:
    """A picture, and what is left of it without its background."""
    drawn = flux_dev.subscribe(prompt=prompt, image_size="square_hd", num_images=1).data
    cut = birefnet.subscribe(image_url=drawn.images[0].url, output_format="png").data
    return cut.image.url


def clip(prompt: str) -> str:
    """A clip of five seconds."""
    result = kling_video_v2_5_turbo_pro_text_to_video.subscribe(
        prompt=prompt, duration="5", aspect_ratio="16:9"
    )
    return result.data.video.url


def words(recording: str) -> str:
    """What is said in a recording."""
    return whisper.subscribe(audio_url=recording, task="transcribe", language="en").data.text


def speech(text: str) -> tuple[str, int]:
    """A recording of a text, and how many milliseconds it takes."""
    spoken = minimax_speech_02_hd.subscribe(text=text, output_format="url").data
    return spoken.audio.url, spoken.duration_ms


def main() -> None:
    """Call all five."""
    url, length = speech("Good morning.")
    print(picture("a cat"), clip("a cat walks by"), words(url), length)


if __name__ == "__main__":
    main()
