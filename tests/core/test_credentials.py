"""Credentials of a call, in order: key, environment, notebook, login."""

from __future__ import annotations

import base64
import json
import stat
import sys
import time
import types

import pytest

from fal_typed import FalCredentialsError
from fal_typed._core import credentials, login, login_renewal
from tests.core.flux import ID, dev
from tests.scripted import Reply, scripted

RESPONSE = Reply(200, {"prompt": "a cat"})


def token(seconds: float) -> str:
    claims = json.dumps({"exp": time.time() + seconds}).encode()
    return f"head.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.sign"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FAL_HOME_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def colab(monkeypatch):
    requested: list[str] = []
    userdata = types.SimpleNamespace(get=lambda name: requested.append(name) or "from:colab")  # type: ignore[func-returns-value]
    for name in ("google", "google.colab"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "google.colab.userdata", userdata)
    credentials._colab_secret.cache_clear()
    yield requested
    credentials._colab_secret.cache_clear()


def sent(mode, *arguments):
    with scripted(lambda _: RESPONSE) as server:
        client = mode.client(*arguments, run_host=server.host)
        client.run(ID, {"prompt": "a cat"})
        client.run(ID, {"prompt": "a cat"})
        return server.seen[-1].headers["authorization"]


def test_a_login_is_used_without_a_key(mode, home, monkeypatch):
    access = token(36000)
    (home / "auth0_token").write_text(f"renewal\n{access}\n")
    assert sent(mode) == f"Bearer {access}"
    assert sent(mode, "own:key") == "Key own:key"
    monkeypatch.setenv("FAL_KEY", "env:key")
    assert sent(mode) == "Key env:key"
    monkeypatch.setenv("FAL_FORCE_AUTH_BY_USER", "1")
    assert sent(mode) == f"Bearer {access}"


@pytest.mark.parametrize("expired", ["", "nonsense", "a.b.c", "a.eyJleHAiOiAxfQ.c"])
def test_an_expired_login_is_refreshed_once_and_stored(mode, home, monkeypatch, expired):
    (home / "auth0_token").write_text(f"old\n{expired}")
    fresh = token(36000)
    renewed = Reply(200, {"access_token": fresh, "refresh_token": "new"})
    with scripted(lambda _: renewed) as authority:
        monkeypatch.setattr(login_renewal, "TOKEN_URL", f"http://{authority.host}/oauth/token")
        assert sent(mode) == f"Bearer {fresh}"
        assert len(authority.seen) == 1
        assert b"refresh_token=old" in authority.seen[0].body
        assert "authorization" not in authority.seen[0].headers
    stored = home / "auth0_token"
    assert stored.read_text() == f"new\n{fresh}"
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    assert [path.name for path in home.iterdir()] == ["auth0_token"]
    assert "renewal" not in repr(login.load())
    assert fresh not in repr(login.load())


def test_a_login_that_cannot_be_refreshed_says_what_to_do(mode, home, monkeypatch):
    (home / "auth0_token").write_text("old\n")
    with scripted(lambda _: Reply(403, {"error": "invalid_grant"})) as authority:
        monkeypatch.setattr(login_renewal, "TOKEN_URL", f"http://{authority.host}/oauth/token")
        with pytest.raises(FalCredentialsError, match="fal auth login"):
            sent(mode)
    assert (home / "auth0_token").read_text() == "old\n"


def test_a_notebook_secret_is_read_once(mode, home, colab):
    assert sent(mode) == "Key from:colab"
    assert colab == ["FAL_KEY"]


def test_calls_inside_an_app_forward_its_request_headers(mode, fal_emulator, monkeypatch):
    incoming = {"x-fal-cdn-token": "t", "x-app-fal-can-disable-filter": "1", "x-other": "2"}
    app = types.SimpleNamespace(current_request=types.SimpleNamespace(headers=incoming))
    framework = types.ModuleType("fal.ref")
    vars(framework)["get_current_app"] = lambda: app
    monkeypatch.setitem(sys.modules, "fal.ref", framework)
    mode(dev).subscribe(prompt="a cat")
    headers = fal_emulator.requests.of("submit")[0].headers
    assert headers["x-fal-cdn-token"] == "t"
    assert headers["x-app-fal-can-disable-filter"] == "1"
    assert "x-other" not in headers
    with scripted(lambda _: Reply(200, {}, {"x-fal-cdn-token": "new"})) as server:
        mode.client("k", run_host=server.host).run(ID, {})
    assert incoming["x-fal-cdn-token"] == "new"


@pytest.mark.parametrize(
    "address",
    [
        "https://fal.run/fal-ai/flux/dev",
        "https://fal.ai/models/fal-ai/flux/dev",
        "/fal-ai/flux/dev/",
    ],
)
def test_a_pasted_url_is_accepted_as_an_endpoint_id(address, mode, fal_emulator):
    mode.client().run(address, {"prompt": "a cat"})
    assert fal_emulator.requests[0].path == "/fal-ai/flux/dev"


@pytest.mark.parametrize("empty", ["", lambda: "", lambda: None], ids=["text", "call", "None"])
def test_an_empty_key_is_not_replaced_by_the_environments(mode, empty, home, monkeypatch):
    monkeypatch.setenv("FAL_KEY", "of:another")
    (home / "auth0_token").write_text(f"renewal\n{token(36000)}\n")
    with scripted(lambda _: RESPONSE) as server:
        client = mode.client(empty, run_host=server.host)
        with pytest.raises(FalCredentialsError):
            client.run(ID, {"prompt": "a cat"})
        assert server.seen == []
