"""Finds the kinds of media that an endpoint accepts and returns, by the names in its schemas."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from fal_typed._core.json_values import as_list, as_object
from fal_typed._documents.schemas import alternatives, properties, required_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fal_typed._documents.document import EndpointDocument, Schema

KINDS = ("text", "image", "video", "audio", "3d", "weights", "file", "data")
"""Kinds of media, in the order in which to list them."""

ROLES = (
    ("archive", r"(?:^|_)data_urls?$|archive_url|^data_url$"),
    ("mask", r"mask"),
    ("3d", r"mesh_url|^model_url$|model_file_url|input_file_url|geometry|glb|pointmap"),
    ("weights", r"lora_url|lora_checkpoint|base_model_url|embedding|ic_light_model_url"),
    ("last-frame", r"^(?:end|last|tail)_(?:frame_)?(?:image_)?url$|last_frame"),
    (
        "control",
        (
            r"control|canny|(?:depth|normal|segmentation|pose|structure)_image|openpose|teed|pose_video"
            r"|change_map|relit_cond"
        ),
    ),
    ("font", r"font_file"),
    (
        "reference",
        (
            r"^ref(?:erence)?_|_reference_|style|subject|character|identity|face_image|ip_adapter"
            r"|image_prompt|garment|clothing|product|element|_reference$|composition"
        ),
    ),
)
"""What a file parameter is for, other than the input itself, and the pattern of its name."""

_KIND_OF_NAME = (
    ("weights", r"lora|weights|checkpoint|diffusers|config_file"),
    ("video", r"video|movie"),
    ("audio", r"audio|music|song|speech|voice|vocals|sound|stem|instrumental|impulse"),
    ("3d", r"mesh|glb|gltf|\bobj|usdz|fbx|\bply|splat|3d|pointmap|^model|input_file"),
    ("image", r"image|img|mask|frame|photo|picture|depth|garment|face|logo|thumbnail|style|_view"),
)
_KIND_OF_RESULT = (
    ("weights", r"lora|weights|checkpoint|diffusers|config_file"),
    (
        "3d",
        (
            r"mesh|glb|gltf|\bobj|usdz|fbx|\bply|splat|3d|model_(?!id|name)|texture|world_file"
            r"|scene\b|animations"
        ),
    ),
    ("video", r"video"),
    ("audio", r"audio|music|song|speech|voice|vocals|drums|bass|guitar|piano|residual"),
    ("image", r"image|img|mask|frame|photo|picture|depth|logo|thumbnail|svg|normal_map"),
)
_SIDE_RESULTS = re.compile(
    r"thumbnail|preview|spritesheet|frames_zip|debug|boundingbox|rendered|viz_|start_frame|end_frame"
    r"|_frame_url"
)
_TEXT_INPUT = re.compile(
    r"(?:^|_)(?:text|script|lyrics|instruction|transcript|messages|speech|dialogue|caption)s?$"
    r"|prompts?$|^input$|text_input|_text$|^turns$|^inputs$|keyword|concept"
)
_NOT_THE_TEXT = re.compile(r"negative|system|suffix|previous|next|ref(?:erence)?_text")
_TEXT_RESULT = re.compile(
    r"^(?:text|output|outputs|caption|transcription|lyrics|results|generated_text|answer|response"
    r"|choices|summary|reasoning_content|text_output)$"
)
_FILE_NAME = re.compile(
    r"(?:^|_)urls?(?:_(?:person)?\d+)?$|^(?:image|video|audio|file)s?$"
    r"|(?:^|_)(?:image|video|audio|mask|img)s?_urls?(?:_|$)|_image$|_source$"
)
_MAX_DEPTH = 3
_NO_FILES = re.compile(r"^(?:return|enable|num|webhook|callback|website|redirect)_|_count$|size")


class Media(NamedTuple):
    """The media of an endpoint.

    Attributes:
        inputs: Kinds that it accepts, and the roles of files among them (see `ROLES`): ``source``
            for an image to start from, ``images`` for several.
        required: The part of `inputs` that it requires.
        outputs: Kinds that it returns; ``data`` if it returns no other.
    """

    inputs: frozenset[str]
    required: frozenset[str]
    outputs: frozenset[str]


def media_of(document: EndpointDocument) -> Media:
    """Find the kinds of media that an endpoint accepts and returns.

    >>> from fal_typed._documents.catalog import Catalog
    >>> found = media_of(Catalog().document("fal-ai/birefnet"))
    >>> sorted(found.inputs), sorted(found.required), sorted(found.outputs)
    (['image', 'source'], ['image', 'source'], ['image'])
    """
    inputs: set[str] = set()
    required: set[str] = set()
    needed = required_names(document.input_schema)
    for name, schema in properties(document.input_schema).items():
        found = set(_inputs(document, name, schema, 0))
        inputs |= found
        if name in needed:
            required |= found
    outputs = set(_outputs(document))
    return Media(frozenset(inputs), frozenset(required), frozenset(outputs or {"data"}))


def listed(kinds: frozenset[str]) -> list[str]:
    """Kinds of media without the roles, in the order in which to list them."""
    return [kind for kind in KINDS if kind in kinds]


def _inputs(document: EndpointDocument, name: str, schema: Schema, depth: int) -> Iterator[str]:
    target = document.resolve(schema)
    if _FILE_NAME.search(name) and not _NO_FILES.search(name) and _has_text(document, target):
        yield from _roles(name, target)
        return
    if depth == 0 and _TEXT_INPUT.search(name) and not _NOT_THE_TEXT.search(name):
        yield "text"
    if depth < _MAX_DEPTH:
        for part in _parts(document, target):
            for inner, value in properties(part).items():
                owner = "" if name in {"inputs", "tracks", "keyframes"} else f"{name}_"
                yield from _inputs(document, owner + inner, value, depth + 1)


def _roles(name: str, schema: Schema) -> Iterator[str]:
    kind = next((kind for kind, pattern in _KIND_OF_NAME if re.search(pattern, name)), "file")
    role = next((role for role, pattern in ROLES if re.search(pattern, name)), "source")
    if role in {"archive", "3d", "weights"}:
        yield role
        return
    is_image = kind == "image" and role != "font"
    if (role == "source" and is_image) or role not in {"source", "font"}:
        yield role
    if is_image and (name.endswith(("urls", "images")) or schema.get("type") == "array"):
        yield "images"
    if role != "mask":
        yield "file" if role == "font" else kind


def _outputs(document: EndpointDocument) -> Iterator[str]:
    found = properties(document.output_schema)
    names = {name for name in found if not _SIDE_RESULTS.search(name)} or set(found)
    for name in names:
        schema = document.resolve(found[name])
        parts = list(_parts(document, schema))
        if (
            any("url" in properties(part) for part in parts)
            or name.endswith("_url")
            or any(
                _has_file(document, value) for part in parts for value in properties(part).values()
            )
        ):
            yield _kind_of_result(name, schema, found[name]) or "file"
        elif _TEXT_RESULT.search(name):
            yield "text"


def _kind_of_result(name: str, schema: Schema, raw: Schema) -> str | None:
    title = str(raw.get("$ref") or raw.get("items") or raw.get("anyOf") or raw.get("allOf") or "")
    described = f"{name} {title.rpartition('/')[2]}".lower()
    for text in (name.lower(), described):
        for kind, pattern in _KIND_OF_RESULT:
            if re.search(pattern, text):
                return kind
    return "image" if "width" in (as_object(schema.get("properties")) or {}) else None


def _has_file(document: EndpointDocument, schema: Schema) -> bool:
    target = document.resolve(schema)
    return any("url" in properties(part) for part in _parts(document, target))


def _parts(document: EndpointDocument, schema: Schema, depth: int = 0) -> Iterator[Schema]:
    """The objects in a schema: itself, its items, its alternatives and theirs."""
    target = document.resolve(schema)
    if as_object(target.get("properties")):
        yield target
    if depth < _MAX_DEPTH:
        for part in [*alternatives(target), as_object(target.get("items")) or {}]:
            if part:
                yield from _parts(document, part, depth + 1)


def _has_text(document: EndpointDocument, schema: Schema) -> bool:
    """Whether a parameter accepts strings."""
    members = [schema, *alternatives(schema)]
    members += [as_object(member.get("items")) or {} for member in members]
    members += [inner for member in members for inner in alternatives(document.resolve(member))]
    return any(
        member.get("type") == "string" or "string" in (as_list(member.get("type")) or [])
        for member in map(document.resolve, members)
    )
