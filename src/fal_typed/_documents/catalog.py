"""Finds the catalog of endpoint documents and reads documents by id.

In a checkout the catalog is the folder ``schemas/``; an installed wheel contains the same files
in an archive. You can also use a folder of your own.
"""

from __future__ import annotations

import json
import os
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from fal_typed._documents.app_document import as_bytes, is_app_document, may_be_app_document, split
from fal_typed._documents.document import EndpointDocument
from fal_typed._documents.regular_files import read_regular_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fal_typed._documents.document import Schema

_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)+")
_SUFFIX = ".json"


class UnknownEndpointError(KeyError):
    """The catalog has no document for this endpoint id."""

    def __init__(self, endpoint_id: str) -> None:
        super().__init__(endpoint_id)
        self.endpoint_id = endpoint_id

    def __str__(self) -> str:
        return f"no document for endpoint {self.endpoint_id!r} in the catalog"


class _Files(Protocol):
    def names(self) -> list[str]: ...

    def read(self, name: str) -> bytes: ...


class Catalog:
    """Endpoint documents by id, read on demand.

    A file may also contain the document of a whole app; each of its routes is an endpoint.

    Args:
        root: A folder of documents (path = id + ``.json``) or a zip archive of one; None for
            the catalog that comes with fal-typed.

    Raises:
        FileNotFoundError: The folder or archive does not exist.

    >>> catalog = Catalog()
    >>> "fal-ai/flux/dev" in catalog
    True
    >>> catalog.document("fal-ai/flux/dev").input_schema["required"]
    ['prompt']
    """

    def __init__(self, root: Path | str | None = None) -> None:
        self.root = default_root() if root is None else Path(root)
        self._files = _open(self.root)
        self._documents: dict[str, EndpointDocument] = {}
        self._apps: dict[str, list[str]] = {}

    @classmethod
    def of(cls, root: Path | str | Catalog | None) -> Catalog:
        """Get a catalog from a catalog, a path, or None for the default one.

        Args:
            root: A catalog, which is returned unchanged, or an argument of the constructor.

        Returns:
            The catalog.

        Raises:
            FileNotFoundError: The folder or archive does not exist.
        """
        return root if isinstance(root, Catalog) else cls(root)

    def ids(self) -> list[str]:
        """List the endpoint ids of the catalog.

        Returns:
            Every id, sorted.
        """
        return sorted({id_ for id_, _ in self.contents()})

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """Read the content of every document, each file once.

        Yields:
            The endpoint's id and the file's bytes; for a route of an app, the bytes of the whole
            app's document.
        """
        for name in self._files.names():
            stem = name.removesuffix(_SUFFIX)
            if _ID.fullmatch(stem):
                try:
                    content = self._files.read(name)
                except OSError:
                    continue  # a dangling link or the like is no document
                routes = self._routes(stem, content)
                for id_ in [stem] if routes is None else routes:
                    yield id_, content

    def document(self, endpoint_id: str) -> EndpointDocument:
        """Read one endpoint's document; it is parsed once and cached.

        Args:
            endpoint_id: The endpoint's id, e.g. ``fal-ai/flux/dev``.

        Returns:
            The document.

        Raises:
            UnknownEndpointError: The catalog does not contain the endpoint.
            InvalidDocumentError: The file exists but is not an endpoint document.
        """
        document = self._documents.get(endpoint_id)
        if document is None:
            content = self._find(endpoint_id)
            # `_find` has parsed all routes of an app.
            document = self._documents.get(endpoint_id)
            if document is None:
                document = self._documents[endpoint_id] = EndpointDocument.parse(content)
        return document

    def read(self, endpoint_id: str) -> bytes:
        """Read the content of one endpoint's document.

        Args:
            endpoint_id: The endpoint's id, e.g. ``fal-ai/flux/dev``.

        Returns:
            The file's bytes; for a route of an app, a document of its own.

        Raises:
            UnknownEndpointError: The catalog does not contain the endpoint.
        """
        content = self._find(endpoint_id)
        document = self._documents.get(endpoint_id)
        return content if document is None or document.route is None else as_bytes(document)

    def _find(self, endpoint_id: str) -> bytes:
        """Read the file that contains an endpoint; if it is an app's, parse all its routes."""
        # The pattern rejects "..", absolute paths and drive letters.
        stem = endpoint_id
        while _ID.fullmatch(stem):
            content = self._content(stem)
            if content is not None:
                routes = self._routes(stem, content)
                if endpoint_id in (routes or ()) or (routes is None and stem == endpoint_id):
                    return content
            stem = stem.rpartition("/")[0]
        raise UnknownEndpointError(endpoint_id)

    def _content(self, stem: str) -> bytes | None:
        try:
            return self._files.read(stem + _SUFFIX)
        except (OSError, KeyError):
            return None

    def _routes(self, stem: str, content: bytes) -> list[str] | None:
        """Ids of an app's routes; None if the file does not describe an app."""
        if stem in self._apps:
            return self._apps[stem]
        if not may_be_app_document(content):
            return None
        try:
            raw = json.loads(content)
            if not (isinstance(raw, dict) and is_app_document(cast("Schema", raw))):
                return None
            documents = split(cast("Schema", raw), stem).documents
        except (ValueError, RecursionError):
            return None  # reading the document raises the error
        self._documents.update((one.id, one) for one in documents)
        return self._apps.setdefault(stem, [one.id for one in documents])

    def __contains__(self, endpoint_id: object) -> bool:
        if not isinstance(endpoint_id, str):
            return False
        try:
            self.read(endpoint_id)
        except UnknownEndpointError:
            return False
        return True


def default_root() -> Path:
    """Find the catalog that comes with fal-typed.

    Returns:
        ``schemas/`` of the checkout this module runs from, else the archive in the wheel.

    Raises:
        FileNotFoundError: This installation contains neither.
    """
    here = Path(__file__).resolve()
    package, checkout = here.parents[1], here.parents[3]
    candidates = [checkout / "schemas", package / "schemas.zip"]
    if not (checkout / "pyproject.toml").is_file():
        candidates.reverse()  # installed: a stray folder in site-packages must not win
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise FileNotFoundError(f"no catalog of endpoint documents at {candidates[0]}")


def _open(root: Path) -> _Files:
    if root.is_dir():
        return _Folder(root)
    if root.is_file():
        return _Archive(root)
    raise FileNotFoundError(f"no folder or archive of endpoint documents at {root}")


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> list[str]:
        # Several times as fast as pathlib, which matters to the command line.
        root = str(self._root)
        return [
            f"{folder}{os.sep}{file}"[len(root) + 1 :].replace(os.sep, "/")
            for folder, _, files in os.walk(root)
            for file in files
            if file.endswith(_SUFFIX)
        ]

    def read(self, name: str) -> bytes:
        return read_regular_file(self._root / name)


class _Archive:
    def __init__(self, root: Path) -> None:
        self._zip = zipfile.ZipFile(root)

    def names(self) -> list[str]:
        return [name for name in self._zip.namelist() if name.endswith(_SUFFIX)]

    def read(self, name: str) -> bytes:
        return self._zip.read(name)
