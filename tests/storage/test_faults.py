"""Uploads to a storage that fails, rejects requests or sends invalid responses."""

from __future__ import annotations

import hashlib
import logging
import random
import threading
from collections import Counter
from io import BytesIO

import pytest

from fal_typed import (
    FalCredentialsError,
    FalHTTPError,
    FalPermissionError,
    FalServerError,
    FalUploadError,
    Multipart,
    RetryPolicy,
)
from tests.scripted import Reply

DATA = random.Random(1).randbytes(1_000_000)
PARTS = Multipart(threshold=100_000, part_size=64_000, parallel=4)
QUICK = RetryPolicy(base_delay=0.0)
EVIL = "https://evil.example"


def digest(data):
    return hashlib.sha256(data).hexdigest()


def breaking(matches, times, reply):
    """Return a fault for the first `times` matching requests."""
    remaining = Counter(fault=times)
    lock = threading.Lock()

    def fault(seen):
        with lock:
            if matches(seen) and remaining["fault"] > 0:
                remaining["fault"] -= 1
                return reply
        return None

    return fault


def is_part(number):
    return lambda seen: seen.method == "PUT" and seen.path.endswith(f"/{number}")


@pytest.mark.parametrize(
    "reply",
    [Reply(drop=True), Reply(body={"x": 1}, cut=2), *map(Reply, (408, 409, 429, 500, 502, 503))],
    ids=lambda reply: f"{reply.status}{'-drop' * reply.drop}{'-cut' * (reply.cut is not None)}",
)
def test_a_part_that_fails_three_times_is_retried(mode, server, storage, tmp_path, reply):
    path = tmp_path / "file"
    path.write_bytes(DATA)
    for data in (path, DATA, BytesIO(DATA)):
        storage.fault = breaking(is_part(5), 3, reply)
        storage.parts.clear()
        mode.client(retry=QUICK).upload(data, multipart=PARTS)
        assert digest(storage.files["many"]) == digest(DATA)
    assert sum(map(is_part(5), server.seen)) == 3 * 4
    assert sum(map(is_part(4), server.seen)) == 3


def test_parts_are_completed_in_order(mode, server, storage):
    last_first = threading.Event()

    def fault(seen):
        if is_part(1)(seen):
            assert last_first.wait(10)
        if is_part(16)(seen):
            last_first.set()

    storage.fault = fault
    mode.client().upload(DATA, multipart=PARTS)
    assert [part["partNumber"] for part in storage.completed] == list(range(1, 17))
    assert storage.completed[4] == {"partNumber": 5, "etag": '"e5"'}
    assert digest(storage.files["many"]) == digest(DATA)


def test_a_part_that_keeps_failing_ends_the_upload(mode, server, storage):
    storage.fault = breaking(is_part(2), 10**6, Reply(500, {"detail": "disk"}))
    with pytest.raises(FalServerError, match="disk"):
        mode.client(retry=RetryPolicy(attempts=2, base_delay=0.0)).upload(
            DATA, multipart=PARTS, fallback_repository=[]
        )
    assert not storage.completed
    assert len(storage.parts) < 16
    assert not [each for each in threading.enumerate() if each.name.startswith("fal-typed")]


def test_a_part_without_an_etag_is_an_error(mode, server, storage):
    storage.fault = lambda seen: Reply(body={}) if is_part(3)(seen) else None
    with pytest.raises(FalUploadError, match="no ETag"):
        mode.client().upload(DATA, multipart=PARTS, fallback_repository=[])


def test_the_etag_may_be_in_the_body(mode, server, storage):
    def fault(seen):
        if is_part(3)(seen):
            storage.parts[3] = seen.body
            return Reply(body={"partNumber": 3, "etag": "body"})
        return None

    storage.fault = fault
    mode.client().upload(DATA, multipart=PARTS)
    assert storage.completed[2]["etag"] == "body"


@pytest.mark.parametrize("lie", ["access_url", "base_url"])
@pytest.mark.parametrize(
    "host",
    [
        EVIL,
        "http://127.0.0.1:9/v3.fal.media",
        "https://v3.fal.media.evil.example",
        "https://user@v3.fal.media",
        "https://v3.fal.media",  # not a host of the emulator
        "http://{host}/v3.fal.media/../evil",
        "http://{host}/rest.fal.ai",
        "https://evil.example\\@{host}/v3.fal.media",
        "https://[::1",
        "",
        "nonsense",
    ],
)
def test_the_token_is_sent_only_to_the_storage(mode, server, storage, lie, host):
    host = host.format(host=server.host)
    (storage.begun if lie == "access_url" else storage.token)[lie] = f"{host}/files" if host else 5
    rejected = pytest.raises((FalCredentialsError, FalUploadError))
    if lie == "base_url" and not host:
        mode.client().upload(DATA, multipart=PARTS)  # without a host, the configured one is used
        return
    with rejected:
        mode.client().upload(DATA, multipart=PARTS, fallback_repository=[])
    assert not storage.parts
    allowed = ("/v3.fal.media/files/upload/multipart", "/rest.fal.ai/storage/auth/token")
    assert all(seen.path.split("?")[0] in allowed for seen in server.seen)


def test_a_foreign_host_stops_the_upload_without_fallback(mode, server, storage):
    storage.begun["access_url"] = f"{EVIL}/files/x"
    with pytest.raises(FalCredentialsError, match=r"evil\.example"):
        mode.client().upload(DATA, multipart=PARTS)
    assert not storage.files


def test_a_signed_url_gets_no_authorization_and_needs_tls(mode, server, storage):
    client = mode.client("id:secret")
    client.upload(DATA, repository="fal")
    put = server.seen[-1]
    assert (put.method, put.path) == ("PUT", "/v3.fal.media/signed?sig=1")
    assert "authorization" not in put.headers
    assert digest(put.body) == digest(DATA)
    storage.initiated["upload_url"] = "http://192.0.2.1/signed"
    with pytest.raises(FalUploadError, match="TLS"):
        client.upload(DATA, repository="fal")


@pytest.mark.parametrize("multipart", [None, PARTS], ids=["whole", "parts"])
def test_the_next_repository_is_tried_with_a_warning(mode, server, storage, caplog, multipart):
    storage.fault = lambda seen: Reply(500) if "/files/upload" in seen.path else None
    client = mode.client("id:secret", retry=RetryPolicy(attempts=1))
    counts = []
    with caplog.at_level(logging.WARNING, "fal_typed"):
        url = client.upload(
            DATA, multipart=multipart, on_progress=lambda sent, total: counts.append(sent)
        )
    assert url.endswith("/files/f")
    assert digest(storage.files["f"]) == digest(DATA)
    assert counts == [0, 0, len(DATA)]
    (record,) = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert "fal_v3 failed" in record.getMessage()
    assert "secret" not in caplog.text


def test_a_failed_token_request_falls_back_to_the_next_repository(mode, server, storage):
    storage.fault = lambda seen: Reply(503) if "/auth/token" in seen.path else None
    assert mode.client(retry=RetryPolicy(attempts=1)).upload(DATA).endswith("/files/f")


def test_the_last_repository_raises(mode, server, storage):
    storage.fault = lambda seen: Reply(403, {"detail": "no"}) if "upload" in seen.path else None
    with pytest.raises(FalPermissionError, match="initiate"):
        mode.client().upload(DATA)


def test_a_file_that_can_be_read_only_once_has_no_fallback(mode, server, storage):
    storage.fault = breaking(is_part(3), 10**6, Reply(400))
    with pytest.raises(FalHTTPError):
        mode.client().upload(BytesIO(DATA), multipart=PARTS)
    assert not any("initiate" in seen.path for seen in server.seen)


def test_a_rejected_token_is_renewed_once(mode, server, storage):
    def fault(seen):
        if "/auth/token" in seen.path:
            storage.token["token"] = f"t{len(server.seen)}"
        elif seen.headers.get("authorization") == "Bearer t1":
            return Reply(401)
        return None

    storage.fault = fault
    client = mode.client()
    client.upload(b"x")
    assert storage.files["whole"] == b"x"
    tokens = [seen for seen in server.seen if "/auth/token" in seen.path]
    assert len(tokens) == 2
    client.upload(b"y")
    assert len([seen for seen in server.seen if "/auth/token" in seen.path]) == 2


@pytest.mark.parametrize("content", [[], {}, {"access_url": 3}, {"access_url": ""}, b"<html>"])
def test_an_invalid_response_is_a_fal_error(mode, server, storage, content):
    from fal_typed import FalError

    storage.fault = lambda seen: Reply(body=content) if "/files/upload" in seen.path else None
    for multipart in (None, PARTS):
        with pytest.raises(FalError):
            mode.client().upload(DATA, multipart=multipart, fallback_repository=[])


def test_behind_a_proxy_only_supported_routes_are_used(mode, server, storage):
    seen_targets = []

    def fault(seen):
        target = seen.headers.get("x-fal-target-url")
        if target is None:
            return None
        seen_targets.append(target)
        assert "authorization" not in seen.headers
        urls = {"upload_url": f"{storage.cdn}/signed?sig=1", "file_url": f"{storage.cdn}/f"}
        return Reply(body=urls)

    storage.fault = fault
    client = mode.client("id:secret", proxy_url=f"http://{server.host}/proxy")
    client.upload(DATA, multipart=PARTS)
    assert digest(storage.files["f"]) == digest(DATA)
    (target,) = seen_targets
    assert target.endswith("/storage/upload/initiate?storage_type=fal-cdn-v3")
