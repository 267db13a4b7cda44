"""Build hook: the wheel carries the catalogue of endpoint documents as one archive.

1,559 small files would make every installation slower than one archive does; the archive is
the same bytes for the same documents (fixed order, fixed dates).
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_DATE = (1980, 1, 1, 0, 0, 0)


class CatalogBuildHook(BuildHookInterface[Any]):
    """Writes ``schemas/`` of the checkout into the wheel as ``fal_typed/schemas.zip``."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the archive to the wheel's files.

        Args:
            version: ``standard`` or ``editable``; an editable install reads ``schemas/`` itself.
            build_data: What hatchling will put into the wheel.
        """
        schemas = Path(self.root, "schemas")
        if version == "editable" or not schemas.is_dir():
            return
        archive = Path(mkdtemp(), "schemas.zip")
        write_archive(schemas, archive)
        build_data["force_include"][str(archive)] = "fal_typed/schemas.zip"


def write_archive(schemas: Path, archive: Path) -> None:
    """Pack every document of a folder, deterministically.

    Args:
        schemas: Folder of ``<id>.json`` files.
        archive: The zip file to write.
    """
    documents = {path.relative_to(schemas).as_posix(): path for path in schemas.rglob("*.json")}
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target:
        for name in sorted(documents):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            target.writestr(entry, documents[name].read_bytes())
