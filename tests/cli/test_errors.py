"""Every way in which a command fails: one clear message, no traceback, the right exit code."""

from __future__ import annotations

import os
import re
import socket
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fal_typed.testing import FalEmulator
    from tests.cli.conftest import Outcome

FLUX_DEV = "fal-ai/flux/dev"
RUN = ["run", FLUX_DEV, "prompt=x"]
JOB = "00000000-0000-0000-0000-000000000000"


class Case(NamedTuple):
    words: list[str]
    code: int
    message: str


CASES = [
    Case(["nonsense"], 2, "nonsense"),
    Case(["--nonsense"], 2, "--nonsense"),
    Case(["run"], 2, "ENDPOINT"),
    Case([*RUN, "--nonsense", "1"], 2, "--nonsense"),
    Case(["run", FLUX_DEV, "--promt", "x"], 2, "--prompt"),
    Case(["run", FLUX_DEV, "--prompt"], 2, "--prompt"),
    Case(["run", FLUX_DEV, "prompt"], 2, "name=value"),
    Case(["run", FLUX_DEV], 2, "prompt"),
    Case([*RUN, "--num-images", "99"], 2, "num_images"),
    Case([*RUN, "--num-images", "many"], 2, "num_images"),
    Case([*RUN, "--output-format", "tiff"], 2, "output_format"),
    Case([*RUN, "--timeout", "soon"], 2, "--timeout"),
    Case([*RUN, "--timeout", "-1"], 2, "--timeout"),
    Case(["run", FLUX_DEV, "--prompt", "@missing.txt"], 2, "missing.txt"),
    Case(["run", "fal-ai/birefnet", "--image-url", "missing.png"], 2, "missing.png"),
    Case(["run", "fal-ai/flux-lora", "prompt=x", "--loras.1.path", "y"], 2, "without gaps"),
    Case([*RUN, "--input", "missing.json"], 2, "missing.json"),
    Case([*RUN, "--input", "list.json"], 2, "JSON object"),
    Case([*RUN, "--input", "broken.json"], 2, "not valid JSON"),
    Case([*RUN, "--save", "list.json"], 2, "list.json"),
    Case([*RUN, "--save", "list.json/out"], 2, "list.json"),
    *(
        Case([command, "fal-ai/flux/de", *more], 2, "Did you mean fal-ai/flux/dev")
        for command, more in (
            ("show", []),
            ("run", ["prompt=x"]),
            ("submit", ["prompt=x"]),
            ("status", [JOB]),
            ("result", [JOB]),
            ("cancel", [JOB]),
            ("cost", []),
            ("open", []),
        )
    ),
    Case(["run", "fal-ai/flux-pro-9000-max", "prompt=x"], 2, "unknown endpoint"),
    Case(["run", "FAL-AI/flux/dev", "prompt=x"], 2, "Did you mean fal-ai/flux/dev"),
    Case(["run", "flux", "prompt=x"], 2, "Did you mean"),
    Case(["run", "../../etc/passwd"], 2, "not a valid endpoint id"),
    Case(["run", "acme/gone", "prompt=x"], 1, "404"),
    Case(["status", FLUX_DEV, JOB], 1, "404"),
    Case(["result", FLUX_DEV, JOB], 1, "404"),
    Case(["cancel", FLUX_DEV, JOB], 1, "404"),
    Case(["upload", "missing.png"], 2, "missing.png"),
    Case(["upload", "."], 2, "no file"),
    Case(["download", "not-a-url"], 1, "http(s)"),
    Case(["download", "https://x.example/y", "--to", "list.json"], 2, "list.json"),
    Case(["cost", FLUX_DEV, "--units", "1", "--calls", "1"], 2, "together"),
    Case(["models", "xyzzy"], 1, "no model matches"),
    Case(["search", "xyzzy"], 1, "no endpoint"),
    Case(["search", "flux", "--schemas", "nowhere"], 2, "nowhere"),
    Case(["search", "flux", "--schemas", "list.json"], 2, "list.json"),
    Case(["show", FLUX_DEV, "--schemas", "nowhere"], 2, "nowhere"),
    Case(["show", "acme/broken", "--schemas", "schemas"], 2, "invalid"),
    Case(["generate", "--schemas", "nowhere"], 2, "nowhere"),
    Case(["check", "--schemas", "nowhere"], 2, "nowhere"),
    Case(["diff", "nowhere", "schemas"], 2, "nowhere"),
    Case(["emulator", "--port", "99999999"], 2, "port"),
    Case(["emulator", "--record", "a", "--replay", "b"], 2, "together"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with some files that are not what a command needs."""
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "schemas" / "acme").mkdir(parents=True)
    (tmp_path / "schemas" / "acme" / "broken.json").write_text('{"paths": {}}')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check_message(outcome: Outcome, case: Case) -> None:
    assert outcome.code == case.code, outcome.err
    assert case.message in re.sub(r"\s+", " ", outcome.err)
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    assert outcome.err.count("error: ") == 1


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(case.words))
def test_every_error_is_one_message(
    fal: Callable[..., Outcome], fal_emulator: FalEmulator, folder: Path, case: Case
) -> None:
    check_message(fal(*case.words), case)
    if case.code == 2:
        assert list(fal_emulator.requests) == []


@pytest.mark.parametrize(
    "words", [RUN, ["submit", *RUN[1:]], ["status", FLUX_DEV, JOB], ["whoami"]], ids=" ".join
)
def test_a_missing_key_is_one_line(fal: Callable[..., Outcome], words: list[str]) -> None:
    outcome = fal(*words)
    check_message(outcome, Case(words, 1, "No fal key found"))
    assert [line for line in outcome.err.splitlines() if line.startswith("error")] != []


@pytest.mark.parametrize("words", [["status", FLUX_DEV, JOB], ["models"], ["cost", FLUX_DEV]])
def test_an_unreachable_host_is_one_line(
    fal: Callable[..., Outcome],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("FAL_EMULATOR_HOST", f"127.0.0.1:{unused.getsockname()[1]}")
        outcome = fal(*words)
    check_message(outcome, Case(words, 1, "127.0.0.1"))
    assert len(outcome.err.splitlines()) == 1


def test_a_busy_port_is_one_line(fal: Callable[..., Outcome]) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = str(busy.getsockname()[1])
        outcome = fal("emulator", "--port", port)
    check_message(outcome, Case([], 2, port))
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_read_only_folder_is_found_before_the_job(
    fal: Callable[..., Outcome], fal_emulator: FalEmulator, tmp_path: Path
) -> None:
    tmp_path.chmod(0o500)
    check_message(fal(*RUN, "--save", str(tmp_path)), Case(RUN, 2, str(tmp_path)))
    assert list(fal_emulator.requests) == []


def test_a_job_that_is_complete_cannot_be_canceled(
    fal: Callable[..., Outcome], fal_emulator: FalEmulator
) -> None:
    outcome = fal(*RUN)
    job = re.search(r"request id (\S+)", outcome.err)[1].rstrip(",")
    check_message(fal("cancel", FLUX_DEV, job), Case([], 1, "already complete"))


def test_a_timeout_cancels_the_job(fal: Callable[..., Outcome], fal_emulator: FalEmulator) -> None:
    fal_emulator.endpoint(FLUX_DEV).run_time = 60.0
    outcome = fal(*RUN, "--timeout", "0.1", "--json")
    check_message(outcome, Case(RUN, 1, "was canceled"))
    assert "not complete after 0.1 s" in outcome.err
