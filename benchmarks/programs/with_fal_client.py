"""The program of generated.py as it is written today: pydantic models by hand, and fal_client."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import fal_client
from pydantic import BaseModel, Field

Output = TypeVar("Output", bound=BaseModel)


class File(BaseModel):
    url: str
    content_type: str | None = None
    file_name: str | None = None
    file_size: int | None = None


class ImageSize(BaseModel):
    width: Annotated[int, Field(gt=0, le=14142)] = 512
    height: Annotated[int, Field(gt=0, le=14142)] = 512


class AudioSetting(BaseModel):
    sample_rate: Literal[8000, 16000, 22050, 24000, 32000, 44100] = 32000
    bitrate: Literal[32000, 64000, 128000, 256000] = 128000
    format: Literal["mp3", "pcm", "flac"] = "mp3"
    channel: Literal[1, 2] = 1


class PronunciationDict(BaseModel):
    tone_list: list[str] | None = None


class VoiceSetting(BaseModel):
    voice_id: Annotated[str, Field(min_length=1)] = "Wise_Woman"
    speed: Annotated[float, Field(ge=0.5, le=2.0)] = 1
    vol: Annotated[float, Field(ge=0.01, le=10.0)] = 1
    pitch: Annotated[int, Field(ge=-12, le=12)] = 0
    emotion: (
        Literal["happy", "sad", "angry", "fearful", "disgusted", "surprised", "neutral"] | None
    ) = None
    english_normalization: bool = False


class FluxDevInput(BaseModel):
    prompt: str
    image_size: (
        ImageSize
        | Literal[
            "square_hd",
            "square",
            "portrait_4_3",
            "portrait_16_9",
            "landscape_4_3",
            "landscape_16_9",
        ]
    ) = "landscape_4_3"
    num_inference_steps: Annotated[int, Field(ge=1, le=50)] = 28
    seed: int | None = None
    guidance_scale: Annotated[float, Field(ge=1.0, le=20.0)] = 3.5
    sync_mode: bool = False
    num_images: Annotated[int, Field(ge=1, le=4)] = 1
    enable_safety_checker: bool = True
    output_format: Literal["jpeg", "png"] = "jpeg"
    acceleration: Literal["none", "regular", "high"] = "none"


class FluxDevOutput(BaseModel):
    images: list[File]
    timings: dict[str, float]
    seed: int
    has_nsfw_concepts: list[bool]
    prompt: str


class KlingVideoV25TurboProTextToVideoInput(BaseModel):
    prompt: Annotated[str, Field(max_length=2500)]
    duration: Literal["5", "10"] = "5"
    aspect_ratio: Literal["16:9", "9:16", "1:1"] = "16:9"
    negative_prompt: Annotated[str, Field(max_length=2500)] = "blur, distort, and low quality"
    cfg_scale: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5


class KlingVideoV25TurboProTextToVideoOutput(BaseModel):
    video: File


class WhisperInput(BaseModel):
    audio_url: str
    batch_size: int = 64
    chunk_level: Literal["none", "segment", "word"] = "segment"
    diarize: bool | None = None
    language: (
        Literal[
            "af",
            "am",
            "ar",
            "as",
            "az",
            "ba",
            "be",
            "bg",
            "bn",
            "bo",
            "br",
            "bs",
            "ca",
            "cs",
            "cy",
            "da",
            "de",
            "el",
            "en",
            "es",
            "et",
            "eu",
            "fa",
            "fi",
            "fo",
            "fr",
            "gl",
            "gu",
            "ha",
            "haw",
            "he",
            "hi",
            "hr",
            "ht",
            "hu",
            "hy",
            "id",
            "is",
            "it",
            "ja",
            "jw",
            "ka",
            "kk",
            "km",
            "kn",
            "ko",
            "la",
            "lb",
            "ln",
            "lo",
            "lt",
            "lv",
            "mg",
            "mi",
            "mk",
            "ml",
            "mn",
            "mr",
            "ms",
            "mt",
            "my",
            "ne",
            "nl",
            "nn",
            "no",
            "oc",
            "pa",
            "pl",
            "ps",
            "pt",
            "ro",
            "ru",
            "sa",
            "sd",
            "si",
            "sk",
            "sl",
            "sn",
            "so",
            "sq",
            "sr",
            "su",
            "sv",
            "sw",
            "ta",
            "te",
            "tg",
            "th",
            "tk",
            "tl",
            "tr",
            "tt",
            "uk",
            "ur",
            "uz",
            "vi",
            "yi",
            "yo",
            "zh",
        ]
        | None
    ) = None
    num_speakers: int | None = None
    prompt: str = ""
    task: Literal["transcribe", "translate"] = "transcribe"


class DiarizationSegment(BaseModel):
    speaker: str
    timestamp: list[Any]


class WhisperChunk(BaseModel):
    text: str
    timestamp: list[Any]
    speaker: str | None = None


class WhisperOutput(BaseModel):
    diarization_segments: list[DiarizationSegment]
    inferred_languages: list[
        Literal[
            "af",
            "am",
            "ar",
            "as",
            "az",
            "ba",
            "be",
            "bg",
            "bn",
            "bo",
            "br",
            "bs",
            "ca",
            "cs",
            "cy",
            "da",
            "de",
            "el",
            "en",
            "es",
            "et",
            "eu",
            "fa",
            "fi",
            "fo",
            "fr",
            "gl",
            "gu",
            "ha",
            "haw",
            "he",
            "hi",
            "hr",
            "ht",
            "hu",
            "hy",
            "id",
            "is",
            "it",
            "ja",
            "jw",
            "ka",
            "kk",
            "km",
            "kn",
            "ko",
            "la",
            "lb",
            "ln",
            "lo",
            "lt",
            "lv",
            "mg",
            "mi",
            "mk",
            "ml",
            "mn",
            "mr",
            "ms",
            "mt",
            "my",
            "ne",
            "nl",
            "nn",
            "no",
            "oc",
            "pa",
            "pl",
            "ps",
            "pt",
            "ro",
            "ru",
            "sa",
            "sd",
            "si",
            "sk",
            "sl",
            "sn",
            "so",
            "sq",
            "sr",
            "su",
            "sv",
            "sw",
            "ta",
            "te",
            "tg",
            "th",
            "tk",
            "tl",
            "tr",
            "tt",
            "uk",
            "ur",
            "uz",
            "vi",
            "yi",
            "yo",
            "zh",
        ]
    ]
    text: str
    chunks: list[WhisperChunk] | None = None


class BirefnetInput(BaseModel):
    image_url: str
    model: Literal["General Use (Light)", "General Use (Heavy)", "Portrait"] = "General Use (Light)"
    operating_resolution: Literal["1024x1024", "2048x2048"] = "1024x1024"
    output_format: Literal["webp", "png", "gif"] = "png"
    output_mask: bool | None = None
    refine_foreground: bool = True
    sync_mode: bool | None = None


class BirefnetOutput(BaseModel):
    image: File
    mask_image: File | None = None


class MinimaxSpeech02HdInput(BaseModel):
    text: Annotated[str, Field(max_length=5000, min_length=1)]
    voice_setting: VoiceSetting = VoiceSetting(
        voice_id="Wise_Woman", speed=1, vol=1, pitch=0, english_normalization=False
    )
    audio_setting: AudioSetting | None = None
    language_boost: (
        Literal[
            "Chinese",
            "Chinese,Yue",
            "English",
            "Arabic",
            "Russian",
            "Spanish",
            "French",
            "Portuguese",
            "German",
            "Turkish",
            "Dutch",
            "Ukrainian",
            "Vietnamese",
            "Indonesian",
            "Japanese",
            "Italian",
            "Korean",
            "Thai",
            "Polish",
            "Romanian",
            "Greek",
            "Czech",
            "Finnish",
            "Hindi",
            "Bulgarian",
            "Danish",
            "Hebrew",
            "Malay",
            "Slovak",
            "Swedish",
            "Croatian",
            "Hungarian",
            "Norwegian",
            "Slovenian",
            "Catalan",
            "Nynorsk",
            "Afrikaans",
            "auto",
        ]
        | None
    ) = None
    output_format: Literal["url", "hex"] = "hex"
    pronunciation_dict: PronunciationDict | None = None


class MinimaxSpeech02HdOutput(BaseModel):
    audio: File
    duration_ms: int


def call(endpoint: str, request: BaseModel, output: type[Output]) -> Output:
    """Call an endpoint and read its answer."""
    arguments = request.model_dump(exclude_unset=True)
    return output.model_validate(fal_client.subscribe(endpoint, arguments=arguments))


def picture(prompt: str) -> str:
    """A picture, and what is left of it without its background."""
    drawn = call(
        "fal-ai/flux/dev",
        FluxDevInput(prompt=prompt, image_size="square_hd", num_images=1),
        FluxDevOutput,
    )
    cut = call(
        "fal-ai/birefnet",
        BirefnetInput(image_url=drawn.images[0].url, output_format="png"),
        BirefnetOutput,
    )
    return cut.image.url


def clip(prompt: str) -> str:
    """A clip of five seconds."""
    result = call(
        "fal-ai/kling-video/v2.5-turbo/pro/text-to-video",
        KlingVideoV25TurboProTextToVideoInput(prompt=prompt, duration="5", aspect_ratio="16:9"),
        KlingVideoV25TurboProTextToVideoOutput,
    )
    return result.video.url


def words(recording: str) -> str:
    """What is said in a recording."""
    return call(
        "fal-ai/whisper",
        WhisperInput(audio_url=recording, task="transcribe", language="en"),
        WhisperOutput,
    ).text


def speech(text: str) -> tuple[str, int]:
    """A recording of a text, and how many milliseconds it takes."""
    spoken = call(
        "fal-ai/minimax/speech-02-hd",
        MinimaxSpeech02HdInput(text=text, output_format="url"),
        MinimaxSpeech02HdOutput,
    )
    return spoken.audio.url, spoken.duration_ms


def main() -> None:
    """Call all five."""
    url, length = speech("Good morning.")
    print(picture("a cat"), clip("a cat walks by"), words(url), length)


if __name__ == "__main__":
    main()
