"""Sources of documents: fal's platform API, a URL, a file, a folder.

Only the platform API gets the key. Documents are passed on unchecked; `pull` validates them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from fal_typed._core.flow import blocking, gather
from fal_typed._core.json_values import as_list, as_object, as_text
from fal_typed._core.responses import http_error, is_error, parse_json, parse_object
from fal_typed._core.settings import USER_AGENT
from fal_typed._documents.regular_files import read_regular_file
from fal_typed._transport.base import HttpRequest
from fal_typed.errors import FalError, FalProtocolError
from fal_typed_codegen.documents.fetch import fetch
from fal_typed_codegen.documents.read import document_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from fal_typed._core.flow import Flow
    from fal_typed._core.settings import Settings

EXPAND = "openapi-3.0"
BATCH = 10
"""Documents per request: about as many as the platform returns on a page."""
MAX_DOCUMENT = 16 * 1024 * 1024
MAX_PAGE = 128 * 1024 * 1024
MAX_LIST = 512 * 1024 * 1024
"""Bytes of all pages of a list together."""
_LIST_LIMIT = 500
_MAX_PAGES = 1000
_MAX_EMPTY_PAGES = 3
_NO_DOCUMENT = "the platform has no document for it"


class EndlessListError(FalError):
    """The platform's list of models does not end."""


@dataclass(frozen=True)
class PullSources:
    """What to pull.

    Attributes:
        patterns: Endpoint ids and glob patterns, pulled from the platform; all endpoints if
            `patterns`, `urls` and `paths` are empty.
        urls: URLs of documents.
        paths: Files and folders of documents.
        filters: Filters of the platform's list: `q`, `category`, `status`.
        public: Whether to use the public URL of each endpoint instead of the platform API.
    """

    patterns: Sequence[str] = ()
    urls: Sequence[str] = ()
    paths: Sequence[Path] = ()
    filters: Mapping[str, str] = field(default_factory=dict[str, str])
    public: bool = False

    @property
    def of_platform(self) -> bool:
        """Whether documents are pulled from the platform."""
        return bool(self.patterns or not (self.urls or self.paths))


@dataclass(frozen=True)
class Found:
    """A document as received.

    Attributes:
        content: The file's bytes, or parsed JSON if it is part of a page.
        source: Origin, for the lock; contains no secret.
        expected: The requested id; None if the document determines it.
    """

    content: bytes | dict[str, Any]
    source: str
    expected: str | None = None


@dataclass(frozen=True)
class Taker:
    """Receives documents and errors; both functions can be called from several threads."""

    take: Callable[[Found], None]
    fail: Callable[[str, str], None]


def is_pattern(text: str) -> bool:
    """Whether a string is a glob pattern rather than an id."""
    return any(character in text for character in "*?[")


def matches(endpoint_id: str, patterns: Sequence[str]) -> bool:
    """Whether an id matches one of the patterns, or there are none."""
    return not patterns or any(fnmatchcase(endpoint_id, pattern) for pattern in patterns)


def platform_source(settings: Settings, wanted: PullSources) -> str:
    """Origin of documents of the platform, for the lock."""
    if wanted.public:
        return f"{settings.hosts.web}/api/openapi/queue/openapi.json"
    return f"{settings.hosts.api}/models"


def list_ids(settings: Settings, wanted: PullSources) -> Flow[list[str]]:
    """List the selected endpoints of the platform.

    Args:
        settings: The client's settings.
        wanted: What to pull. Plain ids are not checked here; unknown ones fail later.

    Returns:
        Their ids, sorted.

    Raises:
        FalHTTPError: The platform rejected the request.
        FalProtocolError: The response is not a list of models.

    Protocol: docs/protocol.md section 10, `GET /models`.
    """
    plain = [pattern for pattern in wanted.patterns if not is_pattern(pattern)]
    globs = [pattern for pattern in wanted.patterns if is_pattern(pattern)]
    if plain and not globs and not wanted.filters:
        return sorted(set(plain))
    ids: set[str] = set() if wanted.filters else set(plain)
    query = {"limit": str(_LIST_LIMIT), **wanted.filters}
    for model in (yield from _models(settings, query, _MAX_PAGES)):
        endpoint_id = as_text(model.get("endpoint_id"))
        if endpoint_id and matches(endpoint_id, wanted.patterns):
            ids.add(endpoint_id)
    return sorted(ids)


def fetch_endpoints(
    settings: Settings, wanted: PullSources, ids: Sequence[str], taker: Taker, jobs: int
) -> Flow[None]:
    """Fetch the documents of endpoints from the platform, several at a time.

    Args:
        settings: The client's settings.
        wanted: What to pull.
        ids: The endpoints.
        taker: Receives the documents and the errors.
        jobs: Number of concurrent requests.
    """
    flows: list[Flow[None]]
    if wanted.public:
        flows = [_public(settings, wanted, endpoint_id, taker) for endpoint_id in ids]
    else:
        batches = [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
        flows = [_batch(settings, wanted, batch, taker) for batch in batches]
    yield from gather(flows, jobs)


def fetch_urls(settings: Settings, urls: Sequence[str], taker: Taker, jobs: int) -> Flow[None]:
    """Fetch documents from URLs; the key is not sent."""
    yield from gather([_any_url(settings, url, taker) for url in urls], jobs)


def read_paths(paths: Sequence[Path], taker: Taker) -> Flow[None]:
    """Read documents from files and folders."""
    for path in paths:
        for file, source in _files(path):
            yield from blocking(partial(_read_file, file, source, taker))


def public_address(url: str) -> str:
    """A URL without the parts that can be secret: user, password, query.

    >>> public_address("https://me:pw@example.com/openapi.json?token=1")
    'https://example.com/openapi.json'
    """
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _models(
    settings: Settings, query: Mapping[str, str], max_pages: int
) -> Flow[list[dict[str, Any]]]:
    """Every model of a list, page by page; a list without end is an error."""
    models: list[dict[str, Any]] = []
    ids: set[str] = set()
    cursors: set[str] = set()
    query = dict(query)
    size = empty = 0
    for _ in range(max_pages):
        page, page_size = yield from _page(settings, query)
        items = as_list(page.get("models"))
        if items is None:
            raise FalProtocolError("The platform's list of models has no field `models`.")
        found = list(filter(None, map(as_object, items)))
        models += found
        cursor = as_text(page.get("next_cursor"))
        if not cursor or page.get("has_more") is False:
            return models
        if cursor in cursors:
            raise EndlessListError("The platform's list of models repeats a page.")
        cursors.add(cursor)
        query["cursor"] = cursor
        new = {as_text(model.get("endpoint_id")) or "" for model in found} - ids
        ids |= new
        empty = 0 if new else empty + 1
        if empty >= _MAX_EMPTY_PAGES:
            raise EndlessListError("The platform's list of models goes on without new models.")
        size += page_size
        if size > MAX_LIST:
            raise EndlessListError("The platform's list of models is too large.")
    raise EndlessListError(f"The platform's list of models has more than {max_pages} pages.")


def _page(settings: Settings, query: Mapping[str, str]) -> Flow[tuple[dict[str, Any], int]]:
    """A page of a list, and its size in bytes."""
    # A key raises the rate limits but is optional.
    open_settings = settings.with_changes(needs_key=False)
    request = open_settings.request("GET", f"{settings.hosts.api}/models", query=query)
    response = yield from fetch(request, settings.retry, MAX_PAGE)
    if is_error(response):
        raise http_error(response)
    try:
        return parse_object(response), len(response.body)
    except RecursionError:
        raise FalProtocolError("The platform's list of models is nested too deeply.") from None


def _batch(settings: Settings, wanted: PullSources, ids: Sequence[str], taker: Taker) -> Flow[None]:
    query = {"endpoint_id": ",".join(ids), "expand": EXPAND, "limit": str(len(ids))}
    try:
        models = yield from _models(settings, query, len(ids) + _MAX_EMPTY_PAGES)
    except FalError as error:
        for endpoint_id in ids:
            taker.fail(endpoint_id, str(error))
        return
    source = platform_source(settings, wanted)
    by_id = {as_text(model.get("endpoint_id")): model for model in models}
    for endpoint_id in ids:
        document = as_object(by_id.get(endpoint_id, {}).get("openapi"))
        problem = _problem(document)
        if document is None or problem:
            taker.fail(endpoint_id, problem)
        else:
            yield from blocking(partial(taker.take, Found(document, source, endpoint_id)))


def _problem(document: dict[str, Any] | None) -> str:
    """Why the platform's response has no document; empty if it has one."""
    if not document:
        return _NO_DOCUMENT
    error = as_object(document.get("error"))
    if error is None or "paths" in document:
        return ""
    said = as_text(error.get("message")) or as_text(error.get("code")) or "no reason given"
    return f"the platform could not provide its document: {said[:300]}"


def _public(settings: Settings, wanted: PullSources, endpoint_id: str, taker: Taker) -> Flow[None]:
    source = platform_source(settings, wanted)
    url = f"{source}?endpoint_id={quote(endpoint_id, safe='')}"
    try:
        response = yield from fetch(_get(url), settings.retry, MAX_DOCUMENT)
        if is_error(response):
            raise http_error(response, endpoint=endpoint_id)
        if parse_json(response) is None:
            taker.fail(endpoint_id, _NO_DOCUMENT)
            return
    except (FalError, RecursionError) as error:
        taker.fail(endpoint_id, str(error))
        return
    yield from blocking(lambda: taker.take(Found(response.body, source, endpoint_id)))


def _any_url(settings: Settings, url: str, taker: Taker) -> Flow[None]:
    # The URL of an app means the URL of its document.
    target = url.rstrip("/") + "/openapi.json" if urlsplit(url).path in ("", "/") else url
    name = public_address(target)
    try:
        response = yield from fetch(_get(target), settings.retry, MAX_DOCUMENT)
        if is_error(response):
            raise http_error(response, endpoint=name)
    except FalError as error:
        taker.fail(name, str(error))
        return
    yield from blocking(lambda: taker.take(Found(response.body, name)))


def _get(url: str) -> HttpRequest:
    headers = {"accept": "application/json", "user-agent": USER_AGENT}
    return HttpRequest("GET", url, headers)


def _files(path: Path) -> Iterator[tuple[Path, str]]:
    if path.is_dir():
        folder = path.resolve().name
        for relative in document_files(path):
            yield path / relative, f"{folder}/{relative}"
    else:
        yield path, path.name


def _read_file(path: Path, source: str, taker: Taker) -> None:
    try:
        content = read_regular_file(path, MAX_DOCUMENT)
    except OSError as error:
        taker.fail(source, error.strerror or str(error))
        return
    taker.take(Found(content, source))
