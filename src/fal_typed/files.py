"""File parameters and files in results (docs/protocol.md sections 6 and 11).

`FileInput` is the type of a file parameter: anything that is not a URL is uploaded before the
call. Results contain `File`, `Image`, `Video` and `Audio`, with a URL to read or save.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, ClassVar, Union

from pydantic_core import (
    PydanticCustomError,
    PydanticSerializationUnexpectedValue,
    core_schema,
)

from fal_typed._core.async_files import AsyncFile
from fal_typed._core.json_values import as_object
from fal_typed._core.pillow import PILImage
from fal_typed.models import OutputModel

if TYPE_CHECKING:
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
            path: File to write (replaced if it exists), or an existing folder to save it in
                under its own name.
            client: Client whose HTTP settings are used; its key is never sent.

        Returns:
            The path of the file.

        Raises:
            FalDownloadError: The file is gone, or the download failed after all retries.
        """
        from fal_typed._core.runner import runner_of
        from fal_typed._downloads import fetching
        from fal_typed._downloads.file_names import target_path

        target = target_path(path, self.file_name, self.url)
        return runner_of(client).perform(lambda settings: fetching.save(settings, self.url, target))

    async def save_async(
        self, path: str | os.PathLike[str], *, client: ClientLike | None = None
    ) -> Path:
        """Download the file to disk; `save` for async code."""
        from fal_typed._core.runner import runner_of
        from fal_typed._downloads import fetching
        from fal_typed._downloads.file_names import target_path

        target = target_path(path, self.file_name, self.url)
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


class Image(File):
    """An image; Jupyter displays it."""

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

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return _bundle(self, "<img src='{url}' style='max-width: 512px'>")


class Video(File):
    """A video; Jupyter plays it."""

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

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return _bundle(self, "<video src='{url}' controls style='max-width: 512px'></video>")


class Audio(File):
    """An audio file; Jupyter plays it."""

    duration: float | None = None
    """Length in seconds."""

    sample_rate: int | None = None
    """Samples per second."""

    channels: int | None = None
    """Number of channels."""

    bitrate: int | float | str | None = None
    """Bits per second, in the format that the model uses."""

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return _bundle(self, "<audio src='{url}' controls></audio>")


def _bundle(file: File, html: str) -> dict[str, str]:
    bundle = {"text/plain": repr(file)}
    if file.url.startswith(("https://", "http://", "data:")):
        from html import escape

        bundle["text/html"] = html.format(url=escape(file.url, quote=True))
    return bundle


class PendingFile:
    """Marks a file that must be uploaded.

    A plain class, because pydantic's dump would unpack a dataclass and iterate over open files.

    Attributes:
        file: Anything that can be uploaded.
        as_object: Whether it is sent as an object with a `url` instead of as a URL.
    """

    __slots__ = ("as_object", "file")

    def __init__(self, file: Any, *, as_object: bool = False) -> None:
        self.file = file
        self.as_object = as_object

    def __repr__(self) -> str:
        return f"PendingFile({type(self.file).__name__})"


def _is_file_like(value: object) -> bool:
    return isinstance(
        value, (str, bytes, bytearray, memoryview, os.PathLike, File, PILImage)
    ) or callable(getattr(value, "read", None))


def _check(value: Any) -> Any:
    if not _is_file_like(value):
        raise PydanticCustomError(
            "file_type",
            "Input should be a URL, a path, bytes, an open binary file, a Pillow image or a File",
        )
    return value


def _check_object(value: Any) -> Any:
    given = as_object(value)
    is_object = given is not None and isinstance(given.get("url"), str)
    return value if is_object else _check(value)


def _is_url(text: str) -> bool:
    # A single letter before the colon is a Windows drive.
    return re.match(r"data:|[a-z][a-z0-9+.-]+://", text, re.IGNORECASE) is not None


def _local(text: str) -> str | PendingFile:
    """A string in a file parameter: an empty string, a URL, or the path of a file to upload."""
    return text if not text or _is_url(text) else PendingFile(Path(text))


def _dump_url(value: Any) -> Any:
    if not _is_file_like(value):
        # For example a list, in a union with a list of files.
        raise PydanticSerializationUnexpectedValue("not a file")
    if isinstance(value, File):
        return value.url
    return _local(value) if isinstance(value, str) else PendingFile(value)


def _dump_object(value: Any) -> Any:
    if isinstance(value, File):
        return value.model_dump(exclude_unset=True)
    given = as_object(value)
    if given is not None and isinstance(given.get("url"), str):
        return {**given, "url": _local(given["url"])}
    if not _is_file_like(value):
        raise PydanticSerializationUnexpectedValue("not a file")
    if isinstance(value, str):
        local = _local(value)
        return {"url": local} if isinstance(local, str) else PendingFile(local.file, as_object=True)
    return PendingFile(value, as_object=True)


class _AsUrl:
    @staticmethod
    def __get_pydantic_core_schema__(_source: object, _handler: object) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _check, serialization=core_schema.plain_serializer_function_ser_schema(_dump_url)
        )


class _AsObject:
    @staticmethod
    def __get_pydantic_core_schema__(_source: object, _handler: object) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _check_object,
            serialization=core_schema.plain_serializer_function_ser_schema(_dump_object),
        )


FileInput = Annotated[
    Union[str, os.PathLike[str], bytes, BinaryIO, AsyncFile, PILImage, File], _AsUrl
]
"""A file parameter: a URL, a data URI, or anything that can be uploaded."""

FileObjectInput = Annotated[
    Union[str, os.PathLike[str], bytes, BinaryIO, AsyncFile, PILImage, File], _AsObject
]
"""A file parameter that is sent as an object with a `url`."""
