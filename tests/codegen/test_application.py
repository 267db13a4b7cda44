"""``[tool.fal-typed]``: an application's own package, and what its client does at run time."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fal_typed_codegen.application.client_safety import verify
from fal_typed_codegen.application.package import check_application, generate_application
from fal_typed_codegen.application.project import ProjectError, load_project
from fal_typed_codegen.rendering.safety import UnsafeModuleError
from pydantic import TypeAdapter, ValidationError

from fal_typed import AsyncFalClient, FalClient, FalInputError, FalNotFoundError
from fal_typed.cli import main
from fal_typed.testing import FalEmulator
from tests.codegen.building import contents, document, ref, write_documents

EXAMPLE = Path(__file__).parents[2] / "examples/application"
ECHO = {"text": {"type": "string"}, "times": {"type": "integer", "default": 1}}


class Application:
    """A project in a folder, with its own catalog."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.fal = root / "src/shop/fal"
        root.mkdir(exist_ok=True)
        self.table("")
        self.source("__init__.py", "")

    def table(self, text: str, output: str = "src/shop/fal") -> None:
        lines = f'[tool.fal-typed]\noutput = "{output}"\nschemas = "schemas"\n'
        (self.root / "pyproject.toml").write_text(lines + textwrap.dedent(text))

    def source(self, name: str, text: str) -> None:
        path = self.root / "src/shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def catalog(self, *documents: dict[str, Any]) -> None:
        write_documents(self.root / "schemas", *documents)

    def generate(self) -> Any:
        project = load_project(self.root)
        assert project is not None
        return generate_application(project, jobs=1)

    def check(self) -> Any:
        project = load_project(self.root)
        assert project is not None
        return check_application(project)

    def imported(self) -> ModuleType:
        importlib.invalidate_caches()
        return importlib.import_module("shop.fal")


@pytest.fixture
def application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "src")
    made = Application(tmp_path)
    made.catalog(
        document(ECHO, endpoint_id="acme/echo", required=["text"]),
        document(endpoint_id="acme/plain"),
        document(ECHO, endpoint_id="acme/deep/one"),
        document(ECHO, endpoint_id="acme/deep/two"),
    )
    yield made
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]


def call(*words: str) -> int:
    with pytest.raises(SystemExit) as ending:
        main(words)
    code = ending.value.code
    assert code is None or isinstance(code, int)
    return code or 0


# -- what is written ----------------------------------------------------------------------------


def test_an_unchanged_package_is_not_written_again(
    application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    application.table('endpoints = ["acme/echo", "acme/deep/*"]')
    assert call("generate", "--jobs=1") == 0
    assert "3 endpoints in shop.fal: 9 files written, 0 removed, 0 unchanged" in (
        capsys.readouterr().out
    )
    written = contents(application.fal)
    assert sorted(written) == [
        "__init__.py",
        "_client.py",
        "arguments.py",
        "endpoints/__init__.py",
        "endpoints/acme/__init__.py",
        "endpoints/acme/deep/__init__.py",
        "endpoints/acme/deep/one.py",
        "endpoints/acme/deep/two.py",
        "endpoints/acme/echo.py",
    ]
    times = {path: path.stat().st_mtime_ns for path in application.fal.rglob("*.*")}
    assert call("generate") == 0
    assert "0 files written, 0 removed, 9 unchanged" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in application.fal.rglob("*.*")} == times
    assert call("check") == 0
    assert "3 endpoints in shop.fal: 9 files up to date" in capsys.readouterr().out


def test_two_projects_get_the_same_bytes(application: Application, tmp_path: Path) -> None:
    application.table('endpoints = ["acme/*"]')
    application.generate()
    first = contents(application.fal)
    other = Application(tmp_path / "elsewhere")
    other.catalog(
        document(ECHO, endpoint_id="acme/deep/two"),
        document(ECHO, endpoint_id="acme/deep/one"),
        document(endpoint_id="acme/plain"),
        document(ECHO, endpoint_id="acme/echo", required=["text"]),
    )
    other.table('endpoints = ["acme/plain", "acme/deep/two", "acme/*"]')
    other.generate()
    assert contents(other.fal) == first


def test_endpoints_that_are_no_longer_selected_are_removed(application: Application) -> None:
    application.table('endpoints = ["acme/*"]')
    application.generate()
    application.table('endpoints = ["acme/echo"]')
    assert application.check().removed == [
        "endpoints/acme/deep/__init__.py",
        "endpoints/acme/deep/one.py",
        "endpoints/acme/deep/two.py",
        "endpoints/acme/plain.py",
    ]
    application.generate()
    assert sorted(contents(application.fal / "endpoints")) == [
        "__init__.py",
        "acme/__init__.py",
        "acme/echo.py",
    ]
    assert "acme/plain" not in (application.fal / "_client.py").read_text()


def test_check_finds_edited_and_outdated_files_and_writes_nothing(
    application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    application.table('endpoints = ["acme/echo", "acme/plain"]')
    application.generate()
    for path in ("_client.py", "endpoints/acme/plain.py"):
        edited = application.fal / path
        edited.write_text(edited.read_text() + "# by hand\n")
    more = {**ECHO, "tone": {"type": "string"}}
    application.catalog(document(more, endpoint_id="acme/echo", required=["text"]))
    before = contents(application.fal)
    assert call("check") == 1
    assert capsys.readouterr().out.splitlines() == [
        "out of date: _client.py",
        "out of date: arguments.py",
        "out of date: endpoints/acme/echo.py",
        "out of date: endpoints/acme/plain.py",
        "Run `fal-typed generate` to update them.",
    ]
    assert contents(application.fal) == before
    assert call("generate", "--jobs=1") == 0
    assert call("check") == 0


def test_check_before_the_first_run_finds_everything_missing(application: Application) -> None:
    application.table('endpoints = ["acme/echo"]')
    assert len(application.check().written) == 6
    assert not application.fal.exists()


def test_options_on_the_command_line_override_the_table(application: Application) -> None:
    application.table('endpoints = ["acme/echo"]')
    assert call("generate", "--jobs=1", "--out=src/plain", "--package=plain") == 0
    assert not application.fal.exists()
    assert "acme/deep/one.py" in contents(application.root / "src/plain")


# -- which endpoints ------------------------------------------------------------------------------


def test_ids_are_found_without_importing_the_source(application: Application) -> None:
    application.table('scan = ["src"]')
    application.source(
        "service.py",
        '''
        """acme/plain is only mentioned."""
        import fal_client

        raise RuntimeError("imported")
        MODEL = "acme/echo"
        TABLE = {"acme/plain": 1}

        def make(client, is_quick: bool, model: str = "acme/deep/two") -> None:
            client.subscribe("acme/deep/one" if is_quick else MODEL, arguments={})
        ''',
    )
    application.source(".hidden/more.py", 'run("acme/plain")')
    application.source("notes.txt", 'run("acme/plain")')
    assert application.generate().ids == ["acme/deep/one", "acme/deep/two", "acme/echo"]
    # The generated package names its ids as well; what it says is not asked.
    application.source("service.py", 'import fal_client\nfal_client.run("acme/echo", {})')
    assert application.generate().ids == ["acme/echo"]


def test_an_id_without_a_document_is_only_a_warning(
    application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    application.table('scan = ["src"]\nendpoints = ["acme/echo"]')
    application.source(
        "service.py",
        """
        import fal_client
        fal_client.subscribe("acme/plan", arguments={})
        fal_client.submit_async(arguments={}, application="other/thing")
        open("acme/file")
        """,
    )
    application.source("mqtt.py", 'client.subscribe("home/temperature")')
    application.source("broken.py", 'run("acme/plain"')
    assert call("generate", "--jobs=1") == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[1:] == [
        "warning: src/shop/service.py:3: no document for 'acme/plan'; did you mean 'acme/plain'?",
        "warning: src/shop/service.py:4: no document for 'other/thing'",
    ]
    assert lines[0].startswith("warning: src/shop/broken.py: cannot be parsed: ")


def test_own_documents_take_precedence_over_the_catalog(application: Application) -> None:
    application.table('documents = ["private"]\nendpoints = ["acme/echo"]')
    own = document({"mood": {"type": "string"}}, endpoint_id="acme/echo", required=["mood"])
    write_documents(application.root / "private", own, document(endpoint_id="shop/portrait"))
    assert application.generate().ids == ["acme/echo", "shop/portrait"]
    assert "mood: str" in (application.fal / "arguments.py").read_text()
    assert application.check().written == []


def test_duplicate_documents_are_reported(application: Application) -> None:
    for folder in ("one/shop", "two/shop"):
        file = application.root / folder / "portrait.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(document(ECHO, endpoint_id="shop/portrait")))
    application.table('documents = ["one", "two/shop/portrait.json"]')
    with pytest.raises(ProjectError, match=r"duplicate document shop/portrait.json"):
        application.generate()
    write_documents(application.root / "three", document(endpoint_id="acme/echo"))
    (application.root / "three/acme/echo.json").rename(application.root / "three/acme/plain.json")
    application.table('documents = ["three"]\nendpoints = ["acme/plain"]')
    with pytest.raises(ProjectError, match=r"acme/plain.json does not describe the endpoint"):
        application.generate()


def test_a_document_that_becomes_invalid_keeps_its_modules(
    application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    application.table('documents = ["portrait.json"]\nendpoints = ["acme/echo"]')
    portrait = application.root / "portrait.json"
    portrait.write_text(json.dumps(document(ECHO, endpoint_id="shop/portrait")))
    application.generate()
    before = contents(application.fal)
    portrait.write_text("{")
    assert call("generate", "--jobs=1") == 1
    assert "portrait.json: InvalidDocumentError: not a JSON document" in capsys.readouterr().err
    assert contents(application.fal) == before
    assert call("check") == 1


def test_many_endpoints_cause_a_warning(application: Application) -> None:
    application.catalog(*(document(endpoint_id=f"many/m{n}") for n in range(51)))
    application.table('endpoints = ["many/*"]')
    (note,) = application.generate().notes
    assert note.startswith("51 endpoints: with more than 50, type checkers and editors become slow")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('endpoint = ["acme/echo"]', "unknown key 'endpoint'; did you mean 'endpoints'?"),
        ("jobs = 2", "unknown key 'jobs'; valid keys: output, package, endpoints, scan, "),
        ('endpoints = "acme/echo"', "endpoints: must be a list of strings"),
        ("endpoints = [1]", "endpoints: must be a list of strings"),
        ('endpoints = ["acme/ecko"]', "unknown endpoint 'acme/ecko'; did you mean 'acme/echo'?"),
        ('endpoints = ["nobody/*"]', "endpoints: 'nobody/*' matches no endpoint"),
        ('scan = ["lib"]', "scan: file or folder not found: 'lib'"),
        ('scan = ["src"]', "scan: no known endpoint id found"),
        (
            'documents = ["https://shop.example/openapi.json"]',
            "is a URL; download it with ",
        ),
        ('documents = ["src"]', "documents: no document found in "),
        ('documents = ["pyproject.toml"]', "documents: no document found in "),
        ("", "selects no endpoint: set 'endpoints', 'scan' or 'documents'"),
        (
            'endpoints = ["a/b"]\npackage = "shop.2"',
            "package: 'shop.2' is not a valid package name",
        ),
        ('endpoints = ["a/b"]\nallow_unknown_ids = 1', "allow_unknown_ids: must be true or false"),
        ("endpoints = [", "pyproject.toml: "),
    ],
)
def test_mistakes_in_the_table_are_reported(
    application: Application, capsys: pytest.CaptureFixture[str], table: str, message: str
) -> None:
    application.table(table)
    for command in ("generate", "check"):
        assert call(command) == 2
        # The frame around the message breaks its lines.
        shown = " ".join(capsys.readouterr().err.replace("│", " ").split())
        assert " ".join(message.split()) in shown
    assert not application.fal.exists()


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("", "output: missing"),
        (".", "'.' is not a folder inside the project"),
        ("../fal", "'../fal' is not a folder inside the project"),
        ("src/my-shop/fal", "package: 'my-shop.fal' is not a valid package name"),
        ("src/shop", "was not generated by fal-typed; use a separate folder for the generated "),
    ],
)
def test_output_is_a_separate_folder(application: Application, output: str, message: str) -> None:
    application.source("__init__.py", "VERSION = 1\n")
    application.table('endpoints = ["acme/echo"]', output=output)
    with pytest.raises(ProjectError) as error:
        application.generate()
    assert message in str(error.value)
    assert (application.root / "src/shop/__init__.py").read_text() == "VERSION = 1\n"


def test_the_package_name_comes_from_the_output(application: Application) -> None:
    for output, package in (
        ("src/shop/fal", "shop.fal"),
        ("shop/fal", "shop.fal"),
        ("services/api/src/shop/fal", "shop.fal"),
    ):
        application.table('endpoints = ["acme/echo"]', output=output)
        project = load_project(application.root)
        assert project is not None
        assert project.package == package


def test_without_the_table_there_is_no_project(tmp_path: Path) -> None:
    assert load_project(tmp_path) is None
    (tmp_path / "pyproject.toml").write_text("[tool.ruff]\nline-length = 100\n")
    assert load_project(tmp_path) is None


# -- what arguments may hold ----------------------------------------------------------------------


def test_arguments_have_json_keys_and_model_types(
    application: Application,
) -> None:
    application.catalog(
        document(
            {
                "3d-model": {"type": "boolean", "description": "In space."},
                "pair": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}],
                         "minItems": 2, "maxItems": 2},
                "count": {"type": "integer", "minimum": 1, "nullable": True},
                "image_url": {"type": "string"},
                "lines": {"type": "array", "items": ref("Line")},
                "more": ref("More"),
            },
            endpoint_id="acme/wide",
            required=["image_url"],
            components={
                "Line": {"type": "object", "required": ["to"],
                         "properties": {"to": {"type": "number"}, "next": ref("Line")}},
                "More": {"type": "object", "properties": {"a": {"type": "string"}},
                         "additionalProperties": True},
            },
        )
    )  # fmt: skip
    application.table('endpoints = ["acme/wide"]')
    application.generate()
    application.imported()
    arguments = importlib.import_module("shop.fal.arguments")
    assert arguments.WideArguments.__annotations__.keys() == {
        "3d-model", "pair", "count", "image_url", "lines", "more",
    }  # fmt: skip
    checked = TypeAdapter(arguments.WideArguments)
    assert checked.validate_python(
        {"image_url": "https://x.example/a", "pair": [1, "a"], "lines": [{"to": 1}]}
    )
    with pytest.raises(ValidationError):
        checked.validate_python({"3d-model": True})
    text = (application.fal / "arguments.py").read_text()
    for line in (
        '"3d-model": "NotRequired[bool]"',
        '"pair": "NotRequired[tuple[int, str] | list[int | str]]"',
        '"count": "NotRequired[int | None]"',
        '"image_url": "FileInput"',
        '"lines": "NotRequired[list[WideLine]]"',
        '"more": "NotRequired[WideMore | dict[str, Any]]"',
        "next: NotRequired[WideLine]",
    ):
        assert line in text


# -- run time -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FalEmulator]:
    schemas = write_documents(
        tmp_path_factory.mktemp("schemas"),
        document(ECHO, endpoint_id="acme/echo", required=["text"], output=SCORE),
        document({"3d-model": {"type": "boolean"}}, endpoint_id="other/echo", output=SCORE),
        document(endpoint_id="acme/unlisted", output=SCORE),
    )
    with FalEmulator(schemas=schemas, run_time=0.0) as running:
        yield running


SCORE = {"type": "object", "required": ["score"], "properties": {"score": {"type": "number"}}}


@pytest.fixture
def fal(
    application: Application, emulator: FalEmulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """The application's package, connected to the emulator."""
    emulator.reset()
    for name, value in emulator.environ().items():
        monkeypatch.setenv(name, value)
    application.catalog(
        document(ECHO, endpoint_id="acme/echo", required=["text"], output=SCORE),
        document({"3d-model": {"type": "boolean"}}, endpoint_id="other/echo", output=SCORE),
    )
    application.table('endpoints = ["acme/echo", "other/echo"]')
    application.generate()
    package = application.imported()
    yield package
    package.client.close()


def test_known_ids_are_checked_before_anything_is_sent(fal: Any, emulator: FalEmulator) -> None:
    with pytest.raises(FalInputError, match="did you mean 'text'"):
        fal.client.subscribe("acme/echo", arguments={"txt": "hello"})
    with pytest.raises(FalInputError, match="times"):
        fal.submit("acme/echo", {"text": "hello", "times": "2"})
    with pytest.raises(FalInputError, match="as a dict"):
        fal.run("acme/echo", ["hello"])
    with pytest.raises(FalInputError, match="required"):
        fal.run("/acme/echo")
    assert len(emulator.requests) == 0


def test_endpoints_of_ids_call_through_the_client(fal: Any, emulator: FalEmulator) -> None:
    client = fal.client.with_options(headers={"x-mine": "1"})
    found = client.endpoint("acme/echo")
    assert found.subscribe(text="hello").raw["score"] >= 0
    assert emulator.requests[0].headers["x-mine"] == "1"
    assert fal.endpoint("/other/echo").id == "other/echo"
    with pytest.raises(FalInputError, match="has no endpoint 'acme/ecko'; did you mean 'acme/ec"):
        client.endpoint("acme/ecko")


def test_results_are_typed(fal: Any) -> None:
    result = fal.client.subscribe("acme/echo", arguments={"text": "hello"})
    assert isinstance(result.data.score, float)
    assert result.raw == {"score": result.data.score}
    handle = fal.submit("acme/echo", arguments={"text": "hello"}, priority="low")
    assert type(fal.result("acme/echo", handle.request_id).data).__name__ == "EchoOutput"
    assert type(fal.handle("acme/echo", handle.request_id).get().data).__name__ == "EchoOutput"
    assert fal.status("acme/echo", handle.request_id).request_id == handle.request_id
    with pytest.raises(FalNotFoundError):
        fal.cancel("acme/echo", "no-such-request")


def test_conflicting_names_are_sent_unchanged(fal: Any, emulator: FalEmulator) -> None:
    result = fal.run("other/echo", {"3d-model": True})
    assert type(result.data).__module__ == "shop.fal.endpoints.other.echo"
    fal.run("acme/echo", {"text": "hello"})
    assert [request.json for request in emulator.requests] == [
        {"3d-model": True},
        {"text": "hello"},
    ]


def test_async_functions_and_client(fal: Any) -> None:
    async def main() -> None:
        async with fal.AsyncClient() as client:
            result = await client.subscribe("acme/echo", {"text": "hello"})
            assert type(result.data).__name__ == "EchoOutput"
            assert isinstance(client.untyped, AsyncFalClient)
            with pytest.raises(FalInputError):
                await client.run("acme/echo", {})
        handle = await fal.submit_async("acme/echo", arguments={"text": "hello"})
        assert type((await handle.get()).data).__name__ == "EchoOutput"
        await fal.async_client.close()

    asyncio.run(main())


def test_other_ids_stay_plain_json(fal: Any, emulator: FalEmulator) -> None:
    assert isinstance(fal.client.subscribe("acme/unlisted", {"anything": 1}).data, dict)
    untyped = fal.client.with_options(headers={"x-mine": "1"}).untyped
    assert type(untyped) is FalClient
    with pytest.raises(Exception, match="text"):
        untyped.run("acme/echo", {"txt": "hello"})
    assert emulator.requests[-1].json == {"txt": "hello"}
    assert emulator.requests[-1].headers["x-mine"] == "1"


def test_checks_can_be_skipped(fal: Any, emulator: FalEmulator) -> None:
    with pytest.raises(Exception, match="text"):
        fal.run("acme/echo", {"txt": "hello"}, validate=False)
    fal.run("acme/echo", {"text": "hello"}, extra_arguments={"new": 1})
    assert emulator.requests[-1].json == {"text": "hello", "new": 1}


def test_connections_check_what_they_send(fal: Any) -> None:
    with fal.client.realtime("acme/echo") as connection:
        connection.send({"text": "hello"})
        assert type(connection.recv()).__name__ == "EchoOutput"
        with pytest.raises(FalInputError, match="did you mean 'text'"):
            connection.send({"txt": "hello"})
    with fal.pipeline("acme/echo") as pipeline:
        assert type(pipeline.run({"text": "hello"}).data).__name__ == "EchoOutput"
    # A plain websocket has no arguments to be checked.
    assert "acme/echo" in repr(fal.ws_connect("acme/echo"))


def test_streams_are_typed(fal: Any) -> None:
    with fal.stream("acme/echo", {"text": "hello"}) as stream:
        assert type(stream.done().data).__name__ == "EchoOutput"


def test_an_endpoint_is_imported_when_it_is_first_called(fal: Any) -> None:
    del fal
    assert "shop.fal.endpoints.acme.echo" not in sys.modules
    assert "shop.fal.arguments" not in sys.modules


def test_every_call_and_encoder_of_fal_client_exists(fal: Any) -> None:
    verbs = (
        "run", "submit", "subscribe", "stream", "realtime", "status", "result", "cancel",
        "upload", "upload_file", "upload_image",
    )  # fmt: skip
    names = [*verbs, *(f"{verb}_async" for verb in verbs), "AsyncClient"]
    for name in [*names, "encode", "encode_file", "encode_image"]:
        assert hasattr(fal, name), name
        assert name in fal.__all__


def test_the_example_is_up_to_date_and_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "example")
    monkeypatch.chdir(tmp_path / "example")
    assert call("check") == 0, capsys.readouterr().out
    with FalEmulator(run_time=0.0) as emulator:
        done = subprocess.run(
            [sys.executable, "-m", "postcards"],
            env={**os.environ, **emulator.environ(), "PYTHONPATH": "src"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("://") == 2
    assert "Unknown parameter; did you mean 'prompt'?" in done.stdout


# -- safety ---------------------------------------------------------------------------------------

NASTY = ("'''", '"""', "\\", "\n", "\u2028", "\u202e", "{{ 7 * 7 }}", "{% raw %}", "#", "__class__")


def test_text_of_a_document_never_becomes_code(application: Application) -> None:
    names = [f'a{text}"]; boom("{number}' for number, text in enumerate(NASTY)]
    properties = {name: {"type": "string", "enum": [name], "title": name} for name in names}
    nasty = document(
        properties,
        endpoint_id="acme/nasty",
        components={f"C{text}": {"type": "object"} for text in NASTY},
        description='"""\nboom()\n"""',
        info={"description": '"""\nboom()\nx = """'},
    )
    application.catalog(nasty)
    application.table('endpoints = ["acme/nasty"]')
    assert application.generate().failed == {}
    fal = application.imported()
    arguments = importlib.import_module("shop.fal.arguments").NastyArguments
    assert set(arguments.__annotations__) == set(names)
    module = importlib.import_module("shop.fal.endpoints.acme.nasty")
    values = {name: name for name in names}
    assert module.Input(**values).model_dump(by_alias=True) == values
    assert fal.EndpointId.__args__ == ("acme/nasty",)


@pytest.mark.parametrize(
    "source",
    [
        "import os",
        "from os import system",
        "from .x import y",
        "print('x')",
        "x = __import__('os')",
        "x = TypedDict(**{})",
        "x = client.__class__.__bases__",
        "x = (lambda: 1)",
        "x = [y for y in z]",
        "x = f'{y}'",
        "def f(): return 1",
        "def f(x=print(1)): ...",
        "@boom\ndef f(): ...",
        "@boom\nclass A: ...",
        "class A(metaclass=M): ...",
        "if True: x = 1",
        "if TYPE_CHECKING: x = 1\nelse: x = 2",
        "while True: ...",
        "x: int = (y := 1)",
        "x = 1 +",
    ],
)
def test_verification_rejects_everything_else(source: str) -> None:
    with pytest.raises(UnsafeModuleError):
        verify(source, "shop.fal")
