"""Attacks on recordings: whatever of a secret could reach a file that is meant to be committed."""

from __future__ import annotations

import json
import os
import stat
import time
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote

import httpx
import pytest

from fal_typed.testing import FalEmulator, Player, Recorder
from fal_typed.testing.tape.scrubbing import Scrubber, is_secret_name
from tests.scripted import Reply, scripted

DEV = "fal-ai/flux/dev"
KEY = "0123-id:very-secret-half"
OTHER = "another-secret-value"
HEADERS = {"authorization": f"Key {KEY}"}


@pytest.fixture
def recorded(tmp_path):
    """Sends a request through a recorder; what the files hold comes back."""

    def send(*, path=f"/fal.run/{DEV}", headers=HEADERS, reply=None, **request):
        with scripted(lambda _: reply or Reply(200, {"ok": True})) as platform:
            tape = Recorder(tmp_path, upstream=f"http://{platform.host}/")
            with FalEmulator(tape=tape) as emulator:
                sent = httpx.post(emulator.url + path, headers=headers, **request)
        assert sent.status_code == 200
        return "".join(file.read_text() for file in written(tmp_path))

    return send


def written(folder):
    return [file for file in sorted(folder.glob("*.json")) if not file.is_symlink()]


def forms(secret):
    """A secret as it may stand in a text."""
    for before in ("", "x", "xy", "Key ", "user:"):
        yield b64encode((before + secret).encode()).decode()
        yield urlsafe_b64encode((before + secret + "tail").encode()).decode()
    yield secret
    yield quote(secret, safe="")


@pytest.mark.parametrize("form", [*forms(KEY)])
def test_the_key_is_found_by_its_value(recorded, form):
    deep = {"a": [{"b": {"c": [f"before {form} after"]}}]}
    text = recorded(
        path=f"/fal.run/{DEV}?note={form}", json=deep, reply=Reply(200, {"echo": [form], form: 1})
    )
    assert form not in text
    assert KEY not in text
    assert "very-secret-half" not in text
    assert "scrubbed" in text


NAMED = [
    {"hf_token": OTHER},
    {"api_key": OTHER},
    {"apiKey": OTHER},
    {"password": OTHER},
    {"db_passwd": OTHER},
    {"authorization": OTHER},
    {"Authorization": f"Bearer {OTHER}"},
    {"client_secret": OTHER},
    {"AWS_SECRET_ACCESS_KEY": OTHER},
    {"cookie": OTHER},
    {"credentials": {"user": OTHER, "pin": 90210}},
    {"secrets": [OTHER, [OTHER, {"x": OTHER}]]},
    {"headers": {"x-api-key": OTHER}},
    {"payload": json.dumps({"password": OTHER})},
    {"payload": json.dumps({"again": json.dumps({"hf_token": OTHER})})},
    {"text": f"curl -H 'Authorization: Bearer {OTHER}'"},
    {"text": f"export API_KEY={OTHER}"},
    {"url": f"https://{OTHER}@example.com/x"},
    {"url": f"https://user:{OTHER}@example.com/x"},
    {"url": f"https://example.com/x#access={OTHER}"},
    {"url": f"https://example.com/x?X-Goog-Signature={OTHER}&a=1"},
    {"url": f"https://example.com/x?key={OTHER}"},
    {"url": f"https://example.com/x?sig={OTHER}"},
    {"text": "hf_" + OTHER.replace("-", "A") + "abcd"},
    {"text": "ghp_" + OTHER.replace("-", "A") + "abcd"},
    {"text": "sk-" + OTHER},
    {"text": f"eyJhbGciOiJIUzI1NiJ9.{OTHER}.abc"},
]


@pytest.mark.parametrize("body", NAMED, ids=lambda body: json.dumps(body)[:60])
@pytest.mark.parametrize("depth", [0, 3, 400])
def test_other_secrets_are_found_by_name_and_by_form(recorded, body, depth):
    nested = body
    for _ in range(depth):
        nested = {"a": [nested]}
    text = recorded(json=nested, reply=Reply(200, nested))
    assert OTHER not in text
    assert OTHER.replace("-", "A") not in text
    assert "90210" not in text
    assert text.count("scrubbed") >= 2


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (f"hf_token={OTHER}&a=1", "application/x-www-form-urlencoded"),
        (f'--b\r\ncontent-disposition: form-data; name="password"\r\n\r\n{OTHER}\r\n--b--', "text"),
        (f'data: {{"a": [{{"api_key": "{OTHER}"}}]}}\n\n', "text/event-stream"),
        (f'{{"api_key": "{OTHER}", broken', "application/json"),
        ("[" * 50_000 + f'{{"api_key": "{OTHER}"}}' + "]" * 50_000, "application/json"),
        (b"\xff\x00" + KEY.encode() + b"\xfe", "application/octet-stream"),
    ],
    ids=["form", "multipart", "events", "broken", "deep", "binary"],
)
def test_bodies_that_are_no_json_are_scrubbed_as_well(recorded, content, kind):
    body = content if isinstance(content, bytes) else content.encode()
    text = recorded(content=body, headers={**HEADERS, "content-type": kind}, reply=Reply(200, body))
    assert OTHER not in text
    assert b64encode(KEY.encode()).decode()[:-4] not in text
    assert KEY not in text


@pytest.mark.parametrize("name", ["cookie", "x-api-key", "x-fal-cdn-token", "proxy-authorization"])
def test_credentials_in_other_headers_are_known_too(recorded, name):
    text = recorded(
        headers={name: OTHER}, json={"prompt": OTHER}, reply=Reply(200, {"echo": OTHER})
    )
    assert OTHER not in text


def test_a_response_may_repeat_what_an_earlier_request_sent(tmp_path):
    replies = iter([Reply(200, {}), Reply(200, {"last": f"it was {KEY}"})])
    with scripted(lambda _: next(replies)) as platform:
        tape = Recorder(tmp_path, upstream=f"http://{platform.host}/")
        with FalEmulator(tape=tape) as emulator:
            httpx.post(f"{emulator.url}/fal.run/{DEV}", headers=HEADERS, json={})
            httpx.post(f"{emulator.url}/fal.run/{DEV}", json={})
    assert KEY not in "".join(file.read_text() for file in tmp_path.iterdir())


def test_the_player_scrubs_as_the_recorder_did(recorded, tmp_path):
    body = {"prompt": f"a cat {KEY}", "hf_token": OTHER, "url": "https://u:p@example.com/#x"}
    path = f"/fal.run/{DEV}?token={OTHER}"
    recorded(path=path, json=body, reply=Reply(200, {"found": True}))
    with FalEmulator(tape=Player(tmp_path)) as emulator:
        url = emulator.url + path
        assert httpx.post(url, headers=HEADERS, json=body).json() == {"found": True}
        changed = {**body, "hf_token": "renewed-since"}
        assert httpx.post(url, headers=HEADERS, json=changed).json() == {"found": True}
        assert httpx.post(url, headers=HEADERS, json={**body, "seed": 1}).status_code == 404


def test_the_recorder_has_no_key_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("FAL_KEY", KEY)
    monkeypatch.setenv("FAL_KEY_ID", "0123-id")
    monkeypatch.setenv("FAL_KEY_SECRET", "very-secret-half")
    with scripted(lambda _: Reply(401, {"detail": "no key"})) as platform:
        tape = Recorder(tmp_path, upstream=f"http://{platform.host}/")
        with FalEmulator(tape=tape) as emulator:
            assert httpx.post(f"{emulator.url}/fal.run/{DEV}", json={}).status_code == 401
        assert "authorization" not in platform.seen[0].headers


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX")
def test_only_the_owner_reads_the_files_and_links_are_not_followed(tmp_path, recorded):
    victim = tmp_path / "victim"
    (tmp_path / "00001.json").symlink_to(victim)
    recorded(json={"prompt": "x"})
    assert not victim.exists()
    (file,) = written(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_names_of_ordinary_parameters_are_kept():
    ordinary = ("prompt", "max_tokens", "num_tokens", "token_count", "tokens", "tokenizer", "key")
    assert not [name for name in ordinary if is_secret_name(name)]
    body = {"max_tokens": 512, "time_signature": "4/4", "note": "a key of C", "usage": 3}
    assert Scrubber().body("/", body) == body


@pytest.mark.parametrize(
    "text",
    [
        "a-",
        "a.a",
        "://",
        "eyJ-",
        "token ",
        "token=\n",
        'name="token"\n',
        "?",
        "?a=b&",
        "Key ",
        "hf_",
    ],
)
def test_no_text_takes_quadratic_time(text):
    began = time.process_time()
    Scrubber({KEY}).text(text * (1_000_000 // len(text)))
    assert time.process_time() - began < 10
