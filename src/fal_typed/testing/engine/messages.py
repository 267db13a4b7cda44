"""Requests and responses inside the emulator, as small as its hot path needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qs, unquote

from fal_typed.testing.engine.json_bodies import dump

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping

    from fal_typed.testing.engine.addresses import Address

AsgiScope: TypeAlias = "MutableMapping[str, Any]"
AsgiReceive: TypeAlias = "Callable[[], Awaitable[MutableMapping[str, Any]]]"
AsgiSend: TypeAlias = "Callable[[MutableMapping[str, Any]], Awaitable[None]]"
Headers: TypeAlias = "list[tuple[bytes, bytes]]"

EVENT_PREFIX = b"data: "
"""What the line of a server-sent event begins with."""

_JSON: tuple[bytes, bytes] = (b"content-type", b"application/json")
_EVENT_STREAM = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
]
_TRUE = frozenset({"1", "true", "yes", "on"})


class IncomingRequest:
    """A request that was received.

    Args:
        method: HTTP method, upper case.
        address: Which service it is for, and the path there.
        query_string: The query as it was in the URL.
        headers: Names in lower case.
        body: The whole body.
    """

    __slots__ = ("_query", "address", "body", "headers", "method", "query_string")

    def __init__(
        self,
        method: str,
        address: Address,
        query_string: bytes,
        headers: Headers,
        body: bytes = b"",
    ) -> None:
        self.method = method
        self.address = address
        self.query_string = query_string
        self.headers = headers
        self.body = body
        self._query: dict[str, list[str]] | None = None

    @property
    def path(self) -> str:
        """Path at the service, percent-decoded, with its leading slash."""
        return self.address.path

    def header(self, name: bytes) -> str | None:
        """Read a header.

        Args:
            name: Lower-case name.

        Returns:
            Its first value; None when it is missing.
        """
        for key, value in self.headers:
            if key == name:
                return value.decode("latin-1")
        return None

    @property
    def text_headers(self) -> dict[str, str]:
        """All headers as text, by lower-case name."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.headers}

    @property
    def authorization(self) -> tuple[str, str]:
        """Scheme (lower case) and credential of the ``Authorization`` header; empty if missing."""
        scheme, _, credential = (self.header(b"authorization") or "").partition(" ")
        return scheme.lower(), credential

    @property
    def query(self) -> dict[str, list[str]]:
        """The query parameters, each with all its values."""
        if self._query is None:
            text = self.query_string.decode("latin-1")
            self._query = parse_qs(text, keep_blank_values=True)
        return self._query

    def parameter(self, name: str) -> str | None:
        """Read a query parameter.

        Args:
            name: Its name.

        Returns:
            Its last value; None when it is missing.
        """
        return self.query[name][-1] if self.query_string and name in self.query else None

    def flag(self, name: str) -> bool:
        """Read a Boolean query parameter.

        Args:
            name: Its name.

        Returns:
            True for ``1``, ``true``, ``yes`` and ``on``; the clients spell it differently.
        """
        value = self.parameter(name)
        return value is not None and value.lower() in _TRUE


class Response:
    """A response whose body is known.

    Args:
        status: HTTP status code.
        headers: Without ``content-length``, which is added.
        body: The body.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Headers, body: bytes = b"") -> None:
        self.status = status
        self.headers = headers
        self.body = body


class StreamResponse:
    """A response whose body is sent in chunks.

    Args:
        headers: Its headers.
        chunks: The chunks of the body.
        status: HTTP status code.
    """

    __slots__ = ("broken", "chunks", "headers", "status")

    def __init__(self, headers: Headers, chunks: AsyncIterator[bytes], status: int = 200) -> None:
        self.status = status
        self.headers = headers
        self.chunks = chunks
        self.broken = False
        """Set when a chunk could not be produced."""


AnyResponse: TypeAlias = "Response | StreamResponse"


def json_response(
    value: Any, status: int = 200, headers: Iterable[tuple[bytes, bytes]] = ()
) -> Response:
    """Make a JSON response.

    Args:
        value: What to serialize.
        status: HTTP status code.
        headers: Headers in addition to the content type.

    Returns:
        The response.
    """
    return Response(status, [_JSON, *headers], dump(value))


def json_headers(*more: tuple[bytes, bytes]) -> Headers:
    """Make the headers of a JSON response.

    Args:
        more: Headers in addition to the content type.

    Returns:
        A new list.
    """
    return [_JSON, *more]


def event_stream(
    events: AsyncIterator[bytes], headers: Iterable[tuple[bytes, bytes]] = ()
) -> StreamResponse:
    """Make a response of server-sent events.

    Args:
        events: What `server_sent_event` returned for each event.
        headers: Headers in addition to the usual ones of such a stream.

    Returns:
        The response.
    """
    return StreamResponse([*_EVENT_STREAM, *headers], events)


def server_sent_event(value: Any) -> bytes:
    r"""Write a server-sent event.

    Args:
        value: The event's data, any JSON value.

    Returns:
        The event as it is sent.

    >>> server_sent_event({"a": 1})
    b'data: {"a":1}\n\n'
    """
    return EVENT_PREFIX + dump(value) + b"\n\n"


def error_response(status: int, message: str, error_type: str | None = None) -> Response:
    """Make an error response in the form of fal's gateway (docs/protocol.md section 8.1).

    Args:
        status: HTTP status code.
        message: Text of ``detail``.
        error_type: One of docs/protocol.md section 8.2, also sent as a header.

    Returns:
        The response.
    """
    if error_type is None:
        return json_response({"detail": message}, status)
    header = (b"x-fal-error-type", error_type.encode())
    return json_response({"detail": message, "error_type": error_type}, status, [header])


def too_many_requests(message: str, retry_after: str) -> Response:
    """Make the response to a request above a limit (docs/protocol.md section 8.2).

    Args:
        message: Text of ``detail``.
        retry_after: Value of the header ``Retry-After``, in seconds.

    Returns:
        A 429.
    """
    response = error_response(429, message, "concurrent_requests_limit")
    response.headers += [(b"retry-after", retry_after.encode()), (b"x-fal-needs-retry", b"1")]
    return response


def method_not_allowed(*allowed: str) -> Response:
    """Make the response to a request whose method the path does not support.

    Args:
        allowed: The supported methods.

    Returns:
        A 405.
    """
    allow = (b"allow", ", ".join(allowed).encode())
    return json_response({"detail": "Method Not Allowed"}, 405, [allow])


def percent_decoded(text: str) -> str:
    """Decode a percent-encoded path segment.

    Args:
        text: The segment.

    Returns:
        Its text.
    """
    return unquote(text) if "%" in text else text
