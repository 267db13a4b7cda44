"""Takes a folder of endpoint documents into `schemas/`.

Run ``python -m fal_typed_codegen.documents.import_documents FROM TO --source WORDS``. Every document is
written in canonical form and entered in the lock. A document that cannot be read is reported,
and what `schemas/` has of it stays.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from fal_typed._documents.document import EndpointDocument, InvalidDocumentError
from fal_typed_codegen.documents.atomic import write_atomic
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
    """Write every document below a folder into the catalogue and its lock.

    A document whose canonical text is already there leaves file and entry untouched.

    Args:
        origin: The folder to read; every ``*.json`` below it is taken for a document.
        root: The catalogue, usually ``schemas/``.
        source: What the lock says of the documents' origin.
        retrieved: The day they came, UTC, as ``2026-11-20``.

    Returns:
        The files that could not be taken, each with the reason.

    Raises:
        OSError: The catalogue cannot be written.
    """
    lock = SchemaLock.load(root / LOCK_NAME)
    refused: dict[Path, str] = {}
    for path in sorted(origin.rglob("*.json")):
        try:
            document = EndpointDocument.load(path)
            content = canonical_bytes(document.raw)
            target = path_for(document.id, root)
        except (InvalidDocumentError, UnsafeIdError, ValueError, RecursionError) as error:
            refused[path] = f"{type(error).__name__}: {error}"
            continue
        if document.id in lock.entries and _content(target) == content:
            continue
        write_atomic(target, content)
        entry = LockEntry(source, retrieved, meaning_hash(document.raw))
        known = lock.entries.get(document.id)
        lock.entries[document.id] = replace(entry, module=known.module) if known else entry
    lock.save(root / LOCK_NAME)
    return refused


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The command's arguments; None for those of the process.

    Returns:
        0 when every document was taken, 1 when some were not.
    """
    parser = argparse.ArgumentParser(description="Take endpoint documents into schemas/.")
    parser.add_argument("origin", type=Path, help="folder of documents")
    parser.add_argument("root", type=Path, help="the catalogue, usually schemas/")
    parser.add_argument("--source", required=True, help="what the lock says of their origin")
    options = parser.parse_args(arguments)

    today = datetime.now(timezone.utc).date().isoformat()
    refused = import_documents(options.origin, options.root, options.source, today)
    for path, reason in refused.items():
        sys.stderr.write(f"{path}: {reason}\n")
    entries = SchemaLock.load(options.root / LOCK_NAME).entries
    for ids in case_collisions(entries):
        sys.stderr.write(f"one file where names have no case: {', '.join(ids)}\n")
    sys.stdout.write(f"{len(entries)} endpoints, {len(refused)} documents refused\n")
    return 1 if refused else 0


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
