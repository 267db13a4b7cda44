from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources
from typing import Any

import pytest
from fal_typed_codegen.rendering.glossary import (
    GlossaryError,
    Property,
    describe,
    read_glossary,
)
from fal_typed_codegen.rendering.truth import named_values

from fal_typed._documents.catalog import Catalog
from fal_typed._documents.document import component_name
from fal_typed._documents.schemas import json_type, properties, reachable
from fal_typed._documents.tasks import Task, task_of
from fal_typed._documents.values import Values, values_of

GLOSSARY = read_glossary(
    resources.files("fal_typed_codegen").joinpath("glossary.txt").read_text("utf-8")
)
SENTENCES = [line for lines in GLOSSARY.values() for line in lines if not line.value]
MEANINGS = [line for lines in GLOSSARY.values() for line in lines if line.value]

SMALL_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by each for from has how in is it its number of on one or that the"
        " this to what when where which whether with model image video result value parameter set"
        " used",
    )
)


@cache
def uses() -> list[Property]:
    """Every parameter and every field of the catalog."""
    found: list[Property] = []
    catalog = Catalog()
    for endpoint_id in catalog.ids():
        document = catalog.document(endpoint_id)
        task = task_of(document)
        for direction, ref in (("input", document.input_ref), ("output", document.output_ref)):
            own = component_name(ref)
            for component in dict.fromkeys([own, *reachable(ref, document.components)]):
                schema = document.components[component or ""]
                found += [
                    Property(
                        name,
                        "input" if direction == "input" else "output",
                        None if component == own else component,
                        json_type(value),
                        values_of(document, value),
                        endpoint_id,
                        task,
                    )
                    for name, value in properties(schema).items()
                ]
    return found


def test_every_parameter_and_every_field_of_the_catalog_is_described() -> None:
    missing = {(use.name, use.endpoint) for use in uses() if describe(use) is None}
    assert missing == set()
    assert len(uses()) > 25_000


def test_every_line_is_used_in_the_catalog() -> None:
    lines = {id(line) for line in (*SENTENCES, *MEANINGS)}
    for use in uses():
        facts = use.facts()
        fitting = [line for line in GLOSSARY[use.name] if line.matches(facts)]
        lines.discard(id(next(line for line in fitting if not line.value)))
        if use.direction == "input":
            lines -= {id(line) for line in fitting if line.value and _offered(line.value, use)}
    unused = [
        f"{line.name}{line.value}: {line.text} {dict(line.conditions)}"
        for line in (*SENTENCES, *MEANINGS)
        # A line without conditions is also for the endpoints to come.
        if id(line) in lines and (line.conditions or line.value)
    ]
    assert unused == []


def _offered(pattern: str, use: Property) -> bool:
    line = f"{use.name}={pattern}: is this one"
    (one,) = read_glossary(line)[use.name]
    from fal_typed_codegen.rendering import glossary

    return bool(glossary._meanings([one], use.values))


def faults(text: str) -> list[str]:
    checks = {
        "begins in lower case": not re.match(r"[A-Z]|3D ", text),
        "does not end in one full stop": not re.search(r"[^.]\.$", text),
        "is more than one sentence": re.search(r"[.!?] ", text),
        "is longer than 160 characters": len(text) > 160,
        "has characters that need care": not re.fullmatch(r"[A-Za-z0-9 .,:;@()/'-]+", text),
        "has two spaces": "  " in text,
    }
    return [fault for fault, found in checks.items() if found]


def test_every_text_is_one_short_sentence() -> None:
    wrong = {line.text: faults(line.text) for line in SENTENCES if faults(line.text)}
    assert wrong == {}
    assert faults("one. Two") != []


def test_every_meaning_of_a_value_continues_a_sentence() -> None:
    for line in MEANINGS:
        assert re.fullmatch(r"[a-z][a-z]+s? [A-Za-z0-9 ,-]{2,50}", line.text), line.text


def test_no_sentence_names_a_value() -> None:
    wrong = [
        (line.name, line.text, named_values(line.text))
        for line in SENTENCES
        if named_values(line.text) and line.conditions.get("direction") != ("output",)
    ]
    assert [one for one in wrong if not FILES.search(one[0])] == []


FILES = re.compile(r"(^|_)(obj|glb|usdz|fbx|mtl|ply|svg|drc)(_|$)")
"""Fields that are named after the file format that they contain."""


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
        plain = [line for line in lines if not line.value]
        conditions = [json.dumps(line.conditions, sort_keys=True) for line in plain]
        assert len(set(conditions)) == len(conditions), name
        assert all(line.conditions for line in plain[:-1]), f"{name}: only the last may be general"


def _task(endpoint_id: str) -> Task:
    task = task_of(Catalog().document(endpoint_id))
    assert task is not None
    return task


def test_conditions_choose_the_line() -> None:
    def prompt(endpoint_id: str) -> str | None:
        return describe(Property("prompt", "input", endpoint=endpoint_id, task=_task(endpoint_id)))

    assert prompt("fal-ai/flux/dev") == (
        "What the image shows, in words: subject, style and composition."
    )
    assert prompt("fal-ai/flux-lora/inpainting") == ("What to show in the masked areas, in words.")
    assert "change" in (prompt("fal-ai/flux-pro/kontext") or "")
    assert describe(Property("width", "input", "ImageSize")) == "Width in pixels."
    assert describe(Property("scale", "input", "LoraWeightType2")) == describe(
        Property("scale", "input", "LoraWeight")
    )
    assert describe(Property("no_such_parameter", "input")) is None


def test_what_a_value_means_is_added_where_the_value_is_offered() -> None:
    def texts(*choices: str) -> str | None:
        return describe(Property("acceleration", "input", values=Values(choices, is_closed=True)))

    assert texts("none", "high") == (
        "Level of acceleration; higher levels are faster at lower quality. `none` turns it off."
    )
    assert texts("regular", "high") == (
        "Level of acceleration; higher levels are faster at lower quality."
    )
    zero = Property("move_forward", "input", values=Values(low=0, high=10, is_number=True))
    one = Property("move_forward", "input", values=Values(low=1, high=10, is_number=True))
    assert (describe(zero) or "").endswith("`0` keeps its position.")
    assert "`0`" not in (describe(one) or "")


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
