"""Large files in parts: several at once, each repeated on its own.

Rests on docs/protocol.md section 6.1.
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
_MOST_PARTS = 10_000
# A file of unknown size doubles its parts after so many of them; 10,000 parts then hold 9.7 TiB.
_PARTS_OF_A_SIZE = 1_000


@dataclass(frozen=True)
class Multipart:
    """When and how a file is sent in parts.

    Attributes:
        threshold: Files of more bytes than this are.
        part_size: Bytes of a part; more where the file would need more than 10,000 parts.
        parallel: Parts that are sent at once; half as many of a file that is not on disk, for
            these are in memory while they are sent.
    """

    threshold: int = 32 * _MIB
    part_size: int = 10 * _MIB
    parallel: int = 8

    def size_of(self, number: int, total: int | None) -> int:
        """Bytes of the part with this number, counted from 1."""
        if total is None:
            return self.part_size << ((number - 1) // _PARTS_OF_A_SIZE)
        return max(self.part_size, -(-total // _MOST_PARTS))


@dataclass(frozen=True)
class Part:
    """A part about to be sent."""

    number: int
    body: bytes | FilePart


class Parts:
    """Hands out a file's parts in order, each once, to whichever thread asks next."""

    def __init__(self, source: Source, multipart: Multipart) -> None:
        self._source = source
        self._multipart = multipart
        self._lock = threading.Lock()
        self._offset = 0
        self._number = 0
        self._closed = False

    def next(self) -> Part | None:
        """The next part, or None when there is none left."""
        with self._lock:
            if self._closed:
                return None
            size = self._multipart.size_of(self._number + 1, self._source.size)
            body = self._source.take(self._offset, size)
            taken = cdn.size_of(body)
            # A short part is the last: a pipe is not asked for more once it has ended.
            self._closed = taken < size
            if not taken:
                return None
            self._offset += taken
            self._number += 1
            return Part(self._number, body)

    def close(self) -> None:
        """Hand out no more parts."""
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
        headers: Its name, type and lifecycle.
        multipart: How it is cut.
        progress: Told of every part that has arrived.
        deadline: When all must have arrived.

    Returns:
        The file's URL.

    Raises:
        FalCredentialsError: An answer names a host that is not the storage's.
        FalHTTPError: The storage refused.
        FalUploadError: Its answers make no sense.
    """
    base = yield from cdn.base_url(settings, deadline)
    response = yield from cdn.send_to_cdn(
        settings, "POST", f"{base}/files/upload/multipart", headers=headers, deadline=deadline
    )
    answer = responses.parse_object(response)
    url = cdn.required(answer, "access_url", response)
    upload = quote(cdn.required(answer, "uploadId", response), safe="=+~:@!$&'()*,;")
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
    most = multipart.parallel if on_disk else max(1, multipart.parallel // 2)
    if source.size is None:
        return most
    return max(1, min(most, -(-source.size // multipart.size_of(1, source.size))))


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
        parts.close()  # the others finish the part they are at, and begin no other
        raise
    return sent


def _etag(response: HttpResponse) -> str:
    told = response.headers.get("etag") or (as_object(_json(response)) or {}).get("etag")
    etag = as_text(told)
    if not etag:
        raise FalUploadError(
            "The storage confirmed a part of the file without its entity tag.",
            request_id=responses.request_id_of(response),
        )
    return etag


def _json(response: HttpResponse) -> object:
    return responses.parse_json(response) if response.body else None
