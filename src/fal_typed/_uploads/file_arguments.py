"""Files among a call's arguments: found, uploaded, and replaced by their URLs.

A plain string is never taken for a path here: it is a prompt. What typed file parameters hold
comes marked as a `PendingFile`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from fal_typed._core.flow import Deadline, Flow, blocking, gather
from fal_typed.errors import FalInputError, Problem
from fal_typed.files import File, PendingFile

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from fal_typed._core.settings import Settings

_JSON_SCALARS = (str, int, float, bool, type(None))
_FILES_AT_ONCE = 4
# Servers accept 10 MiB of text, which is 7.5 MiB of file.
_MOST_INLINE = 7 * 1024 * 1024


@dataclass(frozen=True)
class _Leaf:
    """A file among the arguments, and where it stands."""

    path: tuple[Any, ...]
    value: Any

    @property
    def file(self) -> Any:
        """The file itself."""
        return self.value.file if isinstance(self.value, PendingFile) else self.value

    @property
    def identity(self) -> object:
        """The same for the same file."""
        file: object = self.file
        return os.path.abspath(file) if _is_path(file) else id(file)  # noqa: PTH100 - or of bytes

    def replacement(self, url: str) -> object:
        """What travels in its place."""
        is_object = isinstance(self.value, PendingFile) and self.value.as_object
        return {"url": url} if is_object else url


def upload_inputs(
    settings: Settings,
    arguments: object,
    *,
    inline: int = 0,
    deadline: Deadline | None = None,
) -> Flow[object]:
    """Replace every file in the arguments by the URL it was uploaded to.

    Arguments without files are given back at once, as they are. A file that stands there twice
    is uploaded once, and different ones side by side.

    Args:
        settings: The client's configuration.
        arguments: The model's input.
        inline: Files of at most this many bytes travel in the request itself, as data URIs.
        deadline: When all files must have arrived.

    Raises:
        FalInputError: Files are missing; all of them are named, and nothing was sent.
    """
    leaves: list[_Leaf] = []
    try:
        _find(arguments, (), leaves)
    except RecursionError:
        raise FalInputError(
            "The arguments are nested too deeply, or hold themselves; nothing was sent."
        ) from None
    if not leaves:
        return arguments
    urls: dict[object, str] = {}
    missing: dict[object, _Leaf] = {}
    for leaf in leaves:
        known = _url_of(leaf.file)
        if known is None:
            missing.setdefault(leaf.identity, leaf)
        else:
            urls[leaf.identity] = known
    if missing:
        yield from blocking(lambda: _check([x for x in leaves if x.identity in missing]))
        limit = deadline or Deadline(None, None)
        size = min(inline, _MOST_INLINE)
        flows = [_as_url(settings, leaf.file, size, limit) for leaf in missing.values()]
        sent = yield from gather(flows, min(len(flows), _FILES_AT_ONCE))
        urls.update(zip(missing, sent, strict=True))
    replacements = {id(leaf.value): leaf.replacement(urls[leaf.identity]) for leaf in leaves}
    return _replaced(arguments, replacements)


def _find(value: object, path: tuple[Any, ...], leaves: list[_Leaf]) -> None:
    if isinstance(value, Mapping):
        for key, item in cast("Mapping[object, object]", value).items():
            if type(item) not in _JSON_SCALARS:
                _find(item, (*path, key), leaves)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(cast("Sequence[object]", value)):
            if type(item) not in _JSON_SCALARS:
                _find(item, (*path, index), leaves)
    elif _is_file(value):
        leaves.append(_Leaf(path, value))


def _is_path(value: object) -> TypeIs[os.PathLike[str]]:
    return isinstance(value, os.PathLike)


def _is_file(value: object) -> bool:
    if isinstance(value, (PendingFile, bytes, bytearray, memoryview, os.PathLike)):
        return True
    if isinstance(value, _JSON_SCALARS):
        return False
    from fal_typed._uploads.content import is_picture

    return callable(getattr(value, "read", None)) or is_picture(value)


def _url_of(file: object) -> str | None:
    """The URL of what is no local file."""
    if isinstance(file, str):
        return file
    if isinstance(file, (bytes, bytearray, memoryview, os.PathLike)):
        return None
    return file.url if isinstance(file, File) else None


def _check(leaves: list[_Leaf]) -> None:
    from fal_typed._uploads.content import problem_with

    found = [(leaf.path, problem_with(leaf.file)) for leaf in leaves]
    problems = [Problem(path, text, "file_error") for path, text in found if text is not None]
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise FalInputError(
            f"Files cannot be uploaded; nothing was sent.\n{lines}", errors=problems
        )


def _as_url(settings: Settings, file: Any, inline: int, deadline: Deadline) -> Flow[str]:
    from fal_typed._core.data_uri import encode
    from fal_typed._uploads import storage

    upload = yield from storage.prepare(settings, file, deadline=deadline)
    size = upload.content.source.size
    if inline and size is not None and size <= inline:
        return encode((yield from blocking(upload.content.read)), upload.content.type)
    return (yield from storage.store(settings, upload))


def _replaced(value: object, replacements: Mapping[int, object]) -> object:
    if id(value) in replacements:
        return replacements[id(value)]
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {key: _replaced(item, replacements) for key, item in items}
    if isinstance(value, (list, tuple)):
        return [_replaced(item, replacements) for item in cast("Sequence[object]", value)]
    return value
