"""What endpoints do, in the words that people search for.

Documents have no description of the endpoint, so tasks are found by its id and its parameters.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fal_typed._documents.schemas import properties

if TYPE_CHECKING:
    from fal_typed._documents.document import EndpointDocument

# Pattern for the endpoint's id, and the task in several words for the same thing.
_TASKS = (
    (
        r"birefnet|rembg|background|/remove-bg|ben/v2|matting|bria/.*remov|cutout",
        "background removal remove background remover cutout matting transparent",
    ),
    (
        r"upscal|esrgan|seedvr|clarity|topaz|aura-sr|ccsr|supir|drct|super-?res",
        "upscale upscaling upscaler enlarge super resolution enhance enhancement",
    ),
    (r"whisper|speech-to-text|transcri|wizper|scribe|asr", ("speech recognition transcription "
     "transcribe speech to text subtitles captions")),
    (r"tts|text-to-speech|kokoro|zonos|dia-|orpheus|chatterbox|speech-0|speech-2",
     "text to speech tts voice speak narration read aloud"),
    (r"voice|clone", "voice cloning clone voice"),
    (r"music|song|lyria|sonauto|ace-step|yue", "music generation song make music"),
    (r"sfx|sound|foley|mmaudio|thinksound", "sound effects foley noise"),
    (r"lipsync|lip-sync|latentsync|wav2lip|musetalk", "lip sync lipsync dubbing talking"),
    (r"avatar|omnihuman|talking|argil|veed|hedra", "talking avatar presenter talking head"),
    (r"face-swap|faceswap|/face", "face swap swap faces"),
    (r"caption|florence|moondream|llava|vision|describe", ("image captioning describe image "
     "caption visual question answering understanding")),
    (r"ocr", "text recognition ocr read text"),
    (r"segment|\bsam|sam-?[23]|evf-sam|mask", "segmentation segment mask object selection"),
    (r"inpaint|/fill|eras|object-remov", "inpainting fill remove object erase"),
    (r"outpaint|expand|reframe|uncrop", "outpainting expand extend uncrop reframe"),
    (r"edit|kontext|instruct", "image editing edit photo change modify"),
    (r"depth|midas|marigold", "depth estimation depth map"),
    (r"canny|controlnet|pose|lineart|dwpose", "controlnet edge detection pose control"),
    (r"train", "training train fine-tune finetune"),
    (r"try-?on|tryon|fashn|cat-vton", "virtual try on clothes fashion"),
    (r"relight|iclight|ic-light", "relighting light"),
    (r"style|ghiblify|cartoon", "style transfer stylize"),
    (r"nsfw|safety|moderat", "content moderation nsfw detection safety"),
    (r"interpolat|rife|film", "frame interpolation slow motion fps"),
    (r"extend", "extend video longer continue"),
    (r"any-llm|openrouter|llm|chat", "language model llm chat text generation"),
    (r"embed", "embedding embeddings"),
    (r"logo|vector|svg|recraft", "vector svg logo icon vectorize"),
    (r"3d|trellis|hunyuan3d|tripo|mesh|rodin|meshy", "3d model mesh object"),
    (r"photomaker|pulid|instant-?id|instantcharacter|portrait", ("portrait face identity "
     "character consistent")),
    (r"colori[sz]e|ddcolor", "colorize colorization color photo"),
    (r"restor|codeformer|gfpgan|deblur|denois", "restoration restore old photo deblur denoise"),
    (r"translat|dub", "translation translate dubbing"),
    (r"demucs|stem|separat|isolation", "audio separation stems isolate vocals"),
    (r"workflow|ffmpeg|compose|merge|trim", "media tools merge combine trim cut"),
)  # fmt: skip
_COMPILED = tuple((re.compile(pattern), words) for pattern, words in _TASKS)
_SOURCES = ("video", "image", "audio")
_TARGETS = {"image", "video", "audio", "3d", "speech", "text"}

GENERIC_WORDS = frozenset({*_SOURCES, *_TARGETS, "to", "generation", "generate"})
"""Words of `derived_task` that need not occur in the document."""


def task_words(endpoint_id: str) -> str:
    """Words for what an endpoint does, as its id shows it; an empty string if it does not."""
    lowered = endpoint_id.lower()
    return " ".join(words for pattern, words in _COMPILED if pattern.search(lowered))


def derived_task(document: EndpointDocument) -> str:
    """The task as the parameters show it, such as ``image to video generation``."""
    target = (document.category or "").rpartition("-to-")[2].lower()
    if target not in _TARGETS:
        return ""
    names = " ".join(properties(document.input_schema))
    source = next((kind for kind in _SOURCES if f"{kind}_url" in names), "text")
    return f"{source} to {target} generation generate"
