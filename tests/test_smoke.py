"""One short test per feature; `make compat` runs them on the lowest allowed dependencies."""

from __future__ import annotations

import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pyarrow.parquet
import pytest

from fal_typed import verify_webhook
from fal_typed.batch import AsyncBatch, Batch, RowFile
from fal_typed.endpoints.fal_ai.flux.dev import flux_dev
from fal_typed.endpoints.fal_ai.flux.dev.image_to_image import flux_dev_image_to_image
from fal_typed.testing import FalEmulator

ROOT = Path(__file__).parent.parent
COMMAND = Path(sys.executable).parent / "fal-typed"


def test_subscribe(mode: Any, fal_emulator: FalEmulator) -> None:
    result = mode(flux_dev).subscribe(prompt="a cat")
    assert fal_emulator.requests.of("submit")
    assert httpx.get(result.data.images[0].url).content


def test_stream(mode: Any, fal_emulator: FalEmulator) -> None:
    assert mode.items(mode(flux_dev).stream(prompt="a cat"))


def test_upload(mode: Any, fal_emulator: FalEmulator, tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(b"\x89PNG")
    assert mode(flux_dev_image_to_image).subscribe(prompt="a cat", image_url=path).data.images
    url = mode.client().upload(b"abc", content_type="text/plain")
    assert httpx.get(url).content == b"abc"


def test_realtime(mode: Any, fal_emulator: FalEmulator) -> None:
    with mode.inside(mode(flux_dev).realtime()) as connection:
        connection.send(prompt="a cat")
        assert connection.recv()


def test_a_batch(mode: Any, fal_emulator: FalEmulator, tmp_path: Path) -> None:
    rows, results = tmp_path / "rows.parquet", tmp_path / "results.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"prompt": ["a cat", "a dog"]}), rows)
    kind = AsyncBatch if mode.is_async else Batch
    with mode.inside(kind(flux_dev, journal=tmp_path / "j.db", budget=1, progress=True)) as batch:
        assert {item.state for item in mode.items(batch._target.run(RowFile(rows)))} == {
            "completed"
        }
        assert batch.export(results) == 2
    assert pyarrow.parquet.read_table(results).num_rows == 2


def test_a_webhook(mode: Any, fal_emulator: FalEmulator) -> None:
    received: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append((dict(self.headers), body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/"
        handle = mode(flux_dev.with_options(webhook_url=url)).submit(prompt="a cat")
        thread.join(20)
    event = verify_webhook(*received[0], endpoint=flux_dev)
    assert event.request_id == handle.request_id


def fal_typed(*arguments: str | Path) -> str:
    """What the command prints."""
    done = subprocess.run(
        [COMMAND, *arguments], capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_generate(tmp_path: Path) -> None:
    schemas = ROOT / "schemas" / "fal-ai" / "flux"
    fal_typed("generate", "--schemas", schemas, "--out", tmp_path / "out", "--package", "out")
    program = "from out.fal_ai.flux.dev import flux_dev; print(flux_dev)"
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)


def test_the_commands(fal_emulator: FalEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAL_EMULATOR_HOST", fal_emulator.host)
    assert "emulator" in fal_typed("--help")
    assert "fal-ai/flux/dev" in fal_typed("search", "flux")
    assert "prompt" in fal_typed("show", "fal-ai/flux/dev")
    assert "images" in fal_typed("run", "fal-ai/flux/dev", "prompt=a cat")
