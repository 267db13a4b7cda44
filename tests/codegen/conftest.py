from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.codegen.building import Packages


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    monkeypatch.syspath_prepend(tmp_path)
    made = Packages(tmp_path)
    yield made
    made.forget()
