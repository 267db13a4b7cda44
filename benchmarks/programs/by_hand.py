"""The program of generated.py with its five endpoints written by hand in one file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from fal_typed import Endpoint
from fal_typed.files import Audio, FileInput, Image, Video
from fal_typed.models import UNSET, InputModel, OutputModel, Request


class ImageSize(InputModel):
    width: Annotated[int, Field(gt=0, le=14142)] = 512
    height: Annotated[int, Field(gt=0, le=14142)] = 512


class AudioSetting(InputModel):
    sample_rate: Literal[8000, 16000, 22050, 24000, 32000, 44100] = 32000
    bitrate: Literal[32000, 64000, 128000, 256000] = 128000
    format: Literal["mp3", "pcm", "flac"] = "mp3"
    channel: Literal[1, 2] = 1


class PronunciationDict(InputModel):
    tone_list: list[str] = UNSET


class VoiceSetting(InputModel):
    voice_id: Annotated[str, Field(min_length=1)] = "Wise_Woman"
    speed: Annotated[float, Field(ge=0.5, le=2.0)] = 1
    vol: Annotated[float, Field(ge=0.01, le=10.0)] = 1
    pitch: Annotated[int, Field(ge=-12, le=12)] = 0
    emotion: (
        Literal["happy", "sad", "angry", "fearful", "disgusted", "surprised", "neutral"] | None
    ) = None
    english_normalization: bool = False


class FluxDevInput(InputModel, Request["FluxDevOutput"]):
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


class FluxDevOutput(OutputModel):
    images: list[Image]
    timings: dict[str, float]
    seed: int
    has_nsfw_concepts: list[bool]
    prompt: str


class KlingVideoV25TurboProTextToVideoInput(
    InputModel, Request["KlingVideoV25TurboProTextToVideoOutput"]
):
    prompt: Annotated[str, Field(max_length=2500)]
    duration: Literal["5", "10"] = "5"
    aspect_ratio: Literal["16:9", "9:16", "1:1"] = "16:9"
    negative_prompt: Annotated[str, Field(max_length=2500)] = "blur, distort, and low quality"
    cfg_scale: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5


class KlingVideoV25TurboProTextToVideoOutput(OutputModel):
    video: Video


class WhisperInput(InputModel, Request["WhisperOutput"]):
    audio_url: FileInput
    batch_size: int = 64
    chunk_level: Literal["none", "segment", "word"] = "segment"
    diarize: bool = UNSET
    language: Literal[
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
    ] = UNSET
    num_speakers: int = UNSET
    prompt: str = ""
    task: Literal["transcribe", "translate"] = "transcribe"


class DiarizationSegment(OutputModel):
    speaker: str
    timestamp: list[Any]


class WhisperChunk(OutputModel):
    text: str
    timestamp: list[Any]
    speaker: str | None = None


class WhisperOutput(OutputModel):
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


class BirefnetInput(InputModel, Request["BirefnetOutput"]):
    image_url: FileInput
    model: Literal["General Use (Light)", "General Use (Heavy)", "Portrait"] = "General Use (Light)"
    operating_resolution: Literal["1024x1024", "2048x2048"] = "1024x1024"
    output_format: Literal["webp", "png", "gif"] = "png"
    output_mask: bool = UNSET
    refine_foreground: bool = True
    sync_mode: bool = UNSET


class BirefnetOutput(OutputModel):
    image: Image
    mask_image: Image | None = None


class MinimaxSpeech02HdInput(InputModel, Request["MinimaxSpeech02HdOutput"]):
    text: Annotated[str, Field(max_length=5000, min_length=1)]
    voice_setting: VoiceSetting = VoiceSetting(
        voice_id="Wise_Woman", speed=1, vol=1, pitch=0, english_normalization=False
    )
    audio_setting: AudioSetting = UNSET
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


class MinimaxSpeech02HdOutput(OutputModel):
    audio: Audio
    duration_ms: int


flux_dev = Endpoint("fal-ai/flux/dev", FluxDevInput, FluxDevOutput)

kling_video_v2_5_turbo_pro_text_to_video = Endpoint(
    "fal-ai/kling-video/v2.5-turbo/pro/text-to-video",
    KlingVideoV25TurboProTextToVideoInput,
    KlingVideoV25TurboProTextToVideoOutput,
)

whisper = Endpoint("fal-ai/whisper", WhisperInput, WhisperOutput)

birefnet = Endpoint("fal-ai/birefnet", BirefnetInput, BirefnetOutput)

minimax_speech_02_hd = Endpoint(
    "fal-ai/minimax/speech-02-hd", MinimaxSpeech02HdInput, MinimaxSpeech02HdOutput
)


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
