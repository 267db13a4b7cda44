"""Uploads through every route of docs/protocol.md section 6, and with the official client."""

from __future__ import annotations

import hashlib
import json

import httpx
import pytest

from fal_typed.testing import FalEmulator, VirtualClock


def cdn_token(http: httpx.Client, emulator: FalEmulator, key: str = "id:secret") -> httpx.Response:
    return http.post(
        f"{emulator.url}/rest.fal.ai/storage/auth/token",
        params={"storage_type": "fal-cdn-v3"},
        json={},
        headers={"Authorization": f"Key {key}"},
    )


def test_the_cdn_token(emulator, http):
    token = cdn_token(http, emulator).json()
    assert set(token) == {"token", "token_type", "base_url", "expires_at", "created_at"}
    assert token["token_type"] == "Bearer"
    assert token["base_url"] == f"{emulator.url}/v3.fal.media"


def test_direct_upload(emulator, http):
    token = cdn_token(http, emulator).json()
    response = http.post(
        token["base_url"] + "/files/upload",
        content=b"hello",
        headers={
            "Authorization": f"Bearer {token['token']}",
            "Content-Type": "text/plain",
            "X-Fal-File-Name": "gre/et ing.txt",
        },
    ).json()
    assert response["uploaded"] is True
    assert response["access_url"].endswith("/gre_et_ing.txt")
    file = http.get(response["access_url"])
    assert (file.content, file.headers["content-type"]) == (b"hello", "text/plain")
    (stored,) = emulator.files
    assert (stored.read(), stored.owner) == (b"hello", "id")


def test_initiate_and_put(emulator, http):
    for kind in ("fal-cdn-v3", "gcs"):
        urls = http.post(
            f"{emulator.url}/rest.fal.ai/storage/upload/initiate",
            params={"storage_type": kind},
            json={"file_name": "a.bin", "content_type": "image/png"},
        ).json()
        assert http.get(urls["file_url"]).status_code == 404, "nothing was uploaded yet"
        http.put(
            urls["upload_url"], content=b"x" * 99, headers={"Content-Type": "image/png"}
        ).raise_for_status()
        assert http.get(urls["file_url"]).content == b"x" * 99


def test_multipart_as_the_python_client_does_it(emulator, http):
    cdn = f"{emulator.url}/v3.fal.media"
    begun = http.post(
        f"{cdn}/files/upload/multipart",
        headers={"X-Fal-File-Name": "big.bin", "Content-Type": "video/mp4"},
    ).json()
    parts = []
    for number, content in ((2, b"bb"), (1, b"a"), (3, b"ccc"), (1, b"A")):
        response = http.put(
            f"{begun['access_url']}/multipart/{begun['uploadId']}/{number}", content=content
        )
        parts.append({"partNumber": number, "etag": response.headers["etag"]})
    done = http.post(
        f"{begun['access_url']}/multipart/{begun['uploadId']}/complete",
        json={"parts": parts[:1] + parts[2:]},
    )
    assert done.status_code == 200
    file = http.get(begun["access_url"])
    assert file.content == b"Abbccc"
    assert file.headers["content-type"] == "video/mp4"


def test_multipart_as_the_javascript_client_does_it(emulator, http):
    urls = http.post(
        f"{emulator.url}/rest.fal.ai/storage/upload/initiate-multipart",
        params={"storage_type": "fal-cdn-v3"},
        json={"file_name": "a.bin", "content_type": "image/png"},
    ).json()
    target = httpx.URL(urls["upload_url"])
    assert target.query, "the client must keep the query"

    def at(suffix: str) -> httpx.URL:
        return target.copy_with(path=f"{target.path}/{suffix}")

    parts = [http.put(at(str(number)), content=bytes([number])).json() for number in (1, 2)]
    assert http.post(at("complete"), json={"parts": parts}).status_code == 200
    assert http.get(urls["file_url"]).content == b"\x01\x02"


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [{"partNumber": 1, "etag": "wrong"}],
        [{"partNumber": 7, "etag": "x"}],
        [{"number": 1}],
        "nonsense",
        None,
    ],
)
def test_an_invalid_list_of_parts_is_refused(emulator, http, parts):
    begun = http.post(f"{emulator.url}/v3.fal.media/files/upload/multipart").json()
    base = f"{begun['access_url']}/multipart/{begun['uploadId']}"
    http.put(f"{base}/1", content=b"x").raise_for_status()
    assert http.post(f"{base}/complete", json={"parts": parts}).status_code == 400
    assert http.get(begun["access_url"]).status_code == 404


def test_part_numbers_have_limits(emulator, http):
    begun = http.post(f"{emulator.url}/v3.fal.media/files/upload/multipart").json()
    for number in (0, 10_001):
        assert (
            http.put(f"{begun['access_url']}/multipart/{begun['uploadId']}/{number}").status_code
            == 400
        )
    assert http.put(f"{begun['access_url']}/multipart/nosuchupload/1").status_code == 400


def lifecycle(seconds: int | None = None, **acl: object) -> dict[str, str]:
    value: dict[str, object] = {"expiration_duration_seconds": seconds}
    if acl:
        value["initial_acl"] = acl
    return {"X-Fal-Object-Lifecycle": json.dumps(value)}


def upload(http: httpx.Client, emulator: FalEmulator, headers: dict[str, str]) -> str:
    token = cdn_token(http, emulator).json()["token"]
    response = http.post(
        f"{emulator.url}/v3.fal.media/files/upload",
        content=b"secret",
        headers={"Authorization": f"Bearer {token}", **headers},
    )
    return response.json()["access_url"]


def test_files_expire(http):
    clock = VirtualClock()
    with FalEmulator(clock=clock) as emulator:
        url = upload(http, emulator, lifecycle(60))
        forever = upload(http, emulator, lifecycle(0))
        clock.advance(59)
        assert http.get(url).status_code == 200
        clock.advance(1)
        assert http.get(url).status_code == 404
        assert http.get(forever).status_code == 200


def test_access_lists(emulator, http):
    hidden = upload(
        http, emulator, lifecycle(default="hide", rules=[{"user": "friend", "decision": "allow"}])
    )
    forbidden = upload(http, emulator, lifecycle(default="forbid"))
    open_to_all = upload(
        http, emulator, lifecycle(default="allow", rules=[{"user": "foe", "decision": "hide"}])
    )

    def status(url: str, user: str | None) -> int:
        headers = {"Authorization": f"Key {user}:x"} if user else {}
        return http.get(url, headers=headers).status_code

    assert [status(hidden, user) for user in (None, "stranger", "friend", "id")] == [
        404,
        404,
        200,
        200,
    ]
    assert [status(forbidden, user) for user in (None, "id")] == [403, 200]
    assert [status(open_to_all, user) for user in (None, "foe")] == [200, 404]


def test_the_lifecycle_of_outputs(http):
    clock = VirtualClock()
    with FalEmulator(clock=clock, run_time=0) as emulator:
        url = f"{emulator.url}/fal.run/fal-ai/flux/dev"
        preference = {
            "X-Fal-Object-Lifecycle-Preference": json.dumps({"expiration_duration_seconds": 60})
        }
        made = http.post(url, json={"prompt": "x"}, headers=preference).json()["images"][0]["url"]
        plain = http.post(url, json={"prompt": "x"}).json()["images"][0]["url"]
        assert http.get(made).content == http.get(plain).content
        clock.advance(61)
        assert (http.get(made).status_code, http.get(plain).status_code) == (404, 200)


def test_an_invalid_lifecycle_header_is_refused(emulator, http):
    for path in (
        "v3.fal.media/files/upload",
        "fal.run/fal-ai/flux/dev",
        "queue.fal.run/fal-ai/flux/dev",
    ):
        response = http.post(
            f"{emulator.url}/{path}", content=b"{}", headers={"X-Fal-Object-Lifecycle": "{"}
        )
        assert response.status_code == 400, path


def test_keys_and_tokens_are_checked_when_there_are_keys(http):
    clock = VirtualClock()
    with FalEmulator(keys={"id:secret"}, clock=clock) as emulator:
        assert cdn_token(http, emulator, "id:wrong").status_code == 401
        token = cdn_token(http, emulator).json()
        target = token["base_url"] + "/files/upload"
        assert http.post(target, content=b"x").status_code == 401
        good = {"Authorization": f"Bearer {token['token']}"}
        assert http.post(target, content=b"x", headers=good).status_code == 200
        clock.advance(3601)
        assert http.post(target, content=b"x", headers=good).status_code == 401


def test_runs_need_a_key_when_there_are_keys(http):
    with FalEmulator(keys={"id:secret"}, run_time=0) as emulator:
        for host in ("fal.run", "queue.fal.run"):
            url = f"{emulator.url}/{host}/fal-ai/flux/dev"
            for headers, status in (
                ({}, 401),
                ({"Authorization": "Key id:wrong"}, 401),
                ({"Authorization": "Bearer id:secret"}, 401),
                ({"Authorization": "Key id:secret"}, 200),
            ):
                assert http.post(url, json={"prompt": "x"}, headers=headers).status_code == status
        assert http.get(f"{emulator.url}/queue.fal.run/a/b/requests/x/status").status_code == 401


@pytest.mark.parametrize("repository", ["fal_v3", "fal"])
def test_the_official_client_uploads(emulator, official, repository):
    url = official.upload(b"bytes", "text/plain", "note.txt", repository=repository)
    assert httpx.get(url).content == b"bytes"


def test_the_official_client_uploads_in_parts(emulator, official, tmp_path, monkeypatch):
    monkeypatch.setattr("fal_client.client.MULTIPART_THRESHOLD", 1_000)
    monkeypatch.setattr("fal_client.client.MULTIPART_CHUNK_SIZE", 300)
    content = bytes(range(256)) * 5
    path = tmp_path / "big.bin"
    path.write_bytes(content)
    url = official.upload_file(path)
    assert hashlib.sha256(httpx.get(url).content).digest() == hashlib.sha256(content).digest()
    assert len(emulator.requests.of("part")) == 5
