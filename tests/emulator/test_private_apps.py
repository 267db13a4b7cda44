"""The emulator serves private apps from their own documents, and generated code calls them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fal_typed_codegen.generate import generate

from fal_typed import FalHTTPError, FalRealtimeError
from fal_typed.testing import FalEmulator

SCHEMAS = Path(__file__).parent.parent / "typing/private/schemas"
PACKAGE = "fal_of_studio"
FRAME = b"\xff\xd8 a frame"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FalEmulator]:
    folder = tmp_path_factory.mktemp("studio")
    generate(SCHEMAS, folder / PACKAGE, PACKAGE, jobs=1)
    sys.path.insert(0, str(folder))
    with FalEmulator(schemas=SCHEMAS, run_time=0.0) as emulator:
        yield emulator
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.fixture
def client(studio, mode, monkeypatch):
    monkeypatch.setenv("FAL_EMULATOR_HOST", studio.host)
    yield mode.bare_client()
    studio.reset()


@pytest.fixture
def endpoint(client, mode):
    def find(path: str = ""):
        module = importlib.import_module(f"{PACKAGE}.acme.studio{path.replace('/', '.')}")
        return mode(getattr(module, f"studio{path.replace('/', '_')}").with_options(client=client))

    return find


def test_run_and_queue(endpoint):
    assert endpoint().run(prompt="a harbour", seed=5).data.seed == 5
    result = endpoint("/upscale").subscribe(image_url="https://example.com/x.png")
    assert result.data.images[0].read().startswith(b"\x89PNG")
    assert endpoint("/upscale").submit(image_url="https://example.com/x.png").get().data.images


def test_an_invalid_input_is_refused(endpoint):
    unchecked = endpoint()._target.with_options(validate=False)
    with pytest.raises(FalHTTPError, match="prompt"):
        type(endpoint())(unchecked, endpoint()._mode).run(prompt="")


def test_stream(endpoint, mode):
    events = mode.items(endpoint("/stream").stream(prompt="a harbour"))
    assert all(isinstance(event.done, int) for event in events)


def test_a_stream_with_another_path(studio, endpoint, mode):
    def words(arguments):
        yield from arguments["prompt"].split()

    studio.endpoint("acme/studio/words").handler = words
    events = mode.items(endpoint("/words").stream(prompt="a b"))
    assert [event.root for event in events] == ["a", "b"]


@pytest.mark.parametrize("path", ["/realtime", "/realtime/talk"])
def test_realtime_with_bytes(endpoint, mode, path):
    with mode.inside(endpoint(path).realtime()) as session:
        for hint in ("one", "two"):
            session.send(picture=FRAME, hint=hint)
            assert isinstance(session.recv().thumbnail, bytes)


def test_realtime_with_json(endpoint, mode):
    with mode.inside(endpoint("/realtime/captions").realtime()) as session:
        session.send(picture="data:,")
        captions = mode.items(session._target)
    assert captions
    assert all(isinstance(caption.thumbnail, str) for caption in captions)


def test_realtime_with_client_streaming(studio, endpoint, mode):
    async def collect(frames):
        return {"text": " ".join([frame["hint"] async for frame in frames])}

    studio.endpoint("acme/studio/realtime/collect").realtime[""].handler = collect
    with mode.inside(endpoint("/realtime/collect").realtime()) as session:
        for hint in ("one", "two"):
            session.send(picture=FRAME, hint=hint)
        assert session.recv().text == "one two"
        assert session.recv() is None


def test_sessions_check_inputs(endpoint, mode):
    session = endpoint("/realtime")._target.with_options(validate=False)
    with mode.inside(type(endpoint())(session, endpoint()._mode).realtime()) as opened:
        opened.send(picture=7)
        with pytest.raises(FalRealtimeError, match="picture"):
            opened.recv()


def test_an_unknown_realtime_route_is_refused(client, mode, endpoint):
    with (
        pytest.raises(FalHTTPError, match="403"),
        mode.inside(endpoint("/upscale").realtime()),
    ):
        pass


def test_the_platform_lists_every_route(client, mode):
    platform = mode.adapt(client.platform)
    assert platform.model("acme/studio/upscale").endpoint_id == "acme/studio/upscale"
