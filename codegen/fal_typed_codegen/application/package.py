"""Generates the package of an application: its endpoints and a typed client for their ids."""

from __future__ import annotations

import difflib
import shutil
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from fal_typed._documents.catalog import Catalog
from fal_typed._documents.document import InvalidDocumentError
from fal_typed._documents.regular_files import read_if_regular, read_regular_file
from fal_typed_codegen import write
from fal_typed_codegen.application.client_modules import application_modules
from fal_typed_codegen.application.project import TABLE, Project, ProjectError
from fal_typed_codegen.application.scan import scan
from fal_typed_codegen.application.typeddicts import EndpointCode, read_endpoints
from fal_typed_codegen.documents import read
from fal_typed_codegen.generate import GenerateReport, generate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

MANY = 50
"""With more endpoints than this, type checkers and editors become slow."""

ENDPOINTS = "endpoints"
_SCHEMAS = "schemas"
_GLOB = frozenset("*?[")


@dataclass
class ApplicationReport(GenerateReport):
    """Result of a run or a dry run; files are relative to the output folder.

    Attributes:
        ids: Endpoints of the package.
        notes: Warnings that do not concern a document.
    """

    ids: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])


def generate_application(project: Project, *, jobs: int | None = None) -> ApplicationReport:
    """Generate an application's package.

    Files that do not change are not written; modules of endpoints that are no longer selected are
    removed.

    Args:
        project: What to generate.
        jobs: Number of processes; one per core by default.

    Returns:
        What was done.

    Raises:
        ProjectError: An id or a pattern of the table matches no endpoint, or the output folder
            contains a package that was not generated.
        FileNotFoundError: The catalog does not exist.
        FormatError: ruff could not format the result.
        OSError: A file cannot be read or written.
    """
    return _generate(project, project.output, jobs)


def check_application(project: Project) -> ApplicationReport:
    """Report what `generate_application` would do; it runs on a copy.

    Args:
        project: What to generate.

    Returns:
        What would be done.

    Raises:
        ProjectError: See `generate_application`.
        FileNotFoundError: The catalog does not exist.
    """
    with TemporaryDirectory() as folder:
        copy = Path(folder, project.output.name)
        if project.output.is_dir():
            shutil.copytree(project.output, copy, symlinks=True, ignore=_not_copied)
        return _generate(project, copy, jobs=1)


def _generate(project: Project, output: Path, jobs: int | None) -> ApplicationReport:
    _require_generated(project.output)
    documents = _Documents(project)
    package = f"{project.package}.{ENDPOINTS}"
    with TemporaryDirectory() as folder:
        schemas = Path(folder, _SCHEMAS)
        documents.write(schemas)
        # The table of the project selects the endpoints, so all others may be removed.
        made = generate(schemas, output / ENDPOINTS, package, jobs=jobs, prune=True)
    endpoints = read_endpoints(output / ENDPOINTS, package)
    sources = application_modules(
        endpoints, project.package, allow_unknown_ids=project.allow_unknown_ids
    )
    changed = _changed(output, write.formatted(sources))
    write.replace(output, changed)
    return ApplicationReport(
        endpoints=len(endpoints),
        written=sorted([*changed, *(f"{ENDPOINTS}/{path}" for path in made.written)]),
        removed=[f"{ENDPOINTS}/{path}" for path in made.removed],
        unchanged=made.unchanged + len(sources) - len(changed),
        failed=made.failed,
        warnings=made.warnings,
        ids=[endpoint.id for endpoint in endpoints],
        notes=_notes(project, documents, endpoints),
    )


class _Documents:
    """Documents of the endpoints that a project selects."""

    def __init__(self, project: Project) -> None:
        self._catalog = Catalog(project.schemas)
        self._own = _own_documents(project)
        own_ids = {id_ for _, ids in self._own.values() for id_ in ids}
        self.known = {*self._catalog.ids(), *own_ids}
        self.scanned = scan(project.scan, without=project.output)
        found = {mention.id for mention in self.scanned.mentions} & self.known
        self._ids = sorted((_chosen(project.endpoints, self.known) | found) - own_ids)
        if not self._ids and not self._own:
            raise ProjectError(f"[{TABLE}] scan: no known endpoint id found")

    def write(self, folder: Path) -> None:
        """Write the documents to a folder for the generator."""
        for id_ in self._ids:
            _write(folder / f"{id_}.json", self._catalog.read(id_))
        for path, (content, _) in self._own.items():
            if (folder / path).exists():
                raise ProjectError(
                    f"[{TABLE}] documents: {path} does not describe the endpoint of its path"
                )
            _write(folder / path, content)


def _own_documents(project: Project) -> dict[str, tuple[bytes, list[str]]]:
    """Content and endpoint ids of the project's own documents, by path.

    The path relative to their folder is kept, because it gives the id of an app, which the app's
    document does not contain.
    """
    found: dict[str, tuple[bytes, list[str]]] = {}
    for place in project.documents:
        files = {"/".join(place.resolve().parts[-2:]): place}
        if place.is_dir():
            files = {path: place / path for path in read.document_files(place)}
        if not all(path.endswith(".json") for path in files) or not files:
            raise ProjectError(f"[{TABLE}] documents: no document found in {place}")
        for path, file in files.items():
            if path in found:
                raise ProjectError(f"[{TABLE}] documents: duplicate document {path}")
            try:
                content = read_regular_file(file)
            except OSError as error:
                reason = error.strerror or str(error)
                raise ProjectError(f"[{TABLE}] documents: {path}: {reason}") from error
            found[path] = content, _ids_of(content, path)
    return found


def _ids_of(content: bytes, path: str) -> list[str]:
    try:
        return [document.id for document in read.read_file(content, path).documents.values()]
    except InvalidDocumentError:
        return []  # the generator reports the error


def _chosen(patterns: Iterable[str], known: Collection[str]) -> set[str]:
    chosen: set[str] = set()
    for pattern in patterns:
        if pattern in known:
            chosen.add(pattern)
            continue
        matching = {id_ for id_ in known if fnmatchcase(id_, pattern)}
        if not matching:
            raise ProjectError(f"[{TABLE}] endpoints: {_no_such(pattern, known)}")
        chosen |= matching
    return chosen


def _no_such(pattern: str, known: Collection[str]) -> str:
    if _GLOB & set(pattern):
        return f"{pattern!r} matches no endpoint"
    return f"unknown endpoint {pattern!r}{_near(pattern, known)}"


def _near(id_: str, known: Collection[str]) -> str:
    # Without owners: most ids have the same owner, which would make them all similar.
    by_name = {known_id.partition("/")[2]: known_id for known_id in sorted(known)}
    near = difflib.get_close_matches(id_.partition("/")[2], by_name, n=3, cutoff=0.7)
    return f"; did you mean {' or '.join(repr(by_name[name]) for name in near)}?" if near else ""


def _notes(project: Project, documents: _Documents, endpoints: list[EndpointCode]) -> list[str]:
    ids = {endpoint.id for endpoint in endpoints}
    notes = [
        f"{_shown(path, project)}: cannot be parsed: {why}"
        for path, why in documents.scanned.unreadable.items()
    ]
    notes += [
        f"{_shown(mention.path, project)}:{mention.line}: no document for {mention.id!r}"
        f"{_near(mention.id, documents.known)}"
        for mention in documents.scanned.mentions
        if mention.is_called and mention.id.strip("/") not in ids
    ]
    if len(endpoints) > MANY:
        notes.append(
            f"{len(endpoints)} endpoints: with more than {MANY}, type checkers and editors become "
            f"slow at calls by id; select fewer in [{TABLE}], or call the others through their "
            "modules"
        )
    return notes


def _shown(path: Path, project: Project) -> str:
    return (
        path.relative_to(project.root).as_posix()
        if path.is_relative_to(project.root)
        else str(path)
    )


def _require_generated(output: Path) -> None:
    """Do not overwrite a package that was not generated."""
    for file in (output / "__init__.py", output / ENDPOINTS / "__init__.py"):
        content = (read_if_regular(file) or b"").strip()
        if content and not write.is_generated(content):
            raise ProjectError(
                f"[{TABLE}] output: {file} was not generated by fal-typed; use a separate folder "
                "for the generated package"
            )


def _not_copied(folder: str, names: list[str]) -> set[str]:
    """Caches, and what is neither a file nor a folder: a pipe would be read for ever."""
    paths = {name: Path(folder, name) for name in names}
    return {
        name
        for name, path in paths.items()
        if name == "__pycache__" or not (path.is_symlink() or path.is_dir() or path.is_file())
    }


def _changed(folder: Path, contents: Mapping[str, bytes]) -> dict[str, bytes]:
    return {
        path: content
        for path, content in contents.items()
        if read_if_regular(folder / path) != content
    }


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
