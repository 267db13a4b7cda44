"""The snippets of the pages on streaming and realtime run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SNIPPETS = [
    pytest.param(snippet, id=f"{page}-{number}")
    for page in ("streaming", "realtime")
    for number, snippet in enumerate(
        re.findall(
            r"^```python\n(.*?)^```",
            (DOCS / f"{page}.md").read_text("utf-8"),
            re.MULTILINE | re.DOTALL,
        )
    )
]


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_snippet_runs(snippet: str, fal_emulator) -> None:
    names: dict[str, object] = {}
    exec(compile(snippet, "docs", "exec"), names)
    assert names.get("result") or names["results"]
