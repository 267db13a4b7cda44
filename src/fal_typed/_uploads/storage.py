"""Uploads files to the platform (docs/protocol.md section 6).

Small files are sent in one request and large ones in parts. If a repository fails, the next one
is tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from typing_extensions import Unpack

from fal_typed._calls.lifecycle import Lifecycle, upload_headers
from fal_typed._core import responses
from fal_typed._core.call_record import as_call
from fal_typed._core.caller_warnings import warn_caller
from fal_typed._core.flow import (
    Deadline,
    Fallback,
    Flow,
    blocking,
    report,
)
from fal_typed._core.retry import RetrySafety, send_with_retries
from fal_typed._core.settings import USER_AGENT, Settings, encode_json
from fal_typed._transport.base import HttpRequest, HttpResponse
from fal_typed._transport.urls import is_confidential
from fal_typed._uploads import cdn
from fal_typed._uploads.async_reading import readable_file
from fal_typed._uploads.content import Content, SingleBody, Uploadable, content_of, header_name
from fal_typed._uploads.multipart import Multipart, upload_parts
from fal_typed._uploads.progress import OnProgress, Progress
from fal_typed._uploads.transfer_options import Repository, TransferOptions
from fal_typed.errors import FalCredentialsError, FalError, FalInputError, FalUploadError

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from fal_typed.files import File

_FALLBACK: Sequence[Repository] = ("fal",)
# Errors that are not the repository's fault, so that no other one is tried.
_FINAL = (FalInputError, FalCredentialsError)


@dataclass(frozen=True)
class PreparedUpload:
    """A file that is ready to be sent.

    Attributes:
        chain: The repositories to try, in order.
        deadline: When the upload must be complete.
    """

    content: Content
    chain: Sequence[Repository]
    lifecycle: Lifecycle | None
    multipart: Multipart
    progress: Progress
    deadline: Deadline


@as_call("upload")
def upload(
    settings: Settings,
    data: Uploadable | str,
    content_type: str | None = None,
    file_name: str | None = None,
    *,
    image_format: str = "png",
    timeout: float | None = None,
    **options: Unpack[TransferOptions],
) -> Flow[str]:
    """Upload a file.

    Args:
        settings: The client's configuration.
        data: The file; a string is the content itself, not a path.
        content_type: Media type. Default: by the file name, else by the first bytes.
        file_name: File name. Default: the file's own name.
        image_format: Format to encode a Pillow image in.
        timeout: Seconds the upload may take, or None for no limit.
        **options: See `TransferOptions`.

    Returns:
        The file's URL.

    Raises:
        FalInputError: The file does not exist or cannot be read.
        FalHTTPError: The platform rejected the file.
        FalConnectionError: The platform could not be reached.
        FalUploadError: The platform sent an invalid response.
    """
    if _is_file(data):
        return data.url
    deadline = yield from Deadline.after(timeout)
    prepared = yield from prepare(
        settings,
        data,
        content_type,
        file_name,
        image_format=image_format,
        deadline=deadline,
        **options,
    )
    return (yield from store(settings, prepared))


def prepare(
    settings: Settings,
    data: Uploadable | str,
    content_type: str | None = None,
    file_name: str | None = None,
    *,
    image_format: str = "png",
    deadline: Deadline,
    repository: Repository | None = None,
    fallback_repository: Repository | Sequence[Repository] | None = None,
    lifecycle: Lifecycle | None = None,
    on_progress: OnProgress | None = None,
    multipart: Multipart | None = None,
) -> Flow[PreparedUpload]:
    """Inspect a file and decide how to send it; takes the arguments of `upload`.

    Raises:
        FalInputError: The file does not exist, or the repository is unknown.
    """
    chain = _chain(settings, repository, fallback_repository)
    parts = multipart or Multipart()
    readable = yield from readable_file(data)
    content = yield from blocking(
        lambda: content_of(
            readable.file,
            content_type or readable.content_type,
            file_name or readable.name,
            image_format=image_format,
            max_in_memory=parts.threshold,
        )
    )
    progress = Progress(on_progress, content.source.size)
    return PreparedUpload(content, chain, lifecycle, parts, progress, deadline)


def store(settings: Settings, upload: PreparedUpload) -> Flow[str]:
    """Send a file to the first repository that accepts it, and return its URL."""
    for entry in upload.chain:
        send = _to_cdn if entry == "fal_v3" else _to_signed_url
        try:
            yield from upload.progress.begin()
            return (yield from send(settings, upload))
        except FalError as error:
            is_last = entry == upload.chain[-1] or not upload.content.source.is_repeatable
            if is_last or isinstance(error, _FINAL):
                raise
            message = f"upload to {entry} failed, trying the next repository: {error}"
            yield from report(Fallback(message, settings.call))
    raise AssertionError("the last repository returns or raises")


def _is_file(data: object) -> TypeIs[File]:
    if type(data).__module__ == "builtins":
        return False
    from fal_typed.files import File

    return isinstance(data, File)


def _chain(
    settings: Settings,
    repository: Repository | None,
    fallback: Repository | Sequence[Repository] | None,
) -> list[Repository]:
    # A server-side proxy supports signed URLs only; otherwise it would have to expose the token.
    first = repository or ("fal" if settings.proxy_url else "fal_v3")
    rest = _FALLBACK if fallback is None else fallback
    chain: list[Repository] = []
    for name in (first, *([rest] if isinstance(rest, str) else rest)):
        if name not in get_args(Repository):
            raise FalInputError(f"Unknown repository {name!r}; use 'fal_v3' or 'fal'.")
        if name == "cdn":
            warn_caller("Repository 'cdn' was renamed to 'fal_v3'.", DeprecationWarning)
        entry: Repository = "fal" if name == "fal" else "fal_v3"
        if entry not in chain:
            chain.append(entry)
    return chain


def _to_cdn(settings: Settings, upload: PreparedUpload) -> Flow[str]:
    content, source = upload.content, upload.content.source
    headers = {
        "content-type": content.type,
        "x-fal-file-name": header_name(content.name),
        **upload_headers(upload.lifecycle),
    }
    if source.size is None or source.size > upload.multipart.threshold:
        return (
            yield from upload_parts(
                settings,
                source,
                headers,
                multipart=upload.multipart,
                progress=upload.progress,
                deadline=upload.deadline,
            )
        )
    response = yield from cdn.send_to_cdn(
        settings,
        "POST",
        f"{settings.hosts.cdn}/files/upload",
        headers=headers,
        body=source.take(0, source.size),
        deadline=upload.deadline,
    )
    yield from upload.progress.add(source.size)
    return cdn.required(responses.parse_object(response), "access_url", response)


def _to_signed_url(settings: Settings, upload: PreparedUpload) -> Flow[str]:
    content = upload.content
    # Proxies allow this storage type only (docs/protocol.md section 1.7).
    storage_type = cdn.STORAGE if settings.proxy_url else {"storage_type": "gcs"}
    request = settings.request(
        "POST",
        f"{settings.hosts.rest}/storage/upload/initiate",
        query=storage_type,
        headers=upload_headers(upload.lifecycle),
        body=encode_json({"file_name": content.name, "content_type": content.type}),
    )
    response = yield from _send(settings, request, upload.deadline)
    content_json = responses.parse_object(response)
    url = cdn.required(content_json, "upload_url", response)
    if not (is_confidential(url) or settings.hosts.owns(url)):
        raise FalUploadError(
            "The platform returned an upload URL without TLS; nothing was sent there."
        )
    with SingleBody(content.source) as single:
        body = yield from blocking(single.read)
        # The URL is signed, so neither key nor token is sent.
        headers = {"content-type": content.type, "user-agent": USER_AGENT}
        put = HttpRequest("PUT", url, headers, body, timeout=cdn.time_to_send(body))
        yield from _send(settings, put, upload.deadline)
    yield from upload.progress.add(cdn.size_of(body))
    return cdn.required(content_json, "file_url", response)


def _send(settings: Settings, request: HttpRequest, deadline: Deadline) -> Flow[HttpResponse]:
    response = yield from send_with_retries(
        request, safety=RetrySafety.UPLOAD, policy=settings.retry, deadline=deadline
    )
    if responses.is_error(response):
        raise responses.http_error(response)
    return response
