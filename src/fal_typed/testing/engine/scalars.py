"""Generates strings and numbers from the name of their field and the limits of its schema."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from fal_typed.testing.engine.file_kinds import extension_of
from fal_typed.testing.engine.schema_checking import number_limits
from fal_typed.testing.media.rendering import render
from fal_typed.testing.media.spec import MediaSpec

if TYPE_CHECKING:
    from fal_typed._documents.document import EndpointDocument, Schema
    from fal_typed.testing.engine.generation_input import GenerationInput

_FIXED = {"content_type": "application/octet-stream", "finish_reason": "stop", "level": "INFO"}
_MEDIA_NAMES = frozenset({"video", "audio", "image", "images"})
_UUIDS = frozenset({"uuid", "uuid4"})
_MAX_SPREAD = 100  # how far above its minimum a number may be


def text(schema: Schema, name: str, given: GenerationInput, document: EndpointDocument) -> str:
    """Generate a string.

    Args:
        schema: Its schema, whose format and lengths the string matches.
        name: Name of its field.
        given: The input.
        document: The endpoint's document.

    Returns:
        The string.
    """
    shortest, longest = int(schema.get("minLength") or 0), schema.get("maxLength")
    content = _text(schema.get("format"), name, given, document).ljust(shortest, ".")
    return content if longest is None else content[: int(longest)]


def _text(form: object, name: str, given: GenerationInput, document: EndpointDocument) -> str:
    if name in _FIXED:
        return _FIXED[name]
    if form in _UUIDS:
        return str(uuid.UUID(int=given.random.getrandbits(128), version=4))
    if form == "date-time":
        return "2026-01-01T00:00:00+00:00"
    if form == "uri" or "url" in name or name in _MEDIA_NAMES:
        return given.url(given.media(extension_of(name, "", {}, document, given.arguments)))
    return _words(name, given)


def _words(name: str, given: GenerationInput) -> str:
    if name == "id" or name.endswith(("_id", "_ids")):
        return f"{given.random.getrandbits(64):016x}"
    if name == "svg_content":
        return render(MediaSpec("svg", given.random.getrandbits(32), given.text[:60])).decode()
    title = name.replace("_", " ") or "output"
    if given.text:
        return f"{title} for: {given.text}"
    return f"{title} {given.random.randrange(1000)}"


def number(schema: Schema, name: str, given: GenerationInput, *, is_integer: bool) -> float:
    """Generate a number.

    Args:
        schema: Its schema, whose bounds and step the number matches.
        name: Name of its field.
        given: The input.
        is_integer: Whether it must be an integer.

    Returns:
        The number.
    """
    limits = number_limits(schema)
    wanted = _requested(name, given)
    if wanted is None:
        floor = limits.get("minimum", limits.get("exclusiveMinimum", 0))
        top = limits.get("maximum", limits.get("exclusiveMaximum", floor + 1))
        wanted = given.random.uniform(floor, max(floor, min(top, floor + _MAX_SPREAD)))
    return _within(wanted, limits, is_integer=is_integer)


def _requested(name: str, given: GenerationInput) -> float | None:
    if "seed" in name:
        seed = given.arguments.get("seed")
        return seed if isinstance(seed, int) else given.random.randrange(1 << 31)
    facts: dict[str, float] = {
        "width": given.image_size[0],
        "height": given.image_size[1],
        "duration": given.seconds,
        "duration_ms": given.seconds * 1000,
        "sample_rate": 24_000,
    }
    return facts.get(name)


def _within(wanted: float, limits: dict[str, int | float], *, is_integer: bool) -> float:
    step = limits.get("multipleOf") or (1 if is_integer else 0)
    value = round(wanted / step) * step if step else round(wanted, 3)
    edge = step or 0.001
    if "minimum" in limits:
        value = max(value, limits["minimum"])
    if "exclusiveMinimum" in limits:
        value = max(value, limits["exclusiveMinimum"] + edge)
    if "maximum" in limits:
        value = min(value, limits["maximum"])
    if "exclusiveMaximum" in limits:
        value = min(value, limits["exclusiveMaximum"] - edge)
    return int(value) if is_integer else value
