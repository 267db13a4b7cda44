"""File parameters and files in results (docs/protocol.md sections 6 and 11).

`FileInput` is the type of a file parameter: a URL, or a file that is uploaded before the
call. Results contain `File`, `Image`, `Video` and `Audio`, with a URL to read or save.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, ClassVar, Union

from pydantic import ValidationInfo
from pydantic_core import (
    PydanticCustomError,
    PydanticSerializationUnexpectedValue,
    core_schema,
)

from fal_typed._calls.checking import PATHS
from fal_typed._calls.unsent_files import is_bytes, is_unsent_file
from fal_typed._core.async_files import AsyncFile
from fal_typed._core.data_uri import encode
from fal_typed._core.json_values import as_object
from fal_typed._core.media_types import OCTETS, type_of_bytes
from fal_typed._core.pillow import PILImage
from fal_typed._display.notebook import show_lists_of_files
from fal_typed.models import OutputModel

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue
    from typing_extensions import NotRequired, TypedDict

    from fal_typed._core.runner import ClientLike


class File(OutputModel):
    """A file in a result."""

    __fal_file__: ClassVar[bool] = True

    url: str
    """URL of the file, or a data URI that contains it."""

    content_type: str | None = None
    """Media type, such as `image/png`."""

    file_name: str | None = None
    """File name, or None if the model did not set one."""

    file_size: int | None = None
    """Size in bytes."""

    def read(self, *, client: ClientLike | None = None) -> bytes:
        """Download the file into memory.

        Args:
            client: Client whose HTTP settings are used; its key is never sent. Default: the
                module-level client.

        Returns:
            The file's bytes.

        Raises:
            FalDownloadError: The file is gone, or the download failed after all retries.
        """
        from fal_typed._core.runner import runner_of
        from fal_typed._downloads import fetching

        return runner_of(client).perform(lambda settings: fetching.read(settings, self.url))

    async def read_async(self, *, client: ClientLike | None = None) -> bytes:
        """Download the file into memory; `read` for async code."""
        from fal_typed._core.runner import runner_of
        from fal_typed._downloads import fetching

        return await runner_of(client).perform_async(
            lambda settings: fetching.read(settings, self.url)
        )

    def save(self, path: str | os.PathLike[str], *, client: ClientLike | None = None) -> Path:
        """Download the file to disk.

        The download is streamed, resumes after an interruption, and appears under its name only
        when it is complete.

        Args:
            path: File to write (replaced if it exists), or a folder to save it in under its own
                name: an existing folder, or a path that ends in `/`, which is created. In a
                folder, no existing file is replaced: the name gets a number, as in `cat-2.jpg`.
            client: Client whose HTTP settings are used; its key is never sent.

        Returns:
            The path of the file.

        Raises:
            FalDownloadError: The file is gone, or the download failed after all retries.
        """
        from fal_typed._core.runner import runner_of
        from fal_typed._downloads import fetching
        from fal_typed._downloads.file_names import choose_target

        target = choose_target(path, self.file_name, self.url)
        return runner_of(client).perform(lambda settings: fetching.save(settings, self.url, target))

    async def save_async(
        self, path: str | os.PathLike[str], *, client: ClientLike | None = None
    ) -> Path:
        """Download the file to disk; `save` for async code."""
        from fal_typed._core.runner import runner_of
        from fal_typed._downloads import fetching
        from fal_typed._downloads.file_names import choose_target

        target = choose_target(path, self.file_name, self.url)
        return await runner_of(client).perform_async(
            lambda settings: fetching.save(settings, self.url, target)
        )

    def open(self, *, client: ClientLike | None = None) -> BinaryIO:
        """Download the file and open it as a temporary file, which is deleted when closed.

        Raises:
            FalDownloadError: The file is gone, or the download failed after all retries.
        """
        from fal_typed._core.runner import runner_of
        from fal_typed._downloads import fetching

        return runner_of(client).perform(
            lambda settings: fetching.open_temporary(settings, self.url)
        )

    async def open_async(self, *, client: ClientLike | None = None) -> BinaryIO:
        """Download the file and open it; `open` for async code."""
        from fal_typed._core.runner import runner_of
        from fal_typed._downloads import fetching

        return await runner_of(client).perform_async(
            lambda settings: fetching.open_temporary(settings, self.url)
        )


class Image(File, defer_build=True):
    """An image; notebooks show it."""

    width: int | None = None
    """Width in pixels."""

    height: int | None = None
    """Height in pixels."""

    def to_pil(self, *, client: ClientLike | None = None) -> PILImage:
        """Download the image as a Pillow image (extra `images`).

        Raises:
            FalDownloadError: The file is gone, or the download failed after all retries.
            ImportError: Pillow is not installed.
        """
        from fal_typed._downloads.pillow_images import pillow_image

        return pillow_image(self.read(client=client))

    async def to_pil_async(self, *, client: ClientLike | None = None) -> PILImage:
        """Download the image as a Pillow image; `to_pil` for async code."""
        from fal_typed._downloads.pillow_images import pillow_image

        return pillow_image(await self.read_async(client=client))


class Video(File, defer_build=True):
    """A video; notebooks play it."""

    width: int | None = None
    """Width in pixels."""

    height: int | None = None
    """Height in pixels."""

    duration: float | None = None
    """Length in seconds."""

    fps: float | None = None
    """Frames per second."""

    num_frames: int | None = None
    """Number of frames."""


class Audio(File, defer_build=True):
    """An audio file; notebooks play it."""

    duration: float | None = None
    """Length in seconds."""

    sample_rate: int | None = None
    """Samples per second."""

    channels: int | None = None
    """Number of channels."""

    bitrate: int | float | str | None = None
    """Bits per second, in the format that the model uses."""


_URL = re.compile(r"https?://[^\s/?#]|data:[^,]*,", re.IGNORECASE)


def _check(value: Any, info: ValidationInfo) -> Any:
    url = value.url if isinstance(value, File) else value
    if isinstance(url, str):
        if _URL.match(url):
            return url
        if info.context is PATHS:
            return Path(url)
        raise PydanticCustomError(
            "file_url",
            "Input should be an http(s) URL or a data URI; to upload a local file, "
            "pass pathlib.Path(…), because a string is never a path",
        )
    if not (is_bytes(url) or is_unsent_file(url)):
        raise PydanticCustomError(
            "file_type",
            "Input should be a URL, a Path, bytes, an open binary file, a Pillow image or a File",
        )
    return value


def _check_object(value: Any, info: ValidationInfo) -> Any:
    given = value.model_dump(exclude_unset=True) if isinstance(value, File) else as_object(value)
    if given is not None and "url" in given:
        return {**given, "url": _check(given["url"], info)}
    return {"url": _check(value, info)}


def _dump_url(value: Any, info: core_schema.SerializationInfo) -> Any:
    if isinstance(value, str) or (is_unsent_file(value) and not info.mode_is_json()):
        return value
    if not is_bytes(value):
        # For example a list, in a union with a list of files.
        raise PydanticSerializationUnexpectedValue("not a file")
    if not info.mode_is_json():
        return value
    content = bytes(value)
    return encode(content, type_of_bytes(content) or OCTETS)


def _dump_object(value: Any, info: core_schema.SerializationInfo) -> Any:
    given = as_object(value)
    if given is None:
        raise PydanticSerializationUnexpectedValue("not an object of a file")
    return {**given, "url": _dump_url(given.get("url"), info)}


_URL_SCHEMA: JsonSchemaValue = {"type": "string", "format": "uri"}
_OBJECT_SCHEMA: JsonSchemaValue = {
    "type": "object",
    "properties": {"url": _URL_SCHEMA},
    "required": ["url"],
}


# The value itself in Python; without this, pydantic iterates over open files.
_ITSELF = core_schema.any_schema(serialization=core_schema.to_string_ser_schema(when_used="json"))
_WITH_URL = core_schema.typed_dict_schema(
    {"url": core_schema.typed_dict_field(_ITSELF)}, extra_behavior="allow"
)


class _AsUrl:
    @staticmethod
    def __get_pydantic_core_schema__(_source: object, _handler: object) -> core_schema.CoreSchema:
        return core_schema.with_info_plain_validator_function(
            _check,
            serialization=core_schema.plain_serializer_function_ser_schema(
                _dump_url, info_arg=True, return_schema=_ITSELF
            ),
        )

    @staticmethod
    def __get_pydantic_json_schema__(_schema: object, _handler: object) -> JsonSchemaValue:
        return dict(_URL_SCHEMA)


class _AsObject:
    @staticmethod
    def __get_pydantic_core_schema__(_source: object, _handler: object) -> core_schema.CoreSchema:
        return core_schema.with_info_plain_validator_function(
            _check_object,
            serialization=core_schema.plain_serializer_function_ser_schema(
                _dump_object, info_arg=True, return_schema=_WITH_URL
            ),
        )

    @staticmethod
    def __get_pydantic_json_schema__(_schema: object, handler: Any) -> JsonSchemaValue:
        if handler.mode == "serialization":
            return dict(_OBJECT_SCHEMA)
        return {"anyOf": [dict(_URL_SCHEMA), dict(_OBJECT_SCHEMA)]}


FileInput = Annotated[
    Union[str, os.PathLike[str], bytes, BinaryIO, AsyncFile, PILImage, File], _AsUrl
]
"""A file parameter: an http(s) URL, a data URI, or anything that can be uploaded.

A string is never a path. Pass a `pathlib.Path` to upload a local file.
"""

if TYPE_CHECKING:

    class FileObjectDict(TypedDict):
        """The object that is sent for a file."""

        url: FileInput
        content_type: NotRequired[str]
        file_name: NotRequired[str]
        file_size: NotRequired[int]
        width: NotRequired[int]
        height: NotRequired[int]

else:
    FileObjectDict = dict

FileObjectInput = Annotated[
    Union[str, os.PathLike[str], bytes, BinaryIO, AsyncFile, PILImage, File, FileObjectDict],
    _AsObject,
]
"""A file parameter that is sent as an object with a `url`."""

show_lists_of_files()
