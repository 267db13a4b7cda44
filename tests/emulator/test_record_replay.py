"""Exchanges are recorded from an emulator in the role of the platform, and replayed without it."""

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
    """Do what a user's test does, and return what it sees."""
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
    """A recording, and what the client saw while it was made."""
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
        # More requests than were recorded get the last response again.
        assert session(emulator.host, monkeypatch) == seen


def test_recordings_contain_no_secrets(recording):
    folder, _, tokens = recording
    text = "\n".join(file.read_text() for file in folder.iterdir())
    for secret in (KEY, "very-secret-half", *(one for one in tokens if len(one) > 8)):
        assert secret not in text
    assert "authorization" not in text
    assert "127.0.0.1" not in text, "recorded URLs are the platform's own"
    assert "https://queue.fal.run/" in text


def test_a_request_that_was_not_recorded_is_a_404(recording, http):
    folder, _, _ = recording
    with FalEmulator(tape=Player(folder)) as emulator:
        response = http.post(f"{emulator.url}/fal.run/{DEV}", json={"prompt": "never recorded"})
    assert (response.status_code, "Nothing recorded" in response.json()["detail"]) == (404, True)


def test_an_unreachable_platform_is_a_502(tmp_path, http):
    tape = Recorder(tmp_path, upstream="http://127.0.0.1:9/")
    with FalEmulator(tape=tape) as emulator:
        response = http.post(f"{emulator.url}/fal.run/{DEV}", json={"prompt": "x"})
    assert response.status_code == 502
    assert not list(tmp_path.iterdir())


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no recording"):
        Player(tmp_path)


def test_recording_continues_in_the_same_folder(tmp_path, http):
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
def test_invalid_options_of_the_command(tmp_path, monkeypatch, capsys, options, word):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["emulator", *options])
    assert ended.value.code == 2
    assert word in " ".join(capsys.readouterr().err.split())
