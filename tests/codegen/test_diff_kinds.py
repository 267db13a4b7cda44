"""Every kind of change is reported, and its class is correct for a program."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from fal_typed_codegen.diff.change_kinds import KINDS, LEVELS, table
from fal_typed_codegen.diff.compare import compare
from fal_typed_codegen.diff.state import CatalogState, load
from fal_typed_codegen.documents.lock import LOCK_NAME, LockEntry, SchemaLock, meaning_hash
from fal_typed_codegen.generate import generate
from fal_typed_codegen.interface.naming import choose_names

from tests.codegen.change_cases import CASES, Case

BY_KIND = {case.kind: case for case in CASES}
WITH_PROGRAM = [case.kind for case in CASES if case.program]
DOCS = Path(__file__).parents[2] / "docs/changes.md"
HEAD = """\
from __future__ import annotations
from typing import Literal
from typing_extensions import assert_never
from fal_typed.files import File
from shop.acme.{module} import Input, Output

{program}"""
RUNNER = """\
import importlib, json, sys
failed = {}
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except Exception as error:
        failed[name] = type(error).__name__
print(json.dumps(failed))
"""


@dataclass
class Outcome:
    """Programs that mypy rejects and programs that fail at run time, by kind."""

    refused: dict[str, list[str]]
    failed: dict[str, str]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return outcome(tmp_path_factory.mktemp("before"), new=False)


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return outcome(tmp_path_factory.mktemp("after"), new=True)


def outcome(folder: Path, *, new: bool) -> Outcome:
    """All programs, with one package generated from all documents of one side."""
    schemas = folder / "schemas"
    for case in CASES:
        case.write(schemas, new=new)
    report = generate(schemas, folder / "shop", "shop", jobs=1)
    assert report.failed == {}
    for kind in WITH_PROGRAM:
        case = BY_KIND[kind]
        text = HEAD.format(module=case.module, program=case.program)
        (folder / f"p_{case.module}.py").write_text(text)
    return Outcome(refused(folder), failed(folder))


def refused(folder: Path) -> dict[str, list[str]]:
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir=.cache"]
    done = subprocess.run(
        [*command, *sorted(path.name for path in folder.glob("p_*.py"))],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr, done.stderr
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        if ": note: " not in line:
            name, _, words = line.partition(".py:")
            found.setdefault(name.removeprefix("p_").replace("_", "-"), []).append(words)
    return found


def failed(folder: Path) -> dict[str, str]:
    names = sorted(path.stem for path in folder.glob("p_*.py"))
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, *names],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    raw: dict[str, str] = json.loads(done.stdout)
    return {name.removeprefix("p_").replace("_", "-"): error for name, error in raw.items()}


def state(case: Case, folder: Path, *, new: bool) -> CatalogState:
    documents = case.new if new else case.old
    if case.locks:
        entries = {
            f"acme/{case.kind}": LockEntry("a test", "2026-11-20", meaning_hash(one))
            for one in documents
        }
        return CatalogState(lock=SchemaLock(entries), is_lock=True)
    folder.mkdir()
    case.write(folder, new=new)
    if case.kind == "endpoint-moved":  # without a lock, a package keeps the modules that it has
        names = choose_names([one["info"]["title"] for one in documents], {})
        entries = {id_: LockEntry("a test", "2026-11-20", "", it) for id_, it in names.items()}
        SchemaLock(entries).save(folder / LOCK_NAME)
    return load(str(folder))


def test_every_kind_has_a_case() -> None:
    assert [case.kind for case in CASES] == list(KINDS)
    assert len(KINDS) >= 60
    assert {kind.level for kind in KINDS.values()} == set(LEVELS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_is_reported(kind: str, tmp_path: Path) -> None:
    case = BY_KIND[kind]
    old, new = (state(case, tmp_path / str(side), new=side) for side in (False, True))
    changes = compare(old, new)
    assert changes.failed == {}
    assert {change.kind for change in changes.changes} == {kind, *case.also}
    found = [change for change in changes.changes if change.kind == kind]
    assert [change.endpoint.lower() for change in found] == [f"acme/{kind}"]
    assert KINDS[kind].text in found[0].text


@pytest.mark.parametrize("kind", KINDS)
def test_unchanged_documents_have_no_changes(kind: str, tmp_path: Path) -> None:
    new = state(BY_KIND[kind], tmp_path / "new", new=True)
    assert compare(new, new).changes == []


def kinds_of(level: str, shown: str | None = None) -> list[str]:
    return [
        name for name, kind in KINDS.items() if kind.level == level and shown in (None, kind.shown)
    ]


@pytest.mark.xdist_group("change_programs")
@pytest.mark.parametrize("kind", kinds_of("breaking", "type check"))
def test_the_type_checker_shows_a_breaking_change(
    kind: str, before: Outcome, after: Outcome
) -> None:
    assert BY_KIND[kind].program
    assert kind not in before.refused
    assert after.refused[kind]
    assert kind not in before.failed


@pytest.mark.xdist_group("change_programs")
@pytest.mark.parametrize("kind", kinds_of("breaking", "run time"))
def test_a_breaking_change_shows_at_run_time(kind: str, before: Outcome, after: Outcome) -> None:
    assert BY_KIND[kind].program
    assert kind not in before.refused
    assert kind not in before.failed
    assert after.failed[kind] in {"FalInputError", "ValidationError"}
    assert kind not in after.refused


@pytest.mark.xdist_group("change_programs")
@pytest.mark.parametrize("kind", [kind for kind in kinds_of("compatible") if kind in WITH_PROGRAM])
def test_a_compatible_change_shows_nowhere(kind: str, before: Outcome, after: Outcome) -> None:
    for side in (before, after):
        assert kind not in side.refused
        assert kind not in side.failed


def test_compatible_kinds_have_programs() -> None:
    without = set(kinds_of("compatible")) - set(WITH_PROGRAM)
    assert without == {"endpoint-added", "route-settings-changed"}
    assert all(KINDS[kind].shown for kind in kinds_of("breaking"))


def test_the_table_in_the_docs_matches_the_code() -> None:
    assert table() in DOCS.read_text()
