"""Attacks on the generator and on `pull`: patterns, odd paths, endless servers, links."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from fal_typed_codegen.application.scan import scan
from fal_typed_codegen.diff import state
from fal_typed_codegen.documents.canonical import path_for
from fal_typed_codegen.documents.import_documents import import_documents
from fal_typed_codegen.documents.lock import LOCK_NAME, InvalidLockError
from fal_typed_codegen.documents.pull import pull
from fal_typed_codegen.documents.sources import PullSources
from fal_typed_codegen.generate import generate
from fal_typed_codegen.interface.constraints import pattern_engine
from fal_typed_codegen.manifest import MANIFEST_NAME
from pydantic_core import SchemaValidator, core_schema

from fal_typed import FalClient, FalError, RetryPolicy
from fal_typed._documents.catalog import Catalog, UnknownEndpointError
from fal_typed._documents.document import InvalidDocumentError
from fal_typed._documents.regular_files import read_regular_file
from tests.codegen.building import document, write_documents
from tests.scripted import Reply, scripted

PATTERNS = [
    r"\b(?=\w)\w*\d\w*\d\w*\d!",
    r"(?=a)\w*!",
    r"(?=a)a*a*a*a*b",
    r"(?=a)(a+)+$",
    r"(?=a)(a|aa)+$",
    r"(?=a)(a|a?)+$",
    r"(a*)*\1b",
    r"(?!b)(a|a)*$",
    r"(?=.*a)(?=.*b)(?=.*c).*$",
    r"^(?=a)\w{0,1000}\w{0,1000}\w{0,1000}!",
    r"^(?=a)\w{1,}\w{1,}!",
    r"(?<=a)\w+\d+!",
    r"(?i)(?=x)x*x*x*x*y",
    r"^(?=a)[ab]*!",
    r"^(?!b)\w+$",
    r"a*a*a*a*a*b",
    r"(a+)+$",
    r"(x+x+)+y",
    r"(.*)(.*)(.*)(.*)(.*)z",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
]
TEXTS = ["1" * 20_000, "a" * 20_000, "ab" * 10_000, "x" * 20_000, " " * 20_000, "a" * 19_999 + "!"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_takes_no_time_or_is_left_to_the_server(pattern):
    engine = pattern_engine(pattern)
    if engine is None:
        return
    is_python = engine == "python"
    checker = SchemaValidator(
        core_schema.str_schema(
            pattern=pattern, regex_engine="python-re" if is_python else "rust-regex"
        )
    )
    began = time.process_time()
    for text in TEXTS:
        with contextlib.suppress(ValueError):
            checker.validate_python(text)
    assert time.process_time() - began < 5


def test_a_pattern_that_is_left_out_is_reported(tmp_path):
    schemas = tmp_path / "schemas"
    write_documents(schemas, document({"p": {"type": "string", "pattern": PATTERNS[0]}}))
    report = generate(schemas, tmp_path / "out", "acme", jobs=1)
    assert "unsupported regular expression" in str(report.warnings)
    assert PATTERNS[0] not in "".join(
        file.read_text() for file in (tmp_path / "out").rglob("*.py") if "Field" in file.read_text()
    )


def odd_paths(folder: Path, suffix: str) -> None:
    """Everything that is named like a file and is none."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"a-folder{suffix}").mkdir()
    (folder / f"b-dangling{suffix}").symlink_to(folder / "nowhere")
    (folder / f"c-loop{suffix}").symlink_to(folder / f"c-loop{suffix}")
    os.mkfifo(folder / f"d-pipe{suffix}")
    (folder / f"e-device{suffix}").symlink_to("/dev/zero")
    (folder / f".#f-lock{suffix}").symlink_to("me@host.1234:5678")
    (folder / f"g-itself{suffix}").symlink_to(folder)
    (folder / f"h-binary{suffix}").write_bytes(bytes(range(256)) * 100)
    (folder / f"i-deep{suffix}").write_bytes(b"[" * 100_000)
    (folder / f"j-empty{suffix}").touch()
    locked = folder / f"k-locked{suffix}"
    locked.touch()
    locked.chmod(0)


needs_posix = pytest.mark.skipif(os.name != "posix", reason="pipes and devices are POSIX")


@pytest.fixture
def odd_schemas(tmp_path):
    schemas = tmp_path / "schemas"
    write_documents(schemas, document({"p": {"type": "string"}}))
    odd_paths(schemas / "acme", ".json")
    return schemas


@needs_posix
def test_odd_paths_stop_no_generator(tmp_path, odd_schemas):
    out = tmp_path / "out"
    odd_paths(out / "acme", ".py")
    report = generate(odd_schemas, out, "made", jobs=1)
    assert report.endpoints == 1
    assert len(report.failed) >= 8
    assert list(out.rglob("*.py"))
    assert generate(odd_schemas, out, "made", jobs=1).written == []


@needs_posix
def test_odd_paths_stop_no_pull_no_import_and_no_comparison(tmp_path, odd_schemas):
    with FalClient() as client:
        report = pull(tmp_path / "pulled", PullSources(paths=[odd_schemas]), client)
    assert len(report.added) == 1
    assert len(report.failed) >= 8
    assert len(import_documents(odd_schemas, tmp_path / "imported", "x", "2026-01-01")) >= 8
    compared = state.load(str(odd_schemas))
    assert len(compared.documents) == 1
    assert len(compared.failed) >= 8


@needs_posix
def test_odd_paths_stop_no_catalog(odd_schemas):
    catalog = Catalog(odd_schemas)
    assert [id_ for id_, content in catalog.contents() if content.startswith(b'{"')] != []
    readable = 0
    for endpoint_id in catalog.ids():
        with contextlib.suppress(InvalidDocumentError, UnknownEndpointError):
            readable += catalog.document(endpoint_id) is not None
    assert readable == 1


@needs_posix
def test_odd_paths_stop_no_scan(tmp_path):
    odd_paths(tmp_path, ".py")
    (tmp_path / "z.py").write_text("import fal_typed\nfal_typed.run('fal-ai/flux/dev')\n")
    found = scan([tmp_path], without=tmp_path / "none")
    assert [mention.id for mention in found.mentions] == ["fal-ai/flux/dev"]
    assert len(found.unreadable) >= 4


@needs_posix
@pytest.mark.parametrize("target", ["/dev/zero", "/dev/random", "/dev/stdin", "/proc/self/mem"])
def test_devices_are_not_read(tmp_path, target):
    link = tmp_path / "link"
    link.symlink_to(target)
    with pytest.raises(OSError, match=r"regular file|error"):
        read_regular_file(link)


def test_a_file_is_read_no_further_than_its_limit(tmp_path):
    file = tmp_path / "large"
    file.write_bytes(b"x" * 3_000_000)
    with pytest.raises(OSError, match="larger than 1 MB"):
        read_regular_file(file, 1024 * 1024)


BROKEN = [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 10_000]


@pytest.mark.parametrize("content", BROKEN, ids=lambda content: repr(content[:9]))
def test_a_broken_manifest_only_costs_time(tmp_path, content):
    schemas, out = tmp_path / "schemas", tmp_path / "out"
    write_documents(schemas, document({"p": {"type": "string"}}))
    generate(schemas, out, "made", jobs=1)
    (out / MANIFEST_NAME).write_bytes(content)
    assert generate(schemas, out, "made", jobs=1).failed == {}
    assert (out / MANIFEST_NAME).read_bytes() != content


@pytest.mark.parametrize("content", BROKEN, ids=lambda content: repr(content[:9]))
def test_a_broken_lock_is_an_error_that_names_it(tmp_path, content):
    schemas = tmp_path / "schemas"
    write_documents(schemas, document({"p": {"type": "string"}}))
    (schemas / LOCK_NAME).write_bytes(content)
    with pytest.raises(InvalidLockError, match=LOCK_NAME):
        generate(schemas, tmp_path / "out", "made", jobs=1)


@needs_posix
def test_a_lock_that_is_no_file_is_an_error_that_names_it(tmp_path):
    for make in (os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")):
        schemas = tmp_path / str(make)[:20].strip("<")
        write_documents(schemas, document({"p": {"type": "string"}}))
        make(schemas / LOCK_NAME)
        with pytest.raises(InvalidLockError, match=LOCK_NAME):
            generate(schemas, tmp_path / "out", "made", jobs=1)


def models(count, cursor, *, start=0, more=True):
    items = [{"endpoint_id": f"acme/e{start + number}"} for number in range(count)]
    return Reply(200, {"models": items, "next_cursor": cursor, "has_more": more})


def endless(kind):
    numbers = itertools.count()

    def answer(seen):
        number = next(numbers)
        if kind == "empty pages":
            return models(0, f"c{number}")
        if kind == "the same models":
            return models(5, f"c{number}")
        if kind == "fresh models":
            return models(5, f"c{number}", start=5 * number)
        if kind == "the same cursor":
            return models(5, "c", start=5 * number)
        assert kind == "documents"
        if "expand" not in parse_qs(urlsplit(seen.path).query):
            return models(3, None, more=False)
        return models(1, f"c{number}", start=1000 + number)

    return answer


@pytest.mark.parametrize("kind", ["empty pages", "the same models", "the same cursor", "documents"])
def test_a_list_without_end_ends(tmp_path, monkeypatch, kind):
    with scripted(endless(kind)) as server:
        monkeypatch.setenv("FAL_EMULATOR_HOST", server.host)
        with FalClient("id:secret", retry=RetryPolicy(attempts=1)) as client:
            if kind == "documents":
                assert len(pull(tmp_path, PullSources(), client).failed) == 3
            else:
                with pytest.raises(FalError, match="list of models"):
                    pull(tmp_path, PullSources(), client)
        assert len(server.seen) < 20


def test_a_list_of_ever_new_models_ends(tmp_path, monkeypatch):
    monkeypatch.setattr("fal_typed_codegen.documents.sources._MAX_PAGES", 30)
    with scripted(endless("fresh models")) as server:
        monkeypatch.setenv("FAL_EMULATOR_HOST", server.host)
        with FalClient("id:secret") as client, pytest.raises(FalError, match="more than 30 pages"):
            pull(tmp_path, PullSources(), client)


@needs_posix
def test_a_link_in_the_folder_leads_pull_nowhere(tmp_path):
    outside, root, given = tmp_path / "outside", tmp_path / "root", tmp_path / "given"
    outside.mkdir()
    root.mkdir()
    made = document({"p": {"type": "string"}})
    write_documents(given, made)
    (file,) = given.rglob("*.json")
    endpoint_id = json.loads(file.read_text())["info"]["x-fal-metadata"]["endpointId"]
    target = path_for(endpoint_id, root)
    root.joinpath(target.relative_to(root).parts[0]).symlink_to(outside)
    with FalClient() as client:
        report = pull(root, PullSources(paths=[given]), client)
    assert list(report.failed) == [endpoint_id]
    assert "link" in report.failed[endpoint_id]
    assert not [path for path in outside.rglob("*") if path.is_file()]
    with pytest.raises(OSError, match="leads out of"):
        import_documents(given, root, "x", "2026-01-01")


@needs_posix
def test_a_folder_in_the_place_of_a_document_is_reported(tmp_path):
    given, root = tmp_path / "given", tmp_path / "root"
    write_documents(given, document({"p": {"type": "string"}}))
    (file,) = given.rglob("*.json")
    (root / file.relative_to(given)).mkdir(parents=True)
    with FalClient() as client:
        report = pull(root, PullSources(paths=[given]), client)
    assert len(report.failed) == 1
