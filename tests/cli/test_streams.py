"""What goes to which stream, on consoles of every kind; and what happens when one fails."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fal_typed._display.safe_text import clean
from fal_typed.cli.terminal import json_text

if TYPE_CHECKING:
    from fal_typed.testing import FalEmulator

FLUX_DEV = "fal-ai/flux/dev"
MAIN = "from fal_typed.cli import main; main()"
HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\x9b1m\u202egnp.exe"


def start(*words: str, encoding: str = "utf-8", **streams: int) -> subprocess.Popen[bytes]:
    options: dict[str, int] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.Popen(  # type: ignore[call-overload]
        [sys.executable, "-c", MAIN, *words],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        **options,
    )


def finish(process: subprocess.Popen[bytes]) -> tuple[int, bytes, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out or b"", (err or b"").decode("utf-8", "replace")


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii", "cp437"])
def test_every_console_can_print_a_result(
    fal_emulator: FalEmulator, tmp_path: Path, encoding: str
) -> None:
    output = {"text": "猫 🐈 \ud83d", "file": {"url": "data:text/plain,a", "file_name": "猫.txt"}}
    fal_emulator.endpoint("acme/echo").responds(json.loads(json.dumps(output)))
    words = ["run", "acme/echo", "a=b", "--save", str(tmp_path)]
    code, out, err = finish(start(*words, encoding=encoding))
    assert (code, json.loads(out.decode(encoding))) == (0, output), err
    assert (tmp_path / "猫.txt").read_text() == "a"


def test_text_of_a_server_cannot_control_the_terminal(fal_emulator: FalEmulator) -> None:
    script = fal_emulator.endpoint("acme/echo")
    script.logs = (HOSTILE,)
    script.responds({"text": HOSTILE, "file": {"url": f"data:{HOSTILE},x", "file_name": HOSTILE}})
    code, out, err = finish(start("run", "acme/echo", "a=b", "--logs"))
    assert code == 0, err
    assert json.loads(out)["text"] == HOSTILE
    for text in (out.decode(), err):
        assert not set(text) & set("\x1b\x07\x9b\u202e\r")


def test_an_error_of_a_server_cannot_control_the_terminal(fal_emulator: FalEmulator) -> None:
    code, _, err = finish(start("run", "acme/nothing", f"a={HOSTILE}", "--save", "."))
    assert code == 1
    assert "\x1b" not in err
    code, _, err = finish(start("run", f"fal-ai/{HOSTILE.replace(chr(0), '')}"))
    assert code == 2
    assert "\x1b" not in err


@pytest.mark.parametrize("text", [HOSTILE, "\x00", "\x7f", "\ud800", "\u2028"])
def test_unsafe_characters_are_replaced_or_escaped(text: str) -> None:
    for shown in (clean(text), json_text(text)):
        assert not set(shown) & set("\x00\x07\x1b\x7f\x9b\r\u202e\u2028\ud800")
    assert json.loads(json_text(text)) == text


def test_text_of_all_scripts_is_kept() -> None:
    text = "Ünïcödé 猫 👩‍🚀 עברית\n\tfin"
    assert clean(text) == text


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_result_that_cannot_be_printed_is_saved_and_can_be_fetched(
    fal_emulator: FalEmulator, tmp_path: Path
) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    process = start("run", FLUX_DEV, "prompt=x", "--save", str(tmp_path), stdout=full)
    os.close(full)
    code, _, err = finish(process)
    assert code == 1
    assert "the result could not be printed" in err
    assert f"fal-typed result {FLUX_DEV} " in err
    assert "Traceback" not in err
    assert len(list(tmp_path.iterdir())) == 1


def test_a_result_without_an_output_stream_is_saved_and_can_be_fetched(
    fal_emulator: FalEmulator, tmp_path: Path
) -> None:
    words = [sys.executable, "-c", MAIN, "run", FLUX_DEV, "prompt=x", "--save", str(tmp_path)]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *words],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "the result could not be printed: the stream is closed" in done.stderr
    assert f"fal-typed result {FLUX_DEV} " in done.stderr
    assert len(list(tmp_path.iterdir())) == 1


def test_a_pipe_that_is_closed_early_loses_no_file(
    fal_emulator: FalEmulator, tmp_path: Path
) -> None:
    process = start("run", FLUX_DEV, "prompt=x", "--save", str(tmp_path))
    process.stdout.close()
    with process:
        err = process.stderr.read().decode()
    assert "Traceback" not in err
    assert "Broken pipe" not in err
    assert len(list(tmp_path.iterdir())) == 1


def test_a_listing_into_a_closed_pipe_is_silent() -> None:
    process = start("search", "image", "--limit", "500")
    process.stdout.close()
    with process:
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_a_file_that_cannot_be_saved_does_not_stop_the_others(
    fal_emulator: FalEmulator, tmp_path: Path
) -> None:
    files = [{"url": "data:text/plain,a"}, {"url": "ftp://x/y"}, {"url": "data:text/plain,b"}]
    fal_emulator.endpoint("acme/echo").responds({"files": files})
    code, out, err = finish(start("run", "acme/echo", "a=b", "--save", str(tmp_path)))
    assert code == 1
    assert json.loads(out) == {"files": files}
    assert "could not be saved" in err
    assert sorted(path.read_text() for path in tmp_path.iterdir()) == ["a", "b"]


@pytest.mark.parametrize("command", ["run", "result"])
def test_ctrl_c(fal_emulator: FalEmulator, command: str) -> None:
    fal_emulator.endpoint(FLUX_DEV).run_time = 600.0
    words = ["run", FLUX_DEV, "prompt=x"]
    if command == "result":
        _, out, _ = finish(start("submit", *words[1:]))
        words = ["result", FLUX_DEV, json.loads(out)["request_id"]]
    process = start(*words)
    assert process.stderr.readline() in (b"in progress\n", b"queued, 0 ahead\n")
    process.send_signal(signal.SIGINT)
    code, out, err = finish(process)
    assert (code, out) == (130, b"")
    assert ("was canceled" if command == "run" else "keeps running") in err
    assert "Traceback" not in err
    canceled = [request for request in fal_emulator.requests if request.route == "cancel"]
    assert len(canceled) == (command == "run")


def test_a_terminal_shows_the_job_live_and_leaves_only_the_result(
    fal_emulator: FalEmulator,
) -> None:
    script = fal_emulator.endpoint(FLUX_DEV)
    script.logs = ("Warming up",)
    screen, device = pty.openpty()
    process = start("run", FLUX_DEV, "prompt=x", "--logs", stderr=device)
    os.close(device)
    shown = b""
    while True:
        try:
            shown += os.read(screen, 4096)
        except OSError:
            break
    os.close(screen)
    with process:
        out = process.stdout.read()
    assert process.returncode == 0
    assert json.loads(out)["images"]
    text = shown.decode()
    for part in ("Warming up", f"{FLUX_DEV}", " s", "request id", "cost "):
        assert part in text
