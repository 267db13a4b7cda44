"""Models accept and reject what the `jsonschema` library accepts and rejects.

``make fidelity`` compares all of them; here a part is, chosen anew by whoever changes the seed.
"""

from __future__ import annotations

import importlib
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from fal_typed_codegen.generate import generate

from fal_typed._documents.document import EndpointDocument
from tests.codegen.building import Packages
from tests.codegen.fidelity import ROOT, Tally, compare, compare_files, documents, modules_of
from tests.codegen.random_documents import RandomDocuments

SEED = "1"
CORPUS = ROOT.parent / "shared/corpus"
# What few documents have is in every sample.
RARE = [
    "fal-ai/fooocus", "fal-ai/gemini-tts", "fal-ai/wizper", "fal-ai/ben/v2/video",
    "fal-ai/wan-move", "fal-ai/ltxv-13b-098-distilled", "fal-ai/sam-3-1/image",
    "fal-ai/lora/image-to-image", "alibaba/qwen-audio-3-tts", "fal-ai/scail",
    "resemble-ai/chatterboxhd/text-to-speech", "fal-ai/flux-krea-trainer",
]  # fmt: skip


def agree(tally: Tally) -> None:
    assert tally.defects == []
    assert tally.agreement > 99  # of a sample; docs/fidelity.md has the figure of the whole


def test_models_of_the_catalog_match_their_schemas() -> None:
    found = documents(ROOT / "schemas")
    chosen = [*RARE, *random.Random(SEED).sample(sorted(found), 60)]
    files = [found[id_] for id_ in chosen]
    agree(compare_files(files, modules_of(found), "fal_typed.endpoints", None, SEED))


@pytest.mark.parametrize("seed", range(20))
def test_models_of_random_documents_match_their_schemas(packages: Packages, seed: int) -> None:
    raw = RandomDocuments(seed).make("acme/echo")
    agree(compare(EndpointDocument(raw), packages.module(raw), SEED))


IMPORT_ALL = """
import importlib, json, sys
from pydantic import BaseModel
for name in json.load(sys.stdin):
    module = importlib.import_module(name)
    for public in module.__all__:
        value = getattr(module, public)
        if isinstance(value, type) and issubclass(value, BaseModel):
            value.model_rebuild(force=True)
"""


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the collection of real documents is not here")
def test_models_of_real_documents_match_their_schemas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = generate(CORPUS, tmp_path / "real_fal", "real_fal")
    assert (report.failed, report.warnings) == ({}, {})
    found = documents(CORPUS)
    assert report.endpoints == len(found) >= 894
    modules = modules_of(found)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT_ALL],
        input=json.dumps([f"real_fal.{path}" for path in modules.values()]),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    chosen = random.Random(SEED).sample(sorted(found), 40)
    agree(compare_files([found[id_] for id_ in chosen], modules, "real_fal", None, SEED))
