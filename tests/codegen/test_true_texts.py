"""Reads every text that is generated for the catalog, and compares it with what it describes."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from fal_typed_codegen.interface.naming import choose_names
from fal_typed_codegen.interface.normalize import normalize
from fal_typed_codegen.rendering import glossary, render, signatures
from fal_typed_codegen.rendering.glossary import read_glossary
from fal_typed_codegen.rendering.truth import UntrueTextError, check_values, named_values

from fal_typed._documents.catalog import Catalog
from fal_typed._documents.values import Values
from tests.codegen import building

if TYPE_CHECKING:
    from pathlib import Path

    from fal_typed_codegen.interface.specs import FieldSpec, Interface, ModelSpec

    from fal_typed._documents.tasks import Task


@dataclass(frozen=True)
class Text:
    """The text of one field, with what it describes."""

    interface: Interface
    model: ModelSpec
    field: FieldSpec
    text: str

    @property
    def task(self) -> Task:
        assert self.interface.task is not None
        return self.interface.task

    def __str__(self) -> str:
        return f"{self.interface.id} {self.field.wire}: {self.text}"


@cache
def interfaces() -> list[Interface]:
    catalog = Catalog()
    names = choose_names(catalog.ids(), {})
    return [normalize(catalog.document(one), names[one]) for one in catalog.ids()]


@cache
def texts() -> list[Text]:
    return [
        Text(
            interface,
            model,
            field,
            render._field_prose(interface, model, field, is_shared=is_shared),
        )
        for interface in interfaces()
        for model in interface.models.values()
        # Several endpoints can share the class of a component; it then knows none of them.
        for is_shared in ([False, True] if model.name not in ends(interface) else [False])
        for field in model.fields
    ]


def ends(interface: Interface) -> tuple[str, str]:
    return interface.input, interface.output


def inputs() -> list[Text]:
    return [one for one in texts() if one.model.direction == "input"]


def test_every_parameter_has_a_text() -> None:
    own = [one for one in texts() if one.model.name in ends(one.interface)]
    assert [str(one) for one in own if not one.text] == []
    assert len(own) > 15_000


def test_no_text_names_a_value_that_is_not_offered() -> None:
    wrong = [
        f"{one} ({value})"
        for one in inputs()
        for value in named_values(one.text)
        if one.field.values.excludes(value)
    ]
    assert wrong == []


def test_no_text_names_a_value_that_only_other_endpoints_offer() -> None:
    """Values of parameters of the same name, as words of the text without quotes."""
    offered: defaultdict[str, set[str]] = defaultdict(set)
    for one in inputs():
        offered[one.field.wire] |= {value for value in one.field.values.choices if len(value) > 2}
    wrong = [
        f"{one} ({value})"
        for one in inputs()
        if one.field.values.is_closed
        for value in offered[one.field.wire] - set(one.field.values.choices) - ORDINARY_WORDS
        if re.search(rf"(?<![\w-]){re.escape(value)}(?![\w-])", re.sub("`.+?`", "", one.text))
    ]
    assert wrong == []


ORDINARY_WORDS = {"background", "quality", "full", "video", "image", "fast"}
"""Values of some endpoints that mean nothing but the word in a sentence about others."""


@pytest.mark.parametrize(
    ("pattern", "kinds"),
    [
        (r"\b(input|source|given|reference|control|original|style) images?\b", {"image"}),
        (r"\b[Ii]mages? to (edit|change|upscale|start|extend|analyze|use)", {"image", "archive"}),
        (r"change in the image", {"image"}),
        (r"\b(input|source|given|reference) (videos?|clips?)\b", {"video", "archive"}),
        (r"\b([Vv]ideos?|[Cc]lips?) to (edit|upscale|start|extend|analyze)", {"video"}),
        (r"change in the video", {"video"}),
        (r"\b(input|source|given|reference) (audio|recording)", {"audio", "weights", "archive"}),
        (r"\b[Aa]udio to (edit|transcribe|process)", {"audio", "video"}),
        (r"\bmasked (area|object)", {"mask", "archive"}),
        (r"[Mm]ask (image|clip) of", {"mask", "archive"}),
        (r"\bthe prompt\b", {"text"}),
        (r"\bfollows the input\b", {"image", "video", "audio", "archive"}),
    ],
)
def test_no_text_speaks_of_an_input_that_the_endpoint_does_not_have(
    pattern: str, kinds: set[str]
) -> None:
    mentions = [one for one in inputs() if re.search(pattern, one.text)]
    wrong = [str(one) for one in mentions if not kinds & one.task.media.inputs]
    assert mentions
    assert wrong == []


def test_what_a_text_says_fits_the_type() -> None:
    wrong = [str(one) for one in inputs() if one.text and not _fits(one)]
    assert wrong == []


def _fits(one: Text) -> bool:
    kind, has_choices = one.field.json_type, bool(one.field.values.choices)
    if kind == "boolean":
        return one.text.startswith("Whether ")
    if one.text.startswith("Whether "):
        return has_choices or kind in (None, "array", "string")
    if re.match(r"(Number of|Probability|Fraction of|Amount of|Seconds) ", one.text):
        return kind != "boolean" and (kind in NUMBERS or has_choices)
    if re.match(r"(URLs?|Id|Name|Image|Video|Mask|Text description) ", one.text):
        return kind not in {"integer", "boolean"}
    return True


NUMBERS = {None, "integer", "number"}


def test_a_file_to_download_is_a_file() -> None:
    wrong = [
        str(one)
        for one in texts()
        if one.model.direction == "output"
        and "to download" in one.text
        and not re.search(r"File|Image|Video|Audio|Mesh|Model|Info|url", str(one.field.schema))
    ]
    assert wrong == []


def test_no_two_sentences_of_a_text_state_the_same_bounds() -> None:
    assert [str(one) for one in inputs() if one.text.lower().count("from 0 to 1") > 1] == []


def test_only_realtime_endpoints_speak_of_sessions_and_the_others_of_calls() -> None:
    catalog = Catalog()
    names = choose_names(catalog.ids(), {})
    for interface in interfaces():
        is_realtime = interface.id.endswith("/realtime")
        prose = render._endpoint_prose(interface, names[interface.id])
        assert ("realtime()" in prose) == is_realtime
        assert ("subscribe" in prose) != is_realtime
        assert (signatures.call_kind(interface) == "realtime") == is_realtime
        assert interface.task is not None
        assert prose.startswith(interface.task.summary)


def test_generation_fails_for_a_text_that_names_a_value_that_is_not_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = read_glossary("output_format: File format, such as webp.\nmode: Use `fast` for drafts.")
    monkeypatch.setattr(glossary, "_glossary", lambda: lines)
    one = building.document({"output_format": {"enum": ["png", "jpeg"]}}, endpoint_id="acme/draw")
    other = building.document({"mode": {"enum": ["fast"]}}, endpoint_id="acme/sketch")
    report = building.run(tmp_path, one, other)
    (message,) = report.failed.values()
    assert "acme/draw: the description of `output_format` names the value `webp`" in message
    assert "png, jpeg" in message
    assert (tmp_path / "acme_fal" / "acme" / "sketch.py").exists()


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("File format, such as webp.", Values(("png",), is_closed=True)),
        ("`auto` lets the model choose.", Values(("1:1",), is_closed=True)),
        ("Ratio, such as 16:9.", Values(("1:1",), is_closed=True)),
        ("Resolution, such as 4k.", Values(("720p",), is_closed=True)),
        ("`0` turns it off.", Values(low=1, is_number=True)),
        ("`2` doubles it.", Values(high=1.5, is_number=True)),
    ],
)
def test_values_that_are_not_offered_are_found(text: str, values: Values) -> None:
    with pytest.raises(UntrueTextError):
        check_values("acme/draw", "size", text, values)


@pytest.mark.parametrize(
    "values", [Values(), Values(("webp",), is_closed=True), Values(("png",), is_closed=False)]
)
def test_values_that_may_be_accepted_are_left_alone(values: Values) -> None:
    check_values("acme/draw", "size", "File format, such as webp.", values)


def test_descriptions_of_a_document_are_left_as_they_are(tmp_path: Path) -> None:
    said: dict[str, Any] = {"enum": ["png"], "description": "Format, such as `webp`."}
    report = building.run(tmp_path, building.document({"output_format": said}))
    assert report.failed == {}
    assert "such as `webp`" in (tmp_path / "acme_fal" / "acme" / "echo.py").read_text()
