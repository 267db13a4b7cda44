"""A file in, a file out: cut a picture's background away.

A file parameter takes a path, bytes, an open file, a Pillow image or the file of an earlier
result; what is no URL yet is uploaded first.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fal_typed.endpoints.fal_ai.birefnet import birefnet


def main(source: Path, target: Path) -> None:
    """Read one picture and write the other."""
    result = birefnet.subscribe(image_url=source, output_format="png")
    print(result.data.image.save(target))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
