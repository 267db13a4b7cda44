"""`Player`: responds with what a `Recorder` stored."""

from __future__ import annotations

import json
import logging
from collections import defaultdict, deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fal_typed.testing.engine.messages import Response, error_response
from fal_typed.testing.tape.exchanges import (
    PLATFORM,
    describe_request,
    recorded_body,
    request_key,
    rewrite_urls,
)
from fal_typed.testing.tape.scrubbing import Scrubber, secrets_of

if TYPE_CHECKING:
    from fal_typed.testing.engine.messages import IncomingRequest

logger = logging.getLogger("fal_typed.emulator")


class Player:
    """Replays the exchanges that a `Recorder` stored.

    A request that was recorded several times gets its responses in order, and the last one from
    then on, so that polling ends however often a client polls.

    Args:
        folder: Where the exchanges are stored.

    Raises:
        FileNotFoundError: The folder contains no exchange.
    """

    def __init__(self, folder: Path | str) -> None:
        self._responses: defaultdict[str, deque[dict[str, Any]]] = defaultdict(deque)
        files = sorted(Path(folder).glob("*.json"))
        if not files:
            raise FileNotFoundError(f"no recording in {folder}")
        for file in files:
            exchange = json.loads(file.read_text(encoding="utf-8"))
            self._responses[request_key(exchange["request"])].append(exchange["response"])

    async def respond(self, request: IncomingRequest) -> Response:
        """Replay the response to a request.

        Args:
            request: A request to a service of the platform.

        Returns:
            The recorded response; 404 when no such request was recorded.
        """
        scrubber = Scrubber(secrets_of(request.text_headers.items()))
        recorded = self._responses.get(request_key(describe_request(request, scrubber)))
        if not recorded:
            logger.warning("nothing recorded for %s %s", request.method, request.path)
            message = f"Nothing recorded for {request.method} {request.path[:200]}"
            return error_response(404, message)
        response = recorded.popleft() if len(recorded) > 1 else recorded[0]
        headers = [(name.encode(), value.encode()) for name, value in response["headers"].items()]
        body = rewrite_urls(recorded_body(response), PLATFORM, request.address.base)
        return Response(response["status"], headers, body)
