"""Generates a package of typed endpoints from a folder of documents."""

from __future__ import annotations

import functools
import hashlib
import json
import multiprocessing
import os
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fal_typed._documents import document as document_module
from fal_typed._documents.regular_files import read_if_regular, read_regular_file
from fal_typed_codegen import write
from fal_typed_codegen.documents import read
from fal_typed_codegen.documents.atomic import leftovers
from fal_typed_codegen.documents.canonical import UnsafeIdError, path_for
from fal_typed_codegen.documents.lock import LOCK_NAME, SchemaLock
from fal_typed_codegen.interface.naming import (
    ENDPOINT_MODULE,
    SHARED_PACKAGE,
    ModuleNames,
    choose_names,
    prefixes,
)
from fal_typed_codegen.manifest import (
    MANIFEST_NAME,
    DocumentRecord,
    FileRecord,
    Manifest,
)
from fal_typed_codegen.shared import shared_modules

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fal_typed._documents.document import EndpointDocument
    from fal_typed_codegen.build import BuildTask, Built

_ALONE = 24
_CHUNK = 16
_FEW = 3
_PARTS = (
    "build.py", "closure.py", "documents/canonical.py", "documents/read.py", "generate.py",
    "glossary.txt", "interface", "rendering", "shared.py", "templates", "write.py",
)  # fmt: skip
"""Files and folders of the generator that determine its output."""
_READERS = (
    "app_document.py", "discriminators.py", "document.py", "schemas.py",
    "../_calls/endpoint_id.py", "../_calls/schema_rules.py", "../_core/json_values.py",
)  # fmt: skip
_DOCUMENTED = (
    "_endpoint.py", "_realtime/connection.py", "_realtime/pipelines.py", "_calls/parameter_docs.py",
)  # fmt: skip
"""Modules of the SDK whose docstrings the output repeats."""


@dataclass
class GenerateReport:
    """Result of a run or a dry run.

    Attributes:
        endpoints: Number of endpoints.
        written: Files that changed, relative to the output folder.
        removed: Files that were removed.
        unchanged: Number of files that did not change.
        leftovers: Temporary files of a killed run, which are removed.
        needs_prune: Whether so many modules are removed that it needs `prune`.
        failed: Errors by document; the existing files of these documents are kept.
        warnings: By document, the parts of it that could not be translated exactly.
    """

    endpoints: int = 0
    written: list[str] = field(default_factory=list[str])
    removed: list[str] = field(default_factory=list[str])
    unchanged: int = 0
    leftovers: list[str] = field(default_factory=list[str])
    needs_prune: bool = False
    failed: dict[str, str] = field(default_factory=dict[str, str])
    warnings: dict[str, list[str]] = field(default_factory=dict[str, list[str]])


class NoMatchError(ValueError):
    """No endpoint matches the patterns."""


class NoDocumentsError(ValueError):
    """The folder contains no document."""


class RemovalError(ValueError):
    """Many modules would be removed, which needs `prune`."""


def generate(
    schemas: Path,
    out: Path,
    package: str,
    *,
    endpoints: Sequence[str] = (),
    jobs: int | None = None,
    dry_run: bool = False,
    prune: bool = False,
) -> GenerateReport:
    """Generate the typed modules of endpoints from their documents.

    Files that do not change are not written. Without `endpoints`, generated files whose document
    was removed are deleted; with it, all other files are kept. A wrong folder must not delete a
    package, so removing many modules needs `prune`.

    Args:
        schemas: Folder of documents.
        out: Folder of the package to generate.
        package: Full name of the package, used for imports between its modules.
        endpoints: Glob patterns of endpoint ids; all endpoints if empty.
        jobs: Number of processes; one per core by default.
        dry_run: Whether to report the changes without making them.
        prune: Whether more than three modules and a tenth of the package may be removed.

    Returns:
        What was done.

    Raises:
        FileNotFoundError: The folder of documents does not exist.
        NoDocumentsError: The folder contains no document.
        RemovalError: Many modules would be removed without `prune`; nothing was written.
        NoMatchError: No endpoint matches `endpoints`.
        FormatError: ruff could not format the result; nothing was written.
        OSError: A file cannot be read or written.
    """
    if not schemas.is_dir():
        raise FileNotFoundError(f"folder not found: {schemas}")
    if next(read.document_files(schemas), None) is None:
        raise NoDocumentsError(f"no document (*.json) in {schemas}")
    run = _Run(schemas, out, package)
    run.scan()
    if endpoints and not any(_matches(record.id, endpoints) for record in run.documents.values()):
        raise NoMatchError(f"no endpoint matches {' '.join(endpoints)}")
    run.plan(endpoints)
    run.make(jobs or os.cpu_count() or 1)
    run.compare(remove=not endpoints)
    if not dry_run:
        if not prune:
            run.check_removals()
        run.finish()
    return run.report


@dataclass(frozen=True)
class _Target:
    """A file of the output; its key is a hash of everything that its content depends on."""

    key: str
    document: str | None = None
    class_name: str | None = None


class _Run:
    """One run; its steps are methods, in the order in which they are called."""

    def __init__(self, schemas: Path, out: Path, package: str) -> None:
        self.report = GenerateReport()
        self.documents: dict[str, DocumentRecord] = {}
        self._schemas = schemas
        self._out = out
        self._package = package
        self._generator = _generator_fingerprint()
        self._manifest = Manifest.load(out)
        self._is_same_generator = self._manifest.generator == self._generator
        self._lock = SchemaLock.load(schemas / LOCK_NAME)
        self._on_disk = write.python_files(out)
        self._targets: dict[str, _Target] = {}
        self._names: dict[str, ModuleNames] = {}
        self._shared: dict[tuple[str, str], str] = {}
        self._packages: set[str] = set()
        self._is_partial = False
        self._contents: dict[str, bytes] = {}

    def scan(self) -> None:
        """Read every document; unchanged ones are known from the manifest."""
        known = self._manifest.by_file() if self._is_same_generator else {}
        by_id: dict[str, dict[str, DocumentRecord]] = {}
        for path in read.document_files(self._schemas):
            for key, record in self._records(path, known.get(path, {})).items():
                by_id.setdefault(record.id, {})[key] = record
        for id_, records in by_id.items():
            chosen = min(records, key=lambda key: (key != _canonical_path(id_), key))
            self.documents[chosen] = records.pop(chosen)
            for key in records:
                self.report.failed[key] = f"{id_} is already described by {chosen}"
        self._name()
        self.report.endpoints = len(self.documents)
        self.report.warnings = {p: r.warnings for p, r in self.documents.items() if r.warnings}

    def _records(self, path: str, known: dict[str, DocumentRecord]) -> dict[str, DocumentRecord]:
        """Records of a file's documents by key; those of the manifest if it did not change."""
        try:
            content = read_regular_file(self._schemas / path)
        except OSError as error:
            self.report.failed[path] = error.strerror or str(error)
            return self._manifest.by_file().get(path, {})
        fingerprint = read.fingerprint(content)
        if known and all(record.fingerprint == fingerprint for record in known.values()):
            return known
        return self._scan_file(path, content)

    def _scan_file(self, path: str, content: bytes) -> dict[str, DocumentRecord]:
        """Records of a file's documents by key; those of the manifest if it cannot be read."""
        try:
            found = read.read_file(content, path)
            records = {
                key: _record(document, read.fingerprint(content))
                for key, document in found.documents.items()
            }
        except Exception as error:  # noqa: BLE001 - one invalid document must not stop the others
            self.report.failed[path] = f"{type(error).__name__}: {error}"[:1000]
            return self._manifest.by_file().get(path, {})
        next(iter(records.values())).warnings.extend(f"left out: {it}" for it in found.left_out)
        return records

    def _name(self) -> None:
        earlier = {record.id: record.path for record in self._manifest.documents.values()}
        locked = {id_: entry.module for id_, entry in self._lock.entries.items()}
        earlier.update({id_: module.path for id_, module in locked.items() if module is not None})
        self._names = choose_names([r.id for r in self.documents.values()], earlier)
        for path, record in self.documents.items():
            self.documents[path] = replace(record, path=self._names[record.id].path)

    def plan(self, endpoints: Sequence[str]) -> None:
        """Determine the files of the output, and what each depends on."""
        self._is_partial = bool(endpoints)
        self._shared = shared_modules(record.classes for record in self.documents.values())
        chosen = {
            path: record
            for path, record in self.documents.items()
            if not endpoints or _matches(record.id, endpoints)
        }
        paths = {record.path for record in self.documents.values()}
        self._packages = prefixes(paths) & paths
        for path, record in chosen.items():
            self._plan_document(path, record)
        modules = [record.path for record in chosen.values()]
        modules += [f"{SHARED_PACKAGE}."] if any(self._is_shared(path) for path in chosen) else []
        for package in sorted({"", *prefixes(modules)} - self._packages):
            target = f"{package.replace('.', '/')}/__init__.py".lstrip("/")
            listed = [] if package else sorted(self._owners())
            self._targets[target] = _Target(self._key("package", package, self._package, listed))

    def _owners(self) -> set[str]:
        """Packages and modules directly in the output."""
        kept = self._on_disk if self._is_partial else {}
        return {path.partition("/")[0].removesuffix(".py") for path in [*self._targets, *kept]} - {
            "__init__", SHARED_PACKAGE,
        }  # fmt: skip

    def _is_shared(self, path: str) -> bool:
        return bool(self._shared_of(self.documents[path]))

    def _plan_document(self, path: str, record: DocumentRecord) -> None:
        names = self._names[record.id]
        shared = self._shared_of(record)
        folder = names.path.replace(".", "/")
        is_package = names.path in self._packages
        own = f"{folder}/{ENDPOINT_MODULE}.py" if is_package else f"{folder}.py"
        origin = read.origin(self._schemas, read.file_of(path))
        basis = [record.fingerprint, origin, self._package, list(names)]
        self._targets[own] = _Target(self._key("endpoint", *basis, shared), path)
        if is_package:
            key = self._key("lazy", *basis, [*record.classes, *record.dicts])
            self._targets[f"{folder}/__init__.py"] = _Target(key, path)
        for name, module in shared.items():
            file = f"{module.replace('.', '/')}.py"
            if file not in self._targets:
                key = self._key("shared", record.fingerprint, self._package, record.classes[name])
                self._targets[file] = _Target(key, path, name)

    @staticmethod
    def _key(*basis: Any) -> str:
        """Hash of everything that a file's content depends on, except the generator."""
        text = json.dumps(basis, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    def _shared_of(self, record: DocumentRecord) -> dict[str, str]:
        """Module paths of the shared classes of an endpoint, by class name."""
        return {
            name: self._shared[name, digest]
            for name, digest in record.classes.items()
            if digest is not None and (name, digest) in self._shared
        }

    def make(self, jobs: int) -> None:
        """Generate every file that is out of date."""
        stale = [path for path in self._targets if not self._is_current(path)]
        sources: dict[str, str] = {}
        tasks = self._tasks(stale)
        for task, built in zip(tasks.values(), _build_all(list(tasks.values()), jobs), strict=True):
            sources.update(built.sources)
            if built.error is not None:
                self._forget(task, built.error)
        for path in stale:
            if path in self._targets and path.endswith("__init__.py"):
                sources[path] = self._package_source(path)
        self._contents = write.formatted(sources)

    def _is_current(self, path: str) -> bool:
        record = self._manifest.files.get(path)
        content = self._on_disk.get(path)
        return (
            record is not None
            and content is not None
            and self._is_same_generator
            and record.key == self._targets[path].key
            and record.fingerprint == read.fingerprint(content)
        )

    def _tasks(self, stale: Iterable[str]) -> dict[str, BuildTask]:
        """Tasks by document, for the files that are out of date."""
        tasks: dict[str, BuildTask] = {}
        for path in stale:
            target = self._targets[path]
            if target.document is None or path.endswith("__init__.py"):
                continue
            if self._has_failed(target.document):
                # Its files stay, and so do their records.
                del self._targets[path]
                continue
            task = tasks.get(target.document) or self._new_task(target.document)
            if target.class_name is None:
                task = replace(task, endpoint=path)
            else:
                task = replace(task, classes={**task.classes, target.class_name: path})
            tasks[target.document] = task
        return tasks

    def _has_failed(self, key: str) -> bool:
        return key in self.report.failed or read.file_of(key) in self.report.failed

    def _new_task(self, path: str) -> BuildTask:
        from fal_typed_codegen.build import BuildTask

        record = self.documents[path]
        shared = self._shared_of(record)
        return BuildTask(
            schemas=str(self._schemas),
            document=path,
            origin=read.origin(self._schemas, read.file_of(path)),
            package=self._package,
            names=self._names[record.id],
            shared={name: f"{self._package}.{module}" for name, module in shared.items()},
            endpoint=None,
            classes={},
        )

    def _forget(self, task: BuildTask, error: str) -> None:
        """Keep the existing files of a document that could not be translated."""
        self.report.failed[task.document] = error
        for path in (task.endpoint, *task.classes.values()):
            if path is not None:
                del self._targets[path]

    def _package_source(self, path: str) -> str:
        from fal_typed_codegen.rendering import render

        target = self._targets[path]
        folder = path.removesuffix("__init__.py").rstrip("/")
        own = f"{folder}/{ENDPOINT_MODULE}.py"
        if target.document is None or not (own in self._targets or own in self._on_disk):
            # Only owners: a type checker would load every endpoint for the names below them.
            owners = () if folder else self._owners()
            return render.plain_package(folder.replace("/", "."), self._package, owners)
        record = self.documents[target.document]
        names = self._names[record.id]
        roots = [f"{names.models}Input", f"{names.models}Output"]
        exported = [*roots, *record.classes, *record.dicts]
        origin = read.origin(self._schemas, read.file_of(target.document))
        return render.lazy_package(record.id, names, exported, self._package, origin)

    def compare(self, *, remove: bool) -> None:
        """Compare the generated files with the existing ones."""
        changed = {p: c for p, c in self._contents.items() if self._on_disk.get(p) != c}
        self.report.written = sorted(changed)
        self.report.unchanged = len(self._targets) - len(changed)
        self.report.leftovers = [
            path.relative_to(self._out).as_posix() for path in leftovers(self._out)
        ]
        if remove:
            kept = self._kept_files()
            self.report.removed = [
                path
                for path, content in self._on_disk.items()
                if path not in self._targets and path not in kept and write.is_generated(content)
            ]
        gone, total = self._removals()
        self.report.needs_prune = gone > _FEW and gone * 10 > total

    def check_removals(self) -> None:
        """Reject a run that removes more than a few modules."""
        gone, total = self._removals()
        if self.report.needs_prune:
            raise RemovalError(
                f"{gone} of the {total} modules in {self._out} have no document in "
                f"{self._schemas}; nothing was written. Pass --prune to remove them."
            )

    def _removals(self) -> tuple[int, int]:
        """Number of modules to remove, and of all modules."""
        generated = (p for p, content in self._on_disk.items() if write.is_generated(content))
        return len(_endpoint_modules(self.report.removed)), len(_endpoint_modules(generated))

    def _kept_files(self) -> set[str]:
        """Files of failed documents, which are kept although they were not generated."""
        if not self.report.failed:
            return set()
        kept = {path for path in self._on_disk if path.startswith(f"{SHARED_PACKAGE}/")}
        for key, record in self._manifest.documents.items():
            if self._has_failed(key):
                folder = record.path.replace(".", "/")
                kept |= {f"{folder}.py", f"{folder}/__init__.py", f"{folder}/{ENDPOINT_MODULE}.py"}
        return kept

    def finish(self) -> None:
        """Write and remove files, then record the result."""
        files = {
            # Files of another version of the generator are out of date unless this run made them.
            path: record if self._is_same_generator else replace(record, key="")
            for path, record in self._manifest.files.items()
            if path not in self.report.removed
        }
        for path, target in self._targets.items():
            content = self._contents.get(path, self._on_disk.get(path, b""))
            files[path] = FileRecord(target.key, read.fingerprint(content))
        manifest = Manifest(self._generator, self.documents, files)
        changed = {path: self._contents[path] for path in self.report.written}
        content = manifest.to_bytes()
        if read_if_regular(self._out / MANIFEST_NAME) != content:
            changed[MANIFEST_NAME] = content
        write.replace(self._out, changed)
        write.remove(self._out, self.report.removed)
        self._remember_names()

    def _remember_names(self) -> None:
        changed = False
        for id_, names in self._names.items():
            entry = self._lock.entries.get(id_)
            if entry is not None and entry.module != names:
                self._lock.entries[id_] = replace(entry, module=names)
                changed = True
        if changed:
            self._lock.save(self._schemas / LOCK_NAME)


def _canonical_path(endpoint_id: str) -> str:
    """Path of an endpoint's document in its folder; empty if the id cannot be a path."""
    try:
        return path_for(endpoint_id, Path()).as_posix()
    except UnsafeIdError:
        return ""


def _record(document: EndpointDocument, fingerprint: str) -> DocumentRecord:
    from fal_typed_codegen.interface.aliases import with_aliases
    from fal_typed_codegen.interface.normalize import normalize
    from fal_typed_codegen.rendering.argument_types import typed_dicts
    from fal_typed_codegen.shared import class_digests

    names = choose_names([document.id], {})[document.id]
    interface = with_aliases(normalize(document, names), names.type_name)
    return DocumentRecord(
        fingerprint=fingerprint,
        id=document.id,
        path=names.path,
        classes=class_digests(interface),
        dicts=list(typed_dicts(interface.models).values()),
        warnings=interface.warnings,
    )


def _build_all(tasks: list[BuildTask], jobs: int) -> Iterable[Built]:
    if not tasks:
        return []
    from fal_typed_codegen.build import build

    if jobs == 1 or len(tasks) < _ALONE:
        return [build(task) for task in tasks]
    from concurrent.futures import ProcessPoolExecutor

    # Spawned, not forked: the caller can have threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(tasks)), context) as pool:
        return list(pool.map(build, tasks, chunksize=_CHUNK))


def _endpoint_modules(paths: Iterable[str]) -> list[str]:
    """Files that are the module of an endpoint."""
    return [
        path
        for path in paths
        if not path.endswith("__init__.py") and not path.startswith(f"{SHARED_PACKAGE}/")
    ]


def _matches(endpoint_id: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(endpoint_id, pattern) for pattern in patterns)


@functools.cache
def _generator_fingerprint() -> str:
    """Hash of everything that determines the output, except the documents."""
    digest = hashlib.sha256()
    for path in fingerprinted_files():
        digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    for distribution in ("datamodel-code-generator", "ruff"):
        digest.update(metadata.version(distribution).encode())
    return digest.hexdigest()[:20]


def fingerprinted_files() -> list[Path]:
    """Files that determine the output, in a fixed order."""
    here = Path(__file__).parent
    documents = Path(document_module.__file__).parent
    found = [documents / name for name in _READERS]
    found += [documents.parent / name for name in _DOCUMENTED]
    for name in _PARTS:
        part = here / name
        inside = (path for path in part.glob("*.*") if path.suffix in {".py", ".jinja"})
        found += sorted(inside) if part.is_dir() else [part]
    return found
