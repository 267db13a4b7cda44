"""Links and citations in docs/ and the top-level pages are valid."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

import fal_typed

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
DOC_PAGES = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
SKIPPED = {"endpoints", "node_modules"}
CITATION = re.compile(r"protocol\.md sections? (\d[\d., and]*)")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_point_to_existing_files(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_cited_sections_of_the_protocol_exist() -> None:
    headings = re.findall(
        r"^##+ ([\d.]+?)\.? ", (DOCS / "protocol.md").read_text("utf-8"), re.MULTILINE
    )
    cited: set[str] = set()
    for folder in ("src/fal_typed", "codegen", "tests", "docs"):
        for path in (ROOT / folder).rglob("*.*"):
            if path.suffix in {".py", ".md", ".jinja"} and not SKIPPED & set(path.parts):
                text = path.read_text(encoding="utf-8")
                assert not re.search(r"\b(PROTOCOL|DESIGN) (section|\d)", text), path
                for numbers in CITATION.findall(text):
                    cited |= set(re.findall(r"\d+(?:\.\d+)*", numbers))
    assert cited
    assert cited <= set(headings)


def test_the_index_links_to_every_page() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    assert DOC_PAGES - set(LINK.findall(index)) == {"index.md"}


def test_the_navigation_lists_every_page() -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    assert sorted(re.findall(r"- ([\w/-]+\.md)", nav)) == sorted(DOC_PAGES)


def test_names_in_the_reference_exist() -> None:
    text = (DOCS / "reference.md").read_text(encoding="utf-8")
    named = re.findall(r"^::: ([\w.]+)", text, re.MULTILINE)
    assert named
    for name in named:
        owner, _, last = name.rpartition(".")
        assert hasattr(import_module(owner), last) or import_module(name)


def test_the_reference_has_every_exported_name() -> None:
    text = (DOCS / "reference.md").read_text(encoding="utf-8")
    named = re.findall(r"^::: fal_typed\.(\w+)$", text, re.MULTILINE)
    modules = {"models", "options"}
    assert sorted(set(named) - modules) == sorted(fal_typed._MODULE_OF)
    assert len(named) == len(set(named))
