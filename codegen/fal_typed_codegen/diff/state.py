"""States of a catalog, read from a folder, a document or a lock, also in a git revision."""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fal_typed._core.json_values import as_object
from fal_typed._documents.app_document import is_app_document
from fal_typed._documents.document import InvalidDocumentError
from fal_typed._documents.regular_files import read_regular_file
from fal_typed_codegen.documents.lock import LOCK_NAME, SchemaLock, meaning_hash
from fal_typed_codegen.documents.read import document_files, read_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fal_typed._documents.document import EndpointDocument

_SINGLE = "this/app.json"


class NothingThereError(ValueError):
    """The file, folder or revision does not exist."""


@dataclass(frozen=True)
class SourceFile:
    """A file of a catalog; the file of an app describes several endpoints.

    Attributes:
        path: Its path in the catalog.
        content: Its bytes.
    """

    path: str
    content: bytes

    def documents(self) -> dict[str, EndpointDocument]:
        """The documents in it by endpoint id.

        Raises:
            InvalidDocumentError: It describes neither an endpoint nor an app.
        """
        found = read_file(self.content, self.path).documents
        return {document.id: document for document in found.values()}


@dataclass(frozen=True)
class CatalogState:
    """A catalog at one time.

    Attributes:
        documents: Files by endpoint id.
        lock: The lock of the catalog; empty if there is none.
        is_lock: Whether only the lock is known.
        failed: Documents that could not be read, with the reason.
    """

    documents: Mapping[str, SourceFile] = field(default_factory=dict[str, SourceFile])
    lock: SchemaLock = field(default_factory=SchemaLock)
    is_lock: bool = False
    failed: Mapping[str, str] = field(default_factory=dict[str, str])

    def meanings(self) -> dict[str, str]:
        """Meaning hash of each document, by id.

        An app's document counts once, with the app's id.
        """
        if self.is_lock:
            return {id_: entry.meaning for id_, entry in self.lock.entries.items()}
        found: dict[str, str] = {}
        for id_, file in self.documents.items():
            raw = as_object(json.loads(file.content)) or {}
            key = file.path.removesuffix(".json") if is_app_document(raw) else id_
            found[key] = found.get(key) or meaning_hash(raw)
        return found


def load(text: str) -> CatalogState:
    """Read one side of a comparison.

    Args:
        text: Path of a folder of documents, a document or a lock; or one of these in a revision of
            the current git repository, such as ``main:schemas``.

    Returns:
        The state.

    Raises:
        NothingThereError: The path does not exist.
        InvalidLockError: The lock is invalid.
    """
    path = Path(text)
    if path.is_dir():
        return _folder(path)
    if path.is_file():
        return _file(path.name, read_regular_file(path))
    if ":" in text and not text.startswith("-"):
        return _revision(text)
    raise NothingThereError(
        f"file or folder not found: {text!r}; use REVISION:PATH for a path in a git revision"
    )


def _folder(folder: Path) -> CatalogState:
    lock = SchemaLock.load(folder / LOCK_NAME)
    contents: dict[str, bytes] = {}
    unreadable: dict[str, str] = {}
    for name in document_files(folder):
        try:
            contents[name] = read_regular_file(folder / name)
        except OSError as error:
            unreadable[name] = error.strerror or str(error)
    state = _state(contents.items(), lock)
    return replace(state, failed={**state.failed, **unreadable})


def _file(name: str, content: bytes) -> CatalogState:
    if _is_lock(content):
        return CatalogState(lock=_lock(content), is_lock=True)
    # The path gives the id of an app; the name of a single file does not matter.
    return _state([(_SINGLE, content)], SchemaLock(), name)


def _state(files: Iterable[tuple[str, bytes]], lock: SchemaLock, called: str = "") -> CatalogState:
    documents: dict[str, SourceFile] = {}
    failed: dict[str, str] = {}
    for path, content in files:
        file = SourceFile(path, content)
        try:
            ids = list(file.documents())
        except (InvalidDocumentError, RecursionError) as error:
            failed[called or path] = str(error)[:500]
            continue
        for id_ in ids:
            if id_ in documents:
                failed[path] = f"{id_} is already described by {documents[id_].path}"
            documents.setdefault(id_, file)
    return CatalogState(documents, lock, failed=failed)


def _is_lock(content: bytes) -> bool:
    try:
        value = as_object(json.loads(content)) or {}
    except (ValueError, RecursionError):
        return False
    return "endpoints" in value and "version" in value


def _lock(content: bytes) -> SchemaLock:
    # A lock is read from a file, whose name appears in its errors.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, LOCK_NAME)
        path.write_bytes(content)
        return SchemaLock.load(path)


def _revision(text: str) -> CatalogState:
    kind = _git("cat-file", "-t", text).strip()
    if kind == b"blob":
        return _file(text.rpartition("/")[2], _git("cat-file", "blob", text))
    if kind != b"tree":
        raise NothingThereError(f"{text!r} is neither a folder nor a file in git")
    blobs: list[tuple[str, str]] = []
    for line in _git("ls-tree", "-r", "-z", text).decode("utf-8", "replace").split("\0"):
        facts, _, name = line.partition("\t")
        hidden = any(part.startswith(".") for part in name.split("/"))
        if " blob " in facts and not hidden and name.endswith((".json", LOCK_NAME)):
            blobs.append((name, facts.split()[2]))
    contents = dict(
        zip((name for name, _ in blobs), _blobs([id_ for _, id_ in blobs]), strict=True)
    )
    lock = contents.pop(LOCK_NAME, None)
    return _state(contents.items(), SchemaLock() if lock is None else _lock(lock))


def _blobs(ids: list[str]) -> list[bytes]:
    """Contents of git objects, read by one process."""
    output = _git("cat-file", "--batch", given="".join(f"{id_}\n" for id_ in ids).encode())
    contents: list[bytes] = []
    start = 0
    for _ in ids:
        end = output.index(b"\n", start)
        size = int(output[start:end].split()[2])
        contents.append(output[end + 1 : end + 1 + size])
        start = end + size + 2
    return contents


def _git(*words: str, given: bytes = b"") -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and user input is never an option
            ["git", *words],  # noqa: S607 - the user's own git
            input=given,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise NothingThereError("git is not installed") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise NothingThereError(f"git: {said[-1] if said else 'failed'}"[:300])
    return done.stdout
