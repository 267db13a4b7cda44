"""`fal-typed pull`: every source, and atomic documents."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fal_typed_codegen.documents import pull as pulling
from fal_typed_codegen.documents.canonical import canonical_bytes
from fal_typed_codegen.documents.lock import LOCK_NAME, InvalidLockError, SchemaLock
from fal_typed_codegen.documents.pull import STATE_NAME, PruneError, PullReport, pull
from fal_typed_codegen.documents.sources import PullSources

from fal_typed import FalClient
from fal_typed._core.retry import RetryPolicy
from fal_typed._documents.catalog import Catalog
from fal_typed.cli import main
from fal_typed.errors import FalError
from fal_typed.testing import FalEmulator
from tests.codegen.building import document, write_documents
from tests.scripted import Reply, ScriptedServer, Seen, scripted

KEY = "key-id:key-secret"
TEXT = {"type": "string"}
APP = {
    "openapi": "3.1.0",
    "info": {"title": "FastAPI", "version": "0.1.0"},
    "paths": {
        "/": {"post": {"operationId": "run"}},
        "/realtime": {"x-fal-protocol": {"type": "realtime"}, "post": {"operationId": "rt"}},
    },
    "components": {"schemas": {}},
}


class Platform:
    """The routes that a pull uses; `pages` is the number of pages of the list."""

    def __init__(self, *documents: dict[str, Any]) -> None:
        self.documents = {d["info"]["x-fal-metadata"]["endpointId"]: d for d in documents}
        self.page_size = 500
        self.instead: dict[str, Any] = {}
        self.before: Callable[[Seen], Reply | None] = lambda _: None

    def __call__(self, seen: Seen) -> Reply:
        parts = urlsplit(seen.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        early = self.before(seen)
        if early is not None:
            return early
        if parts.path == "/api.fal.ai/v1/models":
            return self._models(query)
        if parts.path == "/fal.ai/api/openapi/queue/openapi.json":
            return Reply(body=self.documents.get(query["endpoint_id"]))
        return Reply(404, {"detail": "Not Found"})

    def _models(self, query: dict[str, str]) -> Reply:
        ids = query["endpoint_id"].split(",") if "endpoint_id" in query else sorted(self.documents)
        if "q" in query:
            ids = [id_ for id_ in ids if query["q"] in id_]
        start = int(query.get("cursor", 0))
        end = start + min(self.page_size, int(query["limit"]))
        models = [self._model(id_, expand="expand" in query) for id_ in ids[start:end]]
        more = end < len(ids)
        return Reply(
            body={
                "models": models,
                "next_cursor": str(end) if more else None,
                "has_more": more,
            }
        )

    def _model(self, id_: str, *, expand: bool) -> dict[str, Any]:
        model: dict[str, Any] = {"endpoint_id": id_, "metadata": {"status": "active"}}
        if expand and id_ in self.instead:
            return {**model, "openapi": self.instead[id_]}
        return (
            {**model, "openapi": self.documents[id_]} if expand and id_ in self.documents else model
        )


@contextmanager
def serving(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    with scripted(platform) as server:
        monkeypatch.setenv("FAL_EMULATOR_HOST", server.host)
        monkeypatch.setenv("FAL_KEY", KEY)
        yield server


def run(root: Path, wanted: PullSources | None = None, **options: Any) -> PullReport:
    policy = RetryPolicy(attempts=3, base_delay=0, jitter=0)
    with FalClient(retry=policy) as client:
        return pull(root, wanted or PullSources(), client, **options)


def echo(number: int = 0, **properties: Any) -> dict[str, Any]:
    return document(properties or {"text": TEXT}, endpoint_id=f"acme/echo-{number:02}")


def ids_asked_for(server: ScriptedServer) -> list[str]:
    queries = [parse_qs(urlsplit(path).query) for path in server.paths("GET")]
    return sorted(
        id_ for query in queries for ids in query.get("endpoint_id", []) for id_ in ids.split(",")
    )


def test_all_endpoints_of_the_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    platform = Platform(*(echo(n) for n in range(25)))
    platform.page_size = 7
    seen: list[tuple[int, int]] = []
    with serving(platform, monkeypatch) as server:
        report = run(tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert report.added == sorted(platform.documents)
    assert report.failed == {}
    for id_, one in platform.documents.items():
        assert (tmp_path / f"{id_}.json").read_bytes() == canonical_bytes(one)
    entry = SchemaLock.load(tmp_path / LOCK_NAME).entries["acme/echo-07"]
    assert entry.source == f"http://{server.host}/api.fal.ai/v1/models"
    assert min(seen) == (0, 25)
    assert max(seen) == (25, 25)
    assert not (tmp_path / STATE_NAME).exists()
    assert {seen.headers.get("authorization") for seen in server.seen} == {f"Key {KEY}"}


def test_filters_are_sent_to_the_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filters = {"q": "-01", "category": "image", "status": "active"}
    with serving(Platform(echo(0), echo(1)), monkeypatch) as server:
        report = run(tmp_path, PullSources(filters=filters))
    assert report.added == ["acme/echo-01"]
    (listing, _) = server.paths("GET")
    asked = parse_qs(urlsplit(listing).query)
    assert {name: asked[name] for name in filters} == {n: [v] for n, v in filters.items()}


def test_ids_and_globs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Platform(*(echo(n) for n in range(12))), monkeypatch) as server:
        assert run(tmp_path, PullSources(["acme/echo-05"])).added == ["acme/echo-05"]
        assert len(server.seen) == 1
        assert run(tmp_path, PullSources(["acme/echo-1*", "acme/echo-00"])).added == [
            "acme/echo-00", "acme/echo-10", "acme/echo-11",
        ]  # fmt: skip
        report = run(tmp_path, PullSources(["nobody/*"]))
        assert report.failed == {"nobody/*": "no matching endpoint"}
        assert "no document" in run(tmp_path, PullSources(["acme/gone"])).failed["acme/gone"]


def test_the_public_url_gets_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Platform(echo(1)), monkeypatch) as server:
        report = run(tmp_path, PullSources(["acme/echo-01", "acme/gone"], public=True))
    assert report.added == ["acme/echo-01"]
    assert "no document" in report.failed["acme/gone"]
    assert len(server.seen) == 2
    assert not any("authorization" in seen.headers for seen in server.seen)
    assert "?" not in SchemaLock.load(tmp_path / LOCK_NAME).entries["acme/echo-01"].source


def test_the_key_is_optional(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Platform(echo(1)), monkeypatch) as server:
        monkeypatch.delenv("FAL_KEY")
        assert run(tmp_path).added == ["acme/echo-01"]
    assert not any("authorization" in seen.headers for seen in server.seen)


def test_other_urls_get_no_key_and_the_lock_has_no_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = Platform()
    platform.before = lambda _: Reply(body=echo(3))
    with serving(platform, monkeypatch) as server:
        url = f"http://{server.host}/documents/echo.json?token=geheim"
        assert run(tmp_path, PullSources(urls=[url])).added == ["acme/echo-03"]
    assert server.paths("GET") == ["/documents/echo.json?token=geheim"]
    assert "authorization" not in server.seen[0].headers
    lock = (tmp_path / LOCK_NAME).read_text()
    assert f"{server.host}/documents/echo.json" in lock
    assert "geheim" not in lock


def test_a_running_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    platform = Platform()
    platform.before = lambda seen: Reply(body=APP) if seen.path == "/openapi.json" else None
    with serving(platform, monkeypatch) as server:
        wanted = PullSources(urls=[f"http://{server.host}"])
        (reason,) = run(tmp_path, wanted).failed.values()
        assert "--as" in reason
        assert run(tmp_path, wanted, app_id="acme/my-app").added == ["acme/my-app"]
        assert run(tmp_path, wanted, app_id="acme/my-app").unchanged == 1
    assert json.loads((tmp_path / "acme/my-app.json").read_bytes()) == APP


def test_files_and_folders(tmp_path: Path) -> None:
    origin = write_documents(tmp_path / "theirs", echo(1), echo(2))
    (origin / "broken.json").write_text("{")
    root = tmp_path / "schemas"
    report = run(root, PullSources(paths=[origin]))
    assert report.added == ["acme/echo-01", "acme/echo-02"]
    assert list(report.failed) == ["theirs/broken.json"]
    assert (
        SchemaLock.load(root / LOCK_NAME).entries["acme/echo-01"].source
        == "theirs/acme/echo-01.json"
    )
    one = origin / "acme/echo-01.json"
    assert run(root, PullSources(paths=[one])).unchanged == 1
    gone = tmp_path / "gone.json"
    assert "No such file" in run(root, PullSources(paths=[gone])).failed["gone.json"]


def test_changed_and_unchanged_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    platform = Platform(echo(0), echo(1), echo(2))
    with serving(platform, monkeypatch):
        run(tmp_path)
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
        platform.documents["acme/echo-01"] = echo(1, text=TEXT, more=TEXT)
        platform.documents["acme/echo-02"] = echo(2, text={**TEXT, "description": "Words."})
        report = run(tmp_path)
    assert (report.changed, report.reworded) == (["acme/echo-01"], ["acme/echo-02"])
    assert (report.added, report.unchanged) == ([], 1)
    touched = [path.stem for path, time in before.items() if path.stat().st_mtime_ns != time]
    assert sorted(touched) == ["echo-01", "echo-02"]


@pytest.mark.parametrize(
    "bad",
    [
        {"error": {"code": "expansion_failed", "message": "try later"}},
        {},
        {"openapi": "3.0.4"},
        None,
        [1],
        echo(2),
        {**echo(1), "x": float("nan")},
        document(endpoint_id="../../escape"),
    ],
)
def test_a_document_that_fails_keeps_its_old_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: Any
) -> None:
    platform = Platform(echo(0), echo(1))
    with serving(platform, monkeypatch):
        run(tmp_path)
        kept = (tmp_path / "acme/echo-01.json").read_bytes()
        lock = (tmp_path / LOCK_NAME).read_bytes()
        platform.instead = {"acme/echo-01": bad}
        report = run(tmp_path)
    assert list(report.failed) == ["acme/echo-01"]
    assert report.failed["acme/echo-01"]
    assert report.unchanged == 1
    assert (tmp_path / "acme/echo-01.json").read_bytes() == kept
    assert (tmp_path / LOCK_NAME).read_bytes() == lock


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[" * 100_000, "recursion"),
        (b'{"a":' * 250 + b"1" + b"}" * 250, "deeper"),
        (b"<html>", "Expecting value"),
        (b"[]", "object"),
        (b'{"n": ' + b"9" * 5000 + b"}", "digits"),
        (json.dumps(document(endpoint_id="../../../etc/passwd")).encode(), "path"),
        (json.dumps(document(endpoint_id="/etc/passwd")).encode(), "path"),
        (json.dumps(document(endpoint_id="acme/con")).encode(), "device"),
        (json.dumps(document(endpoint_id="acme/a\u2028b")).encode(), "path"),
        (json.dumps(document(endpoint_id="a/" + "b" * 500)).encode(), "characters"),
    ],
)
def test_hostile_documents_are_rejected(tmp_path: Path, content: bytes, reason: str) -> None:
    origin = tmp_path / "theirs"
    origin.mkdir()
    (origin / "it.json").write_bytes(content)
    root = tmp_path / "in" / "schemas"
    report = run(root, PullSources(paths=[origin]))
    assert reason in report.failed["theirs/it.json"]
    assert [path.name for path in tmp_path.rglob("*.json")] == ["it.json"]
    assert not (root / "acme").exists()


def test_an_endless_response_is_aborted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fal_typed_codegen.documents.sources.MAX_DOCUMENT", 1000)
    (tmp_path / "big.json").write_bytes(b" " * 1001)
    with serving(Platform(echo(0, text={**TEXT, "title": "x" * 2000})), monkeypatch) as server:
        url = f"http://{server.host}/fal.ai/api/openapi/queue/openapi.json?endpoint_id=acme/echo-00"
        wanted = PullSources(urls=[url], paths=[tmp_path / "big.json"])
        report = run(tmp_path / "schemas", wanted)
    assert len(server.seen) == 1
    assert len(report.failed) == 2
    assert report.taken == 0


@pytest.mark.parametrize(
    "trouble", [Reply(503), Reply(502), Reply(429, headers={"retry-after": "0"}), Reply(drop=True)]
)
def test_temporary_failures_are_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: Reply
) -> None:
    platform = Platform(echo(0), echo(1))
    met: set[str] = set()

    def once(seen: Seen) -> Reply | None:
        is_first = seen.path not in met
        met.add(seen.path)
        return trouble if is_first else None

    platform.before = once
    with serving(platform, monkeypatch) as server:
        assert run(tmp_path).added == ["acme/echo-00", "acme/echo-01"]
    assert len(server.seen) == 4


def test_permanent_failures_affect_only_their_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = Platform(*(echo(n) for n in range(25)))
    platform.before = lambda seen: Reply(500) if "echo-12" in seen.path else None
    with serving(platform, monkeypatch):
        report = run(tmp_path)
    assert len(report.added) == 15
    assert sorted(report.failed) == [f"acme/echo-{n}" for n in range(10, 20)]
    assert all("500" in reason for reason in report.failed.values())


def test_an_unavailable_list_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    platform = Platform(echo(0))
    for reply in (Reply(401, {"error": {"type": "authorization_error", "message": "who?"}}),
                   Reply(200, {"rows": []}),
                   Reply(200, {"models": [], "has_more": True, "next_cursor": "again"}),
                   Reply(200, b'{"a":' * 100_000)):  # fmt: skip
        platform.before = lambda _, reply=reply: reply  # type: ignore[misc]
        with serving(platform, monkeypatch), pytest.raises(FalError):
            run(tmp_path)


class Interruption(BaseException):
    """Replaces Ctrl-C, which would stop the whole test run."""


def test_an_interrupted_pull_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    platform = Platform(*(echo(n) for n in range(40)))

    def interrupt(done: int, _: int) -> None:
        if done == 20:
            raise Interruption

    with serving(platform, monkeypatch) as server:
        with pytest.raises(Interruption):
            run(tmp_path, progress=interrupt, jobs=1)
        done = {path.stem for path in tmp_path.rglob("echo-*.json")}
        assert 20 <= len(done) < 40
        locked = SchemaLock.load(tmp_path / LOCK_NAME).entries
        assert {id_.removeprefix("acme/") for id_ in locked} == done
        server.seen.clear()
        report = run(tmp_path)
        assert report.resumed == len(done)
        assert len(report.added) == len(ids_asked_for(server)) == 40 - len(done)
        assert len(list(tmp_path.rglob("echo-*.json"))) == 40
        assert not (tmp_path / STATE_NAME).exists()


def test_only_the_same_pull_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(done: int, _: int) -> None:
        if done == 1:
            raise Interruption

    for second in (PullSources(["acme/*"]), PullSources(public=True)):
        with serving(Platform(echo(0), echo(1)), monkeypatch):
            with pytest.raises(Interruption):
                run(tmp_path, progress=interrupt, jobs=1)
            assert run(tmp_path, second).resumed == 0
    with serving(Platform(echo(0), echo(1)), monkeypatch):
        with pytest.raises(Interruption):
            run(tmp_path, progress=interrupt, jobs=1)
        assert run(tmp_path, restart=True).resumed == 0


@pytest.mark.parametrize("state", [b"{", b"[]", b'{"key": 1}', b'{"done": 7}'])
def test_an_invalid_state_file_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: bytes
) -> None:
    (tmp_path / STATE_NAME).write_bytes(state)
    with serving(Platform(echo(0)), monkeypatch):
        assert run(tmp_path).added == ["acme/echo-00"]


def test_a_killed_pull_leaves_a_lock_that_the_next_one_repairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = Platform(echo(0))
    with serving(platform, monkeypatch):
        run(tmp_path)
        before = (tmp_path / LOCK_NAME).read_bytes()
        platform.documents["acme/echo-00"] = echo(0, other=TEXT)
        run(tmp_path)
        after = (tmp_path / LOCK_NAME).read_bytes()
        (tmp_path / LOCK_NAME).write_bytes(before)
        assert run(tmp_path).changed == ["acme/echo-00"]
    assert (tmp_path / LOCK_NAME).read_bytes() == after


def test_progress_is_saved_regularly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulling, "_SAVE_EVERY", 10)
    saved: list[int] = []

    def look(_done: int, _total: int) -> None:
        saved.append(len(SchemaLock.load(tmp_path / LOCK_NAME).entries))

    with serving(Platform(*(echo(n) for n in range(25))), monkeypatch):
        run(tmp_path, progress=look, jobs=1)
    assert sorted(set(saved)) == [0, 10, 20]


def test_prune_removes_what_the_source_no_longer_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = write_documents(tmp_path / "own", document(endpoint_id="acme/private"))
    root = tmp_path / "schemas"
    platform = Platform(echo(0), echo(1), document(endpoint_id="other/one"))
    with serving(platform, monkeypatch):
        run(root)
        run(root, PullSources(paths=[own]))
        del platform.documents["acme/echo-01"], platform.documents["other/one"]
        platform.instead = {"acme/echo-00": None}
        assert run(root).removed == []
        assert run(root, PullSources(["acme/*"]), prune=True).removed == ["acme/echo-01"]
        assert run(root, prune=True).removed == ["other/one"]
    left = sorted(path.stem for path in root.rglob("*.json"))
    assert left == ["echo-00", "private"]
    assert sorted(SchemaLock.load(root / LOCK_NAME).entries) == ["acme/echo-00", "acme/private"]


def test_prune_by_a_folder(tmp_path: Path) -> None:
    origin = write_documents(tmp_path / "theirs", echo(1), echo(2))
    root = tmp_path / "schemas"
    run(root, PullSources(paths=[origin]))
    (origin / "acme/echo-02.json").write_text("{")
    assert run(root, PullSources(paths=[origin]), prune=True).removed == []
    (origin / "acme/echo-02.json").unlink()
    assert run(root, PullSources(paths=[origin]), prune=True).removed == ["acme/echo-02"]


@pytest.mark.parametrize(
    "wanted",
    [
        PullSources(["acme/echo"]),
        PullSources(filters={"q": "x"}),
        PullSources(urls=["http://localhost:1"]),
        PullSources(paths=[Path(__file__)]),
        PullSources(["acme/*"], paths=[Path(__file__).parent]),
        PullSources(public=True),
    ],
)
def test_prune_needs_a_whole_list(tmp_path: Path, wanted: PullSources) -> None:
    with pytest.raises(PruneError):
        run(tmp_path, wanted, prune=True)


def test_two_documents_of_one_endpoint(tmp_path: Path) -> None:
    origin = write_documents(tmp_path / "theirs", echo(1))
    (origin / "copy.json").write_bytes((origin / "acme/echo-01.json").read_bytes())
    report = run(tmp_path / "schemas", PullSources(paths=[origin]))
    assert report.added == ["acme/echo-01"]
    assert "described by" in report.failed["theirs/copy.json"]


def test_concurrent_requests_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    platform = Platform(*(echo(n) for n in range(60)))
    barrier = threading.Barrier(3)
    under_way: list[int] = []
    gate = threading.Semaphore(3)

    def count(seen: Seen) -> Reply | None:
        if "endpoint_id" in seen.path:
            assert gate.acquire(blocking=False)
            barrier.wait(10)
            under_way.append(1)
            gate.release()
            barrier.wait(10)
        return None

    platform.before = count
    with serving(platform, monkeypatch):
        report = run(tmp_path, jobs=3)
    assert len(report.added) == 60
    assert len(under_way) == 6


def test_an_invalid_lock_is_an_error(tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).write_text("{}")
    with pytest.raises(InvalidLockError):
        run(tmp_path)


def cli(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["pull", *words])
    shown = capsys.readouterr()
    return int(ended.value.code or 0), shown.out, shown.err


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    platform = Platform(echo(0), echo(1))
    with serving(platform, monkeypatch):
        code, out, err = cli(capsys)
        assert (code, err) == (0, "")
        assert out.splitlines() == [
            "new: acme/echo-00",
            "new: acme/echo-01",
            "2 documents: 2 new, 0 changed, 0 reworded, 0 unchanged, 0 removed, 0 failed",
        ]
        platform.instead = {"acme/echo-01": None}
        code, out, err = cli(capsys, "acme/*")
        assert code == 1
        assert err == "error: acme/echo-01: the platform has no document for it\n"
    assert (tmp_path / "schemas/acme/echo-00.json").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["./gone.json"],
        ["flux"],
        ["../../x/y"],
        ["acme/echo", "--as", "../x"],
        ["acme/echo", "--prune"],
        [".", "--query", "x"],
        ["--status", "sleeping"],
        ["--jobs", "0"],
    ],
)
def test_wrong_use(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    code, _, err = cli(capsys, *words)
    assert code == 2
    assert err
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_says_how_to_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pulling, "pull", interrupted)
    code, _, err = cli(capsys, "--schemas", str(tmp_path))
    assert code == 1
    assert "same command" in err


def test_ids_that_differ_only_in_case_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    platform = Platform(document(endpoint_id="Acme/x"), document(endpoint_id="acme/x"))
    with serving(platform, monkeypatch):
        code, _, err = cli(capsys, "--schemas", str(tmp_path / "s"))
    assert code == 0
    assert "Acme/x, acme/x" in err


def test_the_emulator_is_a_source_like_the_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FalEmulator() as emulator:
        monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
        report = run(tmp_path / "api", PullSources(["fal-ai/flux/*"]))
        public = run(
            tmp_path / "public", PullSources(["fal-ai/flux/dev", "acme/gone"], public=True)
        )
        filtered = run(tmp_path / "q", PullSources(filters={"q": "flux dev"}))
    assert report.failed == {}
    assert "fal-ai/flux/dev" in report.added
    for id_ in report.added:
        written = (tmp_path / f"api/{id_}.json").read_bytes()
        assert written == canonical_bytes(Catalog().document(id_).raw)
    assert (public.added, list(public.failed)) == (["fal-ai/flux/dev"], ["acme/gone"])
    assert all("flux" in id_ and "dev" in id_ for id_ in filtered.added)
    assert filtered.added
