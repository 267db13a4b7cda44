"""The same calls, by every client, to a real `fal.App` and to the emulator serving its document.

What a client reports of the two has the same shape, and errors are the same.
"""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import trustme

from fal_typed.testing import FalEmulator
from fal_typed.testing.engine.addresses import HOSTS
from tests.clients.conftest import CLIENTS, driver, port_of
from tests.clients.matching import difference
from tests.requirements import FAL_PYTHON, need_fal_server

pytestmark = pytest.mark.xdist_group("client and app")
APP = Path(__file__).parents[1] / "real_app" / "app.py"
ID = "tests/echo"
CALLS = {
    "run": {"do": "run", "endpoint": ID, "arguments": {"prompt": "a cat", "seed": 7}},
    "run with a picture": {
        "do": "run",
        "endpoint": f"{ID}/image",
        "arguments": {"prompt": "a cat"},
    },
    "run refused": {"do": "run", "endpoint": ID, "arguments": {"seed": -1}},
    "run of an unknown path": {"do": "run", "endpoint": f"{ID}/nowhere", "arguments": {}},
    "stream": {"do": "stream", "endpoint": ID, "arguments": {"prompt": "cat", "count": 3}},
    "stream refused": {"do": "stream", "endpoint": ID, "arguments": {"prompt": "cat", "count": -1}},
    "realtime": {"do": "realtime", "endpoint": ID, "inputs": [{"prompt": "a"}, {"prompt": "b"}]},
}


class Served(NamedTuple):
    """The app behind TLS, and what a client must know to come to it."""

    port: int
    ca_file: Path


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> Iterator[Served]:
    need_fal_server()
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate = authority.issue_cert("fal.run", "127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    command = [FAL_PYTHON, APP, folder / "cert.pem", folder / "key.pem"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        address = server.stdout.readline().strip()
        yield Served(int(address.rpartition(":")[2]), folder / "ca.pem")
        server.stdin.close()


@pytest.fixture(scope="module")
def twin(app, tmp_path_factory) -> Iterator[FalEmulator]:
    """An emulator that knows the app by its document only."""
    url = f"https://127.0.0.1:{app.port}/{ID}/openapi.json"
    document = httpx.get(url, verify=ssl.create_default_context(cafile=app.ca_file)).json()
    schemas = tmp_path_factory.mktemp("schemas")
    (schemas / "tests").mkdir()
    (schemas / f"{ID}.json").write_text(json.dumps(document))
    with FalEmulator(schemas=schemas, tls=True) as emulator:
        # An app's document does not say what the events of its streams are.
        events = [{"text": "c", "number": 0}, {"text": "ca", "number": 1}]
        emulator.endpoint(f"{ID}/stream").events = [*events, {"text": "cat", "number": 2}]
        yield emulator


@pytest.fixture(scope="module", params=CLIENTS)
def pair(request, app, twin, tmp_path_factory) -> Iterator[tuple[Any, Any]]:
    """One client twice: for the app, and for the emulator."""
    both = tmp_path_factory.mktemp("trust") / "ca.pem"
    both.write_text(app.ca_file.read_text() + twin.ca_file.read_text())
    trust = dict.fromkeys(twin.environ(), str(both))
    emulated = dict.fromkeys(HOSTS, port_of(twin))
    # The platform's gateway gives out tokens, so the app has no service for them.
    with (
        driver(request.param, {**emulated, "fal.run": app.port}, trust) as real,
        driver(request.param, emulated, trust) as copy,
    ):
        yield real, copy


@pytest.mark.parametrize("name", CALLS)
def test_the_shapes_agree(pair, name):
    real, copy = pair
    if name == "stream refused" and real.name == "fal_client":
        pytest.skip("fal_client does not look at a stream's status (docs/protocol.md section 4)")
    theirs, ours = real.play(CALLS[name]), copy.play(CALLS[name])
    assert difference(ours, theirs) is None, (ours, theirs)
    assert ours.get("error") == theirs.get("error")
