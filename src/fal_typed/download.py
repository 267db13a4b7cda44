"""Fetching files that results name. The key is never sent: a result may name any host."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast
from urllib.parse import unquote_to_bytes, urlsplit

from fal_typed import answers
from fal_typed.errors import FalDownloadError
from fal_typed.flow import Deadline, Flow, HttpRequest
from fal_typed.retry import Repeat, send_retrying
from fal_typed.settings import USER_AGENT, Settings

if TYPE_CHECKING:
    import os

    from fal_typed.client import BaseClient
    from fal_typed.files import PILImage


def client_of(client: BaseClient | None) -> BaseClient:
    """The client to download with: the caller's, or the module's own."""
    if client is not None:
        return client
    from fal_typed import default

    return default.client


def read(settings: Settings, url: str) -> Flow[bytes]:
    """Fetch a file into memory."""
    if url.startswith("data:"):
        return _decode_data_uri(url)
    request = HttpRequest("GET", url, {"user-agent": USER_AGENT}, follow_redirects=True)
    response = yield from send_retrying(
        request,
        repeat=Repeat.HARMLESS,
        policy=settings.retry,
        deadline=Deadline(None, None),
    )
    if answers.is_error(response):
        raise FalDownloadError(f"{url.split('?', maxsplit=1)[0]} answered {response.status}")
    return response.body


def save(settings: Settings, url: str, target: Path) -> Flow[Path]:
    """Fetch a file onto disk."""
    data = yield from read(settings, url)
    target.write_bytes(data)
    return target


def open_temporary(settings: Settings, url: str) -> Flow[BinaryIO]:
    """Fetch a file and open it."""
    return BytesIO((yield from read(settings, url)))


def target_path(path: str | os.PathLike[str], file_name: str | None, url: str) -> Path:
    """Where to save a file: the path itself, or in the folder it names."""
    target = Path(path)
    if not target.is_dir():
        return target
    name = Path(file_name or urlsplit(url).path).name
    return target / (name or "file")


def pillow_image(data: bytes) -> PILImage:
    """Open picture bytes with Pillow."""
    from PIL import Image

    return cast("PILImage", Image.open(BytesIO(data)))


def _decode_data_uri(url: str) -> bytes:
    from base64 import b64decode

    head, _, body = url.partition(",")
    raw = unquote_to_bytes(body)
    return b64decode(raw) if head.endswith(";base64") else raw
