"""Record and replay: exchanges with the platform, one file each, without secrets.

On tape every URL of the platform is the platform's own; each caller gets it in the form that
leads back to the emulator.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.client
import json
import logging
import os
import re
from collections import defaultdict, deque
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from fal_typed._transport.tls import ssl_context
from fal_typed.testing.messages import Response, detail
from fal_typed.testing.scrubbing import Scrubber, parsed, query, secrets_of
from fal_typed.testing.services import HOSTS, LOCAL

if TYPE_CHECKING:
    from fal_typed.testing.messages import Request

logger = logging.getLogger("fal_typed.emulator")

PLATFORM = "https://"
"""What the platform's URLs begin with, before the host."""

_HOST = "(" + "|".join(map(re.escape, sorted(HOSTS, key=len, reverse=True))) + ")"
_NOT_PASSED_ON = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "upgrade"}
)
_SECONDS = 600.0


class Recorder:
    """Answers by asking the platform, and keeps what it said.

    Args:
        folder: Where the exchanges are kept; made when it is missing.
        upstream: What URLs of the platform begin with; another emulator's URL and a slash for one.
    """

    def __init__(self, folder: Path | str, upstream: str = PLATFORM) -> None:
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._upstream = upstream
        self._count = len(list(self._folder.glob("*.json")))

    async def answer(self, request: Request) -> Response:
        """Pass a request on.

        Args:
            request: A request to a service of the platform.

        Returns:
            The platform's answer; 502 when it cannot be reached.
        """
        mine = request.address.base
        headers = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in request.headers
            if name.decode("latin-1") not in _NOT_PASSED_ON
        }
        if "authorization" not in headers and os.environ.get("FAL_KEY"):
            headers["authorization"] = f"Key {os.environ['FAL_KEY']}"
        body = _turned(request.body, mine, self._upstream)
        try:
            status, got, content = await asyncio.to_thread(self._ask, request, headers, body)
        except (OSError, http.client.HTTPException) as error:
            return detail(502, f"The platform cannot be reached: {error}")
        self._keep(request, headers, status, got, _turned(content, self._upstream, PLATFORM))
        sent = [(name.lower().encode(), value.encode("latin-1")) for name, value in got]
        return Response(status, _passed_on(sent), _turned(content, self._upstream, mine))

    def _ask(
        self, request: Request, headers: dict[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        parts = urlsplit(f"{self._upstream}{request.address.service}{quote(request.path)}")
        target = parts.path + (f"?{request.query_string.decode()}" if request.query_string else "")
        connection = _connection(parts.scheme, parts.netloc)
        try:
            connection.request(request.method, target, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _keep(
        self,
        request: Request,
        headers: dict[str, str],
        status: int,
        got: list[tuple[str, str]],
        content: bytes,
    ) -> None:
        scrubber = Scrubber(secrets_of(headers.get("authorization")))
        exchange = {
            "request": {
                "method": request.method,
                "service": request.address.service,
                "path": scrubber.text(request.path),
                "query": scrubber.text(query(request.query_string.decode("latin-1"))),
                "headers": scrubber.headers(headers.items()),
                **_body(_turned(request.body, request.address.base, PLATFORM), request, scrubber),
            },
            "response": {
                "status": status,
                "headers": scrubber.headers(got),
                **_body(content, request, scrubber),
            },
        }
        self._count += 1
        file = self._folder / f"{self._count:05d}.json"
        file.write_text(json.dumps(exchange, indent=1) + "\n", encoding="utf-8")


class Player:
    """Answers from exchanges that a `Recorder` kept.

    Requests that were made several times get their answers in order, and the last one from then
    on, so that polling finds the end however often it asks.

    Args:
        folder: Where the exchanges are.

    Raises:
        FileNotFoundError: There are none.
    """

    def __init__(self, folder: Path | str) -> None:
        self._answers: defaultdict[str, deque[dict[str, Any]]] = defaultdict(deque)
        files = sorted(Path(folder).glob("*.json"))
        if not files:
            raise FileNotFoundError(f"no recording in {folder}")
        for file in files:
            exchange = json.loads(file.read_text(encoding="utf-8"))
            self._answers[_identity(exchange["request"])].append(exchange["response"])

    async def answer(self, request: Request) -> Response:
        """Answer as the platform did.

        Args:
            request: A request to a service of the platform.

        Returns:
            The recorded answer; 404 when there is none for such a request.
        """
        scrubber = Scrubber(secrets_of(request.header(b"authorization")))
        body = _turned(request.body, request.address.base, PLATFORM)
        like = {
            "method": request.method,
            "service": request.address.service,
            "path": scrubber.text(request.path),
            "query": scrubber.text(query(request.query_string.decode("latin-1"))),
            **_body(body, request, scrubber),
        }
        answers = self._answers.get(_identity(like))
        if not answers:
            logger.warning("nothing recorded for %s %s", request.method, request.path)
            return detail(404, f"Nothing recorded for {request.method} {request.path[:200]}")
        response = answers.popleft() if len(answers) > 1 else answers[0]
        headers = [(name.encode(), one.encode()) for name, one in response["headers"].items()]
        content = _turned(_content(response), PLATFORM, request.address.base)
        return Response(response["status"], headers, content)


def _connection(scheme: str, address: str) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(address, timeout=_SECONDS)
    return http.client.HTTPSConnection(address, timeout=_SECONDS, context=ssl_context())


def is_on_tape(request: Request) -> bool:
    """Whether recordings are about a request: those to the platform, not to the emulator.

    Args:
        request: The request.

    Returns:
        True if so.
    """
    return request.address.service != LOCAL


def _turned(body: bytes, old: str, new: str) -> bytes:
    """Lead the URLs in a body elsewhere; bodies that are no text stay as they are."""
    if old == new or b"\0" in body[:1024]:
        return body
    pattern = re.escape(old).encode() + _HOST.encode() + rb"(?=[/\"\\?]|$)"
    return re.sub(pattern, lambda match: new.encode() + match[1], body)


def _body(body: bytes, request: Request, scrubber: Scrubber) -> dict[str, Any]:
    if not body:
        return {}
    try:
        return {"json": scrubber.body(request.path, parsed(body))}
    except ValueError:
        pass
    try:
        return {"text": scrubber.text(body.decode())}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}


def _content(response: dict[str, Any]) -> bytes:
    if "json" in response:
        return json.dumps(response["json"]).encode()
    if "text" in response:
        return str(response["text"]).encode()
    return base64.b64decode(response.get("base64", ""))


def _identity(request: dict[str, Any]) -> str:
    """Requests with the same identity get the same answers."""
    names = ("method", "service", "path", "query", "json", "text", "base64")
    text = json.dumps([request.get(name) for name in names], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _passed_on(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    dropped = _NOT_PASSED_ON | {"date", "server", "set-cookie", "keep-alive"}
    return [pair for pair in headers if pair[0].decode("latin-1") not in dropped]
