"""What callers can change about requests: method, path, webhook, timeout and HTTP client."""

from __future__ import annotations

import httpx
import pytest

from fal_typed import Endpoint, FalServerError, FalTimeoutError
from fal_typed.models import InputModel, OutputModel, Request
from tests.core.flux import ID, dev
from tests.scripted import Reply, scripted

KEY = "id:secret"


class CoverInput(InputModel, Request["CoverOutput"]):
    title: str
    year: int | None = None


class CoverOutput(OutputModel):
    cover: str


cover = Endpoint("me/book-covers", CoverInput, CoverOutput)


def client_at(mode, home, **options):
    return mode.client(KEY, run_host=home.host, queue_host=home.host, **options)


def test_custom_models_type_an_endpoint(mode):
    with scripted(lambda _: Reply(200, {"cover": "red", "isbn": 7})) as home:
        client = client_at(mode, home)
        by_request = client.run(CoverInput(title="Emma"))
        by_keywords = mode(cover.with_options(client=client._target)).run(title="Emma")
        assert {seen.path for seen in home.seen} == {"/me/book-covers"}
        assert {seen.body for seen in home.seen} == {b'{"title":"Emma"}'}
    for result in (by_request, by_keywords):
        assert isinstance(result.data, CoverOutput)
        assert result.data.cover == "red"


def test_get_sends_arguments_in_the_query(mode):
    with scripted(lambda _: Reply(200, {"a": 1})) as home:
        client = client_at(mode, home)
        arguments = {"prompt": "a cat & a dog", "n": 2, "fast": True}
        assert client.run(ID, arguments, method="GET").data == {"a": 1}
        [seen] = home.seen
    assert (seen.method, seen.body) == ("GET", b"")
    assert seen.path == f"/{ID}?prompt=a+cat+%26+a+dog&n=2&fast=true"


def test_other_methods_send_arguments_in_the_body(mode):
    with scripted(lambda _: Reply(200, {"a": 1})) as home:
        client_at(mode, home).run(ID, {"prompt": "a"}, method="PUT")
        [seen] = home.seen
    assert (seen.method, seen.path, seen.body) == ("PUT", f"/{ID}", b'{"prompt":"a"}')


def test_an_extra_path_is_appended_to_the_endpoint(mode):
    content = {"request_id": "r1", "status": "COMPLETED", "prompt": "a"}
    with scripted(lambda _: Reply(200, content)) as home:
        client = client_at(mode, home)
        client.run(ID, {"prompt": "a"}, path="/upscale/2x?#/")
        client.submit(ID, {"prompt": "a"}, path="upscale")
        with pytest.raises(ValueError, match=r"\.\."):
            client.run(ID, {}, path="../other")
        assert home.paths("POST") == [f"/{ID}/upscale/2x%3F%23", f"/{ID}/upscale"]


def test_subscribe_accepts_a_webhook_url(mode, fal_emulator):
    hook = "https://example.com/hook"
    result = mode(dev.with_options(webhook_url=hook)).subscribe(prompt="a cat")
    assert result.data.prompt == "a cat"
    assert fal_emulator.requests.of("submit")[0].query == {"fal_webhook": [hook]}


def test_a_direct_run_times_out(mode, fal_emulator):
    fal_emulator.endpoint(ID).run_time = 60
    with pytest.raises(FalTimeoutError) as caught:
        mode(dev.with_options(timeout=0.3)).run(prompt="a cat")
    assert caught.value.maybe_accepted


def test_httpx_hooks_change_requests_and_read_responses(mode):
    statuses = []

    def sign(request):
        request.headers["x-signed"] = f"{request.method} {request.url.path}"

    def note(response):
        statuses.append(response.status_code)

    async def sign_async(request):
        sign(request)

    async def note_async(response):
        note(response)

    http: httpx.AsyncClient | httpx.Client
    if mode.is_async:
        http = httpx.AsyncClient(event_hooks={"request": [sign_async], "response": [note_async]})
    else:
        http = httpx.Client(event_hooks={"request": [sign], "response": [note]})
    with scripted(lambda _: Reply(200, {"a": 1})) as home:
        assert client_at(mode, home, http_client=http).run(ID, {"prompt": "a"}).data == {"a": 1}
        assert home.seen[0].headers["x-signed"] == f"POST /{ID}"
        assert home.seen[0].headers["authorization"] == f"Key {KEY}"
    assert statuses == [200]
    mode.wait(http.aclose() if mode.is_async else http.close())


def test_a_custom_httpx_transport_is_used(mode):
    def respond(request):
        return httpx.Response(200, json={"requested": str(request.url)})

    transport = httpx.MockTransport(respond)
    kind = httpx.AsyncClient if mode.is_async else httpx.Client
    http = kind(transport=transport)
    result = mode.client(KEY, http_client=http).run(ID, {"prompt": "a"})
    assert result.data == {"requested": f"https://fal.run/{ID}"}
    mode.wait(http.aclose() if mode.is_async else http.close())


def test_an_id_keeps_its_namespace(mode, fal_emulator):
    endpoint = "workflows/acme/slides/v2"
    fal_emulator.endpoint(endpoint).responds({"slides": 3})
    client = mode.client()
    result = client.subscribe(endpoint, {})
    assert result.data == {"slides": 3}
    assert client.status(endpoint, result.request_id).status == "COMPLETED"
    [submit, *_, status] = fal_emulator.requests
    assert submit.path == f"/{endpoint}"
    assert status.path.startswith(f"/workflows/acme/slides/requests/{result.request_id}/status")


def test_a_platform_failure_has_an_error_type(mode, fal_emulator):
    fal_emulator.endpoint(ID).fails("runner_disconnected")
    with pytest.raises(FalServerError) as caught:
        mode(dev).subscribe(prompt="a cat")
    assert caught.value.error_type == "runner_disconnected"
    assert caught.value.status_code == 503
    assert caught.value.request_id
