"""The files of a recording: one exchange with the platform each, without secrets.

In these files every URL of the platform is the platform's own; callers receive it in the form that
leads back to the emulator.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from fal_typed.testing.engine.addresses import HOSTS, LOCAL
from fal_typed.testing.engine.json_bodies import parse
from fal_typed.testing.tape.scrubbing import HIDDEN, scrub_query

if TYPE_CHECKING:
    from fal_typed.testing.engine.messages import IncomingRequest
    from fal_typed.testing.tape.scrubbing import Scrubber

PLATFORM = "https://"
"""What the platform's URLs begin with, before the host."""

_HOST = "(" + "|".join(map(re.escape, sorted(HOSTS, key=len, reverse=True))) + ")"


def is_recordable(request: IncomingRequest) -> bool:
    """Whether a request is for the platform, and not for the emulator itself.

    Args:
        request: The request.

    Returns:
        True if it is.
    """
    return request.address.service != LOCAL


def rewrite_urls(body: bytes, old: str, new: str) -> bytes:
    """Replace the beginning of the platform's URLs in a body.

    Args:
        body: The body; binary data is returned unchanged.
        old: What the URLs begin with, before the host.
        new: What they begin with afterwards.

    Returns:
        The body with the new URLs.
    """
    if old == new or b"\0" in body[:1024]:
        return body
    pattern = re.escape(old).encode() + _HOST.encode() + rb"(?=[/\"\\?]|$)"
    return re.sub(pattern, lambda match: new.encode() + match[1], body)


def describe_request(request: IncomingRequest, scrubber: Scrubber) -> dict[str, Any]:
    """Describe a request as it is recorded, and as recordings are searched for it.

    Args:
        request: The request.
        scrubber: Removes the secrets.

    Returns:
        Method, service, path, query and body.
    """
    body = rewrite_urls(request.body, request.address.base, PLATFORM)
    query = request.query_string.decode("latin-1")
    return {
        "method": request.method,
        "service": request.address.service,
        "path": scrubber.text(request.path),
        "query": scrubber.text(scrub_query(query)),
        **describe_body(body, request.path, scrubber),
    }


def describe_body(body: bytes, path: str, scrubber: Scrubber) -> dict[str, Any]:
    """Describe a body as JSON, as text or in base64, whichever is possible first.

    JSON that is nested too deeply to be searched for secrets is left out.

    Args:
        body: The body.
        path: Path of the request.
        scrubber: Removes the secrets.

    Returns:
        A dict with one entry; empty for an empty body.
    """
    if not body:
        return {}
    try:
        return {"json": scrubber.body(path, parse(body))}
    except RecursionError:
        return {"text": HIDDEN}
    except ValueError as error:
        if isinstance(error.__cause__, RecursionError):
            return {"text": HIDDEN}
    try:
        return {"text": scrubber.lines(body.decode())}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(scrubber.content(body)).decode()}


def recorded_body(response: dict[str, Any]) -> bytes:
    """Restore the body that `describe_body` described.

    Args:
        response: The recorded response.

    Returns:
        Its body.
    """
    if "json" in response:
        return json.dumps(response["json"]).encode()
    if "text" in response:
        return str(response["text"]).encode()
    return base64.b64decode(response.get("base64", ""))


def request_key(request: dict[str, Any]) -> str:
    """Compute the key of a recorded request; equal requests share their responses.

    Args:
        request: What `describe_request` returned, with or without headers.

    Returns:
        A hash.
    """
    names = ("method", "service", "path", "query", "json", "text", "base64")
    text = json.dumps([request.get(name) for name in names], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
