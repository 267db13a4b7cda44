"""The emulator's server-side proxy, called by fal-typed and by a plain HTTP client."""

from __future__ import annotations

import pytest

from fal_typed import FalAuthenticationError
from fal_typed.testing import FalEmulator

DEV = "fal-ai/flux/dev"


@pytest.fixture
def locked():
    with FalEmulator(keys=["id:secret"], run_time=0.0) as emulator:
        yield emulator


@pytest.mark.parametrize("knows_the_emulator", [True, False])
def test_a_client_without_a_key_calls_through_the_proxy(
    mode, locked, monkeypatch, knows_the_emulator
):
    if knows_the_emulator:
        monkeypatch.setenv("FAL_EMULATOR_HOST", locked.host)
    client = mode.client(proxy_url=f"{locked.url}/api/fal/proxy")
    result = client.subscribe(DEV, arguments={"prompt": "a cat"}, priority="low")
    assert result.data["images"][0]["url"].startswith(f"{locked.url}/v3.fal.media/")
    assert client.run(DEV, arguments={"prompt": "a dog"}).data["prompt"] == "a dog"
    submit = locked.requests.of("submit")[0]
    assert submit.json == {"prompt": "a cat"}
    assert submit.headers["x-fal-queue-priority"] == "low"
    assert submit.headers["authorization"] == "Key id:secret"
    assert {one.route for one in locked.requests} >= {"submit", "result", "run"}
    assert "proxy" not in {one.route for one in locked.requests}


def test_an_upload_uses_the_routes_that_proxies_allow(mode, locked, monkeypatch):
    monkeypatch.setenv("FAL_EMULATOR_HOST", locked.host)
    client = mode.client(proxy_url=f"{locked.url}/api/fal/proxy")
    url = client.upload(b"hello", content_type="text/plain", file_name="hello.txt")
    assert url.startswith(f"{locked.url}/v3.fal.media/")
    assert [one.route for one in locked.requests] == ["initiate", "put"]


def test_the_caller_s_key_overrides_the_proxy_s(http, locked):
    headers = {"x-fal-target-url": f"https://fal.run/{DEV}", "authorization": "Key wrong:key"}
    response = http.post(f"{locked.url}/api/fal/proxy", json={"prompt": "x"}, headers=headers)
    assert response.status_code == 401


def test_without_the_proxy_the_same_client_is_refused(mode, locked, monkeypatch):
    monkeypatch.setenv("FAL_EMULATOR_HOST", locked.host)
    with pytest.raises(FalAuthenticationError):
        mode.client().run(DEV, arguments={"prompt": "x"})


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "https://example.com/fal-ai/flux/dev",
        "https://rest.fal.ai/tokens/",
        "https://rest.fal.ai/storage/upload/initiate",
        "https://rest.fal.ai/storage/upload/initiate?storage_type=gcs",
        "https://api.fal.ai/v1/models",
        "https://queue.fal.run.example.com/x/y",
        "https://example.com/@fal.run/x/y",
        "file:///etc/passwd",
        "http://[",
        "https://fal.ai/x/y#fal.run/x",
    ],
)
def test_other_targets_are_refused(emulator, http, target):
    headers = {} if target is None else {"x-fal-target-url": target}
    response = http.post(f"{emulator.url}/api/fal/proxy", json={"prompt": "x"}, headers=headers)
    assert (response.status_code, response.json()) == (400, "Invalid request")
    assert [one.route for one in emulator.requests] == ["proxy"]


def test_only_the_platform_s_headers_are_forwarded(emulator, http):
    headers = {"x-fal-target-url": f"https://fal.run/{DEV}", "cookie": "a=b", "x-app-fal-y": "z"}
    response = http.post(f"{emulator.url}/api/fal/proxy", json={"prompt": "x"}, headers=headers)
    assert response.status_code == 200
    assert response.headers["x-fal-request-id"]
    [seen] = emulator.requests.of("run")
    assert not {"cookie", "x-app-fal-y"} & set(seen.headers)
    assert seen.headers["user-agent"].startswith("python-httpx")
    assert seen.headers["x-fal-client-proxy"]
