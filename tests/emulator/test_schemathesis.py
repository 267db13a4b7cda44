"""Inputs that schemathesis makes from the documents, right ones and wrong ones."""

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
# An endpoint whose id ends so answers a run with events.
WITH_JSON = [one for one in Catalog().ids() if not one.endswith("/stream")]
IDS = sorted(random.Random(11).sample(WITH_JSON, 100))
EXAMPLES = 3


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_documents(emulator, http, chunk):
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
    # They call themselves 3.0 but write numeric exclusive bounds, as 3.1 has them.
    schema = schemathesis.openapi.from_dict({**document.raw, "openapi": "3.1.0"})
    operation = schema[f"/{document.id}"]["POST"]
    answers = validator(document, document.output_ref)

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
        answer = http.request(
            request["method"],
            request["url"],
            headers=dict(request["headers"]),
            params=request.get("params"),
            json=request.get("json"),
            content=request.get("data"),
            timeout=60,  # with sync_mode the answer holds whole videos
        )
        assert answer.status_code < 500, answer.text
        if mode is GenerationMode.POSITIVE:
            assert answer.status_code == 200, (request, answer.text)
        if answer.status_code == 200:
            assert answers.is_valid(answer.json()), (request, answer.text)
        else:
            assert answer.json()["detail"], (request, answer.text)

    send()
