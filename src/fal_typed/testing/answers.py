"""Makes the answer of an endpoint from its own output schema.

The same input gives the same answer: whatever is not read from the input is drawn from a
random source that is seeded by the endpoint, the input and the emulator's seed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from fal_typed.document import EndpointDocument, Schema, component_name
from fal_typed.testing import sizes
from fal_typed.testing.checking import Checker
from fal_typed.testing.kinds import extension_of
from fal_typed.testing.media import IMAGES, SOUNDS, VIDEOS, MediaSpec, render

_DEEPEST = 8  # a component that holds itself ends here
_USUAL_SIZE = {True: (832, 480), False: (1024, 1024)}
_USUAL_SECONDS = 2.0
_CALM = ("nsfw", "flagged", "partial", "error", "truncated")


@dataclass
class _Call:
    """What one answer is made from."""

    arguments: Mapping[str, Any]
    files: str
    chance: random.Random
    files_made: int = field(default=0)

    @property
    def text(self) -> str:
        for name in ("prompt", "text", "input", "lyrics", "gen_text"):
            if isinstance(value := self.arguments.get(name), str) and value:
                return value
        return ""

    @property
    def inline(self) -> bool:
        return self.arguments.get("sync_mode") is True


class AnswerMaker:
    """Makes the answers of one endpoint.

    Args:
        document: The endpoint's document.
        seed: The emulator's seed; another seed gives other answers.
    """

    def __init__(self, document: EndpointDocument, seed: int = 0) -> None:
        self._document = document
        self._seed = seed
        properties = cast("dict[str, Schema]", document.output_schema.get("properties") or {})
        self._echoes = {
            name: Checker(document, schema)
            for name, schema in properties.items()
            if name in (document.input_schema.get("properties") or {})
        }

    def answer(self, arguments: Mapping[str, Any], files: str) -> Any:
        """Make the answer to an input.

        Args:
            arguments: The input, which fits the endpoint's schema.
            files: Base URL that files are served under, e.g. ``http://127.0.0.1:8765/v3.fal.media``.

        Returns:
            JSON that fits the endpoint's output schema.
        """
        call = _Call(self._with_defaults(arguments), files, self._chance(arguments))
        output = self._document.output_schema
        if not output:
            return {}
        answer = self._value(output, "", call, 0)
        if isinstance(answer, dict):
            self._echo(cast("dict[str, Any]", answer), call)
        return answer

    def _with_defaults(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        properties = cast("dict[str, Schema]", self._document.input_schema.get("properties") or {})
        defaults = {
            name: schema["default"] for name, schema in properties.items() if "default" in schema
        }
        return {**defaults, **arguments}

    def _chance(self, arguments: Mapping[str, Any]) -> random.Random:
        text = json.dumps([self._document.id, arguments, self._seed], sort_keys=True)
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return random.Random(int.from_bytes(digest, "big"))

    def _echo(self, answer: dict[str, Any], call: _Call) -> None:
        """An output named like an input carries the input's value: prompt, seed, a count."""
        for name, checker in self._echoes.items():
            value = call.arguments.get(name)
            plain = isinstance(value, (str, int, float))
            if plain and name in answer and not checker.problems(value):
                answer[name] = value

    def _value(self, schema: Schema, name: str, call: _Call, depth: int) -> Any:
        component = component_name(schema) or ""
        schema = self._document.resolve(schema)
        if "const" in schema:
            return schema["const"]
        if values := schema.get("enum"):
            return self._choice(cast("list[Any]", values), name, call)
        if options := schema.get("anyOf") or schema.get("oneOf"):
            return self._option(cast("list[Schema]", options), name, call, depth)
        if parts := schema.get("allOf"):
            schema = self._merged(schema, cast("list[Schema]", parts))
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((one for one in cast("list[str]", kind) if one != "null"), "null")
        if kind == "object" or "properties" in schema:
            return self._object(schema, name, component, call, depth)
        if kind == "array":
            return self._array(schema, name, call, depth)
        if kind == "string":
            return self._string(schema, name, call)
        if kind in ("integer", "number"):
            return self._number(schema, name, call, whole=kind == "integer")
        if kind == "boolean":
            return not any(word in name for word in _CALM) and call.chance.random() < 0.5
        return None

    def _choice(self, values: list[Any], name: str, call: _Call) -> Any:
        asked = call.arguments.get(name)
        return asked if asked in values else call.chance.choice(values)

    def _option(self, options: list[Schema], name: str, call: _Call, depth: int) -> Any:
        real = [
            option for option in options if self._document.resolve(option).get("type") != "null"
        ]
        if not real or (len(real) < len(options) and (depth >= _DEEPEST or "error" in name)):
            return None
        return self._value(real[0], name, call, depth)

    def _merged(self, schema: Schema, parts: list[Schema]) -> Schema:
        merged = {key: value for key, value in schema.items() if key != "allOf"}
        for part in map(self._document.resolve, parts):
            properties = {**(merged.get("properties") or {}), **(part.get("properties") or {})}
            merged = {**part, **merged}
            if properties:
                merged["properties"] = properties
        return merged

    def _object(
        self, schema: Schema, name: str, component: str, call: _Call, depth: int
    ) -> dict[str, Any]:
        properties = cast("dict[str, Schema]", schema.get("properties") or {})
        required = cast("list[str]", schema.get("required") or [])
        if "url" in properties:
            return self._file(schema, name, component, call, depth)
        if depth >= _DEEPEST:
            properties = {key: value for key, value in properties.items() if key in required}
        answer = {
            key: self._value(sub, key, call, depth + 1)
            for key, sub in properties.items()
            if key in required or "error" not in key
        }
        extra = schema.get("additionalProperties")
        if not properties and isinstance(extra, dict) and extra and depth < _DEEPEST:
            key = "inference" if name == "timings" else "value"
            answer[key] = self._value(cast("Schema", extra), key, call, depth + 1)
        # A required property that the document forgot to describe may hold anything.
        answer.update((key, None) for key in required if key not in properties)
        return answer

    def _array(self, schema: Schema, name: str, call: _Call, depth: int) -> list[Any]:
        prefix = cast("list[Schema]", schema.get("prefixItems") or [])
        answer = [self._value(part, name, call, depth + 1) for part in prefix]
        items = schema.get("items")
        shortest, longest = int(schema.get("minItems") or 0), schema.get("maxItems")
        if isinstance(items, dict) and depth < _DEEPEST:
            wanted = max(shortest, len(answer) or self._length(cast("Schema", items), name, call))
            wanted = wanted if longest is None else min(wanted, int(longest))
            answer += [
                self._value(cast("Schema", items), name, call, depth + 1)
                for _ in range(wanted - len(answer))
            ]
        return answer

    def _length(self, items: Schema, name: str, call: _Call) -> int:
        per_file = "url" in (self._document.resolve(items).get("properties") or {})
        if per_file or "nsfw" in name or name in ("seeds", "masks", "scores"):
            return sizes.count(call.arguments)
        return 2

    def _string(self, schema: Schema, name: str, call: _Call) -> str:
        return _fitted(_string(schema, name, call, self._document), schema)

    def _number(self, schema: Schema, name: str, call: _Call, *, whole: bool) -> int | float:
        wanted = self._wanted_number(name, call)
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        if wanted is None:
            floor = low if isinstance(low, (int, float)) and not isinstance(low, bool) else 0
            top = high if isinstance(high, (int, float)) and not isinstance(high, bool) else None
            top = max(floor + 1, min(floor + 100, top)) if top is not None else floor + 1
            wanted = call.chance.uniform(floor, top)
        return _bounded(wanted, schema, whole=whole)

    def _wanted_number(self, name: str, call: _Call) -> float | None:
        if name in ("seed", "used_seed", "seeds"):
            asked = call.arguments.get("seed")
            return asked if isinstance(asked, int) else call.chance.randrange(1 << 31)
        if name in ("width", "height"):
            return sizes.size(call.arguments, _USUAL_SIZE[False])[name == "height"]
        if name in ("duration", "duration_ms"):
            length = sizes.seconds(call.arguments, _USUAL_SECONDS)
            return length * 1000 if name.endswith("_ms") else length
        if name == "sample_rate":
            return 24_000
        return None

    def _file(
        self, schema: Schema, name: str, component: str, call: _Call, depth: int
    ) -> dict[str, Any]:
        """A file object: its fields agree with the file that the URL serves."""
        properties = cast("dict[str, Schema]", schema["properties"])
        required = cast("list[str]", schema.get("required") or [])
        extension = extension_of(name, component, properties, self._document, call.arguments)
        spec = _spec(extension, call)
        facts = _facts(spec)
        if "file_size" in required:
            facts["file_size"] = len(render(spec))
        answer: dict[str, Any] = {"url": _url(spec, call)}
        for key, sub in properties.items():
            if key == "url" or (key in ("file_data", "file_size") and key not in facts):
                continue
            fits = key in facts and not Checker(self._document, sub).problems(facts[key])
            if fits:
                answer[key] = facts[key]
            elif key in required or key not in _FILE_FACTS:
                answer[key] = self._value(sub, key, call, depth + 1)
        return answer


_FILE_FACTS = (
    "width",
    "height",
    "duration",
    "fps",
    "num_frames",
    "sample_rate",
    "channels",
    "bitrate",
    "file_data",
    "file_size",
)


def _spec(extension: str, call: _Call) -> MediaSpec:
    call.files_made += 1
    seed = call.chance.getrandbits(32)
    text = call.text[:60]
    if extension in IMAGES:
        width, height = sizes.size(call.arguments, _USUAL_SIZE[False])
        return MediaSpec(extension, seed, text, width, height)
    if extension in VIDEOS:
        width, height = sizes.size(call.arguments, _USUAL_SIZE[True])
        length = sizes.seconds(call.arguments, _USUAL_SECONDS)
        rate = sizes.frame_rate(call.arguments)
        even = (max(2, side - side % 2) for side in (width, height))
        return MediaSpec(extension, seed, text, *even, length, rate)
    if extension in SOUNDS:
        return MediaSpec(extension, seed, seconds=sizes.seconds(call.arguments, _USUAL_SECONDS))
    return MediaSpec(extension, seed, text)


def _facts(spec: MediaSpec) -> dict[str, Any]:
    facts: dict[str, Any] = {"content_type": spec.content_type, "file_name": spec.name}
    if spec.width:
        facts |= {"width": spec.width, "height": spec.height}
    if spec.seconds:
        facts["duration"] = spec.seconds
    if spec.extension in VIDEOS:
        facts |= {"fps": spec.rate, "num_frames": max(1, round(spec.seconds * spec.rate))}
    if spec.extension == "wav":
        facts |= {"sample_rate": 24_000, "channels": 1}
    return facts


def _url(spec: MediaSpec, call: _Call) -> str:
    if not call.inline:
        return call.files + spec.path()
    data = base64.b64encode(render(spec)).decode()
    return f"data:{spec.content_type};base64,{data}"


def _string(schema: Schema, name: str, call: _Call, document: EndpointDocument) -> str:
    if schema.get("format") in ("uuid", "uuid4"):
        return str(uuid.UUID(int=call.chance.getrandbits(128), version=4))
    if schema.get("format") == "date-time":
        return "2026-01-01T00:00:00+00:00"
    if (
        "url" in name
        or name in ("video", "audio", "image", "images")
        or schema.get("format") == "uri"
    ):
        return _url(_spec(extension_of(name, "", {}, document, call.arguments), call), call)
    if name.endswith(("_id", "_ids")) or name == "id":
        return f"{call.chance.getrandbits(64):016x}"
    if name == "svg_content":
        return render(MediaSpec("svg", call.chance.getrandbits(32), call.text[:60])).decode()
    if name == "content_type":
        return "application/octet-stream"
    if name in ("finish_reason",):
        return "stop"
    if call.text:
        return f"{name.replace('_', ' ') or 'answer'} for: {call.text}"
    return f"{name.replace('_', ' ') or 'answer'} {call.chance.randrange(1000)}"


def _fitted(text: str, schema: Schema) -> str:
    shortest, longest = int(schema.get("minLength") or 0), schema.get("maxLength")
    text = text.ljust(shortest, ".")
    return text if longest is None else text[: int(longest)]


def _bounded(wanted: float, schema: Schema, *, whole: bool) -> int | float:
    step = schema.get("multipleOf") or (1 if whole else 0)
    value = round(wanted / step) * step if step else round(wanted, 3)
    low, high = schema.get("minimum"), schema.get("maximum")
    under, over = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    edge = step or 0.001
    if _is_number(low):
        value = max(value, low)
    if _is_number(under) and value <= under:
        value = under + edge
    if _is_number(high):
        value = min(value, high)
    if _is_number(over) and value >= over:
        value = over - edge
    return int(value) if whole else value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
