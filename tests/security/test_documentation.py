"""docs/security.md cites tests that exist, and every attack of this folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.test_features import ROOT, names_in, rows

TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
CITED = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", TEXT)
FOLDER = Path(__file__).parent
PROMISES = [row for row in rows(TEXT) if len(row) == 2]


@pytest.mark.parametrize("row", PROMISES, ids=lambda row: row[0])
def test_each_promise_cites_tests(row):
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row[1])
    assert ", ".join(f"`{path}::{test}`" for path, test in named) == row[1]
    assert named


@pytest.mark.parametrize(("path", "test"), CITED)
def test_each_cited_test_exists(path, test):
    assert test in names_in(ROOT / path)


def test_each_attack_is_cited():
    attacks = {
        (file.relative_to(ROOT).as_posix(), test)
        for file in FOLDER.glob("test_*.py")
        if file != Path(__file__)
        for test in names_in(file)
    }
    assert attacks - set(CITED) == set()
    assert len(attacks) >= 80


def test_the_page_can_be_found():
    assert "(security.md)" in (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert "- security.md" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
