"""Chooses the kind of file of an output field, by its name, its schema and the input."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fal_typed.testing.media.spec import MESHES, RASTER_IMAGES, SOUNDS, VIDEOS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fal_typed._documents.document import EndpointDocument, Schema

_BY_WORD: tuple[tuple[tuple[str, ...], str], ...] = (
    (("safetensors", "lora", "weights", "embedding", "latents", "pkl", "npz"), "safetensors"),
    (("zip", "archive", "dataset", "dir", "fbx", "usdz", "blend"), "zip"),
    (("config", "json", "lottie", "motion", "metadata", "timestamps"), "json"),
    (("mtl",), "txt"),
    (("caption", "captions", "subtitle", "subtitles", "srt"), "srt"),
    (("glb", "mesh", "meshes", "gltf", "rigged"), "glb"),
    (("obj",), "obj"),
    (("stl",), "stl"),
    (("ply", "splat", "world"), "ply"),
    (("svg",), "svg"),
    (("gif",), "gif"),
    (("video", "videos", "animation"), "mp4"),
    (
        (
            "audio",
            "audios",
            "speech",
            "song",
            "music",
            "vocals",
            "bass",
            "drums",
            "voice",
            "target",
            "residual",
            "instrumental",
            "sound",
            "stem",
            "guitar",
            "piano",
            "other",
        ),
        "wav",
    ),
    (
        (
            "image",
            "images",
            "mask",
            "masks",
            "texture",
            "textures",
            "thumbnail",
            "frame",
            "picture",
            "depth",
            "depths",
            "normal",
            "spritesheet",
            "exr",
            "photo",
            "preview",
            "overlay",
            "palette",
            "color",
            "metallic",
            "roughness",
            "albedo",
        ),
        "png",
    ),
)
_BY_CATEGORY = {
    "image": "png",
    "video": "mp4",
    "audio": "wav",
    "speech": "wav",
    "3d": "glb",
    "training": "safetensors",
    "json": "json",
    "text": "txt",
    "llm": "txt",
    "vision": "png",
}
_FORMATS = {
    "jpg": "jpeg",
    "opus": "ogg",
    "ogg_opus": "ogg",
    "aac": "m4a",
    "VP9 (.webm)": "webm",
    "X264 (.mp4)": "mp4",
    "PRORES4444 (.mov)": "mov",
    "GIF (.gif)": "gif",
}
_FAMILIES = (RASTER_IMAGES, SOUNDS, VIDEOS, MESHES)
_FORMAT_NAMES = ("output_format", "video_output_type", "format", "audio_format")


def extension_of(
    name: str,
    component: str,
    properties: Mapping[str, Schema],
    document: EndpointDocument,
    arguments: Mapping[str, Any],
) -> str:
    """Choose the extension of an output field's file.

    Args:
        name: The field's name, e.g. ``model_glb``.
        component: Name of the file's component, e.g. ``VideoFile``; may be empty.
        properties: Properties of the file's component; width and height mean an image.
        document: The endpoint's document; its category is used when nothing else helps.
        arguments: The input, defaults filled in; ``output_format`` chooses among similar formats.

    Returns:
        The extension of a format that can be generated.
    """
    default = _default(name, component, properties, document)
    if default == "png" and _default_type(properties) == "image/jpeg":
        default = "jpeg"
    family = next((family for family in _FAMILIES if default in family), frozenset[str]())
    for option in _FORMAT_NAMES:
        wanted = arguments.get(option)
        extension = _FORMATS.get(wanted, wanted.split("_")[0]) if isinstance(wanted, str) else None
        if extension in family:
            return extension
    return default


def _default(
    name: str, component: str, properties: Mapping[str, Schema], document: EndpointDocument
) -> str:
    if found := _by_words(name):
        return found
    if "fps" in properties or "num_frames" in properties:
        return "mp4"
    if "width" in properties:
        return "png"
    if "sample_rate" in properties:
        return "wav"
    return _by_words(component) or _BY_CATEGORY.get(document.category or "", "bin")


def _by_words(name: str) -> str | None:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    words = set(re.split(r"[^a-z0-9]+", spaced.lower()))
    return next((kind for keys, kind in _BY_WORD if words.intersection(keys)), None)


def _default_type(properties: Mapping[str, Schema]) -> Any:
    return (properties.get("content_type") or {}).get("default")
