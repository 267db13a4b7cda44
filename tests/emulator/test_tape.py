"""Recorded against one emulator that plays the platform, replayed by another without it."""

from __future__ import annotations

import json

import httpx
import pytest

from fal_typed import FalClient
from fal_typed.cli import main
from fal_typed.testing import FalEmulator, Player, Recorder

DEV = "fal-ai/flux/dev"
KEY = "0123-id:very-secret-half"


def session(address: str, monkeypatch) -> list[object]:
    """What a user's test does, and what it sees."""
    monkeypatch.setenv("FAL_EMULATOR_HOST", address)
    with FalClient(key=KEY) as client:
        url = client.upload(b"a file", "text/plain")
        seen = []
        result = client.subscribe(
            DEV,
            {"prompt": "a cat", "seed": 7},
            interval=0.02,
            on_queue_update=lambda update: seen.append(update.status),
        )
        image = httpx.get(result.raw["images"][0]["url"]).content
        run = client.run(DEV, arguments={"prompt": url}).raw
        events = list(client.stream(DEV, {"prompt": "a cat", "seed": 7}))
        refused = client.run(DEV, arguments={"prompt": "x", "num_images": 2}).raw
    assert result.raw["images"][0]["url"].startswith(f"http://{address}/v3.fal.media/")
    assert run["prompt"] == url
    path = url.partition("/v3.fal.media/")[2]
    return [path, result.request_id, seen[-1], image, len(events), len(refused["images"])]


@pytest.fixture
def recording(tmp_path, monkeypatch):
    """A folder, and what was seen while it was filled."""
    with FalEmulator(keys=[KEY], run_time=0.1) as platform:
        tape = Recorder(tmp_path / "tape", upstream=f"{platform.url}/")
        with FalEmulator(tape=tape) as emulator:
            seen = session(emulator.host, monkeypatch)
        assert platform.requests.of("submit")[0].headers["authorization"] == f"Key {KEY}"
        tokens = [one.headers.get("authorization", "") for one in platform.requests]
    return tmp_path / "tape", seen, [one.removeprefix("Bearer ") for one in tokens]


def test_a_session_is_replayed_without_the_platform(recording, monkeypatch):
    folder, seen, _ = recording
    with FalEmulator(tape=Player(folder)) as emulator:
        assert session(emulator.host, monkeypatch) == seen
        # Asked once more than it was recorded, it goes on giving the last answer.
        assert session(emulator.host, monkeypatch) == seen


def test_no_secret_is_on_tape(recording):
    folder, _, tokens = recording
    text = "\n".join(file.read_text() for file in folder.iterdir())
    for secret in (KEY, "very-secret-half", *(one for one in tokens if len(one) > 8)):
        assert secret not in text
    assert "authorization" not in text
    assert "127.0.0.1" not in text, "URLs on tape are the platform's own"
    assert "https://queue.fal.run/" in text


def test_what_was_not_recorded_is_a_404(recording, http):
    folder, _, _ = recording
    with FalEmulator(tape=Player(folder)) as emulator:
        answer = http.post(f"{emulator.url}/fal.run/{DEV}", json={"prompt": "never asked"})
    assert (answer.status_code, "Nothing recorded" in answer.json()["detail"]) == (404, True)


def test_a_platform_that_cannot_be_reached_is_a_502(tmp_path, http):
    tape = Recorder(tmp_path, upstream="http://127.0.0.1:9/")
    with FalEmulator(tape=tape) as emulator:
        answer = http.post(f"{emulator.url}/fal.run/{DEV}", json={"prompt": "x"})
    assert answer.status_code == 502
    assert not list(tmp_path.iterdir())


def test_an_empty_folder_is_no_recording(tmp_path):
    with pytest.raises(FileNotFoundError, match="no recording"):
        Player(tmp_path)


def test_recording_goes_on_where_it_ended(tmp_path, http):
    for prompt in ("a", "b"):
        with FalEmulator() as platform:
            tape = Recorder(tmp_path, upstream=f"{platform.url}/")
            with FalEmulator(tape=tape) as emulator:
                http.post(f"{emulator.url}/fal.run/{DEV}", json={"prompt": prompt})
    exchanges = [json.loads(file.read_text()) for file in sorted(tmp_path.iterdir())]
    assert [one["request"]["json"]["prompt"] for one in exchanges] == ["a", "b"]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--record", "a", "--replay", "b"], "cannot be used together"),
        (["--replay", "nowhere"], "no recording"),
    ],
)
def test_wrong_use_of_the_command(tmp_path, monkeypatch, capsys, options, word):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["emulator", *options])
    assert ended.value.code == 2
    assert word in " ".join(capsys.readouterr().err.split())
