"""The clients, one at a time, diverted to whatever serves the platform's hosts."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fal_typed.testing import FalEmulator
from fal_typed.testing.engine.addresses import HOSTS
from fal_typed.testing.server.diverting import diverted
from tests.clients.drivers import JavaScript, Official, Ours, OursAsync
from tests.requirements import need_js_client

SCENARIOS = json.loads((Path(__file__).parent / "scenarios.json").read_text())
DRIVERS: dict[str, Callable[[], Any]] = {
    "fal_client": Official,
    "fal_typed": Ours,
    "fal_typed async": OursAsync,
}
CLIENTS = [*DRIVERS, "@fal-ai/client"]


class Led:
    """A client of this process, whose connections lead elsewhere while it plays."""

    def __init__(self, client: Any, ports: dict[str, int], variables: dict[str, str]) -> None:
        self._client = client
        self._targets = {host: ("127.0.0.1", port) for host, port in ports.items()}
        self._variables = variables
        self.name = client.name

    def play(self, scenario: dict[str, Any]) -> dict[str, Any]:
        with diverted(self._targets, self._variables):
            return self._client.play(scenario)


@contextmanager
def driver(name: str, ports: dict[str, int], variables: dict[str, str]) -> Iterator[Any]:
    """One client, whose connections to the named hosts lead to ports of this machine."""
    led: Any
    if name not in DRIVERS:
        need_js_client()
        led = client = JavaScript(ports, variables)
    else:
        client = DRIVERS[name]()
        led = Led(client, ports, variables)
    yield led
    client.close()


def port_of(emulator: FalEmulator) -> int:
    return int(emulator.host.rpartition(":")[2])


def grouped(name: str) -> Any:
    """Tests of one client share a process, and so its fixtures."""
    return pytest.param(name, marks=pytest.mark.xdist_group(f"client {name}"), id=name)


@pytest.fixture(scope="module")
def secure() -> Iterator[FalEmulator]:
    with FalEmulator(run_time=0.0, tls=True) as emulator:
        yield emulator


@pytest.fixture(scope="module", params=map(grouped, CLIENTS))
def client(request, secure) -> Iterator[Any]:
    ports = dict.fromkeys(HOSTS, port_of(secure))
    with driver(request.param, ports, secure.environ()) as client:
        yield client


@pytest.fixture
def hook() -> Iterator[str]:
    """URL of a listener that takes webhooks."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()
