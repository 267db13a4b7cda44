"""Fetching files that results name.

The key is never sent, for a result may name any host. A download that breaks off goes on where
it was, as long as the file is still the same one.
"""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, BinaryIO, cast

from fal_typed._core import data_uri, responses
from fal_typed._core.flow import (
    CloseStream,
    Flow,
    ReadChunk,
    blocking,
    sleep,
)
from fal_typed._core.redirects import open_following
from fal_typed._core.retry import Backoff, is_transient
from fal_typed._core.settings import USER_AGENT, Settings
from fal_typed._transport.base import (
    HttpRequest,
    HttpResponse,
    OpenedStream,
    TransportError,
)
from fal_typed.errors import FalDownloadError, FalInputError

if TYPE_CHECKING:
    from collections.abc import Mapping


_OK, _PARTIAL, _OUTSIDE = 200, 206, 416
_SILENCE = 60.0
_BATCH = 1024 * 1024
_MOST_ERROR_BYTES = 4096
_MOST_NAME_BYTES = 150
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


def read(settings: Settings, url: str) -> Flow[bytes]:
    """Fetch a file into memory.

    Raises:
        FalDownloadError: It is gone, or the download broke too often.
    """
    sink = BytesIO()
    yield from _fetch(settings, url, sink)
    return sink.getvalue()


def open_temporary(settings: Settings, url: str) -> Flow[BinaryIO]:
    """Fetch a file into a temporary one, which vanishes when it is closed.

    Raises:
        FalDownloadError: It is gone, or the download broke too often.
    """
    sink = cast("BinaryIO", TemporaryFile())  # noqa: SIM115 - the caller's to close
    try:
        yield from _fetch(settings, url, sink)
    except BaseException:
        sink.close()
        raise
    sink.seek(0)
    return sink


def save(settings: Settings, url: str, target: Path) -> Flow[Path]:
    """Fetch a file onto disk, where it appears when it is whole.

    Raises:
        FalDownloadError: It is gone, or the download broke too often.
        FalInputError: The target is a device or the like.
        OSError: The folder cannot be written to.
    """
    if target.exists() and not target.is_file():
        raise FalInputError(f"{str(target)!r} is no regular file. Write what read() gives to it.")
    unfinished = target.with_name(f".{secrets.token_hex(8)}.part")
    sink = unfinished.open("xb")
    try:
        yield from _fetch(settings, url, sink)
        sink.close()
        yield from blocking(lambda: os.replace(unfinished, target))  # noqa: PTH105
    except BaseException:
        # No effects here: the flow may be being closed.
        sink.close()
        with suppress(OSError):
            unfinished.unlink()
        raise
    return target


class _BrokenOff(Exception):  # noqa: N818 - not seen by callers
    """The file is not whole yet; trying again may help.

    Attributes:
        asked: Seconds the server asks to wait, or None.
    """

    def __init__(self, reason: str, asked: float | None = None) -> None:
        super().__init__(reason)
        self.asked = asked


class _Download:
    """How far a download has come.

    Attributes:
        total: The file's length, once it is known.
        validator: What tells whether it is still the same file; without it nothing is resumed.
    """

    def __init__(self, url: str, sink: BinaryIO) -> None:
        self.url = url
        self.sink = sink
        self.total: int | None = None
        self.validator: str | None = None

    @property
    def place(self) -> str:
        """The URL without its query, which may hold a signature."""
        return self.url.split("?")[0]

    def request(self) -> HttpRequest:
        """The request for what is missing."""
        # Compressed bytes could not be counted.
        headers = {"accept": "*/*", "accept-encoding": "identity", "user-agent": USER_AGENT}
        position = self.sink.tell()
        if position and self.validator:
            headers |= {"range": f"bytes={position}-", "if-range": self.validator}
        return HttpRequest("GET", self.url, headers, timeout=_SILENCE)

    def restart(self) -> None:
        """Throw away what is there."""
        self.sink.seek(0)
        self.sink.truncate()
        self.total = self.validator = None

    def begin(self, headers: Mapping[str, str]) -> None:
        """Note what an answer with the whole file says of it."""
        self.restart()
        if headers.get("content-encoding", "identity") == "identity":
            length = headers.get("content-length", "")
            self.total = int(length) if length.isdecimal() else None
            etag = headers.get("etag", "")
            strong = etag if etag.startswith('"') else None
            self.validator = strong or headers.get("last-modified")

    def goes_on(self, headers: Mapping[str, str]) -> bool:
        """Whether a partial answer is the rest of the same file."""
        match = _RANGE.fullmatch(headers.get("content-range", ""))
        if match is None or int(match[1]) != self.sink.tell():
            return False
        if match[2] != "*" and self.total is not None and int(match[2]) != self.total:
            return False
        return headers.get("etag") in (None, self.validator) or self.validator is None


def _fetch(settings: Settings, url: str, sink: BinaryIO) -> Flow[None]:
    if url[:5].lower() == "data:":
        yield from blocking(lambda: sink.write(_decoded(url)))
        return
    if not re.match(r"https?://", url, re.IGNORECASE):
        raise FalDownloadError(f"{url[:80]!r} is no URL that can be fetched.")
    download = _Download(url, sink)
    backoff, furthest = Backoff(settings.retry), 0
    while True:
        try:
            yield from _try(download)
        except _BrokenOff as broken:
            if sink.tell() > furthest:
                backoff.progressed()
                furthest = sink.tell()
            delay = yield from backoff.next_delay(broken.asked)
            if delay is None:
                raise FalDownloadError(
                    f"{download.place} could not be fetched in {backoff.failures} attempts: "
                    f"{broken}"
                ) from None
            yield from sleep(delay)
        else:
            return


def _try(download: _Download) -> Flow[None]:
    try:
        stream = yield from open_following(download.request())
        yield from _take_answer(download, stream)
        yield CloseStream(stream)
    except TransportError as error:
        raise _BrokenOff(str(error)) from None
    received = download.sink.tell()
    if download.total is not None and received != download.total:
        if received > download.total:
            download.restart()
        raise _BrokenOff(f"{received} of {download.total} bytes came")


def _take_answer(download: _Download, stream: OpenedStream) -> Flow[None]:
    if stream.status == _PARTIAL and download.goes_on(stream.headers):
        yield from _write_body(download, stream)
    elif stream.status == _OK:
        download.begin(stream.headers)
        yield from _write_body(download, stream)
    elif stream.status in (_PARTIAL, _OUTSIDE) and download.validator:
        download.restart()
        yield CloseStream(stream)
        raise _BrokenOff("the file has changed since the download began")
    else:
        yield from _raise_refusal(download, stream)


def _write_body(download: _Download, stream: OpenedStream) -> Flow[None]:
    batch = bytearray()
    try:
        while chunk := (yield ReadChunk(stream, _SILENCE)):
            batch += chunk
            if len(batch) >= _BATCH:
                full, batch = batch, bytearray()
                yield from blocking(lambda: download.sink.write(full))  # noqa: B023 - done at once
    finally:
        # What came before a break is kept, to go on from there; this is less than a batch.
        download.sink.write(batch)


def _raise_refusal(download: _Download, stream: OpenedStream) -> Flow[None]:
    body = b""
    while len(body) < _MOST_ERROR_BYTES and (chunk := (yield ReadChunk(stream, _SILENCE))):
        body += chunk
    yield CloseStream(stream)
    response = HttpResponse(stream.status, stream.headers, body[:_MOST_ERROR_BYTES])
    if is_transient(stream.status, stores=True):
        raise _BrokenOff(f"status {stream.status}", responses.retry_after(response))
    reason = responses.http_error(response, endpoint=download.place)
    raise FalDownloadError(f"The file could not be fetched: {reason.message}")


def _decoded(uri: str) -> bytes:
    try:
        return data_uri.decode(uri)
    except ValueError as error:
        raise FalDownloadError(f"A file's data URI cannot be read: {error}.") from None
