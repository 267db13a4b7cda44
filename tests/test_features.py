"""Each row of docs/features.md and docs/why.md cites tests that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
PROVEN, _, NOT_HERE = TEXT.partition("## Not here")
WHY = (ROOT / "docs" / "why.md").read_text(encoding="utf-8")


def rows(text: str) -> list[list[str]]:
    """The cells of all table rows, without the headers."""
    tables = re.findall(r"^\|.*\n\|[-| ]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    lines = [line for table in tables for line in table.splitlines()]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


@cache
def names_in(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    functions = [n for n in nodes if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return {node.name for node in functions if node.name.startswith("test_")}


@pytest.mark.parametrize("row", rows(PROVEN) + rows(WHY), ids=lambda row: row[0])
def test_each_row_cites_existing_tests(row: list[str]) -> None:
    assert len(row) == 3
    assert all(row)
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row[2])
    assert ", ".join(f"`{path}::{test}`" for path, test in named) == row[2]
    for path, test in named:
        assert test in names_in(ROOT / path)


def test_each_missing_feature_has_a_reason() -> None:
    missing = rows(NOT_HERE)
    assert missing
    assert all(len(row) == 2 and all(row) for row in missing)


def test_no_feature_is_listed_twice() -> None:
    names = [row[0] for row in rows(TEXT)]
    assert len(names) == len(set(names))
    assert len(names) == TEXT.count("\n|") - 2 * len(
        re.findall(r"^\|[-| ]+\|$", TEXT, re.MULTILINE)
    )
