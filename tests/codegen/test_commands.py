"""``fal-typed generate`` and ``fal-typed check``."""

from __future__ import annotations

from pathlib import Path

import pytest

from fal_typed.cli import main
from tests.codegen.building import contents, document, write_documents


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    schemas = write_documents(
        tmp_path / "schemas", document(endpoint_id="acme/a"), document(endpoint_id="acme/b")
    )
    return [
        f"--schemas={schemas}",
        f"--out={tmp_path / 'src/acme_fal'}",
        "--package=acme_fal",
    ]


def call(*words: str) -> int:
    with pytest.raises(SystemExit) as ending:
        main(words)
    code = ending.value.code
    assert code is None or isinstance(code, int)
    return code or 0


def test_generate_then_check(
    tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("generate", *options, "--jobs=1") == 0
    assert (
        "2 endpoints in acme_fal: 4 files written, 0 removed, 0 unchanged"
        in capsys.readouterr().out
    )
    assert sorted(contents(tmp_path / "src/acme_fal")) == [
        "__init__.py",
        "acme/__init__.py",
        "acme/a.py",
        "acme/b.py",
    ]
    assert call("check", *options) == 0
    assert "2 endpoints in acme_fal: 4 files up to date" in capsys.readouterr().out


def test_check_finds_edited_outdated_and_leftover_files(
    tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    call("generate", *options)
    edited = tmp_path / "src/acme_fal/acme/a.py"
    edited.write_text(edited.read_text().replace("Parameters", "Arguments"))
    (tmp_path / "schemas/acme/b.json").unlink()
    write_documents(tmp_path / "schemas", document(endpoint_id="acme/c"))
    before = contents(tmp_path / "src/acme_fal")
    capsys.readouterr()
    assert call("check", *options) == 1
    assert capsys.readouterr().out.splitlines() == [
        "out of date: acme/a.py",
        "out of date: acme/c.py",
        "no longer generated: acme/b.py",
        "Run fal-typed generate to update them.",
    ]
    assert contents(tmp_path / "src/acme_fal") == before
    assert call("generate", *options) == 0
    assert call("check", *options) == 0


def test_only_selected_endpoints(tmp_path: Path, options: list[str]) -> None:
    assert call("generate", *options, "--endpoint=acme/b", "--endpoint=other/*") == 0
    assert "acme/a.py" not in contents(tmp_path / "src/acme_fal")
    assert call("check", *options, "--endpoint=acme/b") == 0
    assert call("check", *options) == 1


def test_an_invalid_document_is_reported(
    tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "schemas/bad.json").write_text("{")
    write_documents(tmp_path / "schemas", document({"x": {"$ref": "#/gone"}}, endpoint_id="acme/c"))
    assert call("generate", *options) == 1
    shown = capsys.readouterr()
    assert "3 endpoints" in shown.out
    assert "error: bad.json: InvalidDocumentError: not a JSON document" in shown.err
    assert "warning: acme/c.json: input: x: '#/gone' not found" in shown.err
    assert call("check", *options) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["generate", "--schemas=nowhere"],
        ["generate", "--package=not a name"],
        ["generate", "--package=../up"],
        ["generate", "--jobs=0"],
        ["generate", "--endpoint=zzz/*"],
        ["check", "--endpoint=zzz/*", "--out=."],
    ],
)
def test_wrong_use(options: list[str], words: list[str]) -> None:
    command, *wrong = words
    assert call(command, *options, *wrong) == 2


@pytest.mark.parametrize("command", ["generate", "check"])
def test_help_shows_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(command, "--help") == 0
    assert f"Example: fal-typed {command} " in capsys.readouterr().out


def many(folder: Path, number: int) -> Path:
    return write_documents(folder, *(document(endpoint_id=f"acme/m{i}") for i in range(number)))


def test_removing_many_modules_needs_prune(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    full, few = many(tmp_path / "full", 20), many(tmp_path / "few", 16)
    package = [f"--out={tmp_path / 'acme_fal'}", "--package=acme_fal", "--jobs=1"]
    assert call("generate", f"--schemas={full}", *package) == 0
    before = contents(tmp_path / "acme_fal")
    assert call("generate", f"--schemas={few}", *package) == 2
    said = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert "4 of the 20 modules" in said
    assert "--prune" in said
    assert contents(tmp_path / "acme_fal") == before
    assert call("check", f"--schemas={few}", *package[:2]) == 1
    assert "no longer generated: acme/m16.py" in capsys.readouterr().out
    assert call("generate", f"--schemas={few}", *package, "--prune") == 0
    assert len(contents(tmp_path / "acme_fal")) == 18


def test_a_few_modules_are_removed_without_prune(tmp_path: Path) -> None:
    package = [f"--out={tmp_path / 'acme_fal'}", "--package=acme_fal", "--jobs=1"]
    for folder, number in (("full", 4), ("few", 1)):
        schemas = many(tmp_path / folder, number)
        assert call("generate", f"--schemas={schemas}", *package) == 0
    assert len(contents(tmp_path / "acme_fal")) == 3


@pytest.mark.parametrize("command", ["generate", "check", "pull"])
def test_a_folder_without_documents_is_wrong_use(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    place = [str(empty)] if command == "pull" else [f"--schemas={empty}", f"--out={tmp_path / 'o'}"]
    assert call(command, *place) == 2
    assert "no document (*.json) in" in " ".join(capsys.readouterr().err.split())
