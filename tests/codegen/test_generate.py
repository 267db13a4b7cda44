"""The generator as a whole: what it writes, keeps, removes and reports."""

from __future__ import annotations

import ast
import importlib
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fal_typed_codegen import build
from fal_typed_codegen.documents.lock import LOCK_NAME, LockEntry, SchemaLock
from fal_typed_codegen.generate import NoMatchError, fingerprinted_files, generate
from fal_typed_codegen.manifest import MANIFEST_NAME
from fal_typed_codegen.rendering import field_types

from tests.codegen.building import Packages, contents, document, ref, run, write_documents

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

POINT = {"type": "object", "properties": {"x": {"type": "number", "default": 0}}}


def with_point(endpoint_id: str, **keywords: Any) -> dict[str, Any]:
    return document(
        {"point": ref("Point")}, endpoint_id=endpoint_id, components={"Point": POINT}, **keywords
    )


def written_at(out: Path) -> dict[str, int]:
    return {path: (out / path).stat().st_mtime_ns for path in contents(out)}


def test_unchanged_files_are_not_written(tmp_path: Path) -> None:
    first = run(tmp_path, with_point("acme/a"), with_point("acme/b"), with_point("acme/b/c"))
    before = written_at(tmp_path / "acme_fal")
    again = run(tmp_path)
    assert sorted(before) == first.written
    assert (again.written, again.removed, again.unchanged) == ([], [], len(before))
    assert written_at(tmp_path / "acme_fal") == before


def test_only_changed_files_are_written(tmp_path: Path) -> None:
    run(tmp_path, with_point("acme/a"), with_point("acme/b"))
    changed = with_point("acme/b", required=["point"])
    assert run(tmp_path, changed).written == ["acme/b.py"]


def test_another_spelling_of_a_document_changes_nothing(tmp_path: Path) -> None:
    one = with_point("acme/a")
    run(tmp_path, one)
    path = tmp_path / "schemas/acme/a.json"
    path.write_bytes(json.dumps(one, indent=4, sort_keys=True).replace("\n", "\r\n").encode())
    assert run(tmp_path).written == []


def test_every_run_produces_the_same_bytes(tmp_path: Path) -> None:
    documents = [with_point(f"acme/a{i}", info={"description": f"Number {i}"}) for i in range(40)]
    schemas = write_documents(tmp_path / "schemas", *documents)
    program = """
import sys
from pathlib import Path
from fal_typed_codegen.generate import generate

if __name__ == "__main__":
    generate(Path(sys.argv[1]), Path(sys.argv[2]), "acme_fal", jobs=int(sys.argv[3]))
"""
    script = tmp_path / "run.py"
    script.write_text(program)
    results = []
    for jobs, seed in [("1", "1"), ("2", "2"), ("1", "3")]:
        out = tmp_path / f"out_{jobs}_{seed}"
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, str(script), str(schemas), str(out), jobs]
        subprocess.run(command, env=environment, check=True)
        results.append({**contents(out), "manifest": (out / MANIFEST_NAME).read_bytes()})
    assert results[0] == results[1] == results[2]


def test_an_endpoint_is_the_same_alone_and_with_others(tmp_path: Path) -> None:
    run(tmp_path, with_point("acme/a"), with_point("acme/b"), with_point("acme/b/c"))
    everything = contents(tmp_path / "acme_fal")
    report = generate(
        tmp_path / "schemas", tmp_path / "alone", "acme_fal", endpoints=["acme/b"], jobs=1
    )
    alone = contents(tmp_path / "alone")
    assert set(alone) < set(everything)
    assert alone.items() <= everything.items()
    assert "acme/b/_endpoint.py" in report.written


def test_other_endpoints_are_kept(tmp_path: Path) -> None:
    run(tmp_path, document(endpoint_id="acme/a"), document(endpoint_id="acme/b"))
    (tmp_path / "schemas/acme/a.json").unlink()
    changed = document({"n": {"type": "integer"}}, endpoint_id="acme/b")
    report = run(tmp_path, changed, endpoints=["acme/b*"])
    assert (report.written, report.removed) == (["acme/b.py"], [])
    assert (tmp_path / "acme_fal/acme/a.py").exists()


def test_no_matching_endpoint(tmp_path: Path) -> None:
    with pytest.raises(NoMatchError, match="acme/z"):
        run(tmp_path, document(), endpoints=["acme/z*"])


def test_modules_without_a_document_are_removed(tmp_path: Path) -> None:
    run(tmp_path, document(endpoint_id="acme/a"), document(endpoint_id="gone/deep/b"))
    own = tmp_path / "acme_fal" / "by_hand.py"
    own.write_text('"""Written by hand."""\n')
    (tmp_path / "schemas/gone/deep/b.json").unlink()
    report = run(tmp_path)
    assert report.removed == ["gone/__init__.py", "gone/deep/__init__.py", "gone/deep/b.py"]
    assert not (tmp_path / "acme_fal/gone").exists()
    assert own.exists()


def test_a_module_becomes_a_package_and_a_module_again(tmp_path: Path) -> None:
    run(tmp_path, document(endpoint_id="acme/a"))
    report = run(tmp_path, document(endpoint_id="acme/a/more"))
    assert report.removed == ["acme/a.py"]
    assert {"acme/a/__init__.py", "acme/a/_endpoint.py", "acme/a/more.py"} <= set(report.written)
    (tmp_path / "schemas/acme/a/more.json").unlink()
    run(tmp_path)
    assert sorted(contents(tmp_path / "acme_fal")) == [
        "__init__.py",
        "acme/__init__.py",
        "acme/a.py",
    ]


@pytest.mark.parametrize(
    "bad",
    [
        b"{",
        b"[]",
        b"{}",
        b"\xff\xfe",
        json.dumps(document(endpoint_id="no-owner")).encode(),
        json.dumps(document(endpoint_id="../../etc")).encode(),
        b"[" * 100_000,
    ],
)
def test_an_invalid_document_does_not_stop_the_others(tmp_path: Path, bad: bytes) -> None:
    write_documents(tmp_path / "schemas", document(endpoint_id="acme/a"))
    (tmp_path / "schemas/bad.json").write_bytes(bad)
    report = run(tmp_path)
    assert list(report.failed) == ["bad.json"]
    assert report.failed["bad.json"]
    assert "acme/a.py" in report.written


def test_modules_of_an_invalid_document_are_kept(tmp_path: Path) -> None:
    documents = [with_point("acme/a"), with_point("acme/b"), with_point("acme/a/child")]
    run(tmp_path, *documents)
    before = contents(tmp_path / "acme_fal")
    (tmp_path / "schemas/acme/a.json").write_text("{")
    report = run(tmp_path)
    assert list(report.failed) == ["acme/a.json"]
    assert (report.written, report.removed) == ([], [])
    assert contents(tmp_path / "acme_fal") == before
    assert run(tmp_path, documents[0]).failed == {}


def test_a_failure_of_type_generation_concerns_one_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, document(endpoint_id="acme/a"), document(endpoint_id="acme/b"))
    before = contents(tmp_path / "acme_fal")
    make = field_types.type_annotations

    def fail_for_a(own: Any) -> Any:
        if any(field.name == "bad" for model in own for field in model.fields):
            raise field_types.ModelsError("no")
        return make(own)

    monkeypatch.setattr(field_types, "type_annotations", fail_for_a)
    report = run(
        tmp_path,
        document({"bad": {"type": "string"}}, endpoint_id="acme/a"),
        document({"good": {"type": "string"}}, endpoint_id="acme/b"),
    )
    assert report.failed == {"acme/a.json": "ModelsError: no"}
    assert report.written == ["acme/b.py"]
    assert contents(tmp_path / "acme_fal")["acme/a.py"] == before["acme/a.py"]
    # It is tried again, since what stands there is not what its document says.
    assert list(run(tmp_path).failed) == ["acme/a.json"]


def test_two_documents_of_one_endpoint(tmp_path: Path) -> None:
    write_documents(tmp_path / "schemas", document())
    (tmp_path / "schemas/other.json").write_text(json.dumps(document()))
    assert run(tmp_path).failed == {
        "other.json": "acme/echo is already described by acme/echo.json"
    }


def test_edited_files_are_regenerated(tmp_path: Path) -> None:
    run(tmp_path, document())
    module = tmp_path / "acme_fal/acme/echo.py"
    before = module.read_bytes()
    module.write_bytes(before + b"# mine\n")
    assert run(tmp_path, dry_run=True).written == ["acme/echo.py"]
    assert module.read_bytes() != before
    assert run(tmp_path).written == ["acme/echo.py"]
    assert module.read_bytes() == before


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    report = run(tmp_path, document(), dry_run=True)
    assert "acme/echo.py" in report.written
    assert not (tmp_path / "acme_fal").exists()


def test_a_missing_manifest_only_costs_time(tmp_path: Path) -> None:
    run(tmp_path, document())
    manifest = tmp_path / "acme_fal" / MANIFEST_NAME
    before = manifest.read_bytes()
    manifest.write_text("{")
    assert run(tmp_path).written == []
    assert manifest.read_bytes() == before


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "acme_fal").mkdir()
    (tmp_path / "acme_fal/acme").symlink_to(outside)
    with pytest.raises(Exception, match="leads out of"):
        run(tmp_path, document())
    assert list(outside.iterdir()) == []


def test_identical_components_are_one_class(packages: Packages) -> None:
    package, report = packages.make(
        with_point("acme/a"),
        with_point("acme/b"),
        document(
            {"point": ref("Point")},
            endpoint_id="acme/c",
            components={"Point": {**POINT, "required": ["x"]}},
        ),
    )
    a, b, c = (importlib.import_module(f"{package}.acme.{name}") for name in "abc")
    assert a.Point is b.Point
    assert a.Point is not c.Point
    assert a.Point.__module__.startswith(f"{package}._shared.point")
    assert c.Point.__module__ == c.__name__
    assert [path for path in report.written if path.startswith("_shared/point")] != []


def test_input_and_output_classes_are_never_shared(packages: Packages) -> None:
    received = document(
        endpoint_id="acme/b",
        output={"type": "object", "properties": {"point": ref("Point")}},
        components={"Point": POINT},
    )
    package, _ = packages.make(with_point("acme/a"), received)
    a, b = (importlib.import_module(f"{package}.acme.{name}") for name in "ab")
    assert a.Point is not b.Point


def test_mutually_recursive_components_are_not_shared(packages: Packages) -> None:
    tangled = {
        "A": {"type": "object", "properties": {"b": ref("B")}},
        "B": {"type": "object", "properties": {"a": ref("A")}},
        "Holder": {"type": "object", "properties": {"a": ref("A")}},
        "Own": {"type": "object", "properties": {"own": ref("Own")}},
    }
    uses = {"h": ref("Holder"), "o": ref("Own")}
    package, _ = packages.make(
        document(uses, endpoint_id="acme/a", components=tangled),
        document(uses, endpoint_id="acme/b", components=tangled),
    )
    a, b = (importlib.import_module(f"{package}.acme.{name}") for name in "ab")
    assert a.Own is b.Own
    assert a.Holder is not b.Holder
    value = {"h": {"a": {"b": {"a": {}}}}, "o": {"own": {"own": {}}}}
    assert a.Input(**value).model_dump(exclude_unset=True) == value


def test_a_package_that_is_an_endpoint_is_imported_on_first_use(packages: Packages) -> None:
    package, _ = packages.make(document(endpoint_id="acme/a"), document(endpoint_id="acme/a/child"))
    importlib.import_module(f"{package}.acme.a.child")
    lazy = sys.modules[f"{package}.acme.a"]
    own = f"{package}.acme.a._endpoint"
    assert own not in sys.modules
    assert {"a", "AInput", "child"} <= set(dir(lazy))
    assert own not in sys.modules
    assert lazy.a.id == "acme/a"
    assert lazy.AInput is sys.modules[own].AInput is lazy.Input
    assert lazy.endpoint is lazy.a
    assert sorted(lazy.__all__) == sorted(sys.modules[own].__all__)
    assert pickle.loads(pickle.dumps(lazy.Input())) == lazy.Input()
    with pytest.raises(AttributeError, match="nothing"):
        _ = lazy.nothing


def test_the_lock_keeps_names(tmp_path: Path) -> None:
    schemas = write_documents(tmp_path / "schemas", document(endpoint_id="Acme/x"))
    SchemaLock({"Acme/x": LockEntry("a file", "2026-11-20", "0" * 64)}).save(schemas / LOCK_NAME)
    run(tmp_path)
    entry = SchemaLock.load(schemas / LOCK_NAME).entries["Acme/x"]
    assert entry.module is not None
    assert entry.module.path == "acme.x"
    write_documents(schemas, document(endpoint_id="acme/x"))
    # A fresh output folder: only the lock remembers who came first.
    generate(schemas, tmp_path / "fresh", "acme_fal", jobs=1)
    made = contents(tmp_path / "fresh")
    assert b'X("Acme/x"' in made["acme/x.py"]


def test_every_file_names_its_origin(tmp_path: Path) -> None:
    run(tmp_path, with_point("acme/a"), with_point("acme/b"), with_point("acme/a/c"))
    made = contents(tmp_path / "acme_fal")
    for path, content in made.items():
        assert b"# Generated by `fal-typed generate` from " in content, path
        assert b"Do not edit." in content, path
    assert b"from schemas/acme/b.json." in made["acme/b.py"]


def test_no_module_mentions_another_endpoint(tmp_path: Path) -> None:
    run(tmp_path, with_point("acme/a"), with_point("acme/b"), with_point("acme/a/c"))
    for path, content in contents(tmp_path / "acme_fal").items():
        named = {
            node.value
            for node in ast.walk(ast.parse(content))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        found = {id_ for id_ in ("acme/a", "acme/b", "acme/a/c") if id_ in named}
        assert len(found) <= 1, path


def test_the_fingerprint_covers_every_module_that_shapes_output() -> None:
    package = Path(build.__file__).parent
    modules = {f"fal_typed_codegen.{dotted(path, package)}": path for path in package.rglob("*.py")}
    waiting, reached = ["fal_typed_codegen.build"], set[Path]()
    for module in waiting:
        reached.add(modules[module])
        waiting += [name for name in imports(modules[module], modules) if name not in waiting]
    shaping = {path for path in reached if path.name != "atomic.py"} | {package / "write.py"}
    assert shaping <= set(fingerprinted_files())


def dotted(path: Path, package: Path) -> str:
    return ".".join(path.relative_to(package).with_suffix("").parts)


def imports(path: Path, modules: Container[str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name for name in (node.module or "", *names) if name in modules)
