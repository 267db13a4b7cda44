"""A private app: its document is pulled, code is generated and called."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from fal_typed import FalInputError, FalRealtimeError, FalValidationError
from fal_typed.cli import main
from fal_typed.models import InputModel

pytestmark = pytest.mark.xdist_group("real_app")
PACKAGE = "fal_of_echo"
MODULES = {
    "tests.echo",
    "tests.echo.fail",
    "tests.echo.image",
    "tests.echo.realtime",
    "tests.echo.realtime.both",
    "tests.echo.realtime.client",
    "tests.echo.realtime.json",
    "tests.echo.realtime.server",
    "tests.echo.stream",
}


def command(*words: str) -> None:
    with pytest.raises(SystemExit) as done:
        main(words)
    assert done.value.code == 0


@pytest.fixture(scope="module")
def folder(real_app: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("private")
    schemas, out = str(folder / "schemas"), str(folder / PACKAGE)
    command("pull", f"http://{real_app}", "--as", "tests/echo", "--schemas", schemas)
    command("generate", "--schemas", schemas, "--out", out, "--package", PACKAGE)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.fixture
def echo(folder: Path) -> ModuleType:
    return importlib.import_module(f"{PACKAGE}.tests.echo")


@pytest.fixture
def client(mode, real_app):
    # The framework does not check tokens; on the platform the gateway does.
    return mode.bare_client(key="id:secret", run_host=real_app).with_options(use_jwt=False)


@pytest.fixture
def endpoint(folder, mode, client):
    def find(path: str = ""):
        module = importlib.import_module(f"{PACKAGE}.tests.echo{path.replace('/', '.')}")
        name = f"echo{path.replace('/', '_')}"
        return mode(getattr(module, name).with_options(client=client))

    return find


def test_every_route_has_a_module(folder: Path) -> None:
    manifest = json.loads((folder / PACKAGE / "manifest.json").read_bytes())
    assert {record[2] for record in manifest["documents"].values()} == MODULES
    assert (folder / "schemas/tests/echo.json").is_file()


def test_nothing_is_out_of_date(folder: Path) -> None:
    out = str(folder / PACKAGE)
    command("check", "--schemas", str(folder / "schemas"), "--out", out, "--package", PACKAGE)


def test_run(endpoint):
    result = endpoint().run(prompt="hello", seed=7)
    assert (result.data.text, result.data.seed) == ("hello", 7)
    image = endpoint("/image").run(prompt="x").data.images[0]
    assert image.read().startswith(b"\x89PNG")


def test_run_in_the_client_first_form(echo, mode, client):
    result = mode.wait(client.run(echo.EchoInput(prompt="hello")))
    assert result.data == echo.EchoOutput(text="hello", seed=None)


def test_an_invalid_input_is_not_sent(endpoint):
    with pytest.raises(FalInputError, match=r"(?s)prompt.*seed"):
        endpoint().run(prompt="x" * 101, seed=-1)


def test_a_rejected_input_raises(endpoint):
    with pytest.raises(FalValidationError, match="This is not a way to fail"):
        endpoint("/fail").run(how="field")


def test_stream(endpoint, mode):
    events = mode.items(endpoint("/stream").stream(prompt="cat", count=3))
    assert [event.root["text"] for event in events] == ["c", "ca", "cat"]


def test_stream_in_the_client_first_form(folder, mode, client):
    module = importlib.import_module(f"{PACKAGE}.tests.echo.stream")
    stream = client.stream(module.Input(prompt="cat", count=2))
    assert [event.root["number"] for event in mode.items(stream)] == [0, 1]


def test_realtime_unary(endpoint, mode):
    with mode.inside(endpoint("/realtime").realtime()) as connection:
        connection.send(prompt="a", blob=b"\xff\x00")
        reply = connection.recv()
        assert (reply.text, reply.blob) == ("a", b"\xff\x00")
        with pytest.raises(FalInputError, match="blob"):
            connection.send(blob="text")


def test_realtime_with_an_input_object(folder, mode, client):
    module = importlib.import_module(f"{PACKAGE}.tests.echo.realtime.json")
    with mode.inside(client.realtime(module.Input)) as connection:
        connection.send(module.Input(prompt="plain"))
        assert connection.recv() == module.Output(text="plain", blob=None)


def test_realtime_with_server_streaming(endpoint, mode):
    with mode.inside(endpoint("/realtime/server").realtime()) as connection:
        connection.send(prompt="n")
        replies = mode.items(connection._target)
        assert [reply.text for reply in replies] == ["n0", "n1", "n2"]


def test_realtime_with_client_streaming(endpoint, mode):
    with mode.inside(endpoint("/realtime/client").realtime()) as connection:
        for word in ("one", "two"):
            connection.send(prompt=word)
        assert connection.recv().text == "one two"
        assert connection.recv() is None


def test_realtime_with_bidirectional_streaming(endpoint, mode):
    with mode.inside(endpoint("/realtime/both").realtime()) as connection:
        for word in ("a", "b"):
            connection.send(prompt=word)
            assert connection.recv().text == word.upper()


def test_realtime_with_the_codec_of_the_route(endpoint, mode):
    with mode.inside(endpoint("/realtime/json").realtime()) as connection:
        connection.send(prompt="plain")
        assert connection.recv().text == "plain"


def test_a_failing_model_ends_the_session(endpoint, mode):
    with mode.inside(endpoint("/realtime").realtime()) as connection:
        connection.send(fail=True)
        with pytest.raises(FalRealtimeError, match="the model broke"):
            connection.recv()


def test_the_callers_options_override_those_of_the_route(endpoint, mode):
    with mode.inside(endpoint("/realtime").realtime(path="/json", codec="json")) as connection:
        connection.send(prompt="elsewhere")
        assert connection.recv().text == "elsewhere"


def test_importing_a_route_loads_its_own_models_only(folder: Path) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]
    module = importlib.import_module(f"{PACKAGE}.tests.echo.image")
    assert issubclass(module.Input, InputModel)
    assert f"{PACKAGE}.tests.echo._endpoint" not in sys.modules
