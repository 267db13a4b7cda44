"""Endpoint objects of ids that are known only at run time."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import fal_typed
from fal_typed import Endpoint, FalInputError
from fal_typed._calls.catalog_modules import catalog_ids, module_of
from fal_typed._documents.catalog import Catalog
from fal_typed.testing import FalEmulator


def test_the_object_is_that_of_the_module() -> None:
    from fal_typed.endpoints.fal_ai.flux.dev import flux_dev

    assert fal_typed.endpoint("fal-ai/flux/dev") is flux_dev
    assert fal_typed.endpoint("/fal-ai/flux/dev/") is flux_dev


def test_it_can_be_called(monkeypatch: pytest.MonkeyPatch) -> None:
    with FalEmulator(run_time=0.0) as emulator:
        for name, value in emulator.environ().items():
            monkeypatch.setenv(name, value)
        model = fal_typed.endpoint("fal-ai/flux/schnell")
        assert model.subscribe(prompt="a cat", seed=7).data.seed == 7
        with pytest.raises(FalInputError, match="did you mean 'prompt'"):
            model.subscribe(promt="a cat")


@pytest.mark.parametrize(
    ("id_", "near"),
    [
        ("fal-ai/flux/dve", "'fal-ai/flux/dev'"),
        ("flux/dev", "'fal-ai/flux/dev'"),
        ("FAL-AI/FLUX/DEV", "'fal-ai/flux/dev'"),
        ("fal-ai/flux/dev/", ""),
    ],
)
def test_a_miss_names_similar_ids(id_: str, near: str) -> None:
    if not near:
        assert isinstance(fal_typed.endpoint(id_), Endpoint)
        return
    with pytest.raises(FalInputError) as caught:
        fal_typed.endpoint(id_)
    assert near in str(caught.value)


@pytest.mark.parametrize("id_", ["", "x", "zz/qq", "../../etc/passwd", "fal_ai.flux.dev", "\x00/a"])
def test_nonsense_is_rejected(id_: str) -> None:
    with pytest.raises(FalInputError, match="The catalog has no endpoint"):
        fal_typed.endpoint(id_)


def test_every_id_of_the_catalog_has_a_module() -> None:
    assert sorted(catalog_ids()) == Catalog().ids()
    assert module_of("fal-ai/flux/dev") == "fal_typed.endpoints.fal_ai.flux.dev"


def test_looking_one_up_imports_no_other() -> None:
    program = (
        "import fal_typed, json, sys; fal_typed.endpoint('fal-ai/birefnet')\n"
        "print(json.dumps([n for n in sys.modules if n.startswith('fal_typed.endpoints.fal_ai.')]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert {name.split(".")[3] for name in json.loads(done.stdout)} == {"birefnet"}


def test_the_name_stays_a_function_whatever_is_imported() -> None:
    program = (
        "import fal_typed\nfrom fal_typed import Endpoint, FalClient\n"
        "from fal_typed.endpoints.fal_ai.flux.dev import flux_dev\n"
        "assert callable(fal_typed.endpoint)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
