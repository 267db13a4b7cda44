"""Generates JSON values that a schema allows, and similar ones that it rejects.

Nothing here is the generator's: the `jsonschema` library has the last word on every value, and
reads the document as it stands, but for the two keywords that OpenAPI 3.0 has of its own.
"""

from __future__ import annotations

import copy
import json
import math
import random
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from fal_typed_codegen.interface.file_types import is_file_parameter
from jsonschema import Draft202012Validator

from fal_typed._documents.document import EndpointDocument

Schema = dict[str, Any]

_URLS = [
    "https://example.com/a.png",
    "http://example.com/dir/b.mp4?x=1&y=%20",
    "data:image/png;base64,iVBORw0KGgo=",
]
_TEXTS = [
    "a cat", "x", "0", "true", "null", "ünïcödé 猫 \U0001f408", "two\nlines\ttab", "'\"\\", "  ",
    "https://example.com/a", "a" * 40,
]  # fmt: skip
_WRONG: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e9, "", "text", "5", [], ["a"], [1], {}, {"a": 1}, {"url": 5},
]  # fmt: skip
_MOST_DEPTH = 6
SPELLINGS = {
    "min": "minimum", "ge": "minimum", "max": "maximum", "le": "maximum",
    "gt": "exclusiveMinimum", "lt": "exclusiveMaximum",
}  # fmt: skip
"""Names of bounds that some documents use and JSON Schema does not define."""


def reference(document: EndpointDocument, ref: Schema) -> Draft202012Validator:
    """Read a schema of a document as JSON Schema 2020-12."""
    components = _standard(document.components)
    return Draft202012Validator({**_standard(ref), "components": {"schemas": components}})


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same; 1 and 1.0 are equal, True and 1 are not."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(v, other[k]) for k, v in one.items())
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other


class Instances:
    """A source of values for the schemas of one document; the same for the same seed."""

    def __init__(self, document: EndpointDocument, seed: str) -> None:
        self._document = document
        self._random = random.Random(seed)

    def valid(self, ref: Schema, validator: Draft202012Validator, count: int) -> list[Any]:
        """Values that the validator accepts; fewer than requested if none is found."""
        made = (self._value(ref, "", is_file=False, depth=0) for _ in range(count * 3))
        return [value for value in made if validator.is_valid(value)][:count]

    def invalid(
        self, valid: list[Any], ref: Schema, validator: Draft202012Validator, count: int
    ) -> list[Any]:
        """Values that the validator rejects, each made from a valid one by one change."""
        numbers, texts = self._interesting(ref)
        found: dict[str, Any] = {}
        for _ in range(count * 12):
            value = self._mutated(self._random.choice(valid), numbers, texts)
            if not validator.is_valid(value):
                found.setdefault(json.dumps(value), value)
            if len(found) == count:
                break
        return list(found.values())

    def _value(self, schema: Schema, name: str, *, is_file: bool, depth: int) -> Any:
        schema = self._merged(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._random.choice(schema["enum"])
        if schema.get("nullable") is True and self._random.random() < 0.2:
            return None
        members = schema.get("anyOf") or schema.get("oneOf")
        if members:
            beside = {k: v for k, v in schema.items() if k not in ("anyOf", "oneOf")}
            member = self._random.choice(members)
            return self._value({**beside, **member}, name, is_file=is_file, depth=depth)
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = self._random.choice(kind)
        if kind is None:
            kind = "object" if "properties" in schema else "array" if "items" in schema else "any"
        make = getattr(self, f"_{kind}", self._any)
        return make(schema, name=name, is_file=is_file, depth=depth)

    def _merged(self, schema: Schema) -> Schema:
        schema = self._document.resolve(schema)
        for part in schema.get("allOf", ()):
            whole = self._merged(part)
            schema = {
                **whole,
                **{k: v for k, v in schema.items() if k != "allOf"},
                "properties": {**whole.get("properties", {}), **schema.get("properties", {})},
                "required": [*whole.get("required", ()), *schema.get("required", ())],
            }
        return schema

    def _object(self, schema: Schema, *, depth: int, **_: Any) -> Any:
        properties: Schema = schema.get("properties", {})
        required = set(schema.get("required", ()))
        share = self._random.choice([0.0, 0.3, 0.7, 1.0]) if depth < _MOST_DEPTH else 0.0
        made: Schema = {}
        for name, inner in properties.items():
            if name in required or self._random.random() < share:
                is_file = is_file_parameter(name, self._merged(inner))
                made[name] = self._value(inner, name, is_file=is_file, depth=depth + 1)
        more = schema.get("additionalProperties", not properties)
        if more and depth < _MOST_DEPTH:
            least = schema.get("minProperties", 0)
            for number in range(max(least, self._random.randrange(3))):
                inner = more if isinstance(more, dict) else {}
                made[f"key {number}"] = self._value(inner, "", is_file=False, depth=depth + 1)
        return made

    def _array(self, schema: Schema, *, name: str, is_file: bool, depth: int) -> Any:
        places = schema.get("prefixItems", ())
        least = int(schema.get("minItems", len(places)))
        most = int(schema.get("maxItems", max(least, len(places)) + 3))
        length = (
            least if depth >= _MOST_DEPTH else self._random.randint(least, min(most, least + 3))
        )
        kinds = [*places, *[schema.get("items", {})] * length][:length]
        made = [self._value(kind, name, is_file=is_file, depth=depth + 1) for kind in kinds]
        if schema.get("uniqueItems"):
            made = list({json.dumps(item): item for item in made}.values())
        return made

    def _string(self, schema: Schema, *, is_file: bool, **_: Any) -> str:
        text = self._random.choice(_URLS if is_file else _TEXTS)
        pattern = schema.get("pattern")
        if isinstance(pattern, str) and not re.search(pattern, text):
            text = "abc_1"
        least, most = schema.get("minLength", 0), schema.get("maxLength")
        if len(text) < least:
            text += "a" * (least - len(text))
        return text if most is None else text[:most]

    def _integer(self, schema: Schema, **_: Any) -> int:
        low, high = _range(schema, 1)
        step = int(schema.get("multipleOf", 1)) or 1
        chosen = self._random.choice(
            [low, high, self._random.randint(math.ceil(low), math.floor(max(low, high)))]
        )
        return int(chosen) // step * step

    def _number(self, schema: Schema, **_: Any) -> int | float:
        low, high = _range(schema, 0.125)
        chosen = self._random.choice([low, high, self._random.uniform(low, high)])
        step = schema.get("multipleOf")
        if step:
            # As a person writes the number: three steps of 0.05 are 0.15.
            exact = Decimal(str(step))
            return float(Decimal(str(chosen)) // exact * exact)
        return int(chosen) if float(chosen).is_integer() and self._random.random() < 0.5 else chosen

    def _boolean(self, *_: Any, **__: Any) -> bool:
        return self._random.random() < 0.5

    def _null(self, *_: Any, **__: Any) -> None:
        return None

    def _any(self, *_: Any, **__: Any) -> Any:
        return self._random.choice([1, "x", None, True, [1, "a"], {"a": {"b": [1.5]}}])

    def _mutated(self, value: Any, numbers: list[float], texts: list[str]) -> Any:
        changed = copy.deepcopy(value)
        place, key = self._random.choice([(None, None), *_places(changed)])
        old = changed if place is None else place[key]
        new = self._changed(old, numbers, texts)
        if place is None:
            return new
        if self._random.random() < 0.15 and isinstance(place, dict):
            del place[key]
        else:
            place[key] = new
        return changed

    def _changed(self, old: Any, numbers: list[float], texts: list[str]) -> Any:
        pick = self._random.random()
        if pick < 0.4:
            if isinstance(old, (int, float)) and not isinstance(old, bool) and numbers:
                return self._random.choice(numbers)
            if isinstance(old, str) and texts:
                return self._random.choice(texts)
            if isinstance(old, list) and old:
                return old * self._random.choice([2, 4, 40]) if pick < 0.3 else old[:-1]
            if isinstance(old, dict) and old:
                gone = self._random.choice(list(old))
                return {k: v for k, v in old.items() if k != gone}
        return copy.deepcopy(self._random.choice(_WRONG))

    def _interesting(self, ref: Schema) -> tuple[list[float], list[str]]:
        """Numbers just inside and just outside of bounds, and strings of such lengths."""
        numbers: set[float] = set()
        texts = {"", "no such value"}
        seen: set[str] = set()

        def look(schema: Any) -> None:
            if isinstance(schema, list):
                for item in schema:
                    look(item)
            if not isinstance(schema, dict):
                return
            target = schema.get("$ref")
            if isinstance(target, str) and target not in seen:
                seen.add(target)
                look(self._document.resolve(schema))
            for key, inner in schema.items():
                is_number = isinstance(inner, (int, float)) and not isinstance(inner, bool)
                if is_number and key.endswith("Length"):
                    texts.update(("a" * max(0, inner - 1), "a" * min(inner + 1, 10**5)))
                elif is_number and not key.endswith(("Items", "default")):
                    numbers.update((inner - 1, inner - 0.125, inner, inner + 0.125, inner + 1))
                elif key not in ("default", "enum", "examples"):
                    look(inner)

        look(ref)
        return sorted(numbers), sorted(texts)


def _range(schema: Schema, beside: float) -> tuple[float, float]:
    """Lowest and highest number to try; `beside` is the distance from an exclusive bound."""
    schema = {SPELLINGS.get(key, key): value for key, value in schema.items()}
    low: Any
    high: Any
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if above is True:
        low = low + beside
    elif isinstance(above, (int, float)):
        low = above + beside
    if below is True:
        high = high - beside
    elif isinstance(below, (int, float)) and below is not False:
        high = below - beside
    if low is None:
        low = -5 if high is None else high - 10
    return low, low + 100 if high is None else max(low, high)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every location inside a value: its container and its key."""
    keys = (
        list(value)
        if isinstance(value, dict)
        else range(len(value))
        if isinstance(value, list)
        else ()
    )
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _standard(schema: Any) -> Any:
    """JSON Schema for a schema of OpenAPI 3.0: `nullable`, and exclusive bounds as booleans."""
    if isinstance(schema, list):
        return [_standard(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _standard(value) for key, value in schema.items()}
    for plain, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if made.get(exclusive) is True and plain in made:
            made[exclusive] = made.pop(plain)
        elif isinstance(made.get(exclusive), bool):
            del made[exclusive]
    if made.get("nullable") is True:
        return {"anyOf": [made, {"type": "null"}]}
    return made
