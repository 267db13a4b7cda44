"""Multipart uploads of large files: several parts at once, each retried on its own.

See docs/protocol.md section 6.1.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fal_typed._core import responses
from fal_typed._core.flow import (
    Deadline,
    Flow,
    blocking,
    gather,
)
from fal_typed._core.json_values import as_object, as_text
from fal_typed._core.number_checks import check_count
from fal_typed._core.settings import encode_json
from fal_typed._transport.base import FilePart, HttpResponse
from fal_typed._uploads import cdn
from fal_typed._uploads.content import DiskSource
from fal_typed.errors import FalUploadError

if TYPE_CHECKING:
    from fal_typed._core.settings import Settings
    from fal_typed._uploads.content import Source
    from fal_typed._uploads.progress import Progress

_MIB = 1024 * 1024
_MAX_PARTS = 10_000
_MAX_PARALLEL = 100
# For a file of unknown size, the part size doubles after this many parts: 10,000 are 9.7 TiB.
_PARTS_PER_SIZE = 1_000


@dataclass(frozen=True)
class Multipart:
    """When and how a file is uploaded in parts.

    Attributes:
        threshold: Files larger than this many bytes are uploaded in parts.
        part_size: Bytes per part; increased if the file would need more than 10,000 parts.
        parallel: Number of concurrent parts; halved for files that are not on disk, whose parts
            are in memory while they are sent.
    """

    threshold: int = 32 * _MIB
    part_size: int = 10 * _MIB
    parallel: int = 8

    def __post_init__(self) -> None:
        check_count("threshold", self.threshold, low=0)
        check_count("part_size", self.part_size, low=1)
        check_count("parallel", self.parallel, low=1, high=_MAX_PARALLEL)

    def size_of(self, number: int, total: int | None) -> int:
        """Size in bytes of the part with this number, counted from 1."""
        if total is None:
            return self.part_size << ((number - 1) // _PARTS_PER_SIZE)
        return max(self.part_size, -(-total // _MAX_PARTS))


@dataclass(frozen=True)
class Part:
    """A part to be sent."""

    number: int
    body: bytes | FilePart


class Parts:
    """Distributes a file's parts among threads, in order and each once."""

    def __init__(self, source: Source, multipart: Multipart) -> None:
        self._source = source
        self._multipart = multipart
        self._lock = threading.Lock()
        self._offset = 0
        self._number = 0
        self._closed = False

    def next(self) -> Part | None:
        """Take the next part, or None at the end."""
        with self._lock:
            if self._closed:
                return None
            size = self._multipart.size_of(self._number + 1, self._source.size)
            body = self._source.take(self._offset, size)
            taken = cdn.size_of(body)
            # A short part is the last one; a pipe is not read again after its end.
            self._closed = taken < size
            if not taken:
                return None
            self._offset += taken
            self._number += 1
            return Part(self._number, body)

    def close(self) -> None:
        """Stop distributing parts."""
        self._closed = True


def upload_parts(
    settings: Settings,
    source: Source,
    headers: Mapping[str, str],
    *,
    multipart: Multipart,
    progress: Progress,
    deadline: Deadline,
) -> Flow[str]:
    """Upload a file in parts.

    Args:
        settings: The client's configuration.
        source: The file's bytes.
        headers: Headers with its name, type and lifecycle.
        multipart: Size and concurrency of parts.
        progress: Updated after each part.
        deadline: When the upload must be complete.

    Returns:
        The file's URL.

    Raises:
        FalCredentialsError: A response names a host that is not one of the storage's.
        FalHTTPError: The storage rejected the upload.
        FalUploadError: The storage sent an invalid response.
    """
    base = yield from cdn.base_url(settings, deadline)
    response = yield from cdn.send_to_cdn(
        settings, "POST", f"{base}/files/upload/multipart", headers=headers, deadline=deadline
    )
    content = responses.parse_object(response)
    url = cdn.required(content, "access_url", response)
    upload = quote(cdn.required(content, "uploadId", response), safe="=+~:@!$&'()*,;")
    place = f"{url}/multipart/{upload}"
    parts = Parts(source, multipart)
    workers = [
        _send_parts(settings, parts, place, progress, deadline)
        for _ in range(_workers(source, multipart))
    ]
    sent = yield from gather(workers, len(workers))
    done = sorted((part for worker in sent for part in worker), key=lambda p: p["partNumber"])
    yield from cdn.send_to_cdn(
        settings,
        "POST",
        f"{place}/complete",
        headers={"content-type": "application/json"},
        body=encode_json({"parts": done}),
        deadline=deadline,
    )
    return url


def _workers(source: Source, multipart: Multipart) -> int:
    on_disk = isinstance(source, DiskSource)
    limit = multipart.parallel if on_disk else max(1, multipart.parallel // 2)
    if source.size is None:
        return limit
    return max(1, min(limit, -(-source.size // multipart.size_of(1, source.size))))


def _send_parts(
    settings: Settings, parts: Parts, place: str, progress: Progress, deadline: Deadline
) -> Flow[list[dict[str, Any]]]:
    sent: list[dict[str, Any]] = []
    try:
        while (part := (yield from blocking(parts.next))) is not None:
            response = yield from cdn.send_to_cdn(
                settings, "PUT", f"{place}/{part.number}", body=part.body, deadline=deadline
            )
            sent.append({"partNumber": part.number, "etag": _etag(response)})
            yield from progress.add(cdn.size_of(part.body))
    except BaseException:
        parts.close()  # the other workers finish their current part and stop
        raise
    return sent


def _etag(response: HttpResponse) -> str:
    value = response.headers.get("etag") or (as_object(_json(response)) or {}).get("etag")
    etag = as_text(value)
    if not etag:
        raise FalUploadError(
            "The storage accepted a part of the file but returned no ETag; upload the file again.",
            request_id=responses.request_id_of(response),
        )
    return etag


def _json(response: HttpResponse) -> object:
    return responses.parse_json(response) if response.body else None
