"""Documents of private apps: several routes, each an endpoint (docs/protocol.md section 11.4)."""

from __future__ import annotations

import copy
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fal_typed_codegen.diff.compare import compare
from fal_typed_codegen.diff.state import load
from fal_typed_codegen.documents.pull import pull
from fal_typed_codegen.documents.read import read_file
from fal_typed_codegen.documents.sources import PullSources
from fal_typed_codegen.generate import GenerateReport, generate
from fal_typed_codegen.interface.naming import choose_names
from fal_typed_codegen.interface.normalize import normalize
from fal_typed_codegen.manifest import DocumentRecord, Manifest
from fal_typed_codegen.rendering import render
from fal_typed_codegen.rendering.safety import verify
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fal_typed import FalClient
from fal_typed._documents.app_document import is_app_document, split
from fal_typed._documents.catalog import Catalog, UnknownEndpointError
from fal_typed._documents.document import EndpointDocument, InvalidDocumentError
from fal_typed.errors import FalInputError
from tests.codegen.building import contents, document, ref

STUDIO = Path(__file__).parent.parent / "typing/private/schemas/acme/studio.json"
IDS = [
    "acme/studio",
    "acme/studio/realtime",
    "acme/studio/realtime/captions",
    "acme/studio/realtime/collect",
    "acme/studio/realtime/talk",
    "acme/studio/stream",
    "acme/studio/upscale",
    "acme/studio/words",
]
REALTIME = {"type": "realtime", "contentType": "application/msgpack", "realtimeMode": "unary"}
BINARY = {"type": "string", "format": "binary"}


def studio() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(STUDIO.read_bytes())
    return loaded


def route(
    given: dict[str, Any] | None = None, result: dict[str, Any] | None = None, **item: Any
) -> dict[str, Any]:
    """A path item: the input and output of its operation, and other keywords."""
    operation: dict[str, Any] = {"responses": {"200": content(result or {})}}
    if given is not None:
        operation["requestBody"] = content(given)
    return {"post": operation, **item}


def content(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def fields(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def app(paths: dict[str, Any], **components: Any) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {"title": "FastAPI", "version": "0.1.0"},
        "paths": paths,
        "components": {"schemas": components},
    }


class Making:
    """A folder of documents, and the package generated from it."""

    def __init__(self, folder: Path, package: str) -> None:
        self.schemas = folder / "schemas"
        self.out = folder / package
        self.package = package

    def write(self, one: dict[str, Any], path: str = "acme/app.json") -> None:
        file = self.schemas / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(one))

    def run(self, **options: Any) -> GenerateReport:
        report = generate(self.schemas, self.out, self.package, jobs=1, **options)
        importlib.invalidate_caches()
        return report

    def module(self, path: str) -> ModuleType:
        return importlib.import_module(f"{self.package}.{path}")

    def files(self) -> set[str]:
        return set(contents(self.out))


@pytest.fixture
def making(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Making]:
    monkeypatch.syspath_prepend(tmp_path)
    package = f"made_app_{abs(hash(tmp_path))}"
    yield Making(tmp_path, package)
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        del sys.modules[name]


# -- reading ---------------------------------------------------------------------------------


def test_every_route_is_an_endpoint() -> None:
    routes = split(studio(), "acme/studio")
    assert sorted(one.id for one in routes.documents) == IDS
    assert routes.documents[1].id == "acme/studio/upscale"  # the app's own order
    assert [reason.split(":")[0] for reason in routes.left_out] == ["'/ws'", "'/jobs/{job_id}'"]


def test_the_document_is_not_modified() -> None:
    document_ = studio()
    split(document_, "acme/studio")
    assert document_ == studio()


def test_queue_documents_are_not_apps() -> None:
    assert is_app_document(studio())
    assert not is_app_document(document({}))
    assert not is_app_document({"openapi": "3.1.0", "paths": {}})


@pytest.mark.parametrize(
    ("paths", "why"),
    [
        ({"/health": {"get": {}}}, "no route"),
        ({"/{x}": {"post": {}}}, "parameters"),
        ({}, "no route"),
    ],
)
def test_an_app_without_a_route_is_rejected(paths: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidDocumentError, match=why):
        split({"paths": paths}, "acme/app")


@pytest.mark.parametrize("app_id", ["acme", "", "../x", "acme/../x", "a b/c"])
def test_an_invalid_id_is_rejected(app_id: str) -> None:
    with pytest.raises(InvalidDocumentError):
        split(studio(), app_id)


@pytest.mark.parametrize(
    "body",
    [{"multipart/form-data": {"schema": {}}}, {"application/octet-stream": {}}],
)
def test_a_route_that_does_not_accept_json_is_left_out(body: dict[str, Any]) -> None:
    upload = {"post": {"requestBody": {"content": body}}}
    routes = split(app({"/": route(), "/upload": upload}), "acme/app")
    assert routes.left_out == ("'/upload': it does not accept JSON",)


# -- what comes out ----------------------------------------------------------------------------


def test_modules_of_an_app(making: Making) -> None:
    making.write(studio(), "acme/studio.json")
    report = making.run()
    assert report.endpoints == len(IDS)
    assert report.failed == {}
    assert making.module("acme.studio.realtime.captions").studio_realtime_captions.id == IDS[2]
    assert not any("http" in text for text in map(str.lower, making.files()))
    assert making.run().written == []


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("", {}),  # the app has `/stream` and `/realtime` below
        (".stream", {}),
        (".upscale", {"path": ""}),
        (".words", {"path": ""}),
        (".realtime", {"path": ""}),
        (".realtime.captions", {"path": "", "codec": "json"}),
    ],
)
def test_endpoints_know_their_path_and_codec(
    making: Making, path: str, options: dict[str, Any]
) -> None:
    making.write(studio(), "acme/studio.json")
    making.run()
    endpoint = getattr(making.module(f"acme.studio{path}"), f"studio{path.replace('.', '_')}")
    assert endpoint.__fal_endpoint__.options == options


def test_only_the_app_describes_its_fields(making: Making) -> None:
    making.write(app({"/": route(fields(prompt={"type": "string"}, seed={"type": "integer"}))}))
    making.run()
    source = (making.out / "acme/app.py").read_text()
    assert "    prompt: str = UNSET\n\n    seed: int = UNSET\n" in source


@pytest.mark.parametrize(
    ("events", "name"),
    [
        ({"itemSchema": fields(data={"type": "string", "contentSchema": ref("Part")})}, "part"),
        ({"itemSchema": ref("Part")}, "part"),
        ({"schema": ref("Part")}, "part"),
        ({"itemSchema": fields(data={"type": "string"}, event={"type": "string"})}, "root"),
        ({}, "root"),
    ],
)
def test_events_of_a_stream(making: Making, events: dict[str, Any], name: str) -> None:
    item = route(fields())
    item["post"]["responses"]["200"]["content"] = {"text/event-stream": events}
    making.write(app({"/talk": item}, Part=fields(part={"type": "integer"})))
    making.run()
    talk = making.module("acme.app.talk")
    assert talk.app_talk.__fal_endpoint__.options == {"path": ""}
    assert list(talk.Output.model_fields) == [name]


def test_bytes_are_sent_only_in_messagepack(making: Making) -> None:
    given = fields(blob=BINARY, image={"type": "string", "contentMediaType": "image/png"})
    protocol = {"x-fal-protocol": REALTIME}
    in_json = {"x-fal-protocol": {**REALTIME, "contentType": "application/json"}}
    paths = {"/packed": route(given, given, **protocol), "/json": route(given, given, **in_json)}
    making.write(app({**paths, "/run": route(given, given)}))
    making.run()
    packed = making.module("acme.app.packed")
    assert packed.Input(blob=b"\xff", image=b"").blob == b"\xff"
    assert packed.Output.model_validate({"blob": b"\xff", "image": None}).blob == b"\xff"
    with pytest.raises(FalInputError, match="blob"):
        packed.Input(blob="text")
    for name in ("json", "run"):
        module = making.module(f"acme.app.{name}")
        assert module.Input(blob="text").blob == "text"
        with pytest.raises(FalInputError, match="blob"):
            module.Input(blob=b"\xff")


def test_a_custom_codec_is_documented(making: Making) -> None:
    protocol = {**REALTIME, "contentType": "image/x-own"}
    making.write(app({"/realtime": route(fields(), fields(), **{"x-fal-protocol": protocol})}))
    making.run()
    source = (making.out / "acme/app/realtime.py").read_text()
    assert "Messages are image/x-own: pass `encode_message` and\n`decode_message`." in source


def test_keywords_of_openapi_3_1(making: Making) -> None:
    making.write(studio(), "acme/studio.json")
    making.run()
    module = making.module("acme.studio")
    palette = {"colours": ["red"], "darker": {"colours": [], "darker": None}}
    made = module.Input(prompt="a", size=[1, "px"], mode="fast", palette=palette, seed=None)
    assert made.palette.darker.colours == []
    for wrong in (
        {"prompt": ""},
        {"prompt": None},
        {"strength": 0},
        {"strength": 1.0},
        {"mode": "slow"},
        {"size": ["px", 1]},
        {"seed": 1.5},
        {"steps": None},
        {"palette": {"colours": ["red"], "darker": {}}},
    ):
        with pytest.raises(FalInputError):
            module.Input(**{"prompt": "a", **wrong})


def test_definitions_inside_components(making: Making) -> None:
    def outer(kind: str) -> dict[str, Any]:
        return {
            **fields(inner={"$ref": "#/$defs/Inner"}, name={"$ref": "#/$defs/Name"}),
            "$defs": {"Inner": fields(value={"type": kind}), "Name": {"type": "string"}},
        }

    given = fields(a=ref("A"), b=ref("B"))
    making.write(app({"/": route(given)}, A=outer("string"), B=outer("integer"), Name=fields()))
    report = making.run()
    assert report.warnings == {}
    module = making.module("acme.app")
    good = {"inner": {"value": "x"}, "name": "n"}, {"inner": {"value": 1}, "name": "n"}
    assert module.Input(a=good[0], b=good[1]).b.inner.value == 1
    with pytest.raises(FalInputError, match=r"b\.inner\.value"):
        module.Input(a=good[0], b=good[0])


# -- runs ------------------------------------------------------------------------------------


def test_a_changed_route_changes_its_module(making: Making) -> None:
    paths = {"/": route(fields()), "/other": route(fields())}
    making.write(app(paths))
    making.run()
    making.write(app({**paths, "/other": route(fields(more={"type": "string"}))}))
    assert making.run().written == ["acme/app/other.py"]
    making.write(app({"/": route(fields())}))
    assert set(making.run().removed) == {"acme/app/__init__.py", "acme/app/_endpoint.py",
                                         "acme/app/other.py"}  # fmt: skip
    assert making.files() == {"__init__.py", "acme/__init__.py", "acme/app.py"}


def test_an_invalid_app_keeps_its_modules(making: Making) -> None:
    making.write(app({"/": route(fields()), "/other": route(fields())}))
    making.run()
    before = contents(making.out)
    (making.schemas / "acme/app.json").write_text("{")
    for _ in range(2):
        report = making.run()
        assert list(report.failed) == ["acme/app.json"]
        assert report.removed == []
        assert contents(making.out) == before


def test_a_route_that_is_already_an_endpoint(making: Making) -> None:
    making.write(app({"/": route(fields()), "/x": route(fields())}))
    making.write(document({}, endpoint_id="acme/app/x"), "acme/app/x.json")
    report = making.run()
    reason = "acme/app/x is already described by acme/app/x.json"
    assert report.failed == {"acme/app.json#/x": reason}
    assert report.endpoints == 2


def test_one_endpoint_only(making: Making) -> None:
    making.write(studio(), "acme/studio.json")
    making.run(endpoints=["acme/studio/up*"])
    assert "acme/studio/upscale.py" in making.files()
    assert "acme/studio/words.py" not in making.files()


def test_left_out_routes_are_reported_once(making: Making) -> None:
    making.write(studio(), "acme/studio.json")
    (warnings,) = making.run().warnings.values()
    assert len(warnings) == 2
    assert list(making.run().warnings.values()) == [warnings]


def test_diff_compares_route_by_route(tmp_path: Path) -> None:
    old, new = tmp_path / "old/acme", tmp_path / "new/acme"
    changed = studio()
    changed["paths"]["/later"] = changed["paths"].pop("/words")
    changed["components"]["schemas"]["UpscaleInput"]["required"].append("factor")
    for folder, one in ((old, studio()), (new, changed)):
        folder.mkdir(parents=True)
        (folder / "studio.json").write_text(json.dumps(one))
    changes = compare(load(str(old.parent)), load(str(new.parent))).changes
    found = {(change.endpoint, change.level) for change in changes}
    assert ("acme/studio/words", "breaking") in found
    assert ("acme/studio/later", "compatible") in found
    assert ("acme/studio/upscale", "breaking") in found
    assert {id_ for id_, _ in found} == {f"acme/studio/{n}" for n in ("words", "later", "upscale")}


def test_pull_rejects_an_app_without_routes(tmp_path: Path) -> None:
    source = tmp_path / "openapi.json"
    source.write_text(json.dumps(app({"/{x}": {"post": {}}})))
    wanted = PullSources(paths=[source])
    with FalClient() as client:
        report = pull(tmp_path / "schemas", wanted, client, app_id="acme/app")
    assert "parameters" in report.failed["openapi.json"]
    assert not (tmp_path / "schemas/acme").exists()


# -- catalogues --------------------------------------------------------------------------------


def test_a_catalog_lists_the_routes() -> None:
    catalog = Catalog(STUDIO.parent.parent)
    assert catalog.ids() == IDS
    assert "acme/studio/talk" not in catalog
    assert EndpointDocument.parse(catalog.read(IDS[1])).route == catalog.document(IDS[1]).route


def test_a_route_is_found_without_listing() -> None:
    document_ = Catalog(STUDIO.parent.parent).document("acme/studio/realtime/captions")
    assert document_.route is not None
    assert (document_.route.mode, document_.route.codec) == ("server_streaming", "json")


@pytest.mark.parametrize("id_", ["acme/studio/../studio", "acme/nothing/x", "/acme/studio", "acme"])
def test_ids_that_are_not_in_the_catalog(id_: str) -> None:
    with pytest.raises(UnknownEndpointError):
        Catalog(STUDIO.parent.parent).document(id_)


# -- hostile documents -------------------------------------------------------------------------

PATHS = [
    "/../../etc/passwd", "/..", "/./x", "//evil.example/x", "/a//b", "/a/../b", "\\..\\x",
    "/%2e%2e/x", "/x?y=1", "/x#y", "/x y", '/"""', "/'\n", "/\u202ex", "/\u2028x", "/\x00",
    "/{x}", "/a/{b}/c", "/x/", "x", "", "/-x", "/__init__/../x", "https://evil.example/x",
    "/" + "x" * 100_000, "/x;y", "/é", "/\ud800", "/@@", "/x\u0301",
]  # fmt: skip
NAMES = [
    "/con", "/con.", "/aux", "/__init__", "/_endpoint", "/_shared", "/class", "/Import", "/1",
    "/a.b", "/self", "/__class__", "/x~y", "/a:b", "/a@b", "/a+b", "/_", "/requests",
    "/manifest", "/fal_typed",
    "/" + "y" * 190, "/" + "/".join("abcdefghij" * 3),
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=range(len(PATHS)))
def test_paths_that_are_not_endpoints(making: Making, path: str) -> None:
    making.write(app({"/good": route(fields()), path: route(fields())}))
    before = set(making.schemas.parent.rglob("*"))
    report = making.run()
    if report.failed:  # a lone surrogate is not valid text
        assert path == "/\ud800"
        return
    assert report.endpoints == 1
    written = set(making.schemas.parent.rglob("*")) - before
    assert all(file.is_relative_to(making.out) for file in written)
    assert making.files() == {"__init__.py", "acme/__init__.py", "acme/app/__init__.py",
                              "acme/app/good.py"}  # fmt: skip


@pytest.mark.parametrize("path", NAMES)
def test_paths_with_odd_names(making: Making, path: str) -> None:
    making.write(app({"/": route(fields()), path: route(fields())}))
    report = making.run()
    assert report.failed == {}
    assert report.endpoints == 2
    (own,) = (r.path for r in _records(making) if r.id != "acme/app")
    assert making.module(own).Input.__fal_endpoint__.id == f"acme/app{path}"


def _records(making: Making) -> list[DocumentRecord]:
    return list(Manifest.load(making.out).documents.values())


TEXTS = [
    '"""\nimport os; os.system("x")\n"""', "\\", '\\"""', "'''", "${x}", "{{ 1 }}", "{% raw %}",
    "\u202e\u2066evil", "\u2028", "\r\n\t", "x" * 1_000_000, "<script>", "# -*- coding: x -*-",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_hostile_text_everywhere(making: Making, text: str) -> None:
    protocol = {
        **REALTIME, "operationId": text, "contentType": text, "realtimeMode": text,
        "config": {"buffering": text, "sessionTimeout": text},
    }  # fmt: skip
    schema = {**fields(x={"type": "string", "default": text, "description": text}), "title": text}
    item = route(schema, schema, **{"x-fal-protocol": protocol})
    item["post"].update(description=text, summary=text, operationId=text)
    making.write({**app({"/realtime": item}), text: text, "x-fal-order-paths": [text, 1, [], {}]})
    assert making.run().failed == {}
    module = making.module("acme.app.realtime")
    assert module.app_realtime.id == "acme/app/realtime"
    assert module.app_realtime.__fal_endpoint__.options["path"] == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"paths": {"/": {"post": []}}},
        {"paths": {"/": {"post": {"requestBody": 1, "responses": {"200": []}}}}},
        {"paths": {"/": {"post": {"responses": {"200": {"content": {"text/event-stream": 1}}}}}}},
        {"paths": {"/": {"post": {}, "x-fal-protocol": 7}}},
        {"paths": {"/": {"post": {}, "x-fal-protocol": {"type": "realtime", "config": "x"}}}},
        {"paths": {"/": {"post": {}, "x-fal-protocol": {"config": {"sessionTimeout": 1e999}}}}},
        {"paths": {"/": {"post": {}}}, "components": {"schemas": {"A": {"$defs": {"B": 1}}}}},
        {"paths": {"/": {"post": {}}}, "components": {"schemas": [1]}},
        {"paths": {"/": {"post": {}}}, "components": 1, "info": None, "openapi": {}},
        {"paths": {"/": route({"$ref": "#/components/schemas/A"})},
         "components": {"schemas": {"A": {"$ref": "#/components/schemas/A"}}}},
        {"paths": {"/": route(ref("A"))},
         "components": {"schemas": {"A": {**fields(a={"$ref": "#/$defs/B"}),
                                          "$defs": {"B": {"$ref": "#/$defs/B"}}}}}},
    ],
    ids=range(11),
)  # fmt: skip
def test_malformed_documents(making: Making, wrong: dict[str, Any]) -> None:
    making.write(wrong)
    assert making.run().failed == {}
    assert making.module("acme.app").app.id == "acme/app"


@pytest.mark.parametrize("depth", [40, 700, 100_000])
def test_deep_nesting(making: Making, depth: int) -> None:
    mark = '"deep"'
    deep = '{"anyOf":[' * depth + '{"type":"string"}' + "]}" * depth
    one = app({"/": route(fields(x="deep"))}, A={**fields(x="deep"), "$defs": {"B": "deep"}})
    making.write(app({"/": route(fields())}), "acme/other.json")
    (making.schemas / "acme/app.json").write_text(json.dumps(one).replace(mark, deep))
    report = making.run()
    assert set(report.failed) == ({"acme/app.json"} if depth > 500 else set())
    assert "acme/other.py" in making.files()


def test_many_routes(making: Making) -> None:
    making.write(app({f"/r{number}": route(fields()) for number in range(400)}))
    assert making.run().endpoints == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_mutated_documents_become_expected_code_or_are_rejected(data: st.DataObject) -> None:
    mutated = copy.deepcopy(studio())
    for _ in range(data.draw(st.integers(1, 3))):
        place: Any = mutated
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = data.draw(st.sampled_from(keys))
            inner = place[key]
            if not (isinstance(inner, (dict, list)) and inner) or data.draw(st.booleans()):
                break
            place = inner
        place[key] = data.draw(JSON)
    try:
        found = read_file(json.dumps(mutated).encode(), "acme/studio.json")
    except InvalidDocumentError:
        return
    one = data.draw(st.sampled_from(list(found.documents.values())))
    assert one.id.startswith("acme/studio") or one.route is None
    names = choose_names([one.id], {})[one.id]
    interface = normalize(one, names)
    verify(render.endpoint_module(interface, names, {}, "a file"), "acme_fal")
