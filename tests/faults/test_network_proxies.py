"""Which requests go through a network proxy: never those to this machine."""

from __future__ import annotations

import socket
import threading

import pytest

from fal_typed import FalConnectionError
from fal_typed._transport.proxies import proxy_for
from tests.faults.callers import OWN_KINDS, Caller

APP = "fal-ai/flux/dev"
EXCLUDED = {
    "*": True,
    "fal.run": True,
    ".fal.run": True,
    "*.fal.run": True,
    "run": True,
    "FAL.RUN": True,
    "queue.fal.run": True,
    "queue.fal.run:443": True,
    "https://queue.fal.run": True,
    " a.example , fal.run ": True,
    "": False,
    ",,": False,
    "al.run": False,
    "queue.fal.run:80": False,
    "queue.fal.run.example": False,
    "10.0.0.0/8": False,
    "example": False,
}
LOOPBACK = ("localhost", "127.0.0.1", "127.8.8.8", "[::1]", "app.localhost")
NETWORKS = {
    ("10.1.2.3", "10.0.0.0/8"): True,
    ("10.1.2.3", "10.1.2.3"): True,
    ("11.1.2.3", "10.0.0.0/8"): False,
    ("[fd00::1]", "fd00::/8"): True,
    ("[fd00::1]", "[fd00::1]"): True,
    ("[fd00::1]", "0.0.0.0/0"): False,
}


class Proxy:
    """A proxy that notes the first line of each request and refuses it."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection:
                self.lines.append(connection.recv(65536).split(b"\r\n")[0])
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()


@pytest.fixture
def proxy():
    proxy = Proxy()
    yield proxy
    proxy.close()


@pytest.fixture(params=OWN_KINDS)
def own_caller(request, monkeypatch):
    caller = Caller(request.param, monkeypatch)
    yield caller
    caller.close()


@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize(("value", "is_direct"), EXCLUDED.items())
def test_hosts_are_excluded_in_every_spelling(variable, value, is_direct, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:8080")
    monkeypatch.setenv(variable, value)
    assert (proxy_for("https://queue.fal.run/x") is None) is is_direct


@pytest.mark.parametrize(("place", "is_direct"), NETWORKS.items())
def test_networks_are_excluded(place, is_direct, monkeypatch):
    host, network = place
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:8080")
    monkeypatch.setenv("NO_PROXY", network)
    assert (proxy_for(f"https://{host}/x") is None) is is_direct


@pytest.mark.parametrize("host", LOOPBACK)
@pytest.mark.parametrize("scheme", ["http", "https", "ws", "wss"])
def test_this_machine_is_never_reached_through_a_proxy(scheme, host, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://proxy.example:8080")
    assert proxy_for(f"{scheme}://{host}:8765/x") is None


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_calls_to_an_emulator_pass_no_proxy(variable, own_caller, proxy, emulator, monkeypatch):
    monkeypatch.setenv(variable, proxy.url)
    client = own_caller.client()
    arguments = {"prompt": "a cat"}
    assert own_caller.run(lambda: client.subscribe(APP, arguments)).request_id
    assert own_caller.run(lambda: client.upload(b"x")).startswith("http://127.0.0.1")
    assert own_caller.run(lambda: client.stream(APP, arguments))
    assert proxy.lines == []


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_that_refuses_got_nothing_of_the_request(variable, own_caller, proxy, monkeypatch):
    monkeypatch.delenv("FAL_EMULATOR_HOST", raising=False)
    monkeypatch.setenv(variable, proxy.url)
    client = own_caller.client()
    with pytest.raises(FalConnectionError) as failed:
        own_caller.run(lambda: client.submit(APP, {"prompt": "a cat"}))
    assert not failed.value.maybe_accepted
    assert set(proxy.lines) == {
        b"CONNECT queue.fal.run:443 HTTP/1.1",
        b"CONNECT queue.falrun.com:443 HTTP/1.1",
    }
