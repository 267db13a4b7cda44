from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from fal_typed_codegen.rendering.glossary import (
    GlossaryError,
    describe,
    endpoint_summary,
    read_glossary,
)

from fal_typed._documents.document import EndpointDocument, component_name
from fal_typed._documents.schemas import json_type

SCHEMAS = Path(__file__).parents[2] / "schemas"
GLOSSARY = read_glossary(
    resources.files("fal_typed_codegen").joinpath("glossary.txt").read_text("utf-8")
)
SENTENCES = [sentence for lines in GLOSSARY.values() for sentence in lines]

SMALL_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by each for from has how in is it its number of on one or that the"
        " this to what when where which whether with model image video result value parameter set"
        " used",
    )
)


@dataclass(frozen=True)
class Use:
    """One occurrence of a name in the catalog."""

    name: str
    direction: Any
    component: str | None
    category: str | None
    type: str | None
    endpoint: str

    def described(self) -> bool:
        text = describe(
            self.name,
            direction=self.direction,
            component=self.component,
            category=self.category,
            type=self.type,
            endpoint=self.endpoint,
        )
        return text is not None


def components_within(schema: Any, document: EndpointDocument, found: dict[str, Any]) -> None:
    if isinstance(schema, list):
        for item in schema:
            components_within(item, document, found)
    if not isinstance(schema, dict):
        return
    name = component_name(schema)
    if name in document.components and name not in found:
        found[name] = document.components[name]
        components_within(found[name], document, found)
    components_within(list(schema.values()), document, found)


@cache
def uses() -> list[Use]:
    found: list[Use] = []
    for path in sorted(SCHEMAS.rglob("*.json")):
        document = EndpointDocument.load(path)
        roots = {"input": document.input_ref, "output": document.output_ref}
        for direction, ref in roots.items():
            components: dict[str, Any] = {}
            components_within(ref, document, components)
            for component, schema in components.items():
                owner = None if component == component_name(ref) else component
                found += [
                    Use(name, direction, owner, document.category, json_type(item), document.id)
                    for name, item in schema.get("properties", {}).items()
                ]
    return found


def uses_by_name(direction: str, *, own: bool | None = None) -> dict[str, list[Use]]:
    groups: defaultdict[str, list[Use]] = defaultdict(list)
    for use in uses():
        if use.direction == direction and own in (None, use.component is None):
            groups[use.name].append(use)
    return groups


def most_frequent(groups: dict[str, list[Use]], count: int) -> list[str]:
    return sorted(groups, key=lambda name: (-len(groups[name]), name))[:count]


def undescribed(groups: dict[str, list[Use]], names: list[str]) -> dict[str, list[str]]:
    return {
        name: [use.endpoint for use in groups[name] if not use.described()]
        for name in names
        if not all(use.described() for use in groups[name])
    }


def test_the_200_most_frequent_input_parameters_are_described() -> None:
    groups = uses_by_name("input", own=True)
    assert undescribed(groups, most_frequent(groups, 200)) == {}


def test_the_120_most_frequent_output_fields_are_described() -> None:
    groups = uses_by_name("output")
    assert undescribed(groups, most_frequent(groups, 120)) == {}


@pytest.mark.parametrize(("direction", "least"), [("input", 0.94), ("output", 0.985)])
def test_share_of_all_uses_that_is_described(direction: str, least: float) -> None:
    groups = uses_by_name(direction)
    everything = [use for group in groups.values() for use in group]
    share = sum(use.described() for use in everything) / len(everything)
    missing = Counter(use.name for use in everything if not use.described())
    print(f"{direction}: {share:.2%} of {len(everything)} uses; next: {missing.most_common(8)}")
    assert share >= least


def faults(text: str) -> list[str]:
    checks = {
        "begins in lower case": not text[0].isupper(),
        "does not end in one full stop": not re.search(r"[^.]\.$", text),
        "is more than one sentence": re.search(r"[.!?] ", text),
        "is longer than 160 characters": len(text) > 160,
        "holds characters that need care": not re.fullmatch(r"[A-Za-z0-9 .,:;@()/'-]+", text),
        "has two spaces": "  " in text,
    }
    return [fault for fault, found in checks.items() if found]


def test_every_text_is_one_short_sentence() -> None:
    wrong = {line.text: faults(line.text) for line in SENTENCES if faults(line.text)}
    assert wrong == {}
    assert faults("one. Two") != []


def stems(text: str) -> set[str]:
    words = re.findall(r"[a-z0-9]+", text.lower())
    return {word.removesuffix("s").removesuffix("e") for word in words if word not in SMALL_WORDS}


def spells_the_name_out(name: str, text: str) -> bool:
    return stems(text) <= stems(name.replace("_", " "))


def test_no_text_only_repeats_the_name() -> None:
    assert spells_the_name_out("num_inference_steps", "The number of inference steps.")
    wrong = [line.text for line in SENTENCES if spells_the_name_out(line.name, line.text)]
    assert wrong == []


def test_no_line_is_unreachable() -> None:
    for name, lines in GLOSSARY.items():
        conditions = [json.dumps(line.conditions, sort_keys=True) for line in lines]
        assert len(set(conditions)) == len(conditions), name
        assert all(line.conditions for line in lines[:-1]), f"{name}: only the last may be general"


def test_every_line_is_used_in_the_catalog() -> None:
    names = {use.name for use in uses()}
    assert sorted(set(GLOSSARY) - names) == []


def test_the_first_matching_line_is_used() -> None:
    assert describe("width", direction="input", component="ImageSize") == "Width in pixels."
    assert describe(
        "temperature", direction="input", endpoint="fal-ai/post-processing"
    ) != describe("temperature", direction="input")
    training = describe("steps", direction="input", category="training")
    assert training is not None
    assert training == describe("steps", direction="input", endpoint="acme/fast-trainer/edit")
    assert training != describe("steps", direction="input", category="image")
    assert describe("prompt", direction="input", category="text-to-video") == describe(
        "prompt", direction="input", endpoint="acme/text-to-video/pro"
    )
    assert describe("scale", direction="input", component="LoraWeightType2") == describe(
        "scale", direction="input", component="LoraWeight"
    )
    assert describe("no_such_parameter", direction="input") is None


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "integer"}, "integer"),
        ({"type": ["string", "null"]}, "string"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string"),
        ({"anyOf": [{"$ref": "#/components/schemas/ImageSize"}, {"type": "string"}]}, None),
        ({"allOf": [{"$ref": "#/components/schemas/RGBColor"}], "default": {}}, "object"),
        ({"type": ["string", "number"]}, None),
        ({}, None),
    ],
)
def test_json_type(schema: dict[str, Any], expected: str | None) -> None:
    assert json_type(schema) == expected


@pytest.mark.parametrize(
    "line", ["no colon", "name:no space", "name (color=red): Text.", "name (type): Text.", ": X."]
)
def test_an_invalid_line_is_reported(line: str) -> None:
    with pytest.raises(GlossaryError):
        read_glossary(line)


def test_endpoint_summary_uses_category_and_id() -> None:
    assert endpoint_summary("fal-ai/flux/dev", "image") == "Image endpoint of fal-ai: flux dev."
    assert (
        endpoint_summary("xai/grok-imagine-video/v1.5/image-to-video", None)
        == "Endpoint of xai: grok-imagine-video v1.5, image to video."
    )
    assert endpoint_summary("fal-ai/text-to-speech", "speech") == (
        "Speech endpoint of fal-ai: text-to-speech."
    )
    assert endpoint_summary("alone", "text-to-audio") == "Audio endpoint of alone."
    for path in SCHEMAS.rglob("*.json"):
        document = EndpointDocument.load(path)
        summary = endpoint_summary(document.id, document.category)
        assert re.fullmatch(r"[^\n]{10,160}[^.]\.", summary), summary
