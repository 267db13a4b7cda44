"""Each program in examples/ runs against the emulator."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from fal_typed.testing import FalEmulator

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with FalEmulator(queue_time=0.1, run_time=0.1) as emulator:
        yield emulator.host


def run(folder: Path, name: str, *words: str, **environment: str) -> str:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("FAL_")}
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *words],
        cwd=folder,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_quickstart_shows_updates_and_logs_and_saves_four_images(host: str, tmp_path: Path) -> None:
    shown = run(tmp_path, "quickstart.py", FAL_EMULATOR_HOST=host)
    assert "IN_QUEUE" in shown
    assert "IN_PROGRESS" in shown
    assert "\n  " in shown, "log lines are indented"
    assert "seed 6252023" in shown
    images = sorted((tmp_path / "out").iterdir())
    assert [image.name for image in images] == [f"cat-{n}.jpg" for n in range(1, 5)]
    for path in images:
        with Image.open(path) as image:
            image.load()
            assert (image.format, image.size) == ("JPEG", (1024, 768))


def test_asynchronous_generates_one_image_per_seed(host: str, tmp_path: Path) -> None:
    shown = run(tmp_path, "asynchronous.py", FAL_EMULATOR_HOST=host)
    assert [line.split()[0] for line in shown.splitlines()] == ["0", "1", "2", "3"]


def test_files_turns_one_image_into_another(host: str, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), "teal").save(tmp_path / "in.png")
    run(tmp_path, "files.py", "in.png", "out.png", FAL_EMULATOR_HOST=host)
    with Image.open(tmp_path / "out.png") as image:
        image.load()
        assert image.format == "PNG"


def test_client_first_generates_two_images_and_shows_the_error_for_nine(
    host: str, tmp_path: Path
) -> None:
    shown = run(tmp_path, "client_first.py", FAL_EMULATOR_HOST=host)
    assert shown.count("://") == 2
    assert "num_images" in shown


def test_string_first_returns_the_same_untyped_and_typed(host: str, tmp_path: Path) -> None:
    untyped, typed = run(tmp_path, "string_first.py", FAL_EMULATOR_HOST=host).splitlines()
    assert untyped.split("://")[0] == typed.split("://")[0] == "http"


def test_batch_generates_an_image_for_each_line_once(host: str, tmp_path: Path) -> None:
    (tmp_path / "prompts.jsonl").write_text(
        '{"key": "cat", "prompt": "a cat"}\n{"key": "dog", "prompt": "a dog"}\n'
    )
    shown = run(tmp_path, "batch.py", "prompts.jsonl", "out", FAL_EMULATOR_HOST=host)
    assert "2 completed, 0 failed" in shown
    assert sorted(path.stem for path in (tmp_path / "out").iterdir()) == ["cat-0", "dog-0"]
    shown = run(tmp_path, "batch.py", "prompts.jsonl", "out", FAL_EMULATOR_HOST=host)
    assert "2 finished earlier" in shown


def test_speech_saves_an_audio_file(host: str, tmp_path: Path) -> None:
    shown = run(tmp_path, "speech.py", "Good", "evening.", FAL_EMULATOR_HOST=host)
    assert (tmp_path / shown.strip()).stat().st_size


def test_chain_generates_a_video_from_an_image(host: str, tmp_path: Path) -> None:
    run(tmp_path, "chain.py", FAL_EMULATOR_HOST=host)
    assert b"ftyp" in (tmp_path / "cat.mp4").read_bytes()[:16]


def test_streaming_prints_each_event_and_saves_the_last_image(host: str, tmp_path: Path) -> None:
    shown = run(tmp_path, "streaming.py", FAL_EMULATOR_HOST=host)
    assert shown.startswith("event 1:")
    with Image.open(tmp_path / "cat.jpg") as image:
        image.load()


def test_resume_gets_the_job_of_an_earlier_run(host: str, tmp_path: Path) -> None:
    request_id = run(tmp_path, "resume.py", FAL_EMULATOR_HOST=host).strip()
    run(tmp_path, "resume.py", request_id, FAL_EMULATOR_HOST=host)
    with Image.open(tmp_path / "cat.jpg") as image:
        image.load()


def test_example_of_tests_passes(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", EXAMPLES / "testing.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert ".." in done.stdout, "two tests ran"


def test_the_live_demo_requires_a_key() -> None:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("FAL_")}
    done = subprocess.run(
        [sys.executable, EXAMPLES / "demo.py"],
        env={**clean, "DEMO_LIVE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "FAL_KEY" in done.stderr


@pytest.mark.xdist_group("checkers")
def test_demo_runs_all_its_steps(tmp_path: Path) -> None:
    shown = run(tmp_path, "demo.py")
    steps = [line for line in shown.splitlines() if line.startswith("▸ ")]
    assert [step.split()[1] for step in steps] == ["start", "run", "check", "check", "done"]
    assert shown.count("JPEG 1024 x 768") == 4
    assert "Success: no issues found in 1 source file" in shown
    assert 'Unexpected keyword argument "promt"' in shown


SERVICES = ["celery_tasks", "django_service", "fastapi_service", "flask_webhooks"]


@pytest.mark.parametrize("name", SERVICES)
def test_services_pass_their_own_tests(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "0", EXAMPLES / name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
