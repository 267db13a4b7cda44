"""Generates the output of an endpoint from its output schema.

The same input gives the same output: what the input does not determine is drawn from random numbers
that are seeded by the endpoint, the input and the emulator's seed.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from fal_typed._core.json_values import as_list, as_object
from fal_typed._documents.document import component_name
from fal_typed._documents.schema_walk import (
    allowed_values,
    alternatives,
    merged,
    properties,
    required_names,
    schema_type,
)
from fal_typed.testing.engine import scalars, sizes
from fal_typed.testing.engine.file_kinds import extension_of
from fal_typed.testing.engine.generation_input import GenerationInput
from fal_typed.testing.engine.schema_checking import SchemaChecker, goes_beyond
from fal_typed.testing.media.randomness import seeded
from fal_typed.testing.media.rendering import render
from fal_typed.testing.media.spec import VIDEOS, MediaSpec

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Container, Iterator

    from fal_typed._documents.document import EndpointDocument, Schema

_FINAL = 0
_STEPS = 4  # events of a stream
_MAX_DEPTH = 8  # where a component that contains itself ends
_MOST_CHECKERS = 1000
_ALWAYS_FALSE = ("nsfw", "flagged", "partial", "error", "truncated")
_PER_FILE = ("nsfw", "seeds", "masks", "scores")
_FILE_FACTS = frozenset(
    {"width", "height", "duration", "fps", "num_frames", "sample_rate", "channels", "bitrate"}
)
_COSTLY_FACTS = frozenset({"file_data", "file_size"})  # left out unless they are required


_APPLICATORS = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else")
_KEYWORDS = {
    "object": ("required", "additionalProperties", "minProperties", "dependentRequired"),
    "array": ("items", "prefixItems", "contains", "minItems", "maxItems"),
    "string": ("minLength", "maxLength", "pattern"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
_USUAL: tuple[Any, ...] = (
    "",
    "text",
    0,
    1,
    0.5,
    None,
    True,
    False,
    [],
    {},
    [1],
    "a",
    "a1",
    {"a": 1},
)


class _Slot(NamedTuple):
    """One place of the output that needs a value."""

    schema: Schema
    name: str
    component: str
    depth: int


_ValueMaker: TypeAlias = "Callable[[_Slot, GenerationInput], Any]"


class OutputMaker:
    """Generates the outputs of one endpoint.

    Args:
        document: The endpoint's document.
        seed: The emulator's seed; another seed gives other outputs.
    """

    def __init__(self, document: EndpointDocument, seed: int = 0) -> None:
        self._document = document
        self._seed = seed
        inputs, outputs = properties(document.input_schema), properties(document.output_schema)
        self._defaults = {
            name: schema["default"] for name, schema in inputs.items() if "default" in schema
        }
        self._echoes = {
            name: SchemaChecker(document, schema)
            for name, schema in outputs.items()
            if name in inputs
        }
        self._checkers: dict[int, tuple[Schema, SchemaChecker]] = {}
        self._is_beyond = goes_beyond(document, document.output_ref)
        self._makers: dict[str, _ValueMaker] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": self._integer,
            "number": self._number,
            "boolean": self._boolean,
            "null": self._null,
        }

    def output(self, arguments: Any, files: str) -> Any:
        """Generate the output for an input.

        Args:
            arguments: The input, JSON that is valid against the endpoint's schema.
            files: Base URL of files, e.g. ``http://127.0.0.1:8765/v3.fal.media``.

        Returns:
            JSON, valid against the endpoint's output schema.
        """
        return self._step(arguments, files, _FINAL)

    def partial_outputs(self, arguments: Any, files: str) -> list[Any]:
        """Generate the events of a stream: texts and lists grow, files are previews at first.

        Args:
            arguments: The input, valid against the endpoint's schema.
            files: Base URL of files.

        Returns:
            Outputs that match the schema; the last one is what `output` returns.
        """
        if not self._document.output_schema:
            return [{}]
        events: list[Any] = []
        for step in range(1, _STEPS):
            event = self._step(arguments, files, step)
            events.append(_beginning(event, step / _STEPS, self._echoes))
        events.append(self.output(arguments, files))
        return events

    def _step(self, arguments: Any, files: str, step: int) -> Any:
        if not self._document.output_schema:
            return {}
        everything = {**self._defaults, **(as_object(arguments) or {})}
        given = GenerationInput(everything, files, self._random(arguments, step))
        output = self._value(self._document.output_ref, "", 0, given)
        self._echo(output, given)
        return output

    def _random(self, arguments: Any, step: int) -> random.Random:
        parts = [self._document.id, arguments, self._seed, step]
        text = json.dumps(parts, sort_keys=True, default=repr)
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        return seeded(int.from_bytes(digest, "big"))

    def _echo(self, output: Any, given: GenerationInput) -> None:
        """Copy inputs to outputs of the same name: prompt, seed, a count."""
        if not isinstance(output, dict):
            return
        for name, checker in self._echoes.items():
            value = given.arguments.get(name)
            is_plain = isinstance(value, (str, int, float))
            if is_plain and name in output and not checker.problems(value):
                output[name] = value

    def _value(self, raw: Any, name: str, depth: int, given: GenerationInput) -> Any:
        schema = as_object(raw)
        if schema is None:  # a boolean, which allows everything or nothing
            return None
        value = self._draft(schema, name, depth, given)
        if not self._is_beyond or depth >= _MAX_DEPTH or self._is_valid(schema, value):
            return value
        candidates = self._candidates(schema, name, depth, given)
        return next((one for one in candidates if self._is_valid(schema, one)), value)

    def _candidates(
        self, schema: Schema, name: str, depth: int, given: GenerationInput
    ) -> Iterator[Any]:
        """Other values, for a schema whose keywords the first one does not fit."""
        whole = merged(self._document, schema)
        base = {key: value for key, value in whole.items() if key not in _APPLICATORS}
        parts = [part for key in ("anyOf", "oneOf") for part in as_list(whole.get(key)) or []]
        parts += [whole.get("then"), whole.get("else"), whole.get("if")]
        for part in map(as_object, parts):
            if part is not None:
                both = merged(self._document, {**base, "allOf": [part]})
                yield self._draft(both, name, depth + 1, given)
        if "contains" in whole:
            count = max(1, int(whole.get("minContains", 1)), int(whole.get("minItems", 1)))
            item = whole["contains"]
            yield [self._value(item, name, depth + 1, given) for _ in range(count)]
        yield self._draft({**base, "properties": {}}, name, depth + 1, given)
        yield self._draft(base, name, depth + 1, given)
        yield from (value for inner in _walk(whole) for value in allowed_values(inner) or [])
        yield from _USUAL

    def _draft(self, schema: Schema, name: str, depth: int, given: GenerationInput) -> Any:
        component = component_name(schema) or ""
        schema = merged(self._document, schema)
        if "const" in schema:
            return schema["const"]
        if values := as_list(schema.get("enum")):
            wanted = given.arguments.get(name)
            return wanted if wanted in values else given.random.choice(values)
        if options := alternatives(schema):
            return self._option(options, name, depth, given)
        slot = _Slot(schema, name, component, depth)
        return self._makers[schema_type(schema) or _implied_type(schema)](slot, given)

    def _option(self, options: list[Schema], name: str, depth: int, given: GenerationInput) -> Any:
        real = [one for one in options if self._document.resolve(one).get("type") != "null"]
        nullable = len(real) < len(options)
        if not real or (nullable and (depth >= _MAX_DEPTH or "error" in name)):
            return None
        return self._value(real[0], name, depth, given)

    def _object(self, slot: _Slot, given: GenerationInput) -> dict[str, Any]:
        fields, required = properties(slot.schema), required_names(slot.schema)
        if "url" in fields:
            return self._file(slot, given)
        output = {
            key: self._value(sub, key, slot.depth + 1, given)
            for key, sub in fields.items()
            if key in required or (slot.depth < _MAX_DEPTH and "error" not in key)
        }
        extra = as_object(slot.schema.get("additionalProperties"))
        if not fields and extra and slot.depth < _MAX_DEPTH:
            key = "inference" if slot.name == "timings" else "value"
            output[key] = self._value(extra, key, slot.depth + 1, given)
        # A required property that the document does not describe may have any value.
        output.update((key, None) for key in required if key not in fields)
        return output

    def _array(self, slot: _Slot, given: GenerationInput) -> list[Any]:
        prefix: list[Schema] = as_list(slot.schema.get("prefixItems")) or []
        output = [self._value(part, slot.name, slot.depth + 1, given) for part in prefix]
        items = as_object(slot.schema.get("items"))
        if items is None or slot.depth >= _MAX_DEPTH:
            return output
        wanted = len(output) or self._length(items, slot.name, given)
        wanted = max(wanted, int(slot.schema.get("minItems") or 0))
        wanted = min(wanted, int(slot.schema.get("maxItems", wanted)))
        missing = range(wanted - len(output))
        return output + [self._value(items, slot.name, slot.depth + 1, given) for _ in missing]

    def _length(self, items: Schema, name: str, given: GenerationInput) -> int:
        contains_files = "url" in properties(self._document.resolve(items))
        if contains_files or any(word in name for word in _PER_FILE):
            return sizes.count(given.arguments)
        return 2

    def _string(self, slot: _Slot, given: GenerationInput) -> str | bytes:
        text = scalars.text(slot.schema, slot.name, given, self._document)
        route = self._document.route
        is_bytes = route is not None and route.means_bytes(slot.schema)
        return text.encode() if is_bytes else text

    def _integer(self, slot: _Slot, given: GenerationInput) -> float:
        return scalars.number(slot.schema, slot.name, given, is_integer=True)

    def _number(self, slot: _Slot, given: GenerationInput) -> float:
        return scalars.number(slot.schema, slot.name, given, is_integer=False)

    def _boolean(self, slot: _Slot, given: GenerationInput) -> bool:
        drawn = bool(given.random.getrandbits(1))
        return drawn and not any(word in slot.name for word in _ALWAYS_FALSE)

    def _null(self, _slot: _Slot, _given: GenerationInput) -> None:
        return None

    def _file(self, slot: _Slot, given: GenerationInput) -> dict[str, Any]:
        """A file object whose fields agree with the file at its URL."""
        fields, required = properties(slot.schema), required_names(slot.schema)
        extension = extension_of(slot.name, slot.component, fields, self._document, given.arguments)
        spec = given.media(extension)
        facts = _facts(spec)
        if "file_size" in required:
            facts["file_size"] = len(render(spec))
        output: dict[str, Any] = {"url": given.url(spec)}
        for key, sub in fields.items():
            if key in facts and self._is_valid(sub, facts[key]):
                output[key] = facts[key]
            elif key in required or key not in _FILE_FACTS | _COSTLY_FACTS:
                output.setdefault(key, self._value(sub, key, slot.depth + 1, given))
            elif self._is_valid(sub, None):
                output[key] = None  # pydantic models serialize every field they have
        return output

    def _is_valid(self, schema: Schema, value: Any) -> bool:
        key = id(schema)
        known = self._checkers.get(key)
        if known is None or known[0] is not schema:  # made for one output, and its id used again
            if len(self._checkers) >= _MOST_CHECKERS:
                self._checkers.clear()
            known = self._checkers[key] = schema, SchemaChecker(self._document, schema)
        _, checker = known
        return not checker.problems(value)


def _implied_type(schema: Schema) -> str:
    """The type that the keywords of a schema without one are about."""
    for kind, keywords in _KEYWORDS.items():
        if not schema.keys().isdisjoint(keywords):
            return kind
    return "null"


def _walk(schema: Any, depth: int = 0) -> Iterator[Schema]:
    """A schema and those inside it that apply to the same value."""
    keywords = as_object(schema)
    if keywords is None or depth > _MAX_DEPTH:
        return
    yield keywords
    for key in _APPLICATORS:
        inner = keywords.get(key)
        for part in as_list(inner) or [inner]:
            yield from _walk(part, depth + 1)


def _beginning(value: Any, share: float, unchanged: Container[str] = ()) -> Any:
    """The first part of an output: that share of its texts and lists."""
    if isinstance(value, str) and " " in value:
        words = value.split(" ")
        return " ".join(words[: math.ceil(len(words) * share)])
    if (entries := as_list(value)) is not None:
        return [_beginning(entry, share) for entry in entries[: math.ceil(len(entries) * share)]]
    if (fields := as_object(value)) is None:
        return value
    begun = {
        key: item if key in unchanged else _beginning(item, share) for key, item in fields.items()
    }
    return {**begun, "partial": True} if isinstance(fields.get("partial"), bool) else begun


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
