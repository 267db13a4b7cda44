from __future__ import annotations

import json
import random
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from fal_typed_codegen.documents.atomic import write_atomic
from fal_typed_codegen.documents.canonical import canonical
from fal_typed_codegen.documents.import_documents import import_documents, main
from fal_typed_codegen.documents.lock import (
    LOCK_NAME,
    InvalidLockError,
    LockEntry,
    SchemaLock,
    meaning_hash,
)
from fal_typed_codegen.interface.naming import ModuleNames
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "schemas"

PROSE = ("title", "description", "examples", "example", "$comment", "limit_description")


def queue_document() -> dict[str, Any]:
    return {
        "openapi": "3.0.4",
        "info": {
            "title": "Queue OpenAPI for acme/echo",
            "version": "1.0.0",
            "x-fal-metadata": {"endpointId": "acme/echo", "category": "image"},
        },
        "paths": {
            "/acme/echo": {
                "post": {
                    "requestBody": {
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/In"}}
                        }
                    }
                }
            },
            "/acme/echo/requests/{request_id}": {
                "get": {
                    "responses": {
                        "200": {
                            "content": {
                                "application/json": {"schema": {"$ref": "#/components/schemas/Out"}}
                            }
                        }
                    }
                }
            },
        },
        "components": {
            "schemas": {
                "In": {
                    "type": "object",
                    "required": ["prompt", "title"],
                    "properties": {
                        "prompt": {"type": "string"},
                        "title": {"type": ["string", "number"], "enum": ["a", "b"]},
                        "size": {"$ref": "#/components/schemas/Size"},
                    },
                },
                "Size": {"type": "object", "properties": {"width": {"type": "integer"}}},
                "Out": {"type": "object", "properties": {"seed": {"type": "integer"}}},
                "Unused": {"type": "object"},
            }
        },
    }


def shuffled(value: Any, chance: random.Random) -> Any:
    """The same meaning: keys, ``required`` and lists of types in another order."""
    if isinstance(value, list):
        return [shuffled(item, chance) for item in value]
    if not isinstance(value, dict):
        return value
    items = [(key, shuffled(item, chance)) for key, item in value.items()]
    for key, item in items:
        if key in {"required", "type"} and isinstance(item, list):
            chance.shuffle(item)
    chance.shuffle(items)
    return dict(items)


def add_prose(schema: dict[str, Any], key: str) -> None:
    schema[key] = "words"
    for inner in schema.get("properties", {}).values():
        add_prose(inner, key)


@given(st.randoms(use_true_random=False), st.sampled_from(PROSE))
def test_meaning_ignores_wording_and_key_order(chance: random.Random, prose: str) -> None:
    document = queue_document()
    for schema in document["components"]["schemas"].values():
        add_prose(schema, prose)
    document["info"]["description"] = "words"
    document["info"]["x-fal-metadata"]["thumbnailUrl"] = "words"
    assert meaning_hash(shuffled(document, chance)) == meaning_hash(queue_document())


def test_meaning_ignores_the_queue_routes() -> None:
    document = queue_document()
    document["paths"]["/acme/echo/requests/{request_id}/cancel"] = {"put": {}}
    document["paths"]["/acme/echo"]["post"]["responses"] = {"200": {"description": "queued"}}
    document["components"]["schemas"]["QueueStatus"] = {"type": "object"}
    document["security"] = [{"apiKeyAuth": []}]
    assert meaning_hash(document) == meaning_hash(queue_document())


def edit(path: str, value: object) -> dict[str, Any]:
    document = queue_document()
    *parents, last = path.split(".")
    place = document["components"]["schemas"]
    for parent in parents:
        place = place[parent]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("In.required", ["prompt"]),
        ("In.properties.prompt.type", "integer"),
        ("In.properties.prompt.default", "a cat"),
        ("In.properties.prompt.maxLength", 10),
        ("In.properties.title.enum", ["a"]),
        ("In.properties.title.enum", ["b", "a"]),
        ("In.properties.title", None),
        ("In.properties.description", {"type": "string"}),
        ("In.x-fal-order-properties", ["title", "prompt"]),
        ("In.additionalProperties", False),
        ("Size.properties.width.minimum", 1),
        ("Size", None),
        ("Out.properties.seed", None),
    ],
)
def test_meaning_changes_with_the_interface(path: str, value: object) -> None:
    assert meaning_hash(edit(path, value)) != meaning_hash(queue_document())


def test_meaning_ignores_unused_components() -> None:
    assert meaning_hash(edit("Unused", None)) == meaning_hash(queue_document())


def test_meaning_changes_with_the_id() -> None:
    text = json.dumps(queue_document()).replace("acme/echo", "acme/other")
    assert meaning_hash(json.loads(text)) != meaning_hash(queue_document())


def test_canonical_form_keeps_the_meaning() -> None:
    document = queue_document()
    assert meaning_hash(canonical(document)) == meaning_hash(document)


def test_meaning_of_a_document_without_result_route_is_everything_but_prose() -> None:
    app: dict[str, Any] = {"paths": {"/": {"post": {"responses": {"200": {"description": "ok"}}}}}}
    reworded = deepcopy(app)
    reworded["paths"]["/"]["post"]["responses"]["200"]["description"] = "fine"
    grown = {**app, "paths": {**app["paths"], "/realtime": {"post": {}}}}
    assert meaning_hash(reworded) == meaning_hash(app)
    assert meaning_hash(grown) != meaning_hash(app)


def test_a_saved_lock_loads_unchanged(tmp_path: Path) -> None:
    module = ModuleNames("acme.echo", "echo", "Echo")
    lock = SchemaLock(
        {
            "b/b": LockEntry("a file", "2026-11-20", "00"),
            "acme/echo": LockEntry("https://example.com", "2026-11-20", "ff", module),
        }
    )
    lock.save(tmp_path / LOCK_NAME)
    assert SchemaLock.load(tmp_path / LOCK_NAME) == lock
    assert list(json.loads((tmp_path / LOCK_NAME).read_text())["endpoints"]) == ["acme/echo", "b/b"]


def test_a_missing_lock_is_empty(tmp_path: Path) -> None:
    assert SchemaLock.load(tmp_path / LOCK_NAME).entries == {}


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "[]", "{}", '{"version": 1}', '{"version": 1, "endpoints": []}',
        '{"version": 2, "endpoints": {}}', '{"version": 1, "endpoints": {"a": {}}}',
        '{"version": 1, "endpoints": {"a": {"source": 1}}}',
        "[" * 100_000,
    ],
)  # fmt: skip
def test_an_invalid_lock_is_reported(tmp_path: Path, content: str) -> None:
    (tmp_path / LOCK_NAME).write_text(content)
    with pytest.raises(InvalidLockError):
        SchemaLock.load(tmp_path / LOCK_NAME)


def test_a_failed_write_keeps_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "file"
    write_atomic(target, b"old")

    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        write_atomic(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_import_reports_invalid_documents(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    origin, root = tmp_path / "origin", tmp_path / "schemas"
    write_atomic(origin / "echo.json", json.dumps(queue_document()).encode())
    write_atomic(origin / "broken.json", b"{")
    hostile = json.dumps(queue_document()).replace("acme/echo", "../../escaped")
    write_atomic(origin / "hostile.json", hostile.encode())

    assert main([str(origin), str(root), "--source", "a test"]) == 1
    assert sorted(path.name for path in root.rglob("*.*")) == ["echo.json", LOCK_NAME]
    assert SchemaLock.load(root / LOCK_NAME).entries["acme/echo"].source == "a test"
    errors = capsys.readouterr().err
    assert "broken.json: InvalidDocumentError" in errors
    assert "hostile.json: UnsafeIdError" in errors


def test_import_keeps_the_module(tmp_path: Path) -> None:
    origin, root = tmp_path / "origin", tmp_path / "schemas"
    write_atomic(origin / "echo.json", json.dumps(queue_document()).encode())
    import_documents(origin, root, "first", "2026-11-20")
    lock = SchemaLock.load(root / LOCK_NAME)
    module = ModuleNames("acme.echo", "echo", "Echo")
    lock.entries["acme/echo"] = LockEntry("first", "2026-11-20", "ff", module)
    lock.save(root / LOCK_NAME)

    import_documents(origin, root, "second", "2026-11-21")
    assert SchemaLock.load(root / LOCK_NAME).entries["acme/echo"].source == "first"

    changed = json.dumps(edit("In.properties.prompt.default", "a cat")).encode()
    write_atomic(origin / "echo.json", changed)
    import_documents(origin, root, "third", "2026-11-22")
    entry = SchemaLock.load(root / LOCK_NAME).entries["acme/echo"]
    assert (entry.source, entry.retrieved, entry.module) == ("third", "2026-11-22", module)


def test_the_lock_of_the_catalog_is_up_to_date() -> None:
    lock = SchemaLock.load(SCHEMAS / LOCK_NAME)
    assert lock.to_bytes() == (SCHEMAS / LOCK_NAME).read_bytes()
    assert len(lock.entries) == 1559
    for endpoint_id, entry in lock.entries.items():
        document = json.loads((SCHEMAS / f"{endpoint_id}.json").read_bytes())
        assert meaning_hash(document) == entry.meaning, endpoint_id
