"""Finds the files in a call's arguments, uploads them, and replaces them with their URLs.

A string is never a path: it may be a prompt, or come from a stranger.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from fal_typed._core.flow import Deadline, Flow, blocking, gather
from fal_typed.errors import FalInputError, Problem
from fal_typed.files import File

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from fal_typed._core.settings import Settings

_JSON_SCALARS = (str, int, float, bool, type(None))
_FILES_AT_ONCE = 4
# Servers accept 10 MiB of text, which is 7.5 MiB of file.
_MAX_INLINE = 7 * 1024 * 1024


@dataclass(frozen=True)
class _FileArgument:
    """A file in the arguments, and its path there."""

    path: tuple[Any, ...]
    file: Any

    @property
    def identity(self) -> object:
        """A key that is equal for the same file."""
        file: object = self.file
        return os.path.abspath(file) if _is_path(file) else id(file)  # noqa: PTH100 - may be bytes


def upload_inputs(
    settings: Settings,
    arguments: object,
    *,
    inline: int = 0,
    deadline: Deadline | None = None,
) -> Flow[object]:
    """Upload every file in the arguments and replace it with its URL.

    Arguments without files are returned unchanged. A file that occurs twice is uploaded once;
    different files are uploaded concurrently.

    Args:
        settings: The client's configuration.
        arguments: The model's input.
        inline: Files of at most this many bytes are sent in the request as data URIs.
        deadline: When all uploads must be complete.

    Raises:
        FalInputError: Some files cannot be read; the error lists all of them, and nothing was
            sent.
    """
    found: list[_FileArgument] = []
    try:
        _find(arguments, (), found)
    except RecursionError:
        raise FalInputError(
            "The arguments are nested too deeply or contain themselves; nothing was sent."
        ) from None
    if not found:
        return arguments
    urls: dict[object, str] = {}
    missing: dict[object, _FileArgument] = {}
    for argument in found:
        known = _url_of(argument.file)
        if known is None:
            missing.setdefault(argument.identity, argument)
        else:
            urls[argument.identity] = known
    if missing:
        yield from blocking(lambda: _check([x for x in found if x.identity in missing]))
        limit = deadline or Deadline(None, None)
        size = min(inline, _MAX_INLINE)
        flows = [_as_url(settings, argument.file, size, limit) for argument in missing.values()]
        sent = yield from gather(flows, min(len(flows), _FILES_AT_ONCE))
        urls.update(zip(missing, sent, strict=True))
    replacements = {id(x.file): urls[x.identity] for x in found}
    return _replace(arguments, replacements)


def _find(value: object, path: tuple[Any, ...], found: list[_FileArgument]) -> None:
    if isinstance(value, Mapping):
        for key, item in cast("Mapping[object, object]", value).items():
            if type(item) not in _JSON_SCALARS:
                _find(item, (*path, key), found)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(cast("Sequence[object]", value)):
            if type(item) not in _JSON_SCALARS:
                _find(item, (*path, index), found)
    elif _is_file(value):
        found.append(_FileArgument(path, value))


def _is_path(value: object) -> TypeIs[os.PathLike[str]]:
    return isinstance(value, os.PathLike)


def _is_file(value: object) -> bool:
    if isinstance(value, (bytes, bytearray, memoryview, os.PathLike)):
        return True
    if isinstance(value, _JSON_SCALARS):
        return False
    from fal_typed._uploads.content import is_image

    return callable(getattr(value, "read", None)) or is_image(value)


def _url_of(file: object) -> str | None:
    """The URL of a file that needs no upload, else None."""
    return file.url if isinstance(file, File) else None


def _check(found: list[_FileArgument]) -> None:
    from fal_typed._uploads.content import find_problem

    checked = [(argument.path, find_problem(argument.file)) for argument in found]
    problems = [Problem(path, text, "file_error") for path, text in checked if text is not None]
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise FalInputError(
            f"Some files cannot be uploaded; nothing was sent.\n{lines}", errors=problems
        )


def _as_url(settings: Settings, file: Any, inline: int, deadline: Deadline) -> Flow[str]:
    from fal_typed._core.data_uri import encode
    from fal_typed._uploads import storage

    upload = yield from storage.prepare(settings, file, deadline=deadline)
    size = upload.content.source.size
    if inline and size is not None and size <= inline:
        return encode((yield from blocking(upload.content.read)), upload.content.type)
    return (yield from storage.store(settings, upload))


def _replace(value: object, replacements: Mapping[int, object]) -> object:
    if id(value) in replacements:
        return replacements[id(value)]
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {key: _replace(item, replacements) for key, item in items}
    if isinstance(value, (list, tuple)):
        return [_replace(item, replacements) for item in cast("Sequence[object]", value)]
    return value
