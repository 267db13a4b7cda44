"""Downloads the files of results.

The key is never sent, because a result may name any host. An interrupted download resumes where
it stopped, unless the file has changed.
"""

from __future__ import annotations

import re
import secrets
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, BinaryIO, cast

from fal_typed._core import data_uri, responses
from fal_typed._core.call_record import as_call
from fal_typed._core.flow import (
    CloseStream,
    Deadline,
    Flow,
    ReadChunk,
    blocking,
    shorter,
    sleep,
)
from fal_typed._core.redirects import open_following
from fal_typed._core.retry import Backoff, is_transient
from fal_typed._core.settings import USER_AGENT, Settings
from fal_typed._downloads.file_names import publish
from fal_typed._transport.base import (
    HttpRequest,
    HttpResponse,
    OpenedStream,
    TransportError,
)
from fal_typed.errors import FalDownloadError, FalInputError, FalTimeoutError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fal_typed._downloads.file_names import SaveTarget

_OK, _PARTIAL, _RANGE_INVALID = 200, 206, 416
_READ_TIMEOUT = 60.0
_BATCH = 1024 * 1024
_MAX_ERROR_BYTES = 4096
_LENGTH = re.compile(r"[0-9]{1,18}")
_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)")


@as_call("download")
def read(settings: Settings, url: str) -> Flow[bytes]:
    """Download a file into memory.

    Raises:
        FalDownloadError: The file is gone, or the download failed after all retries.
    """
    sink = BytesIO()
    yield from _fetch(settings, url, sink, settings.max_response_bytes)
    return sink.getvalue()


@as_call("download")
def open_temporary(settings: Settings, url: str) -> Flow[BinaryIO]:
    """Download a file into a temporary file, which is deleted when it is closed.

    Raises:
        FalDownloadError: The file is gone, or the download failed after all retries.
    """
    sink = cast("BinaryIO", TemporaryFile())  # noqa: SIM115 - the caller's to close
    try:
        yield from _fetch(settings, url, sink, settings.max_file_bytes)
    except BaseException:
        sink.close()
        raise
    sink.seek(0)
    return sink


@as_call("download")
def save(settings: Settings, url: str, target: SaveTarget) -> Flow[Path]:
    """Download a file to disk; it appears under its name only when it is complete.

    Raises:
        FalDownloadError: The file is gone, or the download failed after all retries.
        FalInputError: The target exists and is not a regular file.
        OSError: The file cannot be written.
    """
    path = target.path
    if target.is_exact and path.exists() and not path.is_file():
        raise FalInputError(
            f"{str(path)!r} is not a regular file. Write the bytes of read() to it instead."
        )
    unfinished = path.with_name(f".{secrets.token_hex(8)}.part")
    sink = unfinished.open("xb")
    try:
        yield from _fetch(settings, url, sink, settings.max_file_bytes)
        sink.close()
        return (yield from blocking(lambda: publish(unfinished, target)))
    except BaseException:
        # No effects here, because the flow may be closing.
        sink.close()
        with suppress(OSError):
            unfinished.unlink()
        raise


class _InterruptedDownload(Exception):  # noqa: N818 - never reaches callers
    """The download is incomplete; a retry may help.

    Attributes:
        retry_after: Wait requested by the server, in seconds, or None.
    """

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class _Download:
    """The state of a download.

    Attributes:
        max_bytes: Bytes that the file may have, or None for no limit.
        public_only: Whether to connect to public addresses only.
        total: The file's size in bytes, once known.
        validator: ETag or date that identifies the file's version; needed to resume.
    """

    def __init__(
        self,
        url: str,
        sink: BinaryIO,
        deadline: Deadline,
        *,
        max_bytes: int | None,
        public_only: bool,
    ) -> None:
        self.url = url
        self.deadline = deadline
        self.sink = sink
        self.max_bytes = max_bytes
        self.public_only = public_only
        self.total: int | None = None
        self.validator: str | None = None

    @property
    def place(self) -> str:
        """The URL without its query, which may contain a signature."""
        return self.url.split("?")[0]

    def request(self) -> HttpRequest:
        """The request for the remaining bytes."""
        # Ranges and sizes count uncompressed bytes.
        headers = {"accept": "*/*", "accept-encoding": "identity", "user-agent": USER_AGENT}
        position = self.sink.tell()
        if position and self.validator:
            headers |= {"range": f"bytes={position}-", "if-range": self.validator}
        return HttpRequest(
            "GET", self.url, headers, timeout=_READ_TIMEOUT, public_only=self.public_only
        )

    def check_size(self, size: int) -> None:
        """Raise if the file has more bytes than it may have.

        Raises:
            FalDownloadError: It has.
        """
        if self.max_bytes is not None and size > self.max_bytes:
            raise FalDownloadError(
                f"{self.place} has more than {self.max_bytes} bytes. To download it, make the "
                "client with a larger max_response_bytes (for files in memory) or max_file_bytes."
            )

    def read_timeout(self) -> Flow[float | None]:
        """Seconds until the next bytes must arrive.

        Raises:
            FalTimeoutError: The client's timeout has passed.
        """
        remaining = yield from self.deadline.remaining()
        if remaining == 0:
            raise FalTimeoutError(
                f"{self.place} was not downloaded within {self.deadline.limit:g} s",
                timeout=self.deadline.limit,
            )
        return shorter(_READ_TIMEOUT, remaining)

    def restart(self) -> None:
        """Discard what was downloaded so far."""
        self.sink.seek(0)
        self.sink.truncate()
        self.total = self.validator = None

    def begin(self, headers: Mapping[str, str]) -> None:
        """Store size and validator from the headers of a full response."""
        self.restart()
        if headers.get("content-encoding", "identity") == "identity":
            length = headers.get("content-length", "")
            self.total = int(length) if _LENGTH.fullmatch(length) else None
            self.check_size(self.total or 0)
            etag = headers.get("etag", "")
            strong = etag if etag.startswith('"') else None
            self.validator = strong or headers.get("last-modified")

    def is_resumed(self, headers: Mapping[str, str]) -> bool:
        """Whether a partial response is the rest of the same file."""
        match = _RANGE.fullmatch(headers.get("content-range", ""))
        if match is None or int(match[1]) != self.sink.tell():
            return False
        if match[2] != "*" and self.total is not None and int(match[2]) != self.total:
            return False
        return headers.get("etag") in (None, self.validator) or self.validator is None


def _fetch(settings: Settings, url: str, sink: BinaryIO, max_bytes: int | None) -> Flow[None]:
    if url[:5].lower() == "data:":
        yield from blocking(lambda: sink.write(_decoded(url)))
        return
    if not re.match(r"https?://", url, re.IGNORECASE):
        raise FalDownloadError(f"{url[:80]!r} cannot be downloaded: it is not an http(s) URL.")
    # An emulator is on this machine, but its address is the user's own setting.
    is_emulated = settings.hosts.is_emulated and settings.hosts.is_cdn(url)
    download = _Download(
        url,
        sink,
        (yield from Deadline.after(settings.timeout)),
        max_bytes=max_bytes,
        public_only=not settings.private_addresses and not is_emulated,
    )
    backoff, furthest = Backoff(settings.retry), 0
    while True:
        try:
            yield from _attempt(download)
        except _InterruptedDownload as interruption:
            if sink.tell() > furthest:
                backoff.reset()
                furthest = sink.tell()
            delay = yield from backoff.next_delay(interruption.retry_after)
            if delay is None:
                raise FalDownloadError(
                    f"{download.place} could not be downloaded in {backoff.failures} attempts: "
                    f"{interruption}"
                ) from None
            yield from sleep(delay)
        else:
            return


def _attempt(download: _Download) -> Flow[None]:
    try:
        limit = yield from download.read_timeout()
        request = replace(download.request(), timeout=limit)
        stream = yield from open_following(request)
        yield from _read_response(download, stream)
        yield CloseStream(stream)
    except TransportError as error:
        if error.permanent:
            raise FalDownloadError(f"{download.place} was not downloaded: {error}.") from None
        raise _InterruptedDownload(str(error)) from None
    received = download.sink.tell()
    if download.total is not None and received != download.total:
        if received > download.total:
            download.restart()
        raise _InterruptedDownload(f"got {received} of {download.total} bytes")


def _read_response(download: _Download, stream: OpenedStream) -> Flow[None]:
    if stream.status == _PARTIAL and download.is_resumed(stream.headers):
        yield from _write_body(download, stream)
    elif stream.status == _OK:
        download.begin(stream.headers)
        yield from _write_body(download, stream)
    elif stream.status in (_PARTIAL, _RANGE_INVALID) and download.validator:
        download.restart()
        yield CloseStream(stream)
        raise _InterruptedDownload("the file changed during the download")
    else:
        yield from _raise_error(download, stream)


def _write_body(download: _Download, stream: OpenedStream) -> Flow[None]:
    batch = bytearray()
    size = download.sink.tell()
    try:
        while chunk := (yield ReadChunk(stream, (yield from download.read_timeout()))):
            size += len(chunk)
            download.check_size(size)
            batch += chunk
            if len(batch) >= _BATCH:
                full, batch = batch, bytearray()
                yield from blocking(lambda: download.sink.write(full))  # noqa: B023 - called at once
    finally:
        # Bytes received before an interruption are kept, to resume from there.
        download.sink.write(batch)


def _raise_error(download: _Download, stream: OpenedStream) -> Flow[None]:
    body = b""
    while len(body) < _MAX_ERROR_BYTES and (chunk := (yield ReadChunk(stream, _READ_TIMEOUT))):
        body += chunk
    yield CloseStream(stream)
    response = HttpResponse(stream.status, stream.headers, body[:_MAX_ERROR_BYTES])
    if is_transient(stream.status, from_files=True):
        raise _InterruptedDownload(f"status {stream.status}", responses.retry_after(response))
    reason = responses.http_error(response, endpoint=download.place)
    raise FalDownloadError(f"The file could not be downloaded: {reason.message}")


def _decoded(uri: str) -> bytes:
    try:
        return data_uri.decode(uri)
    except ValueError as error:
        raise FalDownloadError(f"The file's data URI is invalid: {error}.") from None
