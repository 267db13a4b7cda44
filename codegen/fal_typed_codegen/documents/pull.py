"""Pulls documents into a folder, each atomically and independently of the others.

A document that cannot be fetched or read keeps its old version. An interrupted pull is resumed by
the next pull of the same sources.
"""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fal_typed._core.json_values import as_list, as_object
from fal_typed._core.runner import runner_of
from fal_typed._documents.app_document import is_app_document, split
from fal_typed._documents.document import EndpointDocument, InvalidDocumentError
from fal_typed._documents.regular_files import read_if_regular, read_regular_file
from fal_typed_codegen.documents import sources
from fal_typed_codegen.documents.atomic import (
    check_inside,
    remove_leftovers,
    write_atomic,
    write_inside,
)
from fal_typed_codegen.documents.canonical import UnsafeIdError, canonical_bytes, path_for
from fal_typed_codegen.documents.lock import LOCK_NAME, LockEntry, SchemaLock, meaning_hash
from fal_typed_codegen.documents.sources import Found, PullSources, Taker, is_pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fal_typed._core.flow import Flow
    from fal_typed._core.settings import Settings
    from fal_typed.client import FalClient

STATE_NAME = ".pull.json"
"""Progress of a running pull, next to the lock. Hidden, so that it is not read as a document."""
MAX_DEPTH = 200
"""Maximum nesting of a document's JSON; real documents stay below 20."""
_SAVE_EVERY = 100


class PruneError(ValueError):
    """The sources do not show which documents were removed, so `prune` cannot be used."""


@dataclass
class PullReport:
    """Result of a pull.

    Attributes:
        added: New endpoints.
        changed: Endpoints whose interface changed.
        reworded: Endpoints of which only the wording changed.
        unchanged: Number of documents that did not change.
        failed: Errors by id or origin; the old versions of these documents are kept.
        removed: Endpoints that the source no longer has, removed with `prune`.
        resumed: Number of endpoints that an interrupted pull had already done.
    """

    added: list[str] = field(default_factory=list[str])
    changed: list[str] = field(default_factory=list[str])
    reworded: list[str] = field(default_factory=list[str])
    unchanged: int = 0
    failed: dict[str, str] = field(default_factory=dict[str, str])
    removed: list[str] = field(default_factory=list[str])
    resumed: int = 0

    @property
    def taken(self) -> int:
        """Number of documents that were pulled."""
        return len(self.added) + len(self.changed) + len(self.reworded) + self.unchanged


def pull(
    root: Path,
    wanted: PullSources,
    client: FalClient,
    *,
    app_id: str = "",
    prune: bool = False,
    restart: bool = False,
    jobs: int = 8,
    progress: Callable[[int, int], None] | None = None,
) -> PullReport:
    """Pull documents into a folder and its lock.

    Args:
        root: The folder, usually ``schemas``; created if missing.
        wanted: What to pull, and from where.
        client: Client whose hosts, key and retries are used; only the platform API gets the key.
        app_id: Id of the app whose OpenAPI document is pulled; the document does not contain it.
        prune: Whether to remove documents that the source no longer has.
        restart: Whether to start over instead of resuming an interrupted pull.
        jobs: Number of concurrent requests.
        progress: Called with the number of endpoints done and their total, from any thread.

    Returns:
        What was done.

    Raises:
        FalError: The platform's list could not be fetched.
        InvalidLockError: The folder's lock is invalid.
        PruneError: `prune` was used with filters, plain ids, files or URLs.
        OSError: The folder cannot be written.
    """
    if prune:
        _check_prunable(wanted)
    intake = _Intake(root, wanted, app_id, progress, restart=restart)
    try:
        runner_of(client).perform(lambda settings: _flow(settings, wanted, intake, jobs))
    except BaseException:
        intake.interrupt()
        raise
    intake.finish(prune=prune)
    return intake.report


def _check_prunable(wanted: PullSources) -> None:
    is_whole = all(is_pattern(pattern) for pattern in wanted.patterns) and not wanted.filters
    is_whole = is_whole and not wanted.urls and not wanted.public
    is_folder = bool(wanted.paths) and all(path.is_dir() for path in wanted.paths)
    if not is_whole or (wanted.paths and (wanted.patterns or not is_folder)):
        raise PruneError(
            "documents can be pruned only when pulling the whole list of the platform, glob "
            "patterns or folders; not with filters, ids, files or URLs"
        )


def _flow(settings: Settings, wanted: PullSources, intake: _Intake, jobs: int) -> Flow[None]:
    taker = Taker(intake.take, intake.fail)
    if wanted.of_platform:
        ids = yield from _ids(settings, wanted, intake)
        intake.source = sources.platform_source(settings, wanted)
        waiting = intake.expect(ids)
        yield from sources.fetch_endpoints(settings, wanted, waiting, taker, jobs)
    yield from sources.fetch_urls(settings, wanted.urls, taker, jobs)
    yield from sources.read_paths(wanted.paths, taker)


def _ids(settings: Settings, wanted: PullSources, intake: _Intake) -> Flow[list[str]]:
    ids = yield from sources.list_ids(settings, wanted)
    if not ids:
        intake.fail(" ".join(wanted.patterns) or "the platform", "no matching endpoint")
    return ids


class _Intake:
    """Writes received documents to the folder; safe to use from several threads."""

    def __init__(
        self,
        root: Path,
        wanted: PullSources,
        app_id: str,
        progress: Callable[[int, int], None] | None,
        *,
        restart: bool,
    ) -> None:
        self.report = PullReport()
        self.source = ""
        self._root = root
        self._wanted = wanted
        self._app_id = app_id
        self._progress = progress or _silent
        self._lock = SchemaLock.load(root / LOCK_NAME)
        self._today = datetime.now(timezone.utc).date().isoformat()
        self._state = _State(root, wanted, self._today)
        self._done = set[str]() if restart else self._state.load()
        self._seen: dict[str, str] = {}
        self._listed: set[str] = set()
        self._total = 0
        self._unsaved = 0
        self._gate = threading.Lock()

    def expect(self, ids: Sequence[str]) -> list[str]:
        """Record the endpoints to pull, and return those that are not done yet."""
        waiting = [endpoint_id for endpoint_id in ids if endpoint_id not in self._done]
        self._listed = set(ids)
        self._total = len(ids)
        self.report.resumed = len(ids) - len(waiting)
        self._progress(self.report.resumed, self._total)
        return waiting

    def take(self, found: Found) -> None:
        """Store a document, or record why it is invalid."""
        try:
            document = _parsed(found.content)
            endpoint_id = self._id_of(document, found)
            target = path_for(endpoint_id, self._root)
            content = canonical_bytes(document)
            meaning = meaning_hash(document)
        except (InvalidDocumentError, UnsafeIdError, ValueError, RecursionError) as error:
            self.fail(found.expected or found.source, str(error)[:500])
            return
        with self._gate:
            other = self._seen.setdefault(endpoint_id, found.source)
            if other != found.source:
                self._note_failure(found.source, f"{endpoint_id} is already described by {other}")
                return
            try:
                entry = LockEntry(found.source, self._today, meaning)
                self._enter(endpoint_id, target, content, entry)
            except OSError as error:
                self._note_failure(endpoint_id, error.strerror or str(error))
                self._advance(None)
            else:
                self._advance(endpoint_id)

    def fail(self, name: str, reason: str) -> None:
        """Record why a document could not be fetched."""
        with self._gate:
            self._note_failure(name, reason)
            self._advance(None)

    def interrupt(self) -> None:
        """Save the progress, so that the next pull can resume."""
        with self._gate:
            self._save()

    def finish(self, *, prune: bool) -> None:
        """Save the lock, prune if requested, and end the pull."""
        if prune and not (self._wanted.paths and self.report.failed):
            self._prune()
        remove_leftovers(self._root)
        self._lock.save(self._root / LOCK_NAME)
        self._state.forget()
        for names in (self.report.added, self.report.changed, self.report.reworded):
            names.sort()

    def _id_of(self, document: dict[str, Any], found: Found) -> str:
        if is_app_document(document):
            if not self._app_id:
                raise InvalidDocumentError(
                    "this is the document of an app, which does not contain the app's id; "
                    "pass it with --as OWNER/APP"
                )
            split(document, self._app_id)
            return self._app_id
        endpoint_id = EndpointDocument(document).id
        if found.expected not in (None, endpoint_id):
            raise InvalidDocumentError(f"the document describes {endpoint_id[:200]!a}")
        return endpoint_id

    def _enter(self, endpoint_id: str, target: Path, content: bytes, entry: LockEntry) -> None:
        known = self._lock.entries.get(endpoint_id)
        is_same_text = read_if_regular(target) == content
        if known is not None and is_same_text and known.meaning == entry.meaning:
            self.report.unchanged += 1
            return
        if not is_same_text:
            write_inside(self._root, target, content)
        if known is None:
            self.report.added.append(endpoint_id)
            self._lock.entries[endpoint_id] = entry
            return
        is_reworded = known.meaning == entry.meaning
        (self.report.reworded if is_reworded else self.report.changed).append(endpoint_id)
        self._lock.entries[endpoint_id] = replace(entry, module=known.module)

    def _note_failure(self, name: str, reason: str) -> None:
        self.report.failed[name] = reason

    def _advance(self, endpoint_id: str | None) -> None:
        if endpoint_id is not None:
            self._done.add(endpoint_id)
        self._unsaved += 1
        if self._unsaved >= _SAVE_EVERY:
            self._save()
        done = self.report.resumed + self.report.taken + len(self.report.failed)
        self._progress(done, max(done, self._total))

    def _save(self) -> None:
        # The lock first: everything that the state lists as done must be in the lock.
        self._lock.save(self._root / LOCK_NAME)
        self._state.save(self._done)
        self._unsaved = 0

    def _prune(self) -> None:
        for endpoint_id, entry in sorted(self._lock.entries.items()):
            if self._is_gone(endpoint_id, entry):
                self._remove(endpoint_id)

    def _remove(self, endpoint_id: str) -> None:
        target = path_for(endpoint_id, self._root)
        try:
            check_inside(self._root, target)
            target.unlink(missing_ok=True)
        except OSError as error:
            self._note_failure(endpoint_id, error.strerror or str(error))
            return
        del self._lock.entries[endpoint_id]
        self.report.removed.append(endpoint_id)

    def _is_gone(self, endpoint_id: str, entry: LockEntry) -> bool:
        if not self._wanted.of_platform:
            folders = tuple(f"{path.resolve().name}/" for path in self._wanted.paths)
            return entry.source.startswith(folders) and endpoint_id not in self._seen
        return (
            entry.source == self.source
            and sources.matches(endpoint_id, self._wanted.patterns)
            and endpoint_id not in self._listed
        )


class _State:
    """Progress of a pull, on disk until the pull ends."""

    def __init__(self, root: Path, wanted: PullSources, day: str) -> None:
        self._path = root / STATE_NAME
        selection = [sorted(wanted.patterns), sorted(wanted.filters.items()), wanted.public, day]
        # Yesterday's documents can have changed, so only a pull of the same day is resumed.
        self._key = hashlib.sha256(json.dumps(selection).encode()).hexdigest()[:20]

    def load(self) -> set[str]:
        """Ids that an interrupted pull of the same sources has done."""
        try:
            raw = as_object(json.loads(read_regular_file(self._path))) or {}
        except (OSError, ValueError, RecursionError):
            return set()
        if raw.get("key") != self._key:
            return set()
        return {item for item in as_list(raw.get("done")) or [] if isinstance(item, str)}

    def save(self, done: set[str]) -> None:
        text = json.dumps({"key": self._key, "done": sorted(done)})
        write_atomic(self._path, text.encode())

    def forget(self) -> None:
        self._path.unlink(missing_ok=True)


def _parsed(content: bytes | dict[str, Any]) -> dict[str, Any]:
    """Parsed JSON of a document, with limited nesting."""
    value: Any = json.loads(content) if isinstance(content, bytes) else content
    document = as_object(value)
    if document is None:
        raise InvalidDocumentError("an OpenAPI document is a JSON object")
    if _is_deeper(document, MAX_DEPTH):
        raise InvalidDocumentError(f"nested deeper than {MAX_DEPTH} levels")
    return document


def _is_deeper(value: object, limit: int) -> bool:
    level: list[object] = [value]
    for _ in range(limit):
        inner: list[object] = []
        for item in level:
            inner += (as_object(item) or {}).values()
            inner += as_list(item) or []
        level = inner
        if not level:
            return False
    return True


def _silent(done: int, total: int) -> None:
    """Show no progress."""
