"""The emulator over TLS, at its own address and at the platform's host names."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import aiohttp
import httpx
import pytest

from fal_typed.cli.request_lines import line
from fal_typed.testing import FalEmulator, Fault, RecordedRequest

DEV = "fal-ai/flux/dev"
JWKS = "https://rest.fal.ai/.well-known/jwks.json"


@pytest.fixture(scope="module")
def secure():
    with FalEmulator(run_time=0.0, tls=True) as emulator:
        yield emulator


def test_requests_to_its_own_address(secure):
    trusted = ssl.create_default_context(cafile=str(secure.ca_file))
    with httpx.Client(verify=trusted) as client:
        for name in (secure.url, secure.url.replace("127.0.0.1", "localhost")):
            response = client.post(f"{name}/fal.run/{DEV}", json={"prompt": "x"})
            assert response.json()["images"][0]["url"].startswith(f"{name}/v3.fal.media/")


def test_its_certificate_is_not_trusted_by_default(secure):
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(secure.url)


def test_the_platform_s_hosts_are_diverted(secure):
    with secure.diverted():
        assert httpx.get(JWKS).json()["keys"]
        run = httpx.post(f"https://fal.run/{DEV}", json={"prompt": "x"}).json()
        url = run["images"][0]["url"]
        assert url.startswith("https://v3.fal.media/files/")
        assert httpx.get(url).status_code == 200
    assert secure.requests[-1].service == "v3.fal.media"


def test_async_clients_are_diverted_too(secure):
    async def both() -> list[int]:
        trusted = ssl.create_default_context(cafile=str(secure.ca_file))
        connector = aiohttp.TCPConnector(ssl=trusted)
        async with (
            httpx.AsyncClient() as one,
            aiohttp.ClientSession(connector=connector) as other,
            other.get(JWKS) as response,
        ):
            return [(await one.get(JWKS)).status_code, response.status]

    with secure.diverted():
        assert asyncio.run(both()) == [200, 200]


def test_diverting_ends_with_the_block(secure):
    before = socket.getaddrinfo, socket.socket.connect
    with secure.diverted():
        assert (socket.getaddrinfo, socket.socket.connect) != before
    assert (socket.getaddrinfo, socket.socket.connect) == before


def test_faults_work_over_tls(secure):
    trusted = ssl.create_default_context(cafile=str(secure.ca_file))
    with httpx.Client(verify=trusted) as client:
        for kind in ("reset_before", "reset_after", "truncate"):
            secure.fault(Fault(kind))
            with pytest.raises(httpx.TransportError):
                client.post(f"{secure.url}/fal.run/{DEV}", json={"prompt": "x"})
        assert client.post(f"{secure.url}/fal.run/{DEV}", json={"prompt": "x"}).is_success


def test_the_certificate_is_deleted_with_the_emulator():
    with FalEmulator(tls=True) as emulator:
        file = emulator.ca_file
        assert file.exists()
    assert not file.exists()
    with pytest.raises(RuntimeError, match="tls=True"):
        emulator.ca_file  # noqa: B018
    with FalEmulator() as plain, pytest.raises(RuntimeError, match="tls=True"):
        plain.diverted()


def test_the_command_writes_the_certificate(tmp_path):
    command: list[str | Path] = [
        Path(sys.executable).parent / "fal-typed",
        "emulator",
        "--port",
        "0",
        "--tls",
    ]
    with subprocess.Popen(
        [*command, "--run-time", "0"], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    ) as process:
        try:
            printed = [process.stdout.readline() for _ in range(8)]
            url = printed[0].split()[-1]
            ca_file = tmp_path / "fal-emulator-ca.pem"
            assert f"export SSL_CERT_FILE={ca_file}\n" in printed
            assert f"export FAL_RUN_HOST={url[8:]}/fal.run\n" in printed
            trusted = ssl.create_default_context(cafile=str(ca_file))
            httpx.post(f"{url}/fal.run/{DEV}", json={"prompt": "x"}, verify=trusted)
            logged = process.stdout.readline().split()
            assert (logged[1], logged[4:7]) == ("200", ["POST", "run", DEV])
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0


def test_log_lines_contain_no_control_characters():
    hostile = "/a\x1b[2J\x07[bold]/b"
    record = RecordedRequest("fal.run", "GET\x1b", hostile, "", [], b"", status=404, seconds=0.1)
    text = line(record).plain
    assert text.isprintable()
    assert "[bold]" in text
