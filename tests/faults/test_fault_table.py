"""Every fault over every transport: a `FalError` that names its cause and leaks no secret.

One row of the table is a fault; it runs through a sync client, aiohttp, httpcore (both the pool of
sync and that of async code), and a sync and an async httpx client of the caller.
"""

from __future__ import annotations

import math
import os
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from fal_typed import (
    FalConnectionError,
    FalCredentialsError,
    FalError,
    FalInputError,
    FalProtocolError,
)
from fal_typed._uploads.multipart import Multipart
from tests.faults.callers import KEY, KINDS, OWN_KINDS, SECRETS, SIGNATURE, Caller
from tests.transport.wire import playing

APP = "fal-ai/flux/dev"
CLOSED = "127.0.0.1:1"


class Place:
    """Where a fault is caused: the environment, and a folder."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.set = monkeypatch.setenv
        self.unset = monkeypatch.delenv
        self.folder = folder
        self.opened: list[Any] = []

    def open(self, *args: Any) -> Any:
        """A new file, open until the end of the test."""
        self.opened.append(self.file(*args).open("rb"))
        return self.opened[-1]

    def file(self, content: bytes = b"x", name: str = "file.bin") -> Path:
        """A new file."""
        path = self.folder / name
        path.write_bytes(content)
        return path


@dataclass(frozen=True)
class Fault:
    """A row: `call` gets a place and a caller, and returns the function that fails."""

    name: str
    call: Callable[[Place, Caller], Callable[[], Any]]
    error: type[BaseException]
    says: str
    kinds: tuple[str, ...] = KINDS
    response: bytes | None = None


def run(**options: Any) -> Callable[[Place, Caller], Callable[[], Any]]:
    return lambda _, caller: lambda: caller.client().run(APP, arguments={}, **options)


def connected(**options: Any) -> Callable[[Place, Caller], Callable[[], Any]]:
    return lambda _, caller: lambda: caller.client().realtime(APP, **options)


def streamed(**options: Any) -> Callable[[Place, Caller], Callable[[], Any]]:
    return lambda _, caller: lambda: caller.client().stream(APP, arguments={}, **options)


def subscribed(**options: Any) -> Callable[[Place, Caller], Callable[[], Any]]:
    return lambda _, caller: lambda: caller.client().subscribe(APP, arguments={}, **options)


NUMBERS = {
    "negative": -1,
    "tiny negative": -5e-324,
    "nan": math.nan,
    "inf": math.inf,
    "minus inf": -math.inf,
    "huge": 1e300,
    "huge integer": 10**5000,
    "text": "5",
    "bool": True,
    "list": [1],
}


def options() -> Iterator[Fault]:
    makers = {
        "timeout": [run, streamed, connected, subscribed],
        "idle_timeout": [streamed],
        "start_timeout": [run],
        "client_timeout": [subscribed],
        "interval": [subscribed],
        "throttle": [connected],
    }
    for option, calls in makers.items():
        for call in calls:
            for name, value in NUMBERS.items():
                yield Fault(
                    f"{call.__name__} {option} {name}",
                    call(**{option: value}),
                    FalInputError,
                    f"{option} must be a number of seconds",
                )
    for option in ("timeout", "client_timeout"):
        yield Fault(f"{option} zero", subscribed(**{option: 0}), FalInputError, "above 0")
    yield Fault("start_timeout one", run(start_timeout=1), FalInputError, "above 1")
    counts: dict[str, tuple[Any, list[Any]]] = {
        "inline_files": (run, [-1, 1.5, "1", True, math.nan]),
        "max_queue_length": (subscribed, [-1, 1.5, "1", True]),
        "max_buffering": (connected, [0, 61, -1, "2", 1.5, True]),
        "token_expiration": (connected, [0, -5, "60", 1.5, math.inf, True]),
    }
    for option, (call, values) in counts.items():
        for value in values:
            yield Fault(
                f"{option} {value!r}",
                call(**{option: value}),
                FalInputError,
                f"{option} must be an integer",
            )
    for name, value in NUMBERS.items():
        yield Fault(
            f"upload timeout {name}",
            lambda place, caller, value=value: (  # type: ignore[misc]
                lambda: caller.client().upload(b"x", timeout=value)
            ),
            FalInputError,
            "timeout must be a number of seconds",
        )


BAD_VALUES = {
    "non-ASCII": SIGNATURE + "é",
    "emoji": SIGNATURE + "\U0001f600",
    "surrogate": SIGNATURE + "\ud800",
    "line feed": f"{SIGNATURE}\nx-evil: 1",
    "carriage return": f"{SIGNATURE}\rx",
    "null": f"{SIGNATURE}\0",
    "escape": f"{SIGNATURE}\x1b",
    "delete": f"{SIGNATURE}\x7f",
    "bytes": SIGNATURE.encode(),
    "integer": 5,
    "None": None,
}
BAD_NAMES = ("", "a b", "a:b", "a\nb", "ä", "a\0", "(a)", 5, b"a", None)


def headers() -> Iterator[Fault]:
    calls: dict[str, Any] = {"run": run, "subscribe": subscribed, "stream": streamed}
    for title, call in calls.items():
        for name, value in BAD_VALUES.items():
            yield Fault(
                f"{title} header value {name}",
                call(headers={"x-mine": value}),
                FalInputError,
                "header 'x-mine'",
            )
    for name in BAD_NAMES:  # type: ignore[assignment]
        yield Fault(f"header name {name!r}", run(headers={name: "1"}), FalInputError, repr(name))
    for name in ("Host", "content-length", "Transfer-Encoding", "connection"):
        yield Fault(f"header {name}", run(headers={name: "1"}), FalInputError, "reserved")
    yield Fault("headers a list", run(headers=[("a", "b")]), FalInputError, "headers must be")
    yield Fault("hint", run(hint=f"{SIGNATURE}\n"), FalInputError, "x-fal-runner-hint")
    yield Fault(
        "header of the client",
        lambda _, caller: lambda: caller.client(headers={"x-a": "é"}).run(APP, arguments={}),
        FalInputError,
        "'x-a'",
    )


def credentials() -> Iterator[Fault]:
    def with_key(key: Any) -> Callable[[Place, Caller], Callable[[], Any]]:
        return lambda _, caller: lambda: caller.client(key).run(APP, arguments={})

    for name, key in {
        "non-ASCII": f"{KEY}é",
        "line feed": f"{KEY}\nx",
        "spaces": f"{KEY} x",
        "null": f"{KEY}\0",
        "callable": lambda: f"{KEY}\x7f",
    }.items():
        yield Fault(f"key {name}", with_key(key), FalCredentialsError, "invalid characters")
    for name, wrong in {"bytes": KEY.encode(), "integer": 5, "callable": lambda: 5}.items():
        yield Fault(f"key of type {name}", with_key(wrong), FalCredentialsError, "not str")

    def stored(
        prepare: Callable[[Place], object], value: str | None = None
    ) -> Callable[[Place, Caller], Callable[[], Any]]:
        def begin(place: Place, caller: Caller) -> Callable[[], Any]:
            place.unset("FAL_EMULATOR_HOST", raising=False)
            place.set("FAL_HOME_DIR", str(place.folder) if value is None else value)
            prepare(place)
            return lambda: caller.client(None).run(APP, arguments={})

        return begin

    def nothing(_: Place) -> None:
        return None

    yield Fault("no login", stored(nothing), FalCredentialsError, "No fal key found")
    yield Fault("no such user", stored(nothing, "~nobody-x/y"), FalCredentialsError, "No fal key")
    yield Fault(
        "a login file that is a folder",
        stored(lambda place: (place.folder / "auth0_token").mkdir()),
        FalCredentialsError,
        "auth0_token",
    )
    yield Fault(
        "a login file that is not text",
        stored(lambda place: place.file(b"\xff\xfe", "auth0_token")),
        FalCredentialsError,
        "auth0_token' cannot be read: it is not text",
    )


BAD_HOSTS = (
    "http://x",
    "a b",
    f"user:{SIGNATURE}@x",
    "x:99999",
    "x:y",
    "a" * 64 + ".com",
    "[::1",
    "..",
    "x/y",
    "x?y",
    "x\\y",
    "\u0661.com/",
)


def hosts() -> Iterator[Fault]:
    def at(variable: str, value: str) -> Callable[[Place, Caller], Callable[[], Any]]:
        def begin(place: Place, caller: Caller) -> Callable[[], Any]:
            place.unset("FAL_EMULATOR_HOST", raising=False)
            place.set(variable, value)
            return lambda: caller.client().run(APP, arguments={})

        return begin

    for variable in ("FAL_EMULATOR_HOST", "FAL_RUN_HOST", "FAL_QUEUE_RUN_HOST"):
        for value in BAD_HOSTS:
            yield Fault(f"{variable} {value[:20]}", at(variable, value), FalInputError, variable)
    yield Fault(
        "closed port",
        at("FAL_EMULATOR_HOST", CLOSED),
        FalConnectionError,
        f"http://{CLOSED}/fal.run",
    )


BAD_PROXIES = {
    "scheme": f"ftp://user:{SIGNATURE}@proxy:1",
    "unknown scheme": f"foo://{SIGNATURE}",
    "no host": "http://",
    "only a port": ":8080",
    "brackets": f"http://user:{SIGNATURE}@[::1",
    "port": f"http://user:{SIGNATURE}@proxy:port",
    "large port": "http://proxy:99999",
    "space": f"http://user:{SIGNATURE}@pro xy:1",
    "line feed": f"http://user:{SIGNATURE}@proxy\nx:1",
    "long label": "http://" + "a" * 64 + ":1",
    "nothing": "://",
}


def proxies() -> Iterator[Fault]:
    def through(variable: str, value: str) -> Callable[[Place, Caller], Callable[[], Any]]:
        def begin(place: Place, caller: Caller) -> Callable[[], Any]:
            place.unset("FAL_EMULATOR_HOST", raising=False)
            place.set(variable, value)
            return lambda: caller.client().run(APP, arguments={})

        return begin

    for variable in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        for name, value in BAD_PROXIES.items():
            yield Fault(
                f"{variable} {name}", through(variable, value), FalInputError, variable, OWN_KINDS
            )
        yield Fault(
            f"{variable} refuses",
            through(variable, f"http://user:{SIGNATURE}@{CLOSED}"),
            FalConnectionError,
            variable,
            OWN_KINDS,
        )
    yield Fault(
        "proxy without a scheme",
        through("HTTPS_PROXY", CLOSED),
        FalConnectionError,
        "HTTPS_PROXY",
        OWN_KINDS,
    )

    def websocket(place: Place, caller: Caller) -> Callable[[], Any]:
        place.unset("FAL_EMULATOR_HOST", raising=False)
        place.set("HTTPS_PROXY", f"ftp://user:{SIGNATURE}@proxy")
        return lambda: caller.client().realtime(APP, token_provider=lambda _: "token")

    yield Fault("websocket proxy", websocket, FalInputError, "HTTPS_PROXY")


def certificates() -> Iterator[Fault]:
    def trusting(
        variable: str, prepare: Callable[[Place], object], *, socket: bool = False
    ) -> Callable[[Place, Caller], Callable[[], Any]]:
        def begin(place: Place, caller: Caller) -> Callable[[], Any]:
            place.unset("FAL_EMULATOR_HOST", raising=False)
            place.set(variable, str(prepare(place)))
            if socket:
                return lambda: caller.client().realtime(APP, token_provider=lambda _: "token")
            return lambda: caller.client().run(APP, arguments={})

        return begin

    bad: dict[str, tuple[str, Callable[[Place], object]]] = {
        "missing file": ("SSL_CERT_FILE", lambda place: place.folder / "missing.pem"),
        "empty file": ("SSL_CERT_FILE", lambda place: place.file(b"", "empty.pem")),
        "broken file": ("SSL_CERT_FILE", lambda place: place.file(b"-----BEGIN X", "bad.pem")),
        "binary file": ("SSL_CERT_FILE", lambda place: place.file(b"\xff\0", "bad.pem")),
        "file that is a folder": ("SSL_CERT_FILE", lambda place: place.folder),
        "missing folder": ("SSL_CERT_DIR", lambda place: place.folder / "missing"),
        "folder that is a file": ("SSL_CERT_DIR", lambda place: place.file()),
        "one missing folder": (
            "SSL_CERT_DIR",
            lambda place: f"{place.folder}{os.pathsep}{place.folder / 'missing'}",
        ),
        "key log in no folder": ("SSLKEYLOGFILE", lambda place: place.folder / "missing" / "log"),
        "key log that is a folder": ("SSLKEYLOGFILE", lambda place: place.folder),
    }
    for name, (variable, prepare) in bad.items():
        yield Fault(name, trusting(variable, prepare), FalInputError, variable, OWN_KINDS)
        yield Fault(
            f"websocket, {name}", trusting(variable, prepare, socket=True), FalInputError, variable
        )


PARTS = Multipart(threshold=10, part_size=1000, parallel=1)


class BrokenFile:
    """A file whose `read` raises."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def read(self, _size: int = -1) -> bytes:
        raise self.error


class OddFile(BrokenFile):
    """A file whose `read` returns something else."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def read(self, _size: int = -1) -> Any:
        return self.value


def files() -> Iterator[Fault]:  # noqa: C901 - a part of the table
    def changed(
        change: Callable[[Any, Path], object], *, opened: bool = False, **options: Any
    ) -> Callable[[Place, Caller], Callable[[], Any]]:
        """Upload a file that changes after it was checked, before it is sent."""

        def begin(place: Place, caller: Caller) -> Callable[[], Any]:
            file: Any = place.open(b"x" * 5000) if opened else place.file(b"x" * 5000)
            path = place.folder / "file.bin"
            return lambda: caller.client().upload(
                file,
                on_progress=lambda sent, _: None if sent else change(file, path),
                fallback_repository=[],
                **options,
            )

        return begin

    def given(
        make: Callable[[Place], Any], method: str = "upload"
    ) -> Callable[[Place, Caller], Callable[[], Any]]:
        def begin(place: Place, caller: Caller) -> Callable[[], Any]:
            value = make(place)
            if method == "run":
                return lambda: caller.client().run(APP, arguments={"image_url": value})
            return lambda: getattr(caller.client(), method)(value)

        return begin

    whole: dict[str, Any] = {}
    parts = {"multipart": PARTS}
    signed = {"repository": "fal"}
    for name, how in {"whole": whole, "in parts": parts, "signed URL": signed}.items():
        yield Fault(
            f"{name}: vanishes",
            changed(lambda _, path: path.unlink(), **how),
            FalInputError,
            "file.bin' cannot be read while it is sent: No such file",
        )
        yield Fault(
            f"{name}: shrinks",
            changed(lambda _, path: os.truncate(path, 100), **how),
            FalInputError,
            "file.bin' cannot be read while it is sent: it became shorter",
        )
        yield Fault(
            f"{name}: becomes a folder",
            changed(lambda _, path: (path.unlink(), path.mkdir()), **how),  # type: ignore[func-returns-value]
            FalInputError,
            "file.bin' cannot be read while it is sent: Is a directory",
        )
    yield Fault(
        "open file is closed",
        changed(lambda file, _: file.close(), opened=True, **parts),
        FalInputError,
        "file.bin' cannot be read: it was closed",
    )
    yield Fault(
        "open file shrinks",
        changed(lambda _, path: os.truncate(path, 100), opened=True, **parts),
        FalInputError,
        "file.bin' became shorter",
    )

    def closed(place: Place) -> Any:
        file = place.open()
        file.close()
        return file

    def at_end(place: Place) -> Any:
        file = place.open()
        file.read()
        return file

    bad: dict[str, tuple[Callable[[Place], Any], str]] = {
        "missing": (lambda place: place.folder / "missing.png", "missing.png' cannot be read"),
        "folder": (lambda place: place.folder, "not a regular file"),
        "null in the path": (lambda _: Path("a\0b"), "cannot be read"),
        "long path": (lambda _: Path("a" * 5000), "cannot be read"),
        "closed": (closed, "file.bin' is closed"),
        "at its end": (at_end, "at its end"),
        "text": (lambda _: StringIO("text"), "mode 'rb'"),
        "signed error": (
            lambda _: BrokenFile(ValueError(f"https://x/?sig={SIGNATURE}")),
            "open file (BrokenFile) cannot be read: ValueError",
        ),
        "I/O error": (
            lambda _: BrokenFile(OSError(5, "Input/output error")),
            "cannot be read: Input/output error",
        ),
        "returns text": (lambda _: OddFile("x"), "mode 'rb'"),
        "returns None": (lambda _: OddFile(None), "mode 'rb'"),
    }
    for name, (make, says) in bad.items():
        for method in ("upload", "run"):
            yield Fault(f"{method} {name}", given(make, method), FalInputError, says)
    for name, value in {"number": 5, "object": object(), "None": None}.items():
        yield Fault(f"upload {name}", given(lambda _, v=value: v), FalInputError, "Cannot upload")  # type: ignore[misc]
    for field, value in {"threshold": -1, "part_size": 0, "parallel": 0}.items():
        yield Fault(
            f"multipart {field}",
            lambda _, caller, field=field, value=value: (  # type: ignore[misc]
                lambda: caller.client().upload(b"x", multipart=Multipart(**{field: value}))
            ),
            FalInputError,
            field,
        )


def http(body: bytes, status: int = 200, *lines: str) -> bytes:
    head = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", "connection: close", *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


DEEP = b"[" * 200_000
DEEP_OBJECT = b'{"a":' * 100_000
BAD_BODIES = {
    "deep list": DEEP,
    "deep object": DEEP_OBJECT,
    "invalid UTF-8": b'{"a": "\xff"}',
    "empty": b"",
    "text": b"hello",
    "half": b'{"a": ',
    "UTF-16": '{"a": 1'.encode("utf-16"),
    "long number": b"1" * 5000,
}
BAD_HTTP = {
    "no HTTP": b"garbage\r\n\r\n",
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\ncontent-",
    "half a body": b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nxx",
    "bad length": b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n{}",
    "bad chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    "bad status": b"HTTP/1.1 abc OK\r\n\r\n",
    "bad gzip": http(b"not gzip", 200, "content-encoding: gzip"),
}
CALLS: dict[str, Callable[[Any], Any]] = {
    "run": lambda client: client.run(APP, arguments={}),
    "submit": lambda client: client.submit(APP, arguments={}),
    "status": lambda client: client.status(APP, "id"),
    "result": lambda client: client.result(APP, "id"),
    "upload": lambda client: client.upload(b"x", repository="fal", fallback_repository=[]),
}


def responses() -> Iterator[Fault]:  # noqa: C901 - a part of the table
    def call(name: str) -> Callable[[Place, Caller], Callable[[], Any]]:
        return lambda _, caller: lambda: CALLS[name](caller.client())

    for name in CALLS:
        for title, body in BAD_BODIES.items():
            if name != "run":  # whose result was paid for, and is returned as text
                yield Fault(
                    f"{name}: {title}",
                    call(name),
                    FalProtocolError,
                    "not JSON",
                    response=http(body),
                )
            yield Fault(
                f"{name}: {title} as an error",
                call(name),
                FalError,
                "status 500",
                response=http(body, 500),
            )
        for title, raw in BAD_HTTP.items():
            yield Fault(f"{name}: {title}", call(name), FalConnectionError, "http://", response=raw)
    for title, body in {"list": b"[]", "text": b'"x"', "number": b"1", "null": b"null"}.items():
        for name in ("submit", "status", "upload"):
            yield Fault(
                f"{name}: {title}", call(name), FalProtocolError, "object", response=http(body)
            )
    for title, body in {"no id": b"{}", "id 5": b'{"request_id": 5}'}.items():
        yield Fault(
            f"submit: {title}",
            call("submit"),
            FalProtocolError,
            "no request id",
            response=http(body),
        )
    for detail in (b'{"detail": 5}', b'{"detail": [5, null, [], {"loc": 5, "msg": {}}]}', b"[1]"):
        yield Fault(
            f"run: error {detail!r}",
            call("run"),
            FalError,
            "status 422",
            response=http(detail, 422, "retry-after: 1e999", "x-fal-needs-retry: \xff"),
        )
    urls = {
        "closed port": f"http://{CLOSED}/a?sig={SIGNATURE}",
        "credentials": f"http://u:{SIGNATURE}@{CLOSED}/a",
        "fragment": f"http://{CLOSED}/a#{SIGNATURE}",
        "scheme": f"ftp://x/?sig={SIGNATURE}",
        "no scheme": f"//x/?sig={SIGNATURE}",
        "bracket": f"https://[x/?sig={SIGNATURE}",
        "port": f"https://x:port/?sig={SIGNATURE}",
        "label": f"https://{'a' * 64}.example/?sig={SIGNATURE}",
        "space": f"https://x y/?sig={SIGNATURE}",
        "plain": f"http://10.255.255.1/?sig={SIGNATURE}",
    }
    for title, url in urls.items():
        body = b'{"upload_url": "%s", "file_url": "https://x/y"}' % url.encode()
        yield Fault(
            f"upload to a signed URL: {title}",
            call("upload"),
            FalError,
            "",
            response=http(body),
        )


TABLE = [
    *options(),
    *headers(),
    *credentials(),
    *hosts(),
    *proxies(),
    *certificates(),
    *files(),
    *responses(),
]
ROWS = [(fault, kind) for fault in TABLE for kind in fault.kinds]


def check(fault: Fault, error: BaseException) -> None:
    assert isinstance(error, (fault.error, TypeError)), f"{type(error)}: {error}"
    if fault.error is not FalError:
        assert type(error) is fault.error, f"{type(error)}: {error}"
    shown = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    assert fault.says in str(error), str(error)
    for secret in SECRETS:
        assert secret not in shown
        assert secret not in repr(error)


@pytest.mark.parametrize(("fault", "kind"), ROWS, ids=[f"{f.name}-{k}" for f, k in ROWS])
def test_a_fault(fault, kind, emulator, tmp_path, monkeypatch):
    async def respond(connection):
        await connection.request()
        await connection.send(fault.response)

    caller = Caller(kind, monkeypatch)
    place = Place(monkeypatch, tmp_path)
    try:
        if fault.response is not None:
            with playing(respond) as wire:
                monkeypatch.setenv("FAL_EMULATOR_HOST", wire.host)
                outcome = failure(caller, fault, place)
        else:
            outcome = failure(caller, fault, place)
        check(fault, outcome)
    finally:
        caller.close()
        for file in place.opened:
            file.close()


def failure(caller: Caller, fault: Fault, place: Place) -> BaseException:
    call = fault.call(place, caller)
    try:
        value = caller.run(call)
    except Exception as error:  # noqa: BLE001 - the test checks its class
        return error
    raise AssertionError(f"no error, but {value!r}")


def test_the_table_is_large():
    assert len(TABLE) > 300
    assert {kind for _, kind in ROWS} == set(KINDS)
