"""No deceptive URL sends the key to another host."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from yarl import URL

from fal_typed import FalCredentialsError, FalInputError
from fal_typed._core.credentials import Credentials
from fal_typed._core.hosts import Hosts
from fal_typed._core.settings import Settings
from fal_typed._transport.aiohttp import InvalidURL
from fal_typed._transport.aiohttp import _url as aiohttp_url
from fal_typed._transport.base import TransportError
from fal_typed._transport.pool import _parse_url as pool_url
from fal_typed._transport.urls import is_confidential

PLATFORM = {"fal.run", "queue.fal.run", "rest.fal.ai", "v3.fal.media", "api.fal.ai", "ws.fal.run"}
PUBLIC = Hosts()
LOCAL = Hosts.emulated("127.0.0.1:8765")
KEY = "id:very-secret"

TRICKS = [
    "https://evil.example/fal.run/x",
    "https://fal.run@evil.example/x",
    "https://fal.run:x@evil.example/x",
    "https://queue.fal.run%40evil.example/x",
    "https://evil.example\\@fal.run/x",
    "https://fal.run\\.evil.example/x",
    "https://fal.run\\/x",
    "https://fal.run.evil.example/x",
    "https://fal.run:8443/x",
    "https://fal.run:443@evil.example/x",
    "https://xfal.run/x",
    "http://fal.run/x",
    "ftp://fal.run/x",
    "//fal.run/x",
    "https:fal.run/x",
    "https:///fal.run/x",
    "https://[fal.run]/x",
    "https://fal。run/x",
    "https://\uff46al.run/x",
    "https://fal.run\u2044x",
    "https://fa\u00adl.run/x",
    "https://fal.run\n.evil.example/x",
    "https://fal.run\t@evil.example/x",
    "https://fal%2erun/x",
    "https://evil.example#@fal.run/x",
    "https://evil.example?@fal.run/x",
    "https://fal.run./x",
    "https://127.0.0.1:8765/fal.run/x",
    "javascript:fal.run",
    "",
    "fal.run",
]
INSIDE_TRICKS = [
    "http://127.0.0.1:8765/queue.fal.run/../secret",
    "http://127.0.0.1:8765/queue.fal.run/a/../../secret",
    "http://127.0.0.1:8765/queue.fal.run/%2e%2e/secret",
    "http://127.0.0.1:8765/queue.fal.run/%2E%2e/secret",
    "http://127.0.0.1:8765/queue.fal.run/.%2e/secret",
    "http://127.0.0.1:8765/queue.fal.run.evil/x",
    "http://127.0.0.1:8765/queue.fal.run\\..\\secret",
    "http://127.0.0.1:8766/queue.fal.run/x",
    "http://127.0.0.1/queue.fal.run/x",
    "http://localhost:8765/queue.fal.run/x",
    "https://127.0.0.1:8765/queue.fal.run/x",
    "http://a@127.0.0.1:8765/queue.fal.run/x",
    "http://127.0.0.1:8765/",
    "http://127.0.0.1:8765//queue.fal.run/x",
    "http://2130706433:8765/queue.fal.run/x",
]


@pytest.mark.parametrize("url", TRICKS)
def test_a_url_with_a_deceptive_host_is_rejected(url):
    assert not PUBLIC.owns(url)
    with pytest.raises(FalCredentialsError) as caught:
        Settings(hosts=PUBLIC, credentials=Credentials(KEY)).request("GET", url)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("url", INSIDE_TRICKS)
def test_a_url_with_a_deceptive_path_is_rejected(url):
    assert not LOCAL.owns(url)
    with pytest.raises(FalCredentialsError):
        Settings(hosts=LOCAL, credentials=Credentials(KEY)).request("GET", url)


@pytest.mark.parametrize(
    "url",
    [
        "https://fal.run/a",
        "https://fal.run",
        "https://FAL.run:443/a?x=..",
        "https://queue.fal.run/a/b/requests/1/status",
        "wss://ws.fal.run/a",
        "wss://fal.run/a/realtime",
        "https://rest.fal.ai/tokens/",
        "https://api.fal.ai/v1/models",
    ],
)
def test_the_platforms_urls_get_the_key(url):
    assert PUBLIC.owns(url)
    sent = Settings(hosts=PUBLIC, credentials=Credentials(KEY)).request("GET", url)
    assert sent.headers["authorization"] == f"Key {KEY}"


def test_the_api_host_is_trusted_below_its_path_only():
    assert not PUBLIC.owns("https://api.fal.ai/v2/models")
    assert not PUBLIC.owns("https://api.fal.ai/v1x")


pieces = st.sampled_from(
    [
        *sorted(PLATFORM),
        "evil.example",
        "https://",
        "http://",
        "wss:",
        "//",
        "/",
        "\\",
        "@",
        ":",
        ":443",
        ":80",
        "?",
        "#",
        "..",
        ".",
        "%2e",
        "%2f",
        "%40",
        "%00",
        "[",
        "]",
        "a",
        "\t",
        "\n",
        " ",
        "。",
        "\uff45",
        "\u200d",
        "\u0131",
        "xn--",
        "v1",
    ]
)
urls = st.lists(pieces | st.text(max_size=2), max_size=9).map("".join)


def hosts_that_libraries_reach(url):
    """The hosts that the HTTP libraries would connect to, if they accept the URL."""
    reached = []
    for parse in (httpx.URL, aiohttp_url, pool_url):
        try:
            parsed = parse(url)
        except (httpx.InvalidURL, InvalidURL, ValueError, TransportError):
            continue
        host = parsed.host.decode() if isinstance(parsed.host, bytes) else parsed.host
        reached.append(str(host).lower())
    return reached


@settings(max_examples=2000, deadline=None)
@given(st.sampled_from(["", "https://", "https://fal.run", "https://fal.run/"]), urls)
@example("https://fal.run", ":443/")
def test_every_library_connects_to_the_host_that_was_checked(start, rest):
    url = start + rest
    if PUBLIC.owns(url):
        assert is_confidential(url)
        assert set(hosts_that_libraries_reach(url)) <= PLATFORM | {"fal.ai"}


@settings(max_examples=1000, deadline=None)
@given(urls)
def test_emulator_urls_stay_below_their_paths(rest):
    url = "http://127.0.0.1:8765/queue.fal.run" + rest
    if LOCAL.owns(url):
        assert URL(url).host == "127.0.0.1"
        assert httpx.URL(url).host == "127.0.0.1"
        base = URL("http://127.0.0.1:8765/queue.fal.run/").join(URL(url))
        assert base.path == "/queue.fal.run" or base.path.startswith("/queue.fal.run/")


@pytest.mark.parametrize(
    "host",
    ["https://fal.run", "fal.run/x", "a@fal.run", "fal.run:x", "", " fal.run", "fal.run:99999"],
)
def test_an_invalid_host_setting_is_rejected(host, mode):
    if not host:
        return
    with pytest.raises(FalInputError, match="is not a valid host"):
        mode.client("k", run_host=host).run("a/b", {})


def test_hosts_come_from_arguments_then_the_environment(monkeypatch):
    monkeypatch.setenv("FAL_RUN_HOST", "run.example")
    assert Hosts.configured().run == "https://run.example"
    assert Hosts.configured().queue == "https://queue.run.example"
    monkeypatch.setenv("FAL_QUEUE_RUN_HOST", "q.example:8443")
    assert Hosts.configured().queue == "https://q.example:8443"
    assert Hosts.configured(run_host="mine.example").run == "https://mine.example"
    monkeypatch.setenv("FAL_EMULATOR_HOST", "127.0.0.1:8765")
    assert Hosts.configured().queue == "http://127.0.0.1:8765/queue.fal.run"


def test_the_key_is_sent_without_tls_to_this_machine_only():
    with pytest.raises(FalCredentialsError, match="does not use TLS"):
        Settings(hosts=Hosts.emulated("build.example:80"), credentials=Credentials(KEY)).request(
            "GET", "http://build.example:80/fal.run/x"
        )
    emulated = Settings(
        hosts=Hosts.emulated("build.example:80"), credentials=Credentials(KEY), needs_key=False
    )
    sent = emulated.request("GET", "http://build.example:80/fal.run/x")
    assert "authorization" not in sent.headers
