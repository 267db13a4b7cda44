"""The committed modules of all endpoints."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from fal_typed_codegen.generate import generate
from fal_typed_codegen.interface.naming import choose_names

from fal_typed._documents.catalog import Catalog
from tests.codegen.building import contents

ROOT = Path(__file__).parents[2]
OUT = ROOT / "src/fal_typed/endpoints"

# Every model is built, so that one whose parts are not there, or that pydantic cannot take, shows.
PROGRAM = """
import importlib, json, pkgutil, warnings
warnings.simplefilter("error")
from pydantic import BaseModel
import fal_typed.endpoints as package
from fal_typed import Endpoint

found = {}
for info in pkgutil.walk_packages(package.__path__, "fal_typed.endpoints."):
    module = importlib.import_module(info.name)
    public = {name: getattr(module, name) for name in getattr(module, "__all__", ())}
    for value in public.values():
        if isinstance(value, type) and value is not dict:
            assert issubclass(value, BaseModel), (info.name, value)
            value.model_rebuild(force=True)
    for name, value in public.items():
        if isinstance(value, Endpoint) and not info.name.endswith("._endpoint"):
            assert value.id not in found, info.name
            assert (value.input, value.output) == (module.Input, module.Output), info.name
            found[value.id] = [info.name, name, module.Input.__name__, module.Output.__name__]
print(json.dumps(found))
"""


def test_all_endpoints_import_and_all_models_build() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    names = choose_names(Catalog(ROOT / "schemas").ids(), {})
    assert len(names) >= 1559
    assert found == {
        id_: [
            f"fal_typed.endpoints.{chosen.path}",
            chosen.endpoint,
            f"{chosen.models}Input",
            f"{chosen.models}Output",
        ]
        for id_, chosen in names.items()
    }


def test_the_committed_modules_are_up_to_date() -> None:
    report = generate(ROOT / "schemas", OUT, "fal_typed.endpoints", dry_run=True)
    assert (report.written, report.removed, report.failed) == ([], [], {})
    assert report.warnings == {}
    assert report.endpoints >= 1559


def test_generated_modules_import_few_hand_written_ones() -> None:
    hand_written = {
        line.split()[1]
        for content in contents(OUT).values()
        for line in map(str.strip, content.decode().splitlines())
        if line.startswith(("from ", "import "))
        and " import " in f" {line}"
        and not line.split()[1].startswith("fal_typed.endpoints")
    }
    assert hand_written == {
        "__future__",
        "collections.abc",
        "typing",
        "typing_extensions",
        "importlib",
        "pkgutil",
        "pydantic",
        "fal_typed",
        "fal_typed.files",
        "fal_typed.models",
        "fal_typed.options",
    }
