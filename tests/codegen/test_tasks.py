"""What endpoints do: one task, category and summary for each, by the same rules everywhere."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

import pytest
from fal_typed_codegen.interface.naming import choose_names
from fal_typed_codegen.interface.normalize import normalize

from fal_typed._documents import tasks
from fal_typed._documents.catalog import Catalog
from fal_typed._documents.document import EndpointDocument
from fal_typed._documents.tasks import TaskRulesError, read_rules, task_of
from fal_typed.cli.commands import show_command
from scripts import catalog_page
from tests.codegen.building import document as document_of

if TYPE_CHECKING:
    from fal_typed._documents.tasks import Task

FALLBACKS = re.compile(r"Returns .*\.")
CATEGORIES = {
    *("image", "video", "audio", "3d", "text", "speech", "vision", "llm", "json"),
    *("training", "workflow"),
}
EXAMPLES = {
    "fal-ai/flux/dev": "Generates images from text.",
    "fal-ai/flux/dev/image-to-image": "Generates images from text and an image to start from.",
    "fal-ai/flux-pro/kontext": "Edits an image by text instructions.",
    "fal-ai/flux-pro/kontext/text-to-image": "Generates images from text.",
    "fal-ai/birefnet": "Removes the background of an image.",
    "fal-ai/birefnet/v2/video": "Removes the background of a video.",
    "fal-ai/kling-video/v2.1/pro/image-to-video": "Animates an image into a video.",
    "fal-ai/whisper": "Transcribes speech to text.",
    "fal-ai/kokoro/french": "Generates speech from text.",
    "fal-ai/trellis": "Builds a 3D model from an image.",
    "fal-ai/seedvr/upscale/video": "Upscales a video.",
    "fal-ai/flux-lora/inpainting": (
        "Fills in masked areas of an image, guided by text, with LoRA weights."
    ),
    "fal-ai/demucs": "Separates a piece of music into vocals and instruments.",
    "fal-ai/wan-vace-14b/pose": "Generates videos from text with the poses of another video.",
    "decart/lucy2-vton/realtime": "Shows a garment on the person in a live video.",
    "bria/video/erase/mask": "Removes the masked object from a video.",
}


@cache
def known() -> list[tuple[EndpointDocument, Task]]:
    catalog = Catalog()
    found = []
    for endpoint_id in catalog.ids():
        document = catalog.document(endpoint_id)
        task = task_of(document)
        assert task is not None
        found.append((document, task))
    return found


@pytest.mark.parametrize("endpoint_id", EXAMPLES)
def test_the_summary_says_what_the_model_does(endpoint_id: str) -> None:
    task = task_of(Catalog().document(endpoint_id))
    assert task is not None
    assert task.summary == EXAMPLES[endpoint_id]


def test_a_rule_or_an_exception_describes_every_endpoint_of_the_catalog() -> None:
    assert len(known()) == len(Catalog().ids())
    assert [document.id for document, task in known() if FALLBACKS.fullmatch(task.summary)] == []


def test_every_summary_is_a_short_sentence_that_does_not_repeat_the_id() -> None:
    for document, task in known():
        assert re.fullmatch(r"[A-Z][a-z]+s [^\n_/]{5,90}[^.]\.", task.summary), task.summary
        words = set(re.findall(r"[a-z0-9]+", document.id.lower()))
        said = set(re.findall(r"[a-z0-9]+", task.summary.lower())) - {"in", "of", "a", "an", "and"}
        assert not said <= words, document.id


def test_every_endpoint_has_a_category() -> None:
    assert {task.category for _, task in known()} == CATEGORIES
    for document, task in known():
        if document.category not in (None, "unknown"):
            assert task.category == document.category


def test_generator_command_line_and_catalog_page_agree() -> None:
    for document, task in known()[::40]:
        names = choose_names([document.id], {})[document.id]
        assert normalize(document, names).task == task
        assert show_command.summary(document) == task.summary
        assert show_command.category(document) == task.category
        assert catalog_page.known_task(document) == task


def test_every_rule_and_every_exception_is_used() -> None:
    used = Counter(task.name for _, task in known())
    exceptions = tasks._exceptions()
    assert set(exceptions) <= {document.id for document, _ in known()}
    named = {rule.task for rule in tasks._rules()}
    assert named == set(used), "tasks without endpoints, or without other words to search for"


def test_what_a_summary_speaks_of_is_an_input_or_a_result() -> None:
    wrong = [
        (document.id, task.summary, sorted(task.media.inputs))
        for document, task in known()
        for word, kinds in SPOKEN_OF.items()
        if re.search(word, task.summary) and not kinds & (task.media.inputs | task.media.outputs)
    ]
    assert wrong == []


SPOKEN_OF = {
    r"\bimages?\b": {"image", "video", "archive", "data", "file", "weights"},
    r"\bvideos?\b": {"video", "archive", "weights", "data", "file"},
    r"\b(audio|music|recording|speech)\b": {"audio", "video", "archive", "data", "text", "file"},
    r"\bmasked areas?\b": {"mask", "archive", "reference"},
    r"\bmasked object\b": {"mask"},
    r"\breference image\b": {"reference", "image"},
    r"\bcontrol image": {"control", "image"},
    r"\bfrom text\b": {"text", "archive"},
    r"\b3D\b": {"3d", "weights", "image"},
}


def test_a_new_endpoint_gets_a_task_by_its_media() -> None:
    properties = {"image_url": {"type": "string"}, "prompt": {"type": "string"}}
    raw = document_of(properties, endpoint_id="acme/new-model", required=list(properties))
    task = task_of(EndpointDocument(raw))
    assert task is not None
    assert task.media.inputs == {"image", "source", "text"}
    assert task.summary.startswith("Returns data for an image")


@pytest.mark.parametrize(
    "text", ["[Upper] x\n-> Does it.", "[task] x\n-> does it", "[task] x\nno arrow"]
)
def test_an_invalid_rule_is_reported(text: str) -> None:
    with pytest.raises(TaskRulesError):
        list(read_rules(text))
