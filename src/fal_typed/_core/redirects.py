"""Follows redirects, for requests that carry no key."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from fal_typed._core.flow import CloseStream, Flow, OpenStream
from fal_typed._transport.base import HttpRequest, OpenedStream, TransportError

_MAX_HOPS = 10
_REDIRECTS = (301, 302, 303, 307, 308)


def open_following(request: HttpRequest) -> Flow[OpenedStream]:
    """Open a response, following redirects.

    Raises:
        TransportError: There was no response, the redirects lead to an unencrypted URL, or there
            are too many of them.
    """
    first = request
    for _ in range(_MAX_HOPS):
        stream: OpenedStream = yield OpenStream(request)
        following = next_hop(request, stream.status, stream.headers.get("location"))
        if following is None:
            return stream
        yield CloseStream(stream)
        request = following
    message = f"{first}: redirected more than {_MAX_HOPS} times"
    raise TransportError(message, sent=True, permanent=True)


def next_hop(request: HttpRequest, status: int, location: str | None) -> HttpRequest | None:
    """The request for a redirect's target, or None if the response is not a redirect to follow."""
    if status not in _REDIRECTS or request.method != "GET" or not location:
        return None
    try:
        url = urljoin(request.url, location)
        has_tls = urlsplit(url).scheme == "https"
    except ValueError:
        message = f"{request}: redirected to an invalid URL"
        raise TransportError(message, sent=True, permanent=True) from None
    if urlsplit(request.url).scheme == "https" and not has_tls:
        message = f"{request}: redirected to a URL without TLS"
        raise TransportError(message, sent=True, permanent=True)
    return replace(request, url=url)
