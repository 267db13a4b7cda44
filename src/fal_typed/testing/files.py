"""Uploaded files: where they are kept, how long, and who may read them.

Rests on docs/protocol.md section 6.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from fal_typed.testing.messages import Request, unquoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fal_typed.testing.clock import Clock

MAX_PARTS = 10_000
_LIFECYCLE_HEADERS = (b"x-fal-object-lifecycle", b"x-fal-object-lifecycle-preference")


class UploadError(ValueError):
    """An upload that cannot be finished; the message says why."""


@dataclass(frozen=True)
class Lifecycle:
    """How long a file lives and who may read it."""

    seconds: float | None = None
    """Life after upload; None without limit."""
    default: str = "allow"
    """What users without a rule of their own get: ``allow``, ``forbid`` or ``hide``."""
    rules: tuple[tuple[str, str], ...] = ()
    """Users and what they get."""

    def decision(self, user: str, owner: str) -> str:
        """What a user gets.

        Args:
            user: Who asks.
            owner: Whose file it is.

        Returns:
            ``allow``, ``forbid`` or ``hide``.
        """
        if user == owner:
            return "allow"
        return dict(self.rules).get(user, self.default)


def lifecycle_of(request: Request) -> Lifecycle | None:
    """Read the lifecycle headers of a request (docs/protocol.md section 6.4).

    Args:
        request: An upload, a run or a submit.

    Returns:
        What they say; None when there are none.

    Raises:
        UploadError: A header is not what it should be.
    """
    text = next(filter(None, map(request.header, _LIFECYCLE_HEADERS)), None)
    if text is None:
        return None
    try:
        return _lifecycle(json.loads(text))
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise UploadError("the object lifecycle header is not valid") from error


def _lifecycle(value: Any) -> Lifecycle:
    seconds = value.get("expiration_duration_seconds")
    acl = cast("dict[str, Any]", value.get("initial_acl") or {})
    return Lifecycle(
        # The platform takes zero as "no limit".
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
    lifecycle: Lifecycle
    uploaded_at: float
    complete: bool = True

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.on_disk.stat().st_size

    def read(self, first: int = 0, last: int | None = None) -> bytes:
        """Read the file or a part of it.

        Args:
            first: First byte.
            last: Last byte; None for the end of the file.

        Returns:
            The bytes.
        """
        with self.on_disk.open("rb") as file:
            file.seek(first)
            return file.read() if last is None else file.read(last - first + 1)


@dataclass
class Upload:
    """A file that arrives in parts."""

    file: StoredFile
    parts: dict[int, str] = field(default_factory=dict[int, str])
    """Entity tag of each part that has arrived."""


class Files:
    """Every uploaded file, by its path on the CDN host.

    Args:
        clock: The emulator's time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._files: dict[str, StoredFile] = {}
        self._uploads: dict[str, Upload] = {}
        self._outputs: dict[str, tuple[Lifecycle, str, float]] = {}
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
        self, name: str, content_type: str, owner: str, lifecycle: Lifecycle | None
    ) -> StoredFile:
        """Make room for a file that is about to arrive.

        Args:
            name: The client's name for it.
            content_type: Its MIME type.
            owner: Who uploads it.
            lifecycle: How long it lives and who may read it.

        Returns:
            The file, empty and not yet complete.
        """
        safe = "".join(sign if sign.isalnum() or sign in "._-" else "_" for sign in name)[-80:]
        word = secrets.token_urlsafe(12)
        file = StoredFile(
            f"/files/u/{word}/{safe or 'upload.bin'}",
            content_type,
            owner,
            self._place() / word,
            lifecycle or Lifecycle(),
            self._clock.now(),
            complete=False,
        )
        self._files[file.path] = file
        return file

    def write(self, file: StoredFile, content: bytes) -> None:
        """Fill a file.

        Args:
            file: The file.
            content: All of it.
        """
        file.on_disk.write_bytes(content)
        file.complete = True

    def get(self, path: str) -> StoredFile | None:
        """Find a file, arrived or awaited.

        Args:
            path: Path on the CDN host.

        Returns:
            The file; None when there is none or its time is over.
        """
        file = self._files.get(path)
        if file is None or self._over(file.lifecycle, file.uploaded_at):
            return None
        return file

    def begin(self, file: StoredFile) -> str:
        """Begin an upload in parts.

        Args:
            file: The file that they will make.

        Returns:
            The upload's id.
        """
        upload_id = secrets.token_urlsafe(16)
        self._uploads[upload_id] = Upload(file)
        return upload_id

    def upload(self, upload_id: str) -> Upload | None:
        """Find an upload in parts.

        Args:
            upload_id: Its id.

        Returns:
            The upload; None when there is none.
        """
        return self._uploads.get(upload_id)

    def write_part(self, upload_id: str, number: int, content: bytes) -> str:
        """Take in a part; one that comes again replaces what came before.

        Args:
            upload_id: Id of the upload.
            number: Number of the part, from 1.
            content: The part.

        Returns:
            Its entity tag, in quotes.

        Raises:
            UploadError: There is no such upload or no such part.
        """
        upload = self._uploads.get(upload_id)
        if upload is None:
            raise UploadError("no such upload")
        if not 1 <= number <= MAX_PARTS:
            raise UploadError(f"part numbers run from 1 to {MAX_PARTS}")
        self._part(upload, number).write_bytes(content)
        tag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        upload.parts[number] = tag
        return tag

    def complete(self, upload_id: str, parts: Sequence[tuple[int, str]]) -> StoredFile:
        """Put the parts together, in the order of their numbers.

        Args:
            upload_id: Id of the upload.
            parts: Number and entity tag of each part, in any order.

        Returns:
            The file.

        Raises:
            UploadError: A part is missing, or is not the one that arrived.
        """
        upload = self._uploads.get(upload_id)
        if upload is None:
            raise UploadError("no such upload")
        if not parts:
            raise UploadError("no parts are listed")
        for number, tag in parts:
            if upload.parts.get(number, "").strip('"') != tag.strip('"'):
                raise UploadError(f"part {number} did not arrive with this ETag")
        with upload.file.on_disk.open("wb") as whole:
            for number in sorted({number for number, _ in parts}):
                part = self._part(upload, number)
                whole.write(part.read_bytes())
        for number in upload.parts:
            self._part(upload, number).unlink()
        del self._uploads[upload_id]
        upload.file.complete = True
        return upload.file

    def keep_outputs(self, lifecycle: Lifecycle, owner: str) -> str:
        """Note how long the files of one answer live.

        Args:
            lifecycle: What the request asked for.
            owner: Who asked.

        Returns:
            What the path of those files begins with.
        """
        word = secrets.token_urlsafe(9)
        self._outputs[word] = (lifecycle, owner, self._clock.now())
        return f"/kept/{word}"

    def output(self, path: str) -> tuple[str, Lifecycle, str] | None:
        """Look up what was noted about an output file.

        Args:
            path: Path on the CDN host.

        Returns:
            The path without its beginning, the lifecycle and the owner; None when the file's
            time is over.
        """
        if not path.startswith("/kept/"):
            return path, Lifecycle(), ""
        word, _, rest = path.removeprefix("/kept/").partition("/")
        lifecycle, owner, made_at = self._outputs.get(word, (Lifecycle(), "", 0.0))
        if self._over(lifecycle, made_at):
            return None
        return "/" + rest, lifecycle, owner

    def _over(self, lifecycle: Lifecycle, begun_at: float) -> bool:
        return lifecycle.seconds is not None and self._clock.now() >= begun_at + lifecycle.seconds

    def _part(self, upload: Upload, number: int) -> Path:
        return upload.file.on_disk.with_suffix(f".{number}")

    def _place(self) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="fal-emulator-")
        return Path(self._folder.name)


def parts_of(listed: Any) -> list[tuple[int, str]]:
    """Read the list of parts that completes an upload.

    Args:
        listed: The parsed body: ``{"parts": [{"partNumber": 1, "etag": "…"}]}``.

    Returns:
        Number and entity tag of each.

    Raises:
        UploadError: It is not such a list.
    """
    try:
        return [(int(part["partNumber"]), unquoted(str(part["etag"]))) for part in listed["parts"]]
    except (KeyError, TypeError, ValueError) as error:
        raise UploadError("a list of parts is expected") from error
