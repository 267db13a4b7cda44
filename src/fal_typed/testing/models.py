"""The endpoints that the emulator runs: from a request's body to the outcome of the run."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from fal_typed._documents.catalog import Catalog, UnknownEndpointError
from fal_typed._documents.document import EndpointDocument, InvalidDocumentError, Route
from fal_typed.testing.answers import AnswerMaker
from fal_typed.testing.checking import Checker
from fal_typed.testing.faults import EndpointFaults, FaultBook
from fal_typed.testing.messages import Headers, Request, Response, dump, json_headers
from fal_typed.testing.scripts import (
    UNSCRIPTED,
    EndpointScript,
    Failure,
    RealtimeScript,
    handled,
)

INVALID = 422
"""Status of an answer to an input that does not fit."""

_KEPT_OUTCOMES = 2_048
_LARGEST_KEPT_BODY = 16_384
_NAMESPACES = frozenset({"workflows", "comfy"})


@dataclass(frozen=True)
class Outcome:
    """How a run ended: what the caller gets, and what the queue says about it."""

    status: int
    headers: Headers
    body: bytes
    error: str | None = None
    error_type: str | None = None

    def response(self, request_id: str) -> Response:
        """Answer with it.

        Args:
            request_id: Id of the request, sent as a header.

        Returns:
            The response.
        """
        header = (b"x-fal-request-id", request_id.encode())
        return Response(self.status, [*self.headers, header], self.body)


class Model:
    """One endpoint.

    Args:
        endpoint_id: Its id.
        document: Its document; None for an endpoint that exists by its script only.
        script: How it behaves.
        seed: The emulator's seed.
    """

    def __init__(
        self,
        endpoint_id: str,
        document: EndpointDocument | None,
        script: EndpointScript,
        seed: int,
    ) -> None:
        self.id = endpoint_id
        self.app = app_of(endpoint_id)
        self.document = document
        self.script = script
        self._seed = seed
        self._checker: Checker | None = None
        self._maker: AnswerMaker | None = None
        self._outcomes: OrderedDict[tuple[bytes, str], Outcome] = OrderedDict()

    def outcome(self, request: Request, files: str) -> Outcome | asyncio.Task[Outcome]:
        """Decide how the run of a request ends.

        Args:
            request: The request; its body is the input.
            files: Base URL of files in the answer.

        Returns:
            The outcome, or the running handler that will return it.
        """
        body = request.body
        if self.script.plain and self.script.checks_input:
            return self._from_schema(body, files)
        arguments, refusal = self.read(body)
        if refusal is not None:
            return refusal
        scripted = self.script.next_answer()
        if isinstance(scripted, Failure):
            return failed(scripted)
        if scripted is not UNSCRIPTED:
            return succeeded(scripted)
        if self.script.handler is not None:
            return asyncio.ensure_future(self._handled(arguments))
        return succeeded(self.answer(arguments, files))

    def _from_schema(self, body: bytes, files: str) -> Outcome:
        key = (body, files)
        outcome = self._outcomes.get(key)
        if outcome is not None:
            self._outcomes.move_to_end(key)
            return outcome
        arguments, refusal = self.read(body)
        outcome = refusal or succeeded(self.answer(arguments, files))
        if len(body) + len(outcome.body) <= _LARGEST_KEPT_BODY:
            self._outcomes[key] = outcome
        if len(self._outcomes) > _KEPT_OUTCOMES:
            self._outcomes.popitem(last=False)
        return outcome

    def read(self, body: bytes) -> tuple[dict[str, Any], Outcome | None]:
        """Read and check an input.

        Args:
            body: JSON.

        Returns:
            The parsed input, and the outcome that refuses it, if it does not fit.
        """
        if not body:
            problem = {"loc": ["body"], "msg": "Field required", "type": "missing", "input": None}
            return {}, invalid([problem])
        try:
            arguments = parse(body)
        except ValueError as error:
            return {}, invalid([_unparsable(error)])
        problems = self.problems(arguments)
        return arguments, invalid(problems) if problems else None

    def problems(self, arguments: Any) -> list[dict[str, Any]]:
        """Check an input.

        Args:
            arguments: The input, parsed.

        Returns:
            What does not fit, in fal's error form.
        """
        if self.document is None or not self.script.checks_input:
            return [] if isinstance(arguments, dict) else [_not_an_object(arguments)]
        if self._checker is None:
            self._checker = Checker(self.document, self.document.input_ref)
        if not self.document.input_ref and not isinstance(arguments, dict):
            return [_not_an_object(arguments)]
        return self._checker.problems(arguments)

    def answer(self, arguments: dict[str, Any], files: str) -> Any:
        """Make the answer that the schema suggests.

        Args:
            arguments: The input.
            files: Base URL of files in the answer.

        Returns:
            JSON.
        """
        maker = self._answer_maker()
        return {} if maker is None else maker.answer(arguments, files)

    def partial_answers(self, arguments: dict[str, Any], files: str) -> list[Any]:
        """Make the events of a stream.

        Args:
            arguments: The input.
            files: Base URL of files in the answer.

        Returns:
            Answers that grow to the one that `answer` makes, which is the last.
        """
        maker = self._answer_maker()
        return [{}] if maker is None else maker.partial_answers(arguments, files)

    def _answer_maker(self) -> AnswerMaker | None:
        if self._maker is None and self.document is not None:
            self._maker = AnswerMaker(self.document, self._seed)
        return self._maker

    async def _handled(self, arguments: dict[str, Any]) -> Outcome:
        handler = self.script.handler
        assert handler is not None  # noqa: S101  (the caller looked)
        try:
            answer = None
            async for event in handled(handler(arguments)):
                answer = event
            return succeeded(answer)
        except Failure as failure:
            return failed(failure)
        except Exception as error:  # noqa: BLE001  (a model that crashes answers 500)
            detail = {"detail": "Internal Server Error", "error": repr(error)}
            return failed(Failure(500, detail))


def parse(body: bytes) -> Any:
    """Parse JSON strictly: NaN and Infinity are none.

    Args:
        body: The text.

    Returns:
        The value.

    Raises:
        ValueError: It is not JSON.
    """

    def refuse(name: str) -> Any:
        raise ValueError(f"{name} is not JSON")

    try:
        return json.loads(body, parse_constant=refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def succeeded(answer: Any) -> Outcome:
    """The outcome of a run that worked.

    Args:
        answer: JSON of the answer.

    Returns:
        The outcome.
    """
    return Outcome(200, json_headers((b"x-fal-billable-units", b"1")), dump(answer))


def failed(failure: Failure) -> Outcome:
    """The outcome of a run that failed.

    Args:
        failure: Why.

    Returns:
        The outcome.
    """
    extra = [(name.lower().encode(), value.encode()) for name, value in failure.headers.items()]
    headers = json_headers((b"x-fal-billable-units", b"0"), *extra)
    error = failure.error_type and str(failure.body.get("detail"))
    return Outcome(failure.status, headers, failure.content(), error, failure.error_type)


def invalid(problems: list[dict[str, Any]]) -> Outcome:
    """The outcome of a run whose input does not fit.

    Args:
        problems: What `Checker.problems` found.

    Returns:
        A 422.
    """
    return Outcome(
        INVALID, json_headers((b"x-fal-billable-units", b"0")), dump({"detail": problems})
    )


def _unparsable(error: ValueError) -> dict[str, Any]:
    position = getattr(error, "pos", 0)
    return {
        "loc": ["body", position],
        "msg": "JSON decode error",
        "type": "json_invalid",
        "input": {},
        "ctx": {"error": getattr(error, "msg", str(error))},
    }


def _not_an_object(value: Any) -> dict[str, Any]:
    message = "Input should be a valid dictionary"
    return {"loc": ["body"], "msg": message, "type": "dict_type", "input": value}


def app_of(endpoint_id: str) -> str:
    """The part of an id that queue URLs carry: owner and alias (docs/protocol.md section 1.6).

    Args:
        endpoint_id: A full id.

    Returns:
        ``owner/alias``, behind its namespace if the id has one.

    >>> app_of("fal-ai/flux/dev"), app_of("workflows/acme/slides/v2")
    ('fal-ai/flux', 'workflows/acme/slides')
    """
    segments = endpoint_id.split("/")
    return "/".join(segments[: 3 if segments[0] in _NAMESPACES else 2])


def _sessions_of(route: Route) -> dict[str, RealtimeScript]:
    """How the sessions of an app's route go, as the app's document says it."""
    if route.mode is None:
        return {}
    script = RealtimeScript(
        mode=route.mode, codec=route.codec or "msgpack", buffering=route.buffering
    )
    if route.session_timeout is not None:
        script.session_timeout = route.session_timeout
    return {"": script}


class Models:
    """Every endpoint there is, found by path.

    Args:
        catalog: Documents of the endpoints.
        faults: Where faults of an endpoint are noted.
        queue_time: Seconds in the queue, unless a script says otherwise.
        run_time: Seconds of a run, unless a script says otherwise.
        seed: Decides the answers.
    """

    def __init__(
        self,
        catalog: Catalog,
        faults: FaultBook,
        *,
        queue_time: float,
        run_time: float,
        seed: int,
    ) -> None:
        self.catalog = catalog
        self._faults = faults
        self._queue_time = queue_time
        self._run_time = run_time
        self._seed = seed
        self._models: dict[str, Model] = {}

    def script(self, endpoint_id: str) -> EndpointScript:
        """The script of an endpoint; scripting one that has no document brings it into being.

        Args:
            endpoint_id: Its id.

        Returns:
            The script.
        """
        model = self._known(endpoint_id) or self._add(endpoint_id, None)
        return model.script

    def reset(self) -> None:
        """Forget every script."""
        self._models.clear()

    def find(self, path: str) -> tuple[Model, str] | None:
        """Find the endpoint that a path names.

        Args:
            path: Path at the run or queue host, without the leading slash.

        Returns:
            The endpoint with the longest id that the path begins with, and what is left of the
            path; None when there is none.
        """
        endpoint_id, rest = path.strip("/"), ""
        while "/" in endpoint_id:
            if (model := self._known(endpoint_id)) is not None:
                return model, rest
            endpoint_id, _, last = endpoint_id.rpartition("/")
            rest = f"/{last}{rest}"
        return None

    def _known(self, endpoint_id: str) -> Model | None:
        model = self._models.get(endpoint_id)
        if model is not None:
            return model
        try:
            document = self.catalog.document(endpoint_id)
        except (UnknownEndpointError, InvalidDocumentError):
            return None
        return self._add(endpoint_id, document)

    def _add(self, endpoint_id: str, document: EndpointDocument | None) -> Model:
        script = EndpointScript(
            endpoint_id,
            EndpointFaults(self._faults, endpoint_id),
            queue_time=self._queue_time,
            run_time=self._run_time,
        )
        if document is not None and document.route is not None:
            script.realtime = _sessions_of(document.route)
        if document is not None and document.route is not None:
            script.follow(document.route)
        model = Model(endpoint_id, document, script, self._seed)
        # Two threads may meet here: a test that scripts, and the server. One model must win.
        return self._models.setdefault(endpoint_id, model)
