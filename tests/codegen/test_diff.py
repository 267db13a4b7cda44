"""`fal-typed diff`: what it reads, what it reports, and in which format."""

from __future__ import annotations

import ast
import copy
import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fal_typed_codegen.diff.changes import Change, Changes
from fal_typed_codegen.diff.compare import compare, compare_documents
from fal_typed_codegen.diff.formats import as_json, as_markdown, as_text
from fal_typed_codegen.diff.state import CatalogState, NothingThereError, SourceFile, load
from fal_typed_codegen.documents.canonical import canonical_bytes
from fal_typed_codegen.documents.lock import (
    LOCK_NAME,
    LockEntry,
    SchemaLock,
    meaning_hash,
)
from fal_typed_codegen.interface.naming import ModuleNames, choose_names
from fal_typed_codegen.interface.normalize import normalize
from fal_typed_codegen.rendering.render import endpoint_module

from fal_typed._documents.catalog import Catalog
from fal_typed._documents.document import EndpointDocument
from fal_typed.cli import main
from tests.codegen.building import document, ref, write_documents

TEXT = {"type": "string"}
INT = {"type": "integer"}
POINT = {"type": "object", "properties": {"x": INT, "y": INT}}


def changed(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, str]]:
    """Kinds and locations of the changes between two documents."""
    changes = compare_documents(EndpointDocument(old), EndpointDocument(new))
    return sorted((change.kind, change.place) for change in changes)


def result(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


@pytest.mark.parametrize(
    ("place", "wrap"),
    [
        ("input.p.x", lambda p: p),
        ("input.p[].x", lambda p: {"type": "array", "items": p}),
        ("input.p{}.x", lambda p: {"type": "object", "additionalProperties": p}),
        ("input.p[][].x", lambda p: {"type": "array", "items": {"type": "array", "items": p}}),
        ("input.p.x", lambda p: {"anyOf": [{"type": "string", "enum": ["auto"]}, p]}),
        ("input.p.x", lambda p: {"anyOf": [p, {"type": "null"}]}),
        ("input.p.x", lambda p: {"allOf": [p]}),
    ],
)
def test_nested_changes_are_found(
    place: str, wrap: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    def one(x: dict[str, Any]) -> dict[str, Any]:
        point = {"type": "object", "properties": {"x": x}}
        return document({"p": wrap(ref("Point"))}, components={"Point": point})

    assert changed(one({**INT, "maximum": 4}), one({**INT, "maximum": 2})) == [
        ("input-maximum-lowered", place)
    ]


def test_a_class_in_both_directions_is_classified_for_each() -> None:
    def one(*required: str) -> dict[str, Any]:
        return document(
            {"p": ref("Point")},
            components={"Point": {**POINT, "required": list(required)}},
            output=result(p=ref("Point")),
        )

    assert changed(one("x"), one("x", "y")) == [
        ("input-field-required", "input.p.y"),
        ("output-never-none", "output.p.y"),
    ]
    assert changed(one("x", "y"), one("x")) == [
        ("input-field-optional", "input.p.y"),
        ("output-may-be-none", "output.p.y"),
    ]


def test_a_class_that_is_used_often_is_reported_once() -> None:
    def one(point: dict[str, Any]) -> dict[str, Any]:
        return document({"a": ref("Point"), "b": ref("Point")}, components={"Point": point})

    assert changed(one(POINT), one({**POINT, "properties": {"x": INT}})) == [
        ("input-field-removed", "input.a.y")
    ]


def test_recursive_components_terminate() -> None:
    def one(x: dict[str, Any]) -> dict[str, Any]:
        node = {"type": "object", "properties": {"x": x, "next": ref("Node")}}
        return document({"root": ref("Node")}, components={"Node": node})

    assert changed(one(INT), one(TEXT)) == [("input-type-changed", "input.root.x")]


def test_a_result_that_is_not_an_object() -> None:
    def one(output: dict[str, Any]) -> dict[str, Any]:
        return document(output=output)

    listed = {"type": "array", "items": TEXT}
    assert changed(one(listed), one({"type": "array", "items": INT})) == [
        ("output-item-type-changed", "output[]")
    ]
    assert changed(one(listed), one(result(x=TEXT))) == [("output-type-changed", "output")]


def test_an_output_class_is_renamed_when_the_input_uses_its_name() -> None:
    old = document({"p": TEXT}, components={"Point": POINT}, output=result(p=ref("Point")))
    new = document({"p": ref("Point")}, components={"Point": POINT}, output=result(p=ref("Point")))
    assert ("class-renamed", "output.p") in changed(old, new)


def test_an_object_becomes_a_file_and_back() -> None:
    fields = {"url": TEXT, "note": TEXT}
    plain = {"type": "object", "required": ["url"], "properties": fields}
    file = {**plain, "properties": {**fields, "content_type": TEXT}}

    def one(component: dict[str, Any]) -> dict[str, Any]:
        return document(output=result(f=ref("Result")), components={"Result": component})

    assert changed(one(plain), one(file)) == [("output-file-kind-narrowed", "output.f")]
    assert ("output-file-kind-changed", "output.f") in changed(one(file), one(plain))


@pytest.mark.parametrize(
    ("old", "new", "kinds"),
    [
        ({**INT, "minimum": 1}, {**INT, "exclusiveMinimum": 0}, set()),
        ({**INT, "maximum": 3}, {**INT, "exclusiveMaximum": 4}, set()),
        ({**INT, "multipleOf": 1}, INT, set()),
        (
            {"type": "number", "multipleOf": 0.3},
            {"type": "number", "multipleOf": 0.1},
            {"input-step-finer"},
        ),
        (
            {"anyOf": [{"type": "array", "items": INT}, {"type": "array", "items": TEXT}]},
            {"anyOf": [{"type": "array", "items": TEXT}, {"type": "array", "items": INT}]},
            {"values-reordered"},
        ),
        (
            {"type": "array", "items": INT},
            {"anyOf": [{"type": "array", "items": INT}, {"type": "array", "items": TEXT}]},
            {"input-type-widened"},
        ),
        (
            {"anyOf": [{"type": "array", "items": INT}, {"type": "array", "items": TEXT}]},
            {"type": "array", "items": INT},
            {"input-type-narrowed"},
        ),
        ({"enum": ["a", "b"]}, {"enum": ["b", "a"]}, {"values-reordered"}),
        ({"enum": [0.5, 1, 2]}, {"enum": [0.5, 2]}, {"input-rule-tightened"}),
        ({"enum": [0.5, 2]}, {"enum": [0.5, 1, 2]}, {"input-rule-loosened"}),
        (
            {"type": "array", "items": INT, "contains": {"const": 1}},
            {"type": "array", "items": INT},
            {"input-rule-loosened"},
        ),
        ({**INT, "minimum": 1}, {**INT, "ge": 1}, set()),
        ({**INT, "multipleOf": 8}, {**INT, "multipleOf": 12}, {"input-step-coarser"}),
        (
            {**INT, "minimum": 1},
            {"type": "number", "minimum": 2},
            {"input-integer-to-number", "input-minimum-raised"},
        ),
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}, set()),
        ({"const": "a"}, {"type": "string", "enum": ["a"]}, set()),
        ({"const": "a"}, {"type": "string", "enum": ["a", "b"]}, {"input-value-added"}),
        ({**TEXT, "default": 3}, {**TEXT, "default": "3"}, set()),
        ({"allOf": [TEXT]}, TEXT, set()),
        ({"oneOf": [TEXT, INT]}, {"anyOf": [INT, TEXT]}, set()),
    ],
)
def test_another_spelling_does_not_change_the_interface(
    old: dict[str, Any], new: dict[str, Any], kinds: set[str]
) -> None:
    found = {kind for kind, _ in changed(document({"x": old}), document({"x": new}))}
    assert found - {"keyword-changed", "document-changed"} == kinds


def _mutations(schema: dict[str, Any], random_: random.Random) -> None:
    """Change something of an object schema, in place."""
    properties: dict[str, Any] = schema.get("properties") or {}
    name = random_.choice(sorted(properties)) if properties else ""
    action = random_.randrange(8)
    if action == 0 or not name:
        properties[f"new_{random_.randrange(9)}"] = random_.choice([TEXT, INT, {}])
    elif action == 1:
        del properties[name]
    elif action == 2:
        properties[name] = random_.choice([TEXT, INT, {"type": "boolean"}, {"type": "array"}])
    elif action == 3:
        properties[name] = {"anyOf": [properties[name], random_.choice([TEXT, {"type": "null"}])]}
    elif action == 4:
        schema["required"] = sorted({*schema.get("required", []), name} - {random_.choice("xyz")})
    elif action == 5:
        schema["required"] = [item for item in schema.get("required", []) if item != name]
    elif action == 6:
        properties[name] = {**properties[name], "maximum": 7, "maxLength": 9, "default": 3}
    else:
        values = properties[name].get("enum") or ["a", "b"]
        properties[name] = {**properties[name], "enum": values[1:] or ["c"]}
    schema["properties"] = properties


def _code(one: EndpointDocument) -> str:
    """The endpoint's module without its docstrings."""
    names = choose_names([one.id], {})[one.id]
    tree = ast.parse(endpoint_module(normalize(one, names), names, {}, "a test"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [part for part in body if not isinstance(part, ast.Expr)]  # type: ignore[attr-defined]
    return ast.unparse(tree)


@pytest.mark.parametrize("seed", range(100))
def test_every_change_of_the_code_is_reported_and_no_other(seed: int) -> None:
    random_ = random.Random(seed)
    catalog = Catalog()
    old = catalog.document(random_.choice(catalog.ids()))
    raw = copy.deepcopy(old.raw)
    components = raw["components"]["schemas"]
    for _ in range(random_.randint(1, 3)):
        _mutations(components[random_.choice(sorted(components.keys() - {"QueueStatus"}))], random_)
    new = EndpointDocument(raw)
    changes = compare_documents(old, new)
    of_code = {change.kind for change in changes if change.level != "docs"}
    shown = {"field-order-changed", "output-default-changed"}
    if _code(old) != _code(new):
        assert of_code or shown & {change.kind for change in changes}
    else:
        assert of_code <= {"limits-changed", "input-default-added", "input-default-removed"}
    if old.raw != raw:
        assert changes


def _deep(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = TEXT
    for _ in range(depth):
        schema = {"type": "object", "properties": {"x": schema}}
    return schema


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"x": {**TEXT, "enum": [f"v{n}" for n in range(10_000)]}}, {"x": INT}),
        (
            {"x": {**TEXT, "enum": [f"v{n}" for n in range(10_000)]}},
            {"x": {**TEXT, "enum": [f"w{n}" for n in range(10_000)]}},
        ),
        ({f"x{n}": TEXT for n in range(10_000)}, {f"y{n}": TEXT for n in range(10_000)}),
        ({"x": _deep(190)}, {"x": INT}),
        ({"x": {**TEXT, "description": "a" * 1_000_000}}, {"x": {**TEXT, "default": "b" * 10**6}}),
        ({"x": {"anyOf": [{"type": "array", "items": TEXT}] * 50}}, {"x": {}}),
    ],
)
def test_hostile_documents_are_compared_and_reported_briefly(
    old: dict[str, Any], new: dict[str, Any], tmp_path: Path
) -> None:
    before, after = (
        write_documents(tmp_path / side, document(one)) for side, one in (("a", old), ("b", new))
    )
    changes = compare(load(str(before)), load(str(after)))
    assert changes.changes
    assert changes.failed == {}
    assert max(map(len, as_text(changes).splitlines())) < 800


def test_folders_documents_and_one_sided_endpoints(tmp_path: Path) -> None:
    one, two = document(endpoint_id="acme/one"), document(endpoint_id="acme/two")
    old = write_documents(tmp_path / "old", one)
    new = write_documents(tmp_path / "new", two)
    (new / "broken.json").write_text("{")
    changes = compare(load(str(old)), load(str(new)))
    assert changes.changes == [
        Change("acme/one", "endpoint-removed"),
        Change("acme/two", "endpoint-added"),
    ]
    assert list(changes.failed) == ["broken.json"]
    single = compare(load(str(old / "acme/one.json")), load(str(old)))
    assert single.changes == []


def lock_of(*documents: dict[str, Any], module: str | None = None) -> SchemaLock:
    names = None if module is None else ModuleNames(module, "x", "X")
    return SchemaLock(
        {
            EndpointDocument(one).id: LockEntry("a test", "2026-11-20", meaning_hash(one), names)
            for one in documents
        }
    )


def test_locks_show_which_endpoints_changed(tmp_path: Path) -> None:
    one, two = document(endpoint_id="acme/one"), document(endpoint_id="acme/two")
    changed = document({"x": TEXT}, endpoint_id="acme/one")
    reworded = {**two, "info": {**two["info"], "description": "Words."}}
    lock_of(one, two).save(tmp_path / "old.lock")
    lock_of(changed, reworded, document(endpoint_id="acme/new")).save(tmp_path / "new.lock")
    folder = write_documents(tmp_path / "new", changed, reworded, document(endpoint_id="acme/new"))
    for new in (tmp_path / "new.lock", folder):
        changes = compare(load(str(tmp_path / "old.lock")), load(str(new)))
        assert changes.changes == [
            Change("acme/one", "endpoint-changed"),
            Change("acme/new", "endpoint-added"),
        ]


def test_locks_show_that_a_module_moved() -> None:
    one = document()
    old, new = (
        CatalogState(lock=lock_of(one, module=path), is_lock=True) for path in ("a.b", "a.c")
    )
    (change,) = compare(old, new).changes
    assert (change.kind, change.old, change.new) == ("endpoint-moved", "a.b", "a.c")


def test_a_name_that_the_lock_keeps_is_not_a_move() -> None:
    mine, other = document(endpoint_id="Acme/x"), document(endpoint_id="acme/x")
    contents = {"Acme/x": SourceFile("Acme/x.json", canonical_bytes(mine))}
    old = CatalogState(contents, lock_of(mine, module="acme.x"))
    new = CatalogState(
        {**contents, "acme/x": SourceFile("acme/x.json", canonical_bytes(other))},
        lock_of(mine, module="acme.x"),
    )
    assert [change.kind for change in compare(old, new).changes] == ["endpoint-added"]


def app(**routes: dict[str, Any]) -> dict[str, Any]:
    """An app's own document; routes by name, each with the properties of its input."""
    paths: dict[str, Any] = {}
    components: dict[str, Any] = {}
    for name, properties in routes.items():
        component = f"{name.title()}Input"
        components[component] = {"type": "object", "properties": properties}
        content = {"content": {"application/json": {"schema": ref(component)}}}
        paths["/" if name == "run" else f"/{name}"] = {"post": {"requestBody": content}}
    return {"openapi": "3.1.0", "paths": paths, "components": {"schemas": components}}


def test_each_route_of_an_app_is_compared(tmp_path: Path) -> None:
    old = app(run={"x": TEXT}, image={"n": INT}, gone={})
    new = app(run={"x": INT}, image={"n": INT}, came={})
    for folder, one in (("old", old), ("new", new)):
        path = tmp_path / folder / "acme/my-app.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(one))
    found = compare(load(str(tmp_path / "old")), load(str(tmp_path / "new")))
    assert [(change.endpoint, change.kind) for change in found.changes] == [
        ("acme/my-app", "input-type-changed"),
        ("acme/my-app/gone", "endpoint-removed"),
        ("acme/my-app/came", "endpoint-added"),
    ]
    files = (load(str(tmp_path / side / "acme/my-app.json")) for side in ("old", "new"))
    assert [change.kind for change in compare(*files).changes] == [
        change.kind for change in found.changes
    ]
    locks = SchemaLock({"acme/my-app": LockEntry("an app", "2026-11-20", meaning_hash(old))})
    by_lock = compare(CatalogState(lock=locks, is_lock=True), load(str(tmp_path / "new")))
    assert by_lock.changes == [Change("acme/my-app", "endpoint-changed")]


def git(folder: Path, *words: str) -> None:
    own = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *own, *words], cwd=folder, check=True, capture_output=True)


def test_git_revisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    schemas = write_documents(tmp_path / "schemas", document(endpoint_id="acme/one"))
    lock_of(document(endpoint_id="acme/one")).save(schemas / LOCK_NAME)
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "first")
    write_documents(schemas, document({"x": TEXT}, endpoint_id="acme/one"))
    write_documents(schemas, document(endpoint_id="acme/two"))
    monkeypatch.chdir(tmp_path)
    kinds = [c.kind for c in compare(load("main:schemas"), load("schemas")).changes]
    assert kinds == ["input-field-added", "endpoint-added"]
    one = compare(load("main:schemas/acme/one.json"), load("schemas/acme/one.json"))
    assert [change.kind for change in one.changes] == ["input-field-added"]
    locks = compare(load(f"main:schemas/{LOCK_NAME}"), load("schemas"))
    assert [change.kind for change in locks.changes] == ["endpoint-changed", "endpoint-added"]
    assert compare(load("HEAD:schemas"), load("main:schemas")).changes == []
    for nothing in ("main:gone", "nobody:schemas", "gone", "--help:x", "-x:y"):
        with pytest.raises(NothingThereError):
            load(nothing)


NASTY = "`` ` @someone <img src=x> [a](b)\n# Title \u202e\u2028\x1b[31m| x"


@pytest.fixture
def nasty() -> Changes:
    old = document({"x": TEXT, NASTY: TEXT})
    new = document({"x": {"type": "string", "enum": [NASTY]}})
    changes = compare_documents(EndpointDocument(old), EndpointDocument(new))
    return Changes(changes, {NASTY: NASTY})


def test_markdown_format() -> None:
    changes = Changes(
        [
            Change("acme/one", "input-type-changed", "input.x", "str", "int"),
            Change("acme/two", "endpoint-removed"),
            Change("acme/one", "title-changed", "TheInput.x"),
        ]
    )
    assert as_markdown(changes).splitlines() == [
        "2 breaking, 0 compatible, 1 docs in 2 endpoints.",
        "",
        "## Breaking",
        "",
        "### `acme/one`",
        "",
        "- `input.x`: type changed: `str` → `int`",
        "",
        "### `acme/two`",
        "",
        "- endpoint removed",
        "",
        "## Documentation",
        "",
        "### `acme/one`",
        "",
        "- `TheInput.x`: title changed",
    ]


def test_text_of_a_document_has_no_effect_in_a_report(nasty: Changes) -> None:
    for written in (as_text(nasty), as_markdown(nasty)):
        assert not set("\u202e\u2028\x1b") & set(written)
    outside: list[str] = []
    for line in as_markdown(nasty).splitlines():
        marks = line.split("``") if "``" in line else line.split("`")
        assert len(marks) % 2 == 1
        outside += marks[::2]
    assert not any(word in " ".join(outside) for word in ("@", "<", "[", "|"))
    assert as_text(nasty).count("\n") == len(nasty.changes) + len(nasty.failed) + 1
    assert json.loads(as_json(nasty))["failed"] == {NASTY: NASTY}


def test_long_values_are_shortened() -> None:
    change = Change("acme/x", "input-constant-changed", "input.x", "a" * 5000, "b")
    assert len(as_text(Changes([change]))) < 600


def cli(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["diff", *words])
    shown = capsys.readouterr()
    return int(ended.value.code or 0), shown.out, shown.err


@pytest.mark.parametrize(
    ("new", "level"),
    [
        (document({"x": INT}), "breaking"),
        (document({"x": TEXT, "y": TEXT}), "compatible"),
        (document({"x": {**TEXT, "title": "X"}}), "docs"),
        (document({"x": TEXT}), ""),
    ],
)
def test_fail_on(
    new: dict[str, Any], level: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old_folder = write_documents(tmp_path / "old", document({"x": TEXT}))
    new_folder = write_documents(tmp_path / "new", new)
    paths = str(old_folder), str(new_folder)
    levels = ["breaking", "compatible", "docs"]
    for index, limit in enumerate(levels):
        code, _, _ = cli(capsys, *paths, "--fail-on", limit)
        assert code == (level in levels[: index + 1])
    code, out, err = cli(capsys, *paths, "--format", "json")
    assert (code, err) == (0, "")
    summary = json.loads(out)["summary"]
    assert summary == {one: int(one == level) for one in levels}


@pytest.mark.parametrize("options", [(), ("--fail-on", "breaking")])
def test_a_document_that_cannot_be_compared_is_exit_code_2_in_every_format(
    options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_documents(tmp_path / "old", document())
    (folder / "broken.json").write_text("[]")
    for written in ("text", "markdown", "json"):
        code, out, _ = cli(capsys, str(folder), str(folder), "--format", written, *options)
        assert code == 2
        assert "broken.json" in out
        assert "no changes" not in out


def tuple_of(*places: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "array",
        "prefixItems": list(places),
        "minItems": len(places),
        "maxItems": len(places),
    }


@pytest.mark.parametrize(
    ("old", "new", "kinds"),
    [
        (tuple_of(INT, TEXT), tuple_of(INT, TEXT), []),
        (tuple_of(INT, TEXT), tuple_of(TEXT, INT), ["input-type-changed"] * 2),
        (tuple_of(INT, TEXT), tuple_of({"type": "number"}, TEXT), ["input-integer-to-number"]),
        (tuple_of(INT, TEXT), tuple_of({**INT, "minimum": 1}, TEXT), ["input-minimum-raised"]),
        (tuple_of(INT, TEXT), tuple_of(INT, TEXT, TEXT), ["input-type-changed"]),
        (tuple_of(INT, TEXT), {"type": "array", "items": INT}, ["input-type-changed"]),
        (tuple_of(INT, TEXT), TEXT, ["input-type-changed"]),
    ],
)
def test_tuples_are_compared_item_by_item(
    old: dict[str, Any], new: dict[str, Any], kinds: list[str]
) -> None:
    changes = compare_documents(
        EndpointDocument(document({"x": old})), EndpointDocument(document({"x": new}))
    )
    assert [change.kind for change in changes] == kinds


@pytest.mark.parametrize("words", [["gone", "gone"], ["."], [".", ".", "--format", "xml"]])
def test_wrong_use(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = cli(capsys, *words)
    assert (code, out) == (2, "")
    assert err
