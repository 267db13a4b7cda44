"""Strings and numbers of an answer, by the name of their field and the limits of its schema."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from fal_typed.testing.checking import number_limits
from fal_typed.testing.kinds import extension_of
from fal_typed.testing.media import MediaSpec, render

if TYPE_CHECKING:
    from fal_typed._documents.document import EndpointDocument, Schema
    from fal_typed.testing.asking import Asked

_FIXED = {"content_type": "application/octet-stream", "finish_reason": "stop", "level": "INFO"}
_MEDIA_NAMES = frozenset({"video", "audio", "image", "images"})
_UUIDS = frozenset({"uuid", "uuid4"})
_WIDEST = 100  # how far above its minimum a number may be drawn


def text(schema: Schema, name: str, asked: Asked, document: EndpointDocument) -> str:
    """Make a string.

    Args:
        schema: Its schema; format and lengths are obeyed.
        name: Name of its field.
        asked: The input.
        document: The endpoint's document.

    Returns:
        The string.
    """
    shortest, longest = int(schema.get("minLength") or 0), schema.get("maxLength")
    made = _text(schema.get("format"), name, asked, document).ljust(shortest, ".")
    return made if longest is None else made[: int(longest)]


def _text(form: object, name: str, asked: Asked, document: EndpointDocument) -> str:
    if name in _FIXED:
        return _FIXED[name]
    if form in _UUIDS:
        return str(uuid.UUID(int=asked.chance.getrandbits(128), version=4))
    if form == "date-time":
        return "2026-01-01T00:00:00+00:00"
    if form == "uri" or "url" in name or name in _MEDIA_NAMES:
        return asked.url(asked.media(extension_of(name, "", {}, document, asked.arguments)))
    return _words(name, asked)


def _words(name: str, asked: Asked) -> str:
    if name == "id" or name.endswith(("_id", "_ids")):
        return f"{asked.chance.getrandbits(64):016x}"
    if name == "svg_content":
        return render(MediaSpec("svg", asked.chance.getrandbits(32), asked.text[:60])).decode()
    title = name.replace("_", " ") or "answer"
    if asked.text:
        return f"{title} for: {asked.text}"
    return f"{title} {asked.chance.randrange(1000)}"


def number(schema: Schema, name: str, asked: Asked, *, whole: bool) -> float:
    """Make a number.

    Args:
        schema: Its schema; bounds and step are obeyed.
        name: Name of its field.
        asked: The input.
        whole: Whether it shall be an integer.

    Returns:
        The number.
    """
    limits = number_limits(schema)
    wanted = _asked_for(name, asked)
    if wanted is None:
        floor = limits.get("minimum", limits.get("exclusiveMinimum", 0))
        top = limits.get("maximum", limits.get("exclusiveMaximum", floor + 1))
        wanted = asked.chance.uniform(floor, max(floor, min(top, floor + _WIDEST)))
    return _within(wanted, limits, whole=whole)


def _asked_for(name: str, asked: Asked) -> float | None:
    if "seed" in name:
        seed = asked.arguments.get("seed")
        return seed if isinstance(seed, int) else asked.chance.randrange(1 << 31)
    facts: dict[str, float] = {
        "width": asked.picture_size[0],
        "height": asked.picture_size[1],
        "duration": asked.seconds,
        "duration_ms": asked.seconds * 1000,
        "sample_rate": 24_000,
    }
    return facts.get(name)


def _within(wanted: float, limits: dict[str, int | float], *, whole: bool) -> float:
    step = limits.get("multipleOf") or (1 if whole else 0)
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
    return int(value) if whole else value
