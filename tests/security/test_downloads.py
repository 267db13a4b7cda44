"""Attacks by results: where their files lie, what they are called, and what servers say of them."""

from __future__ import annotations

import contextlib
import os
import socket
import threading

import pytest

from fal_typed import FalDownloadError, FalError
from fal_typed._downloads.file_names import choose_target, safe_name
from fal_typed._transport import public_addresses as addresses
from fal_typed.files import File
from fal_typed.testing import FalEmulator
from tests.scripted import Reply, scripted

PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",  # where clouds tell instances their credentials
    "100.64.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "100::1",
    "2001:db8::1",
    "localhost",
    "",
    "1.1.1.1.evil.example",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_known_as_such(address):
    assert not addresses.is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_public(address):
    assert addresses.is_public(address)


def strict(caller, **options):
    return caller.client(private_addresses=False, **options)


@pytest.fixture
def inside():
    with scripted(lambda _: Reply(200, b"secret of the network")) as server:
        yield server


WRITTEN = [
    "http://127.0.0.1:{port}/x",
    "http://localhost:{port}/x",
    "http://[::ffff:127.0.0.1]:{port}/x",
    "http://0.0.0.0:{port}/x",
    "http://127.1:{port}/x",
    "http://2130706433:{port}/x",
    "http://0x7f000001:{port}/x",
    "http://0177.0.0.1:{port}/x",
    "http://user:pass@127.0.0.1:{port}/x",
    "http://fal.media@127.0.0.1:{port}/x",
    "http://LOCALHOST:{port}/x",
    "http://localhost.:{port}/x",
    "http://\u2460\u2461\u2466.0.0.1:{port}/x",
    "HTTP://127.0.0.1:{port}/x",
]


@pytest.mark.parametrize("url", WRITTEN, ids=ascii)
def test_a_strict_client_fetches_nothing_from_this_machine(caller, inside, url):
    file = File(url=url.format(port=inside.host.rpartition(":")[2]))
    with pytest.raises(FalDownloadError):
        caller(file.read, client=strict(caller))
    assert not inside.seen


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_does_not_lead_inside(caller, monkeypatch, status):
    """Here 127.0.0.1 plays a public address, whose server redirects to another one."""
    monkeypatch.setattr(addresses, "is_public", lambda address: address == "127.0.0.1")
    with socket.create_server(("127.0.0.2", 0)) as within:
        place = f"http://127.0.0.2:{within.getsockname()[1]}/x"
        with scripted(lambda _: Reply(status, b"", {"location": place})) as outside:
            with pytest.raises(FalDownloadError, match="no public address"):
                caller(File(url=f"http://{outside.host}/x").read, client=strict(caller))
            assert len(outside.seen) == 1
        within.setblocking(False)
        with pytest.raises(BlockingIOError):
            within.accept()


def test_a_name_is_resolved_once_where_it_is_connected_to(caller, inside, monkeypatch):
    """DNS rebinding: the first answer is public, every later one leads to this machine."""
    if "httpx" in caller.transport:
        pytest.skip("httpx resolves names itself, as docs/security.md says")
    answers = iter(["192.88.99.1"])
    resolve = socket.getaddrinfo
    asked = []

    def rebinding(host, port, *args, **options):
        if host != "rebinding.example":
            return resolve(host, port, *args, **options)
        asked.append(host)
        return resolve(next(answers, "127.0.0.1"), port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    # Nobody is at this address of the first answer, and it must not be replaced by the second's.
    monkeypatch.setattr(addresses, "is_public", lambda one: one == "192.88.99.1")
    monkeypatch.setattr("fal_typed._transport.base.HttpRequest.connect_timeout", 0.2)
    port = inside.host.rpartition(":")[2]
    file = File(url=f"http://rebinding.example:{port}/x")
    with pytest.raises(FalError):
        caller(file.read, client=strict(caller))
    assert not inside.seen


def test_an_emulator_is_the_callers_own_choice(caller, monkeypatch):
    with FalEmulator() as emulator:
        monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
        client = strict(caller)
        url = caller(client.upload, b"mine", "text/plain")
        assert caller(File(url=url).read, client=client) == b"mine"
        other = File(url=f"http://{emulator.host}/_emulator/requests")
        with pytest.raises(FalDownloadError):
            caller(other.read, client=client)


def test_without_strictness_this_machine_is_reached(caller, inside):
    """What is documented: by default, a result may name any address."""
    content = caller(File(url=f"http://{inside.host}/x").read, client=caller.client())
    assert content == b"secret of the network"


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "file://localhost/etc/passwd",
        "/etc/passwd",
        "../../etc/passwd",
        "ftp://127.0.0.1/x",
        "gopher://127.0.0.1:70/x",
        "dict://127.0.0.1/x",
        "javascript:alert(1)",
        "blob:null/x",
        "unix:///var/run/docker.sock",
        "http+unix://%2fvar%2frun%2fdocker.sock/x",
        "//127.0.0.1/x",
        "http://",
        "http://[",
        "http://[::1",
        "http://a:99999999/x",
        "https:/x",
        "",
        "data:",
        "data:text/plain;base64,%",
    ],
)
def test_only_urls_of_the_web_are_fetched(caller, tmp_path, url):
    file = File(url=url)
    with pytest.raises(FalError):
        caller(file.read, client=caller.client())
    with pytest.raises(FalError):
        caller(file.save, tmp_path, client=caller.client())
    assert not list(tmp_path.iterdir())


NAMES = [
    "../evil",
    "../../../../etc/cron.d/evil",
    "/etc/passwd",
    "..\\..\\evil",
    "C:\\Windows\\evil",
    "C:evil",
    "\\\\host\\share\\evil",
    "..",
    ".",
    "...",
    "",
    "/",
    ".bashrc",
    ".ssh/authorized_keys",
    "evil\0.png",
    "evil\n.png",
    "evil\x1b[2J.png",
    "evil\u202egnp.exe",
    "evil.png ",
    "evil.png.",
    "con",
    "CON.png",
    "com1.txt",
    "com\u00b9",
    "a:b",
    "a:$DATA",
    "a" * 5000,
    "\U0001f600" * 500,
    "e\u0301" * 300,
    "~root",
    "$HOME",
    "`id`",
    "-rf",
    "%2e%2e%2fevil",
    "..%2fevil",
    "\uff0e\uff0e/evil",
    "\ud800",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_of_a_result_stays_in_the_folder(tmp_path, name):
    folder = tmp_path / "folder"
    folder.mkdir()
    for file_name, url in ((name, "http://a/x"), (None, f"http://a/{name}")):
        target = choose_target(folder, file_name, url).path
        assert target.parent == folder, ascii(target)
        assert target.name not in (".", "..")
        assert len(os.fsencode(target.name)) <= 255
        target.write_bytes(b"x")
    plain = safe_name(name)
    assert plain.isprintable()
    assert not set(plain) & set('/\\:*?"<>|')


def test_a_link_in_the_folder_is_replaced_not_followed(caller, tmp_path, inside):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "evil.png").symlink_to(victim)
    file = File(url=f"http://{inside.host}/x", file_name="evil.png")
    saved = caller(file.save, folder, client=caller.client())
    assert victim.read_text() == "mine"
    assert saved.read_bytes() == b"secret of the network"
    assert [one.name for one in folder.iterdir()] == [saved.name] or not saved.is_symlink()


def ranged(status=206, body=b"x", **headers):
    return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


FIRST = Reply(200, b"0123456789", {"etag": '"a"'}, cut=4)
LIES = {
    "another start": ranged(content_range="bytes 0-9/10", body=b"evil" * 2),
    "another total": ranged(content_range="bytes 4-9/99", body=b"456789"),
    "another file": ranged(content_range="bytes 4-9/10", etag='"b"', body=b"evilll"),
    "no range": ranged(body=b"evilll"),
    "a range that is none": ranged(content_range="bytes evil", body=b"evilll"),
    "a range of thousands of digits": ranged(content_range=f"bytes {'9' * 5000}-9/10"),
    "more than was said": ranged(content_range="bytes 4-9/10", etag='"a"', body=b"4567890123"),
    "outside": ranged(416, b"", content_range="bytes */3"),
    "multipart": ranged(content_type="multipart/byteranges; boundary=b", body=b"--b\r\n\r\nevil"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_range_that_lies_is_not_mixed_into_the_file(caller, name):
    def answer(seen):
        replies.append(seen)
        if len(replies) == 1:
            return FIRST
        return LIES[name] if "range" in seen.headers else Reply(200, b"0123456789")

    replies = []
    with scripted(answer) as storage:
        content = caller(File(url=f"http://{storage.host}/x").read, client=caller.client())
    assert content == b"0123456789"


def test_a_file_that_changes_in_the_middle_is_fetched_anew(caller):
    def answer(seen):
        replies.append(seen.headers.get("range"))
        if len(replies) == 1:
            return Reply(200, b"old file..", {"etag": '"a"'}, cut=4)
        return Reply(200, b"new", {"etag": '"b"'})

    replies = []
    with scripted(answer) as storage:
        content = caller(File(url=f"http://{storage.host}/x").read, client=caller.client())
    assert (content, replies) == (b"new", [None, "bytes=4-"])


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "1e9", "0x10", "\u0661"])
def test_a_length_that_is_no_number_is_an_error_of_ours(caller, length):
    encoded = length.encode("utf-8").decode("latin-1")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        file = File(url=f"http://127.0.0.1:{listening.getsockname()[1]}/x")

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection:
                        connection.recv(65536)
                        head = f"HTTP/1.1 200 OK\r\ncontent-length: {encoded}\r\n\r\nabc"
                        connection.sendall(head.encode("latin-1"))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with pytest.raises(FalError):
                caller(file.read, client=caller.client())
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_a_file_has_a_size_limit_in_memory_and_one_on_disk(caller, tmp_path):
    with scripted(lambda _: Reply(200, b"x" * 100_000)) as storage:
        file = File(url=f"http://{storage.host}/x")
        small = caller.client(max_response_bytes=50_000, max_file_bytes=50_000)
        for call, arguments in ((file.read, ()), (file.open, ()), (file.save, (tmp_path / "x",))):
            with pytest.raises(FalDownloadError, match="50000 bytes"):
                caller(call, *arguments, client=small)
        assert not list(tmp_path.iterdir())
        large = caller.client(max_response_bytes=None, max_file_bytes=100_000)
        assert len(caller(file.read, client=large)) == 100_000
        caller(file.save, tmp_path / "x", client=large)
        assert len(storage.seen) == 5, "what is too large is not asked for again"


def test_redirects_end_and_stay_encrypted(caller):
    with scripted(lambda seen: Reply(302, b"", {"location": f"{seen.path}x"})) as storage:
        with pytest.raises(FalDownloadError, match="redirected more than"):
            caller(File(url=f"http://{storage.host}/x").read, client=caller.client())
        assert len(storage.seen) == 10
    bad = Reply(302, b"", {"location": "http://["})
    with scripted(lambda _: bad) as storage, pytest.raises(FalDownloadError):
        caller(File(url=f"http://{storage.host}/x").read, client=caller.client())
