"""The errors of `compat` are fal_client's, this SDK's, and those of the library behind."""

from __future__ import annotations

import httpx
import pytest

from fal_typed import (
    FalConnectionError,
    FalCredentialsError,
    FalHTTPError,
    FalTimeoutError,
    RetryPolicy,
    compat,
)
from fal_typed._core.runner import Runner
from fal_typed.testing import FalEmulator

APP = "fal-ai/flux/dev"
CAT = {"prompt": "a cat"}


@pytest.fixture
def emulator(monkeypatch):
    with FalEmulator(run_time=0.0) as emulator:
        monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
        yield emulator


def test_a_refusal_has_the_attributes_of_both(emulator, mode):
    with pytest.raises(compat.FalClientHTTPError) as raised:
        mode(compat).run(APP, {"num_images": 9})
    error = raised.value
    assert isinstance(error, FalHTTPError)
    assert error.message == error.detail == error.response.json()["detail"]
    assert [problem.path for problem in error.errors] == ["prompt", "num_images"]
    assert error.request_id == error.response.headers["x-fal-request-id"]
    assert str(error.response.request.url) == f"{emulator.url}/fal.run/{APP}"
    assert "authorization" not in error.response.request.headers


def test_a_refused_stream_says_why(emulator, mode):
    with pytest.raises(compat.FalClientHTTPError) as raised:
        mode.items(mode(compat).stream(APP, {}))
    assert raised.value.status_code == 422


def test_a_compressed_error_is_read():
    error = FalHTTPError(
        "no", status_code=418, headers={"content-encoding": "gzip"}, body=b'{"detail": "tea"}'
    )
    with (
        pytest.raises(compat.FalClientHTTPError, match="tea"),
        compat._failures.translated("GET", "https://fal.run"),
    ):
        raise error


def test_a_timeout_is_one_of_httpx_too(emulator, mode):
    emulator.endpoint(APP).run_time = 60
    with pytest.raises(httpx.TimeoutException) as raised:
        mode(compat).run(APP, CAT, timeout=0.3)
    assert isinstance(raised.value, FalTimeoutError)
    assert raised.value.maybe_accepted
    assert raised.value.request.method == "POST"


def test_an_unreachable_platform_is_an_error_of_httpx_too(monkeypatch, mode):
    monkeypatch.setenv("FAL_EMULATOR_HOST", "127.0.0.1:9")
    runner = Runner(retry=RetryPolicy(attempts=1))
    kind = compat.AsyncRequestHandle if mode.is_async else compat.SyncRequestHandle
    handle = kind.from_request_id(runner, APP, "id")
    with pytest.raises(httpx.ConnectError) as raised:
        mode.wait(handle.status())
    assert isinstance(raised.value, FalConnectionError)
    assert raised.value.request.url.path.endswith("/requests/id/status")


def test_a_response_that_got_lost_is_not_one_that_was_never_asked_for():
    with (
        pytest.raises(httpx.ReadError) as raised,
        compat._failures.translated("POST", "https://fal.run"),
    ):
        raise FalConnectionError("broken", maybe_accepted=True, request_id="id")
    assert not isinstance(raised.value, httpx.ConnectError)
    assert raised.value.request_id == "id"  # type: ignore[attr-defined]


def test_a_missing_key_is_an_error_before_anything_is_sent(mode):
    with pytest.raises(compat.auth.MissingCredentialsError) as raised:
        mode(compat).submit(APP, CAT)
    assert isinstance(raised.value, FalCredentialsError)
    with pytest.raises(compat.auth.MissingCredentialsError):
        mode(compat.auth).fetch_auth_credentials()


def test_credentials_do_not_show_the_key(monkeypatch, mode):
    monkeypatch.setenv("FAL_KEY", "id:secret")
    credentials = mode(compat.auth).fetch_auth_credentials()
    assert credentials.header_value == "Key id:secret"
    assert "secret" not in repr(credentials)
    assert "secret" not in repr(compat.SyncClient(key="id:secret"))


def test_the_key_is_not_sent_to_another_host_that_a_handle_names(monkeypatch, mode):
    monkeypatch.setenv("FAL_KEY", "id:secret")
    kind = compat.AsyncRequestHandle if mode.is_async else compat.SyncRequestHandle
    handle = kind("id", *["https://example.com/requests/id"] * 3, client=Runner())  # type: ignore[misc, arg-type]
    with pytest.raises(FalCredentialsError):
        mode.wait(handle.status())
