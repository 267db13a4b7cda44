"""Valid and invalid inputs that schemathesis generates from the documents."""

from __future__ import annotations

import random
from typing import Any

import httpx
import hypothesis
import pytest
import schemathesis
from schemathesis import GenerationMode

from fal_typed._documents.catalog import Catalog
from fal_typed._documents.document import EndpointDocument
from tests.emulator.inputs import validator

CHUNKS = 10
# A run of an endpoint with this suffix returns events.
WITH_JSON = [one for one in Catalog().ids() if not one.endswith("/stream")]
IDS = sorted(random.Random(11).sample(WITH_JSON, 100))
EXAMPLES = 3


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_valid_inputs_are_accepted_and_invalid_ones_refused(emulator, http, chunk):
    catalog = Catalog()
    problems = []
    for endpoint_id in IDS[chunk::CHUNKS]:
        document = catalog.document(endpoint_id)
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try:
                drive(document, mode, emulator.url, http)
            except (AssertionError, ValueError) as error:
                problems.append(f"{endpoint_id} {mode}: {error}"[:500])
    assert not problems, "\n".join(problems)


def drive(document: EndpointDocument, mode: Any, url: str, http: httpx.Client) -> None:
    # The documents claim to be OpenAPI 3.0 but use the numeric exclusive bounds of 3.1.
    schema = schemathesis.openapi.from_dict({**document.raw, "openapi": "3.1.0"})
    operation = schema[f"/{document.id}"]["POST"]
    outputs = validator(document, document.output_ref)

    @hypothesis.seed(3)
    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        request = case.as_transport_kwargs(base_url=f"{url}/fal.run")
        response = http.request(
            request["method"],
            request["url"],
            headers=dict(request["headers"]),
            params=request.get("params"),
            json=request.get("json"),
            content=request.get("data"),
            timeout=60,  # with sync_mode the response contains whole videos
        )
        assert response.status_code < 500, response.text
        if mode is GenerationMode.POSITIVE:
            assert response.status_code == 200, (request, response.text)
        if response.status_code == 200:
            assert outputs.is_valid(response.json()), (request, response.text)
        else:
            assert response.json()["detail"], (request, response.text)

    send()
