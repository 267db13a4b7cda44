"""One call: its endpoint, arguments and options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, cast

from typing_extensions import TypeVar

from fal_typed._calls.app_context import keep_token
from fal_typed._calls.endpoint_id import EndpointId
from fal_typed._core import responses
from fal_typed._transport.base import HttpResponse
from fal_typed.results import RawResponse, Result

if TYPE_CHECKING:
    from fal_typed._calls.call_options import CallOptions

Out = TypeVar("Out")


@dataclass(frozen=True)
class Call(Generic[Out]):
    """A call whose input has been checked.

    Attributes:
        endpoint: The endpoint's id.
        arguments: The model input as it will be sent, except for files to upload.
        output: Class of the typed output, or None for plain JSON.
    """

    endpoint: EndpointId
    arguments: object
    output: type[Out] | None
    options: CallOptions

    def result(
        self,
        response: HttpResponse,
        *,
        request_id: str | None = None,
        **facts: Any,
    ) -> Result[Out]:
        """Build the result of a response. Output that does not match the schema is kept.

        Raises:
            FalHTTPError: The response is an error of the platform or the model.
        """
        known = responses.request_id_of(response) or request_id
        if responses.is_error(response):
            raise responses.http_error(response, endpoint=self.endpoint.full, request_id=known)
        keep_token(response.headers)
        raw_response = RawResponse(response.status, response.headers, response.body)
        raw = raw_response.json()
        return Result(
            data=cast("Out", raw if self.output is None else _typed(self.output, raw)),
            request_id=known,
            raw=raw,
            raw_response=raw_response,
            **facts,
        )


def _typed(output: type[Out], raw: object) -> Out:
    from fal_typed._calls.outputs import read_output

    return read_output(output, raw)
