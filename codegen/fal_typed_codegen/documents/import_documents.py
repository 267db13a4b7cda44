"""Imports a folder of endpoint documents into `schemas/`.

Run ``python -m fal_typed_codegen.documents.import_documents FROM TO --source TEXT``. Every document
is written in canonical form and added to the lock. An invalid document is reported, and its old
version in `schemas/` is kept.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from fal_typed._documents.document import EndpointDocument, InvalidDocumentError
from fal_typed._documents.regular_files import read_if_regular, read_regular_file
from fal_typed_codegen.documents.atomic import write_inside
from fal_typed_codegen.documents.canonical import (
    UnsafeIdError,
    canonical_bytes,
    case_collisions,
    path_for,
)
from fal_typed_codegen.documents.lock import LOCK_NAME, LockEntry, SchemaLock, meaning_hash

if TYPE_CHECKING:
    from collections.abc import Sequence


def import_documents(origin: Path, root: Path, source: str, retrieved: str) -> dict[Path, str]:
    """Write every document of a folder to the catalog and its lock.

    The file and lock entry of an unchanged document are not touched.

    Args:
        origin: Folder to read, with every ``*.json`` file inside.
        root: The catalog, usually ``schemas/``.
        source: Origin of the documents, for the lock.
        retrieved: Date of retrieval in UTC, such as ``2026-11-20``.

    Returns:
        Invalid files, each with the reason.

    Raises:
        OSError: The catalog cannot be written.
    """
    lock = SchemaLock.load(root / LOCK_NAME)
    rejected: dict[Path, str] = {}
    for path in sorted(origin.rglob("*.json")):
        try:
            document = EndpointDocument.parse(read_regular_file(path))
            content = canonical_bytes(document.raw)
            target = path_for(document.id, root)
        except (InvalidDocumentError, UnsafeIdError, ValueError, RecursionError, OSError) as error:
            rejected[path] = f"{type(error).__name__}: {error}"
            continue
        if document.id in lock.entries and read_if_regular(target) == content:
            continue
        write_inside(root, target, content)
        entry = LockEntry(source, retrieved, meaning_hash(document.raw))
        known = lock.entries.get(document.id)
        lock.entries[document.id] = replace(entry, module=known.module) if known else entry
    lock.save(root / LOCK_NAME)
    return rejected


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: Arguments of the command; those of the process if None.

    Returns:
        0 if every document was imported, otherwise 1.
    """
    parser = argparse.ArgumentParser(description="Import endpoint documents into schemas/.")
    parser.add_argument("origin", type=Path, help="folder of documents")
    parser.add_argument("root", type=Path, help="the catalog, usually schemas/")
    parser.add_argument("--source", required=True, help="origin of the documents, for the lock")
    options = parser.parse_args(arguments)

    today = datetime.now(timezone.utc).date().isoformat()
    rejected = import_documents(options.origin, options.root, options.source, today)
    for path, reason in rejected.items():
        sys.stderr.write(f"{path}: {reason}\n")
    entries = SchemaLock.load(options.root / LOCK_NAME).entries
    for ids in case_collisions(entries):
        sys.stderr.write(f"same file on case-insensitive systems: {', '.join(ids)}\n")
    sys.stdout.write(f"{len(entries)} endpoints, {len(rejected)} documents rejected\n")
    return 1 if rejected else 0


if __name__ == "__main__":
    sys.exit(main())
