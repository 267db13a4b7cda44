"""Starting, stopping and attacking the emulator; the command and the pytest fixtures."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import httpx
import pytest

from fal_typed._documents.catalog import Catalog, UnknownEndpointError
from fal_typed.testing import FalEmulator

ROOT = Path(__file__).parents[2]
DEV = "fal-ai/flux/dev"


def raw(emulator: FalEmulator, request: bytes) -> bytes:
    name, _, port = emulator.host.rpartition(":")
    with socket.create_connection((name, int(port)), timeout=5) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_it_is_ready_when_entered_and_leaves_no_thread():
    before = threading.enumerate()
    with FalEmulator() as emulator:
        assert httpx.get(emulator.url).status_code
    assert threading.enumerate() == before


def test_it_stops_while_requests_are_in_progress(caplog):
    with FalEmulator(run_time=60) as emulator:
        url = f"{emulator.url}/fal.run/{DEV}"
        failed = threading.Event()

        def call() -> None:
            try:
                httpx.post(url, json={"prompt": "x"})
            except httpx.TransportError:
                failed.set()

        thread = threading.Thread(target=call)
        thread.start()
        emulator.requests.wait_for(lambda one: one.route == "run")
    thread.join(timeout=5)
    assert failed.is_set()
    assert not caplog.records, "nothing is logged as an error"


def test_async_context_manager():
    async def scenario() -> int:
        async with FalEmulator() as emulator, httpx.AsyncClient() as client:
            response = await client.post(f"{emulator.url}/fal.run/{DEV}", json={"prompt": "x"})
            return response.status_code

    assert asyncio.run(scenario()) == 200


def test_a_port_in_use_is_an_error():
    with FalEmulator() as emulator:
        port = int(emulator.host.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"), FalEmulator(port=port):
            pass


def test_using_it_before_it_runs_is_an_error():
    with pytest.raises(RuntimeError, match="context manager"):
        FalEmulator().url  # noqa: B018


def test_other_schemas(tmp_path, http):
    folder = tmp_path / "acme"
    folder.mkdir()
    source = (ROOT / "schemas" / f"{DEV}.json").read_text()
    (folder / "dev.json").write_text(source.replace(DEV, "acme/dev"))
    with FalEmulator(schemas=tmp_path) as emulator:
        for endpoint_id, status in (("acme/dev", 200), (DEV, 404)):
            response = http.post(f"{emulator.url}/fal.run/{endpoint_id}", json={"prompt": "x"})
            assert response.status_code == status


ROUTES = [
    ("POST", f"/fal.run/{DEV}"),
    ("POST", f"/fal.run/{DEV}/stream"),
    ("POST", f"/queue.fal.run/{DEV}"),
    ("GET", f"/queue.fal.run/{DEV}/requests/x/status"),
    ("POST", "/rest.fal.ai/storage/auth/token"),
    ("POST", "/rest.fal.ai/storage/upload/initiate"),
    ("POST", "/rest.fal.ai/tokens/"),
    ("POST", "/v3.fal.media/files/upload/multipart"),
    ("POST", "/v3.fal.media/multipart/x/complete"),
    ("PUT", "/v3.fal.media/multipart/x/1"),
    ("GET", "/v3.fal.media/files/b/x/y"),
    ("GET", "/api.fal.ai/v1/models"),
    ("POST", "/api.fal.ai/v1/models/pricing/estimate"),
    ("GET", "/fal.ai/api/openapi/queue/openapi.json"),
    ("GET", "/nowhere"),
    ("GET", "/"),
]
GARBAGE = [b"", b"{", b"[]", b"null", b"\xff\xfe\x00", b"NaN", b"[" * 100_000, b'"\\ud800"']


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_body_crashes_it(emulator, http, method, path):
    for body in GARBAGE:
        response = http.request(method, emulator.url + path, content=body)
        assert response.status_code < 500, (path, body[:20], response.text[:200])
    for wrong in ("TRACE", "PATCH", "DELETE"):
        response = http.request(wrong, emulator.url + path)
        assert 400 <= response.status_code < 500
        assert response.json()
    assert http.post(f"{emulator.url}/fal.run/{DEV}", json={"prompt": "x"}).status_code == 200


@pytest.mark.parametrize(
    "request_text",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /fal.run/a/b HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n",
        b"POST /fal.run/a/b HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET /%ff%00 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 300_000 + b"\r\nconnection: close\r\n\r\n",
        b"GET /" + b"z" * 100_000 + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ],
)
def test_invalid_http_is_a_4xx_in_fal_s_format(emulator, http, request_text):
    response = raw(emulator, request_text)
    head, _, body = response.partition(b"\r\n\r\n")
    assert head.split()[1].startswith(b"4"), response[:200]
    assert b'"detail"' in body
    assert http.get(emulator.url).status_code == 200


def test_the_command(tmp_path):
    command = [sys.executable, "-m", "fal_typed.cli", "emulator", "--port", "0"]
    if not (ROOT / "src/fal_typed/cli/__main__.py").exists():
        command = [str(Path(sys.executable).parent / "fal-typed"), "emulator", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().split()[-1]
            assert process.stdout.readline() == f"export FAL_EMULATOR_HOST={url[7:]}\n"
            assert httpx.post(f"{url}/queue.fal.run/{DEV}", json={"prompt": "x"}).status_code == 200
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    return done.stdout + done.stderr


def test_a_missing_extra_is_named():
    code = "import sys; sys.modules['uvicorn'] = None; from fal_typed.testing import FalEmulator"
    assert "pip install 'fal-typed[emulator]'" in run_python(code)


def test_the_pytest_plugin_imports_nothing_heavy():
    code = (
        "import sys, pytest; before = set(sys.modules); import fal_typed.testing.pytest_plugin;"
        "print(sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    assert run_python(code) == "['fal_typed']\n"


def test_the_fixture_points_clients_at_the_emulator(fal_emulator):
    assert os.environ["FAL_EMULATOR_HOST"] == fal_emulator.host


def test_the_session_fixture_does_not_change_the_environment(fal_emulator_session):
    assert os.environ.get("FAL_EMULATOR_HOST") != fal_emulator_session.host


def test_the_wheel_s_archive_equals_the_catalog_and_is_deterministic(tmp_path):
    sys.path.insert(0, str(ROOT))
    try:
        from hatch_build import write_archive
    except ModuleNotFoundError:
        pytest.skip("hatchling is not installed here")
    finally:
        sys.path.remove(str(ROOT))
    first, second = tmp_path / "1.zip", tmp_path / "2.zip"
    for archive in (first, second):
        write_archive(ROOT / "schemas", archive)
    assert first.read_bytes() == second.read_bytes()
    packed, folder = Catalog(first), Catalog(ROOT / "schemas")
    assert packed.ids() == folder.ids()
    assert packed.document(DEV).raw == folder.document(DEV).raw
    assert zipfile.ZipFile(first).testzip() is None


@pytest.mark.parametrize(
    "endpoint_id",
    ["", "x", "../x/y", "/etc/passwd", "a/../b", "a/b\0", "C:/x", "a//b", "a/" + "b" * 5000],
)
def test_invalid_ids_are_unknown(endpoint_id):
    assert endpoint_id not in Catalog()
    with pytest.raises(UnknownEndpointError):
        Catalog().document(endpoint_id)


def test_a_failed_start_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("cannot be built")

    monkeypatch.setattr("fal_typed.testing.server.fal_emulator.EmulatorApp", broken)
    with pytest.raises(RuntimeError, match="cannot be built"):
        FalEmulator().start()
    gc.collect()  # an open socket or loop would be reported here
