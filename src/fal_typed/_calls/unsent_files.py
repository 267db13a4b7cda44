"""Files that are not uploaded yet, which JSON cannot contain."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

from fal_typed._core.pillow import PILImage

if TYPE_CHECKING:
    from collections.abc import Iterable


def is_bytes(value: object) -> bool:
    """Whether a value is a file's content, which fits into JSON as a data URI."""
    return isinstance(value, (bytes, bytearray, memoryview))


def is_unsent_file(value: object) -> bool:
    """Whether a value is a path, an image or an open file, which must be uploaded."""
    if isinstance(value, BaseModel):
        return False
    return isinstance(value, (os.PathLike, PILImage)) or callable(getattr(value, "read", None))


def reject_unsent_files(value: object) -> None:
    """Check that an input can be dumped to JSON.

    A check beforehand, because pydantic catches the errors of members of a union.

    Raises:
        PydanticSerializationError: It contains a file that must be uploaded.
    """
    if isinstance(value, BaseModel):
        reject_unsent_files(list(value.__dict__.values()))
    elif isinstance(value, dict):
        reject_unsent_files(list(cast("dict[object, object]", value).values()))
    elif isinstance(value, (list, tuple)):
        for item in cast("Iterable[object]", value):
            reject_unsent_files(item)
    elif is_unsent_file(value):
        raise PydanticSerializationError(
            f"A {type(value).__name__} that is not uploaded yet cannot be dumped to JSON. Upload "
            "it with client.upload_file(…) or client.upload(…) and pass the URL, or pass its bytes."
        )
