"""The examples of docs/emulator.md run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fal_typed.testing.faults import Kind

PAGE = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("code", EXAMPLES)
def test_examples(code, emulator, fal_emulator):
    names = {"dev": emulator.endpoint("fal-ai/flux/dev")}
    exec(code, names)
    if "test_my_service" in names:
        names["test_my_service"](fal_emulator)


def test_every_kind_of_fault_is_described():
    for kind in Kind.__args__:
        assert f"`{kind}`" in PAGE
