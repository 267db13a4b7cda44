"""Makes the answer of an endpoint from its own output schema.

The same input gives the same answer: whatever is not read from the input is drawn from a
random source that is seeded by the endpoint, the input and the emulator's seed.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

from fal_typed._documents.document import component_name
from fal_typed.testing import scalars, sizes
from fal_typed.testing.asking import Asked
from fal_typed.testing.chance import chance
from fal_typed.testing.checking import Checker
from fal_typed.testing.kinds import extension_of
from fal_typed.testing.media import VIDEOS, MediaSpec, render
from fal_typed.testing.messages import as_list

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Container, Mapping

    from fal_typed._documents.document import EndpointDocument, Schema

_FINAL = 0
_STEPS = 4  # events of a stream
_DEEPEST = 8  # a component that holds itself ends here
_CALM = ("nsfw", "flagged", "partial", "error", "truncated")
_PER_FILE = ("nsfw", "seeds", "masks", "scores")
_FILE_FACTS = frozenset(
    {"width", "height", "duration", "fps", "num_frames", "sample_rate", "channels", "bitrate"}
)
_BULK = frozenset({"file_data", "file_size"})  # costly to know, so told only when required


class _Slot(NamedTuple):
    """One place of the answer that wants a value."""

    schema: Schema
    name: str
    component: str
    depth: int


_Maker: TypeAlias = "Callable[[_Slot, Asked], Any]"


class AnswerMaker:
    """Makes the answers of one endpoint.

    Args:
        document: The endpoint's document.
        seed: The emulator's seed; another seed gives other answers.
    """

    def __init__(self, document: EndpointDocument, seed: int = 0) -> None:
        self._document = document
        self._seed = seed
        inputs, outputs = _properties(document.input_schema), _properties(document.output_schema)
        self._defaults = {
            name: schema["default"] for name, schema in inputs.items() if "default" in schema
        }
        self._echoes = {
            name: Checker(document, schema) for name, schema in outputs.items() if name in inputs
        }
        self._checkers: dict[int, Checker] = {}
        self._makers: dict[str, _Maker] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": self._integer,
            "number": self._number,
            "boolean": self._boolean,
            "null": self._nothing,
        }

    def answer(self, arguments: Mapping[str, Any], files: str) -> Any:
        """Make the answer to an input.

        Args:
            arguments: The input, which fits the endpoint's schema.
            files: Base URL of files, e.g. ``http://127.0.0.1:8765/v3.fal.media``.

        Returns:
            JSON that fits the endpoint's output schema.
        """
        return self._step(arguments, files, _FINAL)

    def partial_answers(self, arguments: Mapping[str, Any], files: str) -> list[Any]:
        """Make the events of a stream: texts and lists grow, files are previews at first.

        Args:
            arguments: The input, which fits the endpoint's schema.
            files: Base URL of files.

        Returns:
            Answers that fit the schema, the last one being what `answer` makes.
        """
        if not self._document.output_schema:
            return [{}]
        events: list[Any] = []
        for step in range(1, _STEPS):
            event = self._step(arguments, files, step)
            events.append(_grown(event, step / _STEPS, self._echoes))
        events.append(self.answer(arguments, files))
        return events

    def _step(self, arguments: Mapping[str, Any], files: str, step: int) -> Any:
        if not self._document.output_schema:
            return {}
        asked = Asked({**self._defaults, **arguments}, files, self._chance(arguments, step))
        answer = self._value(self._document.output_ref, "", 0, asked)
        self._echo(answer, asked)
        return answer

    def _chance(self, arguments: Mapping[str, Any], step: int) -> random.Random:
        parts = [self._document.id, arguments, self._seed, step]
        text = json.dumps(parts, sort_keys=True, default=repr)
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        return chance(int.from_bytes(digest, "big"))

    def _echo(self, answer: Any, asked: Asked) -> None:
        """An output named like an input carries the input's value: prompt, seed, a count."""
        for name, checker in self._echoes.items():
            value = asked.arguments.get(name)
            plain = isinstance(value, (str, int, float))
            if (
                plain
                and isinstance(answer, dict)
                and name in answer
                and not checker.problems(value)
            ):
                answer[name] = value

    def _value(self, schema: Schema, name: str, depth: int, asked: Asked) -> Any:
        component = component_name(schema) or ""
        schema = self._document.resolve(schema)
        if "const" in schema:
            return schema["const"]
        if values := schema.get("enum"):
            wanted = asked.arguments.get(name)
            return wanted if wanted in values else asked.chance.choice(cast("list[Any]", values))
        if options := schema.get("anyOf") or schema.get("oneOf"):
            return self._option(cast("list[Schema]", options), name, depth, asked)
        if parts := schema.get("allOf"):
            schema = self._merged(schema, cast("list[Schema]", parts))
        return self._makers[_kind(schema)](_Slot(schema, name, component, depth), asked)

    def _option(self, options: list[Schema], name: str, depth: int, asked: Asked) -> Any:
        real = [one for one in options if self._document.resolve(one).get("type") != "null"]
        nullable = len(real) < len(options)
        if not real or (nullable and (depth >= _DEEPEST or "error" in name)):
            return None
        return self._value(real[0], name, depth, asked)

    def _merged(self, schema: Schema, parts: list[Schema]) -> Schema:
        merged = {key: value for key, value in schema.items() if key != "allOf"}
        properties = _properties(schema)
        for part in map(self._document.resolve, parts):
            properties = {**properties, **_properties(part)}
            merged = {**part, **merged}
        return {**merged, "properties": properties} if properties else merged

    def _object(self, slot: _Slot, asked: Asked) -> dict[str, Any]:
        properties, required = _properties(slot.schema), _required(slot.schema)
        if "url" in properties:
            return self._file(slot, asked)
        answer = {
            key: self._value(sub, key, slot.depth + 1, asked)
            for key, sub in properties.items()
            if key in required or (slot.depth < _DEEPEST and "error" not in key)
        }
        extra = slot.schema.get("additionalProperties")
        if not properties and isinstance(extra, dict) and extra and slot.depth < _DEEPEST:
            key = "inference" if slot.name == "timings" else "value"
            answer[key] = self._value(cast("Schema", extra), key, slot.depth + 1, asked)
        # A required property that the document forgot to describe may hold anything.
        answer.update((key, None) for key in required if key not in properties)
        return answer

    def _array(self, slot: _Slot, asked: Asked) -> list[Any]:
        prefix = cast("list[Schema]", slot.schema.get("prefixItems") or [])
        answer = [self._value(part, slot.name, slot.depth + 1, asked) for part in prefix]
        items = slot.schema.get("items")
        if not isinstance(items, dict) or slot.depth >= _DEEPEST:
            return answer
        each = cast("Schema", items)
        wanted = len(answer) or self._length(each, slot.name, asked)
        wanted = max(wanted, int(slot.schema.get("minItems") or 0))
        wanted = min(wanted, int(slot.schema.get("maxItems", wanted)))
        missing = range(wanted - len(answer))
        return answer + [self._value(each, slot.name, slot.depth + 1, asked) for _ in missing]

    def _length(self, items: Schema, name: str, asked: Asked) -> int:
        holds_files = "url" in _properties(self._document.resolve(items))
        if holds_files or any(word in name for word in _PER_FILE):
            return sizes.count(asked.arguments)
        return 2

    def _string(self, slot: _Slot, asked: Asked) -> str | bytes:
        made = scalars.text(slot.schema, slot.name, asked, self._document)
        route = self._document.route
        is_bytes = route is not None and route.means_bytes(slot.schema)
        return made.encode() if is_bytes else made

    def _integer(self, slot: _Slot, asked: Asked) -> float:
        return scalars.number(slot.schema, slot.name, asked, whole=True)

    def _number(self, slot: _Slot, asked: Asked) -> float:
        return scalars.number(slot.schema, slot.name, asked, whole=False)

    def _boolean(self, slot: _Slot, asked: Asked) -> bool:
        return bool(asked.chance.getrandbits(1)) and not any(w in slot.name for w in _CALM)

    def _nothing(self, _slot: _Slot, _asked: Asked) -> None:
        return None

    def _file(self, slot: _Slot, asked: Asked) -> dict[str, Any]:
        """A file object: its fields agree with the file that the URL serves."""
        properties, required = _properties(slot.schema), _required(slot.schema)
        spec = asked.media(
            extension_of(slot.name, slot.component, properties, self._document, asked.arguments)
        )
        facts = _facts(spec)
        if "file_size" in required:
            facts["file_size"] = len(render(spec))
        answer: dict[str, Any] = {"url": asked.url(spec)}
        for key, sub in properties.items():
            if key in facts and self._fits(sub, facts[key]):
                answer[key] = facts[key]
            elif key in required or key not in _FILE_FACTS | _BULK:
                answer.setdefault(key, self._value(sub, key, slot.depth + 1, asked))
            elif self._fits(sub, None):
                answer[key] = None  # a pydantic model tells every field that it has
        return answer

    def _fits(self, schema: Schema, value: Any) -> bool:
        checker = self._checkers.get(id(schema))
        if checker is None:  # the document holds the schema, so its identity stays its own
            checker = self._checkers[id(schema)] = Checker(self._document, schema)
        return not checker.problems(value)


def _grown(value: Any, share: float, whole: Container[str] = ()) -> Any:
    """The beginning of an answer: that share of its texts and lists."""
    if isinstance(value, str) and " " in value:
        words = value.split(" ")
        return " ".join(words[: math.ceil(len(words) * share)])
    if isinstance(value, list):
        entries = as_list(value)
        return [_grown(entry, share) for entry in entries[: math.ceil(len(entries) * share)]]
    if not isinstance(value, dict):
        return value
    fields = cast("dict[str, Any]", value)
    grown = {key: item if key in whole else _grown(item, share) for key, item in fields.items()}
    return {**grown, "partial": True} if isinstance(fields.get("partial"), bool) else grown


def _facts(spec: MediaSpec) -> dict[str, Any]:
    facts: dict[str, Any] = {"content_type": spec.content_type, "file_name": spec.name}
    if spec.width:
        facts |= {"width": spec.width, "height": spec.height}
    if spec.seconds:
        facts["duration"] = spec.seconds
    if spec.extension in VIDEOS:
        facts |= {"fps": spec.rate, "num_frames": spec.frames}
    if spec.extension == "wav":
        facts |= {"sample_rate": 24_000, "channels": 1}
    return facts


def _kind(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in cast("list[str]", kind) if one != "null"), "null")
    return str(kind or ("object" if "properties" in schema else "null"))


def _properties(schema: Schema) -> dict[str, Schema]:
    return cast("dict[str, Schema]", schema.get("properties") or {})


def _required(schema: Schema) -> list[str]:
    return cast("list[str]", schema.get("required") or [])
