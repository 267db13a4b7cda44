"""Three hundred hostile documents: a clean error or correct code, in bounded time.

Documents are generated many at a time, and what came out is imported, built and used in a process
of its own, which an audit hook guards: it must not start programs, write files or connect.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fal_typed_codegen.generate import GenerateReport, generate
from fal_typed_codegen.interface.naming import module_path
from fal_typed_codegen.manifest import Manifest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.codegen.building import document, ref, write_documents

PATIENCE = 120
"""Seconds after which generating or importing counts as a hang."""

MARK = "fal_typed_was_here"
ATTACK = f"setattr(__import__('sys'), '{MARK}', 1)"
TEXTS = [
    f'"""\n{ATTACK}\n"""', f"'''\n{ATTACK}\n'''", f'\\"""\n{ATTACK}\n#', f'\\\\"""\n{ATTACK}\n#',
    f'"\n{ATTACK}\n"', f"'); {ATTACK}; ('", f"\\'); {ATTACK} #", f"\r{ATTACK}\r",
    f"\u2028{ATTACK}\u2029{ATTACK}\u0085{ATTACK}\x0b{ATTACK}\x0c{ATTACK}", f"\n{ATTACK}\n", "\\",
    '"', '\\"', '""""""', "\x00\x1a\x7f", "\u202e\u2066reversed\u2069\u200b\ufeff",
    "{{ 7 * 7 }}{% raw %}", f"{{{{ cycler.__init__.__globals__.os.system('touch {MARK}') }}}}",
    "${x} %s {0} {x!r}", f"\\N{{BULLET}}\\x41\\u0041 {ATTACK}", "../../../../etc/passwd",
    "/etc/passwd", "C:\\Windows\\con", "con", "aux.txt", "NUL", "com1", "lpt9", ".", "..", "~",
    f"from sys import modules; {ATTACK}", "# type: ignore", "x" * 1_000_000, "\U0001f408" * 5000,
    "*/ // <!-- --> <script>", "a\u0301\u0327" * 50,
    "\ufb01 \u2460 \u2167 \uff45\uff56\uff41\uff4c", "\ufffe\uffff", "%00%2e%2e%2f",
    "__import__", "lambda: 0", "[", "]" * 300, "(" * 300, "noqa\n# fmt: off", "\t\t", "",
]  # fmt: skip
NAMES = [
    "__class__", "__init__", "__dict__", "__slots__", "__annotations__", "__fields__",
    "__call__", "__fal_endpoint__", "__pydantic_extra__", "__module__", "__doc__", "__getattr__",
    "__all__", "model_config", "model_fields", "model_dump", "model_extra", "model_post_init",
    "validate", "self", "cls", "Field", "BaseModel", "InputModel", "Endpoint", "UNSET",
    "Literal", "Any", "None", "True", "import", "class", "match", "print", "int", "str", "list",
    "dict", "copy", "json", "schema", "construct", "args", "kwargs", "data", "Input", "Output",
    "echo", "_", "__", "1", "-", " ", "a-b", "a_b", "a.b", "a b", "A_B", "n1", "TYPE_CHECKING",
    "annotations", "super", "object", "property", "type", "id", "root", "url", "UniqueItems",
    "typing", "pydantic",
]  # fmt: skip
PATTERNS = [
    "(a+)+$", "(?=a)(a+)+$", r"(a*)*\1b", "(a|aa)+$", "(?!b)(a|a)*$", "(.*a){20}", "(", "[", "*",
    "a{99999}", "(a{1000}){1000}", r"\w{500}", "(?P<a>x)(?P=a)", "(?R)", "(?{print(1)})",
    "^(?=.*a)(?=.*b).{8,}$", "\\", "(?<=a+)b", "\\p{L}+", "a" * 5000,
    "(?=a)" + "a?" * 40 + "a" * 40, "(?=a)" + "(a|aa)" * 40, "(?i)(?=x)x*x*x*x*y", r"(x+x+)+y",
    "'\"\"\"", "\x00", "(" * 500 + ")" * 500,
]  # fmt: skip
NUMBERS = [
    1e308, 1e999, -1e999, 5e-324, 10**400, -(10**400), 10**4000, 0, -0.0, 1e16, 2**63, 0.1, True,
]  # fmt: skip


def everywhere(text: str) -> dict[str, Any]:
    """The text everywhere in a document where text is possible."""
    prose = {"description": text, "title": text}
    named: dict[str, Any] = {
        **prose,
        "type": "object",
        "required": [text],
        "x-fal-order-properties": [text, "values"],
        "properties": {
            text: {"type": "string", "default": text, **prose},
            "values": {"type": "string", "enum": [text, "other"], "default": text},
            "constant": {"const": text},
            "pattern": {"type": "string", "pattern": text, "format": text},
            "map": {"type": "object", "default": {text: [text]}},
            "list": {"type": "array", "items": {"type": "string"}, "default": [text]},
            "file_url": {"type": "string", "default": text, "examples": [text]},
            "by_ref": ref(text, default={text: text}),
            "unknown": {"type": text},
            "gone": {"$ref": text},
            "bound": {"type": "integer", "minimum": text, "maximum": text, "multipleOf": text},
            "old": {"type": "string", "deprecated": True, **prose},
        },
    }
    part = {**prose, "type": "object", "properties": {text: {"type": "string", **prose}}}
    one = document(
        components={text: part, "TheInput": named},
        output={**named, "properties": {**named["properties"], "part": ref(text)}},
        info={"description": text, "title": text, "version": text},
    )
    one["info"]["x-fal-metadata"]["category"] = text
    return one


def nested(levels: int, wrap: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(levels):
        wraps: dict[str, dict[str, Any]] = {
            "items": {"type": "array", "items": schema},
            "properties": {"type": "object", "properties": {"a": schema}, "required": ["a"]},
            "additionalProperties": {"type": "object", "additionalProperties": schema},
            "anyOf": {"anyOf": [schema, {"type": "null"}]},
            "allOf": {"allOf": [schema]},
            "prefixItems": {"type": "array", "prefixItems": [schema, {"type": "string"}]},
        }
        schema = wraps[wrap]
    return document({"deep": schema})


WRAPS = ["items", "properties", "additionalProperties", "anyOf", "allOf", "prefixItems"]


def circles() -> list[dict[str, Any]]:
    """Circular references: direct, indirect, and through every keyword."""
    found: list[dict[str, Any]] = [
        document({"a": ref("A")}, components={"A": ref("A")}),
        document({"a": ref("A")}, components={"A": ref("B"), "B": ref("A")}),
        document({"a": {"$ref": "#"}}),
        document({"a": {"$ref": "#/components/schemas"}}),
        document({"a": ref("TheInput")}, required=["a"]),
        document({"a": ref("TheOutput")}, output={"properties": {"b": ref("TheInput")}}),
        document(components={"TheInput": ref("TheInput")}),
        document(components={"TheInput": {"allOf": [ref("TheInput")]}}),
        document(output=ref("TheOutput")),
        document(output={"anyOf": [ref("TheOutput"), {"type": "null"}]}),
    ]
    for inner in (ref("A"), ref("B"), {"allOf": [ref("A")]}):
        schemas: list[dict[str, Any]] = [
            {"anyOf": [inner, {"type": "null"}]},
            {"oneOf": [inner]},
            {"allOf": [inner, {"type": "object"}]},
            {"type": "array", "items": inner},
            {"type": "array", "prefixItems": [inner, inner]},
            {"type": "object", "additionalProperties": inner},
            {"type": "object", "properties": {"a": inner}, "required": ["a"]},
        ]
        found += [
            document({"a": ref("A")}, components={"A": schema, "B": ref("A")}) for schema in schemas
        ]
    for keyword in ("anyOf", "allOf", "prefixItems"):
        # Each uses the next ten times: ten to the twentieth when all of them are followed.
        chain = {f"C{n}": {keyword: [ref(f"C{n + 1}")] * 10, "type": "array"} for n in range(20)}
        found.append(document({"a": ref("C0")}, components={**chain, "C20": {"type": "integer"}}))
    return found


def oddities() -> list[dict[str, Any]]:
    """Documents with unexpected types of values."""
    found: list[dict[str, Any]] = []
    for odd in (None, 1, "x", [], [1], {}, True, {"a": {"a": {}}}, [[]], {"$ref": 1}, {"type": {}}):
        found += [
            document({"a": odd, "b": {"type": "string"}}),
            document(
                {"a": {"anyOf": odd}, "b": {"enum": odd}, "c": {"items": odd, "type": "array"}}
            ),
            document(
                {"a": {"allOf": odd, "default": odd}, "b": {"type": odd}, "c": {"const": odd}}
            ),
            document(components={"TheInput": odd}),
            document(components={"TheOutput": odd}),
            document({"a": ref("A")}, components={"A": odd}),
        ]
    for number in NUMBERS:
        bounds = dict.fromkeys(("minimum", "exclusiveMaximum", "multipleOf", "default"), number)
        lengths = dict.fromkeys(("minLength", "maxLength", "maxItems", "minProperties"), number)
        found.append(
            document(
                {
                    "i": {"type": "integer", **bounds},
                    "f": {"type": "number", **bounds},
                    "s": {"type": "string", **lengths},
                    "l": {"type": "array", **lengths},
                    "d": {"type": "object", **lengths},
                    "e": {"enum": [number]},
                    "c": {"const": number},
                    "any": {"default": [number]},
                }
            )
        )
    return found


def by_hand() -> list[dict[str, Any]]:
    text = {"type": "string"}
    names = {name: {**text, "default": name} for name in NAMES}
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    return [
        *(everywhere(one) for one in TEXTS),
        *(document({name: {"type": "array", "items": ref(name)}}, components={
            name: {"type": "object", "properties": {name: text, "x": ref(name)}}
        }) for name in NAMES),
        document(names),
        document(output={"type": "object", "properties": names}),
        *(document({"p": {**text, "pattern": pattern, "default": "a"}}) for pattern in PATTERNS),
        *(nested(levels, wrap) for wrap in WRAPS for levels in (40, 200)),
        *circles(),
        *oddities(),
        document({"a": {"default": deep}, "b": {**text, "enum": ["a"], "default": deep}}),
        document({"a": {"enum": [str(number) for number in range(20_000)]}}),
        document({f"p{number}": text for number in range(10_000)}),
        # All of these are one name when what no identifier can hold is left out.
        document({chr(0x4E00 + number): text for number in range(2_000)}),
        document({f"p{n}": {**text, "pattern": rf"\w{{90}}{n}"} for n in range(300)}),
    ]  # fmt: skip


IDS = [
    "../../escape", "/etc/cron.d/x", "acme/../../x", "acme/..", "acme/.", "..", "acme//x", "~/x",
    "acme/x/..", "acme/con", "acme/NUL.txt", "acme/aux/x", "acme/__init__", "acme/__pycache__",
    "acme/_shared", "acme/_endpoint", "_shared/x", "acme/class", "acme/x.py", "acme\\x", "C:/x",
    "acme/\u202ex", "acme/x\n", "acme/x'", 'acme/"""', "acme/x\x00", "acme/" + "x" * 5000,
    "/".join("x" * 400), "acme/é", "acme/%2e%2e", "acme/manifest.json", "acme/ACME", "ACME/acme",
    "acme/a-b", "acme/a_b", "acme/a.b", "typing/x", "os/path", "fal_typed/model", "acme/x#y",
    "acme/x?y=1", "acme/{x}", "acme/$(touch x)", "acme/;x", "-/-", "1/2",
]  # fmt: skip

PROGRAM = f"""
import json, sys, time
names, mark = json.load(sys.stdin), {MARK!r}
import importlib, linecache, warnings
from pydantic import BaseModel, ValidationError
from fal_typed import FalInputError
import fal_typed._endpoint, fal_typed.files, fal_typed._calls.checking, fal_typed._calls.outputs
import pkgutil
FORBIDDEN = ("os.system", "subprocess.Popen", "socket.connect", "os.exec", "os.spawn", "os.remove",
             "os.rename", "os.mkdir", "shutil.rmtree", "os.putenv", "ctypes.dlopen", "os.fork")
def guard(event, arguments):
    if event in FORBIDDEN:
        raise SystemExit(f"{{event}} {{arguments}}")
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        raise SystemExit(f"writes {{arguments[0]}}")
sys.addaudithook(guard)
sys.dont_write_bytecode = True
for name in names:
    module = importlib.import_module(name)
    for public in module.__all__:
        value = getattr(module, public)
        if isinstance(value, type) and issubclass(value, BaseModel):
            value.model_rebuild(force=True)
    fields = module.Input.model_fields
    start = time.process_time()
    for text in ("a" * 2000 + "!", "x" * 200):
        for field in [name for name in fields if len(fields) < 100]:
            try:
                module.Input.model_validate({{field: text}})
            except FalInputError:
                pass
    assert time.process_time() - start < 10, name
assert not hasattr(sys, mark)
"""


def harmless(folder: Path, documents: list[dict[str, Any]]) -> GenerateReport:
    """Generate documents together, each with its own id, and use the result."""
    for number, one in enumerate(documents):
        _rename(one, f"acme/n{number}")
    report = _generated(folder, documents)
    failed = {Path(path).stem for path in report.failed}
    made = [f"n{number}" for number in range(len(documents)) if f"n{number}" not in failed]
    assert {p.name for p in (folder / "out").iterdir()} <= {
        "acme", "_shared", "__init__.py", "manifest.json",
    }  # fmt: skip
    _use(folder, [f"out.acme.{name}" for name in made])
    return report


def _rename(one: dict[str, Any], endpoint_id: str) -> None:
    one["info"]["x-fal-metadata"]["endpointId"] = endpoint_id
    one["paths"] = {
        path.replace("/acme/echo", f"/{endpoint_id}"): item for path, item in one["paths"].items()
    }


def _generated(folder: Path, documents: list[dict[str, Any]]) -> GenerateReport:
    (folder / "around").mkdir(parents=True)
    write_documents(folder / "schemas", *documents)
    before = set(folder.iterdir())
    report = generate(folder / "schemas", folder / "out", "out", jobs=1)
    assert set(folder.iterdir()) == {*before, folder / "out"}
    assert report.endpoints + len(report.failed) >= len(documents)
    for reason in report.failed.values():
        assert reason.startswith(("InvalidDocumentError", "RecursionError")), reason[:300]
    return report


def _use(folder: Path, modules: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps(modules),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


BY_HAND = by_hand()
BATCH = 40


def test_there_are_three_hundred_documents() -> None:
    assert len(BY_HAND) + len(IDS) >= 300


@pytest.mark.parametrize("start", range(0, len(BY_HAND), BATCH))
def test_hostile_documents(tmp_path: Path, start: int) -> None:
    report = harmless(tmp_path, by_hand()[start : start + BATCH])
    assert len(report.failed) <= BATCH / 3


def test_hostile_ids(tmp_path: Path) -> None:
    report = _generated(tmp_path, [document({"a": {}}, endpoint_id=id_) for id_ in IDS])
    records = Manifest.load(tmp_path / "out").documents.values()
    modules = [record.path for record in records]
    assert len({path.lower() for path in modules}) == len(modules) == len(IDS) - len(report.failed)
    assert all(part.isidentifier() for path in modules for part in path.split("."))
    assert module_path("acme/con") in modules
    _use(tmp_path, [f"out.{path}" for path in modules])


_text = st.one_of(
    st.text(max_size=40),
    st.sampled_from([text for text in TEXTS if len(text) < 2000] + NAMES + PATTERNS),
    st.lists(st.sampled_from(['"', "'", "\\", "\n", "\r", "{", "}", "#", ATTACK, "\u2028"])).map(
        "".join
    ),
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=6,
)
_keywords = st.sampled_from([
    "type", "properties", "items", "anyOf", "allOf", "oneOf", "enum", "const", "default",
    "required", "minimum", "maximum", "pattern", "format", "title", "description", "nullable",
    "deprecated", "additionalProperties", "prefixItems", "minLength", "maxItems", "multipleOf",
    "uniqueItems", "x-fal-order-properties", "examples", "ui", "exclusiveMinimum",
    "minProperties", "$ref",
])  # fmt: skip
_types = st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "null"])
_schemas: st.SearchStrategy[Any] = st.deferred(
    lambda: st.one_of(
        st.dictionaries(_keywords, _json | _schemas, max_size=4),
        st.fixed_dictionaries(
            {"type": _types}, optional={"default": _json, "enum": st.lists(_json, max_size=3)}
        ),
        st.fixed_dictionaries({"properties": st.dictionaries(_text, _schemas, max_size=3)}),
        st.fixed_dictionaries({"anyOf": st.lists(_schemas, max_size=3)}),
        st.fixed_dictionaries({"items": _schemas, "type": st.just("array")}),
        st.sampled_from(["A", "B", "TheInput", "gone", '"""']).map(ref),
    )
)
_documents = st.builds(
    document,
    st.dictionaries(_text, _schemas, max_size=4),
    required=st.lists(_text, max_size=2),
    components=st.fixed_dictionaries({"A": _schemas, "B": _schemas}),
    output=_schemas,
    info=st.fixed_dictionaries({"description": _text, "title": _text}),
)


@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(_documents, min_size=20, max_size=20))
def test_random_hostile_documents(
    tmp_path_factory: pytest.TempPathFactory, documents: list[dict[str, Any]]
) -> None:
    harmless(tmp_path_factory.mktemp("hostile"), documents)
