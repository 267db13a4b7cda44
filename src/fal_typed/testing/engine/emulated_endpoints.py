"""The emulated endpoints: from the body of a request to the outcome of the run."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any

from fal_typed._calls.endpoint_id import NAMESPACES
from fal_typed._documents.catalog import Catalog, UnknownEndpointError
from fal_typed._documents.document import EndpointDocument, InvalidDocumentError
from fal_typed.testing.engine.faults import EndpointFaults, FaultBook
from fal_typed.testing.engine.json_bodies import parse
from fal_typed.testing.engine.messages import IncomingRequest
from fal_typed.testing.engine.outcomes import Outcome, failed, invalid, succeeded
from fal_typed.testing.engine.output_maker import OutputMaker
from fal_typed.testing.engine.schema_checking import SchemaChecker
from fal_typed.testing.engine.scripts import (
    UNSCRIPTED,
    EndpointScript,
    ScriptedFailure,
    handler_outputs,
)

_KEPT_OUTCOMES = 2_048
_LARGEST_KEPT_BODY = 16_384


class EmulatedEndpoint:
    """One endpoint.

    Args:
        endpoint_id: Its id.
        document: Its document; None for an endpoint that only has a script.
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
        self._checker: SchemaChecker | None = None
        self._output_maker: OutputMaker | None = None
        self._outcomes: OrderedDict[tuple[bytes, str, float], Outcome] = OrderedDict()

    def outcome(self, request: IncomingRequest, files: str) -> Outcome | asyncio.Task[Outcome]:
        """Decide how a run ends.

        Args:
            request: The request; its body is the input.
            files: Base URL of files in the output.

        Returns:
            The outcome, or the running handler that will return it.
        """
        body = request.body
        if self.script.is_plain and self.script.checks_input:
            return self._from_schema(body, files)
        arguments, refusal = self.read(body)
        if refusal is not None:
            return refusal
        scripted = self.script.next_response()
        if isinstance(scripted, ScriptedFailure):
            return failed(scripted)
        if scripted is not UNSCRIPTED:
            return self._succeeded(scripted)
        if self.script.handler is not None:
            return asyncio.ensure_future(self._handled(arguments))
        return self._succeeded(self.output(arguments, files))

    def _succeeded(self, output: Any) -> Outcome:
        return succeeded(output, self.script.billable_units)

    def _from_schema(self, body: bytes, files: str) -> Outcome:
        key = (body, files, self.script.billable_units)
        outcome = self._outcomes.get(key)
        if outcome is not None:
            self._outcomes.move_to_end(key)
            return outcome
        arguments, refusal = self.read(body)
        outcome = refusal or self._succeeded(self.output(arguments, files))
        if len(body) + len(outcome.body) <= _LARGEST_KEPT_BODY:
            self._outcomes[key] = outcome
        if len(self._outcomes) > _KEPT_OUTCOMES:
            self._outcomes.popitem(last=False)
        return outcome

    def read(self, body: bytes) -> tuple[Any, Outcome | None]:
        """Parse and check an input.

        Args:
            body: JSON.

        Returns:
            The parsed input, and the outcome that refuses it if it is invalid.
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
            Every problem, in fal's error format.
        """
        if self.document is None or not self.script.checks_input:
            return [] if isinstance(arguments, dict) else [_not_an_object(arguments)]
        if self._checker is None:
            self._checker = SchemaChecker(self.document, self.document.input_ref)
        if not self.document.input_ref and not isinstance(arguments, dict):
            return [_not_an_object(arguments)]
        return self._checker.problems(arguments)

    def output(self, arguments: Any, files: str) -> Any:
        """Generate an output from the schema.

        Args:
            arguments: The input.
            files: Base URL of files in the output.

        Returns:
            JSON.
        """
        maker = self._maker()
        return {} if maker is None else maker.output(arguments, files)

    def partial_outputs(self, arguments: Any, files: str) -> list[Any]:
        """Generate the events of a stream.

        Args:
            arguments: The input.
            files: Base URL of files in the outputs.

        Returns:
            Growing outputs; the last one is what `output` returns.
        """
        maker = self._maker()
        return [{}] if maker is None else maker.partial_outputs(arguments, files)

    def _maker(self) -> OutputMaker | None:
        if self._output_maker is None and self.document is not None:
            self._output_maker = OutputMaker(self.document, self._seed)
        return self._output_maker

    def run_again(self, body: bytes) -> asyncio.Task[Outcome]:
        """Call the handler again for a job that was running when the emulator was stopped.

        Args:
            body: The input, which was checked before.

        Returns:
            The running handler.
        """
        return asyncio.ensure_future(self._handled(parse(body)))

    async def _handled(self, arguments: Any) -> Outcome:
        handler = self.script.handler
        if handler is None:
            return failed(ScriptedFailure.infrastructure("runner_disconnected"))
        try:
            output = None
            async for event in handler_outputs(handler, arguments):
                output = event
            return self._succeeded(output)
        except ScriptedFailure as failure:
            return failed(failure)
        except Exception as error:  # noqa: BLE001  (a model that crashes returns 500)
            detail = {"detail": "Internal Server Error", "error": repr(error)}
            return failed(ScriptedFailure(500, detail))


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
    """Return the part of an id that is in queue URLs (docs/protocol.md section 1.6).

    Args:
        endpoint_id: A full id.

    Returns:
        ``owner/alias``, with the namespace in front if the id has one.

    >>> app_of("fal-ai/flux/dev"), app_of("workflows/acme/slides/v2")
    ('fal-ai/flux', 'workflows/acme/slides')
    """
    segments = endpoint_id.split("/")
    return "/".join(segments[: 3 if segments[0] in NAMESPACES else 2])


class EmulatedEndpoints:
    """All endpoints, found by path.

    Args:
        catalog: The endpoint documents.
        faults: Where the faults of endpoints are added.
        queue_time: Seconds in the queue, unless scripted otherwise.
        run_time: Seconds of a run, unless scripted otherwise.
        seed: Seed of the outputs.
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
        self._endpoints: dict[str, EmulatedEndpoint] = {}

    def script(self, endpoint_id: str) -> EndpointScript:
        """Return the script of an endpoint; an endpoint without a document is created by this.

        Args:
            endpoint_id: Its id.

        Returns:
            The script.
        """
        endpoint = self.get(endpoint_id) or self._add(endpoint_id, None)
        return endpoint.script

    def reset(self) -> None:
        """Remove every script."""
        self._endpoints.clear()

    def find(self, path: str) -> tuple[EmulatedEndpoint, str] | None:
        """Find the endpoint of a path.

        Args:
            path: Path at the run or queue host.

        Returns:
            The endpoint with the longest id that the path begins with, and the rest of the path;
            None when there is no such endpoint.
        """
        endpoint_id, rest = path.strip("/"), ""
        while "/" in endpoint_id:
            if (endpoint := self.get(endpoint_id)) is not None:
                return endpoint, rest
            endpoint_id, _, last = endpoint_id.rpartition("/")
            rest = f"/{last}{rest}"
        return None

    def get(self, endpoint_id: str) -> EmulatedEndpoint | None:
        """Return an endpoint that has a document or a script; None when there is none.

        Args:
            endpoint_id: Its id.
        """
        endpoint = self._endpoints.get(endpoint_id)
        if endpoint is not None:
            return endpoint
        try:
            document = self.catalog.document(endpoint_id)
        except (UnknownEndpointError, InvalidDocumentError):
            return None
        return self._add(endpoint_id, document)

    def _add(self, endpoint_id: str, document: EndpointDocument | None) -> EmulatedEndpoint:
        script = EndpointScript(
            endpoint_id,
            EndpointFaults(self._faults, endpoint_id),
            queue_time=self._queue_time,
            run_time=self._run_time,
        )
        if document is not None and document.route is not None:
            script.follow(document.route)
        endpoint = EmulatedEndpoint(endpoint_id, document, script, self._seed)
        # The test's thread and the server's may both get here; one endpoint must win.
        return self._endpoints.setdefault(endpoint_id, endpoint)
