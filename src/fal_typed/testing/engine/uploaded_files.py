"""Uploaded files: where they are stored, for how long, and who may read them.

See docs/protocol.md section 6.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from fal_typed.testing.engine.messages import IncomingRequest, percent_decoded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fal_typed.testing.engine.clock import Clock

MAX_PARTS = 10_000
_LIFECYCLE_HEADERS = (b"x-fal-object-lifecycle", b"x-fal-object-lifecycle-preference")


class UploadError(ValueError):
    """An upload that cannot be completed; the message says why."""


@dataclass(frozen=True)
class FileLifecycle:
    """How long a file is kept and who may read it."""

    seconds: float | None = None
    """How long the file is kept after the upload; None for no limit."""
    default: str = "allow"
    """The decision for users without a rule: ``allow``, ``forbid`` or ``hide``."""
    rules: tuple[tuple[str, str], ...] = ()
    """Users and the decision for each."""

    def decision(self, user: str, owner: str) -> str:
        """Decide whether a user may read the file.

        Args:
            user: The user.
            owner: The file's owner.

        Returns:
            ``allow``, ``forbid`` or ``hide``.
        """
        if user == owner:
            return "allow"
        return dict(self.rules).get(user, self.default)


def lifecycle_of(request: IncomingRequest) -> FileLifecycle | None:
    """Read the lifecycle headers of a request (docs/protocol.md section 6.4).

    Args:
        request: An upload, a run or a submit.

    Returns:
        The lifecycle; None without such a header.

    Raises:
        UploadError: The header is invalid.
    """
    text = next(filter(None, map(request.header, _LIFECYCLE_HEADERS)), None)
    if text is None:
        return None
    try:
        return _lifecycle(json.loads(text))
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise UploadError("the object lifecycle header is invalid") from error


def _lifecycle(value: Any) -> FileLifecycle:
    seconds = value.get("expiration_duration_seconds")
    acl = cast("dict[str, Any]", value.get("initial_acl") or {})
    return FileLifecycle(
        # On the platform, zero means no limit.
        float(seconds) if seconds else None,
        str(acl.get("default", "allow")),
        tuple((str(rule["user"]), str(rule["decision"])) for rule in acl.get("rules") or ()),
    )


@dataclass
class StoredFile:
    """One uploaded file."""

    path: str
    """Path on the CDN host."""
    content_type: str
    owner: str
    on_disk: Path
    lifecycle: FileLifecycle
    uploaded_at: float
    complete: bool = True

    @property
    def size(self) -> int:
        """Size in bytes."""
        return self.on_disk.stat().st_size

    def read(self, first: int = 0, last: int | None = None) -> bytes:
        """Read the file or a part of it.

        Args:
            first: Position of the first byte.
            last: Position of the last byte; None for the end of the file.

        Returns:
            The bytes.
        """
        with self.on_disk.open("rb") as file:
            file.seek(first)
            return file.read() if last is None else file.read(last - first + 1)


@dataclass
class PartialUpload:
    """A file that is uploaded in parts."""

    file: StoredFile
    parts: dict[int, str] = field(default_factory=dict[int, str])
    """Entity tag of each uploaded part."""


class UploadedFiles:
    """Every uploaded file, by its path on the CDN host.

    Args:
        clock: The emulator's clock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._files: dict[str, StoredFile] = {}
        self._uploads: dict[str, PartialUpload] = {}
        self._outputs: dict[str, tuple[FileLifecycle, str, float]] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __iter__(self) -> Iterator[StoredFile]:
        return iter([file for file in self._files.values() if file.complete])

    def __len__(self) -> int:
        return sum(file.complete for file in self._files.values())

    def clear(self) -> None:
        """Delete every file."""
        self._files.clear()
        self._uploads.clear()
        self._outputs.clear()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def create(
        self, name: str, content_type: str, owner: str, lifecycle: FileLifecycle | None
    ) -> StoredFile:
        """Create a file that is about to be uploaded.

        Args:
            name: The client's name for it.
            content_type: Its MIME type.
            owner: Who uploads it.
            lifecycle: How long it is kept and who may read it.

        Returns:
            The file, empty and not yet complete.
        """
        safe = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name)[
            -80:
        ]
        word = secrets.token_urlsafe(12)
        file = StoredFile(
            f"/files/u/{word}/{safe or 'upload.bin'}",
            content_type,
            owner,
            self._directory() / word,
            lifecycle or FileLifecycle(),
            self._clock.now(),
            complete=False,
        )
        self._files[file.path] = file
        return file

    def write(self, file: StoredFile, content: bytes) -> None:
        """Write a file.

        Args:
            file: The file.
            content: Its whole content.
        """
        file.on_disk.write_bytes(content)
        file.complete = True

    def get(self, path: str) -> StoredFile | None:
        """Find a file, complete or not.

        Args:
            path: Path on the CDN host.

        Returns:
            The file; None when it is missing or has expired.
        """
        file = self._files.get(path)
        if file is None or self._has_expired(file.lifecycle, file.uploaded_at):
            return None
        return file

    def begin(self, file: StoredFile) -> str:
        """Begin an upload in parts.

        Args:
            file: The file.

        Returns:
            The upload's id.
        """
        upload_id = secrets.token_urlsafe(16)
        self._uploads[upload_id] = PartialUpload(file)
        return upload_id

    def write_part(self, upload_id: str, number: int, content: bytes) -> str:
        """Write a part; a part with the same number is replaced.

        Args:
            upload_id: Id of the upload.
            number: Number of the part, from 1.
            content: The part.

        Returns:
            Its entity tag, in quotes.

        Raises:
            UploadError: The upload is unknown, or the number is out of range.
        """
        upload = self._upload(upload_id)
        if not 1 <= number <= MAX_PARTS:
            raise UploadError(f"part numbers must be 1 to {MAX_PARTS}")
        self._part(upload, number).write_bytes(content)
        tag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        upload.parts[number] = tag
        return tag

    def complete(self, upload_id: str, parts: Sequence[tuple[int, str]]) -> StoredFile:
        """Combine the parts, in the order of their numbers.

        Args:
            upload_id: Id of the upload.
            parts: Number and entity tag of each part, in any order.

        Returns:
            The file.

        Raises:
            UploadError: A part is missing or has another entity tag.
        """
        upload = self._upload(upload_id)
        if not parts:
            raise UploadError("the list of parts is empty")
        for number, tag in parts:
            if upload.parts.get(number, "").strip('"') != tag.strip('"'):
                raise UploadError(f"part {number} was not uploaded with this ETag")
        with upload.file.on_disk.open("wb") as whole:
            for number in sorted({number for number, _ in parts}):
                part = self._part(upload, number)
                whole.write(part.read_bytes())
        for number in upload.parts:
            self._part(upload, number).unlink()
        del self._uploads[upload_id]
        upload.file.complete = True
        return upload.file

    def keep_outputs(self, lifecycle: FileLifecycle, owner: str) -> str:
        """Remember how long the files of one output are kept.

        Args:
            lifecycle: The lifecycle in the request.
            owner: Who sent the request.

        Returns:
            The beginning of those files' paths.
        """
        word = secrets.token_urlsafe(9)
        self._outputs[word] = (lifecycle, owner, self._clock.now())
        return f"/kept/{word}"

    def output(self, path: str) -> tuple[str, FileLifecycle, str] | None:
        """Look up the lifecycle of an output file.

        Args:
            path: Path on the CDN host.

        Returns:
            The path without that beginning, the lifecycle and the owner; None when the file has
            expired.
        """
        if not path.startswith("/kept/"):
            return path, FileLifecycle(), ""
        word, _, rest = path.removeprefix("/kept/").partition("/")
        lifecycle, owner, made_at = self._outputs.get(word, (FileLifecycle(), "", 0.0))
        if self._has_expired(lifecycle, made_at):
            return None
        return "/" + rest, lifecycle, owner

    def _upload(self, upload_id: str) -> PartialUpload:
        upload = self._uploads.get(upload_id)
        if upload is None:
            raise UploadError("unknown upload id")
        return upload

    def _has_expired(self, lifecycle: FileLifecycle, since: float) -> bool:
        return lifecycle.seconds is not None and self._clock.now() >= since + lifecycle.seconds

    def _part(self, upload: PartialUpload, number: int) -> Path:
        return upload.file.on_disk.with_suffix(f".{number}")

    def _directory(self) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="fal-emulator-")
        return Path(self._folder.name)


def parts_of(listed: Any) -> list[tuple[int, str]]:
    """Parse the list of parts that completes an upload.

    Args:
        listed: The parsed body: ``{"parts": [{"partNumber": 1, "etag": "…"}]}``.

    Returns:
        Number and entity tag of each.

    Raises:
        UploadError: The body is not such a list.
    """
    try:
        return [
            (int(part["partNumber"]), percent_decoded(str(part["etag"])))
            for part in listed["parts"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise UploadError("the body must be a list of parts") from error
