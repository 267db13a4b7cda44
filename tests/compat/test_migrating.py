"""The page "Coming from fal_client": its code runs, and its table is the one in the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import fal_typed
from fal_typed.testing import FalEmulator

PAGE = (Path(__file__).parents[2] / "docs" / "migrating.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
# What an application generates; examples/application is a whole one, and is tested.
GENERATED = "import myapp.fal"


def test_the_code_runs(monkeypatch, capsys):
    blocks = [block for block in PYTHON if GENERATED not in block]
    assert len(blocks) == len(PYTHON) - 1 >= 4
    namespace: dict[str, Any] = {}
    with FalEmulator(run_time=0.0) as emulator:
        monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
        for block in blocks:
            exec(compile(block, "migrating.md", "exec"), namespace)
    assert "422 [" in capsys.readouterr().out


def test_the_table_names_the_same_things():
    table = dict(re.findall(r"^\| `(\w+)` \| `(\w+)`", PAGE, re.MULTILINE))
    assert table == {name: ours for name, ours in fal_typed._FAL_CLIENT_NAMES.items() if ours}
