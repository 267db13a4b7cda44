"""`manifest.json` of a generated package: what each file was generated from, and its hash.

With it, a run skips files that would not change, and a check finds files that were edited by hand
without generating anything.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fal_typed._documents.regular_files import read_regular_file
from fal_typed_codegen.documents.read import file_of

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST_NAME = "manifest.json"
VERSION = 2


@dataclass
class DocumentRecord:
    """What a run needs to know about an unchanged document.

    Attributes:
        fingerprint: Hash of the document's file.
        id: The endpoint's id.
        path: Module path in the package.
        classes: Hash of every class that could be shared, by name; None for one that cannot
            be shared.
        dicts: Names of the types of dicts that stand for its classes.
        warnings: Parts of the document that could not be translated exactly.
    """

    fingerprint: str
    id: str
    path: str
    classes: dict[str, str | None]
    dicts: list[str]
    warnings: list[str]


@dataclass
class FileRecord:
    """Origin and content of a generated file.

    Attributes:
        key: Hash of everything that its content depends on.
        fingerprint: Hash of its content.
    """

    key: str
    fingerprint: str


@dataclass
class Manifest:
    """All records, by path.

    Attributes:
        generator: Hash of the generator that generated the files.
        documents: By the document's key; see `FileContent`.
        files: By the file's path in the output folder.
    """

    generator: str = ""
    documents: dict[str, DocumentRecord] = field(default_factory=dict[str, DocumentRecord])
    files: dict[str, FileRecord] = field(default_factory=dict[str, FileRecord])

    @classmethod
    def load(cls, out: Path) -> Manifest:
        """Read a folder's manifest; an empty one if it is missing or invalid."""
        try:
            raw: Any = json.loads(read_regular_file(out / MANIFEST_NAME))
            if raw["version"] != VERSION:
                return cls()
            return cls(
                raw["generator"],
                {path: DocumentRecord(*values) for path, values in raw["documents"].items()},
                {path: FileRecord(*values) for path, values in raw["files"].items()},
            )
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            # It only saves work: without it, everything is generated again.
            return cls()

    def by_file(self) -> dict[str, dict[str, DocumentRecord]]:
        """Records of documents, grouped by file."""
        grouped: dict[str, dict[str, DocumentRecord]] = {}
        for key, record in self.documents.items():
            grouped.setdefault(file_of(key), {})[key] = record
        return grouped

    def to_bytes(self) -> bytes:
        """The file's content: one line per record, which diffs and merges well."""
        documents = {
            path: [r.fingerprint, r.id, r.path, r.classes, r.dicts, r.warnings]
            for path, r in self.documents.items()
        }
        files = {path: [r.key, r.fingerprint] for path, r in self.files.items()}
        parts = [
            f'"version": {VERSION}',
            f'"generator": {json.dumps(self.generator)}',
            f'"documents": {_lines(documents)}',
            f'"files": {_lines(files)}',
        ]
        return ("{" + ",\n".join(parts) + "}\n").encode()


def _lines(records: dict[str, list[Any]]) -> str:
    lines = (
        f"{json.dumps(path)}: {json.dumps(records[path], separators=(',', ':'))}"
        for path in sorted(records)
    )
    return "{\n" + ",\n".join(lines) + "\n}"
