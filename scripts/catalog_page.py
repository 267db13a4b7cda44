"""Writes the data of the catalog page: an index of all endpoints, and a file for each of them.

MkDocs runs it after each build (``hooks`` in mkdocs.yml). ``docs/assets/catalog.js`` reads the index
at once, and the file of an endpoint when it is opened.
"""

from __future__ import annotations

import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fal_typed._documents.catalog import Catalog
from fal_typed.cli.commands import show_command
from fal_typed.cli.parameters import parameters

if TYPE_CHECKING:
    from fal_typed._documents.document import EndpointDocument

KINDS = ("text", "image", "video", "audio", "3d", "weights", "file", "data")
_KIND_OF_NAME = (
    ("3d", r"mesh|glb|gltf|obj\b|usdz|fbx|ply|splat|model_(?!id|name)|3d|texture"),
    ("weights", r"lora|weights|checkpoint|diffusers|config_file"),
    ("video", r"video"),
    ("audio", r"audio|music|song|speech|voice|vocals|sound|stem|instrumental"),
    ("image", r"image|img|mask|frame|photo|picture|depth|garment|face|logo|thumbnail|poster"),
)
_TASK_OF_ID = (
    ("training", r"train"),
    ("background removal", r"birefnet|rembg|background.remov|remove.background|ben/v2"),
    ("upscaling", r"upscal|esrgan|super.?res|seedvr|aura-sr|ccsr|swin2sr"),
    ("lip sync", r"lip.?sync|latentsync|musetalk"),
    ("try-on", r"try.?on|tryon|vton"),
    ("face swap", r"face.?swap"),
    ("speech to text", r"speech-to-text|whisper|wizper|transcri|scribe|\basr\b"),
    ("text to speech", r"\btts\b|text-to-speech|kokoro|text-to-dialogue|voice-clone"),
    ("music", r"music|song|lyria|ace-step|sonauto"),
    ("segmentation", r"\bsam\d?\b|segment|sam-?[23]|evf-sam"),
    ("control maps", r"preprocessor|controlnet-preprocess|depth-anything|marigold|lineart|canny"),
    ("embeddings", r"embedding"),
    ("moderation", r"nsfw|moderation|guard"),
    ("inpainting", r"inpaint|outpaint|/fill|erase|eraser|object-removal|genfill|/expand"),
)
# First words that mean little without the second: stable-diffusion, nano-banana, image-editing.
_HALF_NAMES = {
    *("ace", "ai", "face", "fast", "gpt", "hyper", "image"),
    *("nano", "post", "stable", "sync", "video", "z"),
}
_TASK_OF_OUTPUT = {
    "video": ("video", "audio", "image", "text"),
    "image": ("image", "video", "text"),
    "audio": ("video", "audio", "text"),
    "3d": ("image", "3d", "text"),
    "text": ("image", "video", "audio", "text"),
}


def on_post_build(config: Any, **_: Any) -> None:
    """Write the data beside the built page; called by MkDocs."""
    write(Path(config["site_dir"]) / "catalog")


def write(folder: Path, catalog: Catalog | None = None) -> None:
    """Write ``index.json`` and ``endpoints/<id>.json`` into a folder."""
    catalog = catalog or Catalog()
    names: dict[str, int] = {}
    rows: list[list[Any]] = []
    for endpoint_id in catalog.ids():
        document = catalog.document(endpoint_id)
        details = described(document)
        rows.append(_row(document, details, names))
        _dump(folder / "endpoints" / f"{endpoint_id}.json", details)
    _dump(folder / "index.json", {"kinds": KINDS, "parameters": list(names), "endpoints": rows})


def described(document: EndpointDocument) -> dict[str, Any]:
    """All that the page shows of an endpoint: what `fal-typed show` prints, and a curl command."""
    return {**show_command.describe(document), "curl": _curl(document)}


def task_of(endpoint_id: str, inputs: list[str], outputs: list[str]) -> str:
    """The task of an endpoint: by its name, otherwise by what goes in and what comes out."""
    for task, pattern in _TASK_OF_ID:
        if re.search(pattern, endpoint_id):
            return task
    for output, sources in _TASK_OF_OUTPUT.items():
        if output in outputs:
            source = next((kind for kind in sources if kind in inputs), "text")
            return f"{source} to {output}"
    return "analysis" if {"image", "video", "audio"} & set(inputs) else "other"


def family_of(endpoint_id: str) -> str:
    """The family of models: the owner, or the first word of the model's name below ``fal-ai``."""
    owner, _, rest = endpoint_id.lower().partition("/")
    words = re.findall(r"[a-z]+", rest.partition("/")[0])
    if owner != "fal-ai" or not words:
        return owner
    return "-".join(words[:2] if words[0] in _HALF_NAMES else words[:1])


def inputs_of(document: EndpointDocument) -> list[str]:
    """The kinds of media that an endpoint accepts."""
    found = {
        kind_of(field.name) or "file"
        if re.search(r"\bFile(Object)?Input\b", field.type)
        else _text(field.name)
        for field in parameters(document, document.input_schema)
    }
    return [kind for kind in KINDS if kind in found]


def outputs_of(document: EndpointDocument) -> list[str]:
    """The kinds of media that an endpoint returns; ``data`` if there is none of them."""
    found = set()
    for field in parameters(document, document.output_schema):
        if re.search(r"File|Image|Video|Audio|Mesh|Model", field.type):
            found.add(kind_of(f"{field.name} {field.type}".lower()) or "file")
        elif field.type.startswith("str") and re.search(
            r"text|output|caption|transcri|lyrics", field.name
        ):
            found.add("text")
    return [kind for kind in KINDS if kind in found] or ["data"]


def kind_of(name: str) -> str | None:
    """The kind of media that the name of a file parameter or result suggests."""
    return next((kind for kind, pattern in _KIND_OF_NAME if re.search(pattern, name)), None)


def _text(name: str) -> str | None:
    return (
        "text"
        if re.search(r"^(text|input_text|gen_text|lyrics)$|prompt$", name)
        and not (name.startswith("negative"))
        else None
    )


def _row(document: EndpointDocument, details: dict[str, Any], names: dict[str, int]) -> list[Any]:
    """One endpoint of the index, as short as it can be: the page loads all of them."""
    inputs, outputs = inputs_of(document), outputs_of(document)
    return [
        document.id,
        task_of(document.id, inputs, outputs),
        [KINDS.index(kind) for kind in inputs],
        [KINDS.index(kind) for kind in outputs],
        family_of(document.id),
        [names.setdefault(field["name"], len(names)) for field in details["parameters"]],
    ]


def _curl(document: EndpointDocument) -> str:
    arguments = show_command._example_arguments(document)  # noqa: SLF001
    body = json.dumps(arguments, ensure_ascii=False, default=str).replace("'", "'\\''")
    return (
        f"curl https://queue.fal.run/{document.id} \\\n"
        '  -H "Authorization: Key $FAL_KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  -d '{body}'"
    )


@cache
def _folder(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)


def _dump(path: Path, value: Any) -> None:
    _folder(path.parent)
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
