"""Every endpoint of the catalog is called over HTTP; all outputs are valid and all files open.

By default these are a random tenth of the endpoints, and one of the files that only differ in seed
and text; `make emulator-full` covers all of them.
"""

from __future__ import annotations

import json
import os
import random
from dataclasses import replace

import httpx
import pytest

from fal_typed._documents.catalog import Catalog
from fal_typed.testing.media.spec import MediaSpec
from tests.emulator.file_readers import opens, urls
from tests.emulator.inputs import complete, minimal, validator

IDS = Catalog().ids()
FULL = os.environ.get("FAL_TYPED_EMULATOR") == "full"
CHOSEN = IDS if FULL else sorted(random.Random(5).sample(IDS, len(IDS) // 10))
CHUNKS = 16 if FULL else 4


_opened: set[MediaSpec] = set()


@pytest.mark.parametrize("make", [minimal, complete])
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_all_outputs_are_valid_and_all_files_open(emulator, http, make, chunk):
    catalog = Catalog()
    problems = []
    for endpoint_id in CHOSEN[chunk::CHUNKS]:
        document = catalog.document(endpoint_id)
        try:
            call(document, make(document), emulator.url, http)
        except Exception as error:  # noqa: BLE001  (all problems are reported at once)
            problems.append(f"{endpoint_id}: {type(error).__name__} {error}"[:500])
    assert not problems, "\n".join(problems)


def call(document, arguments, url: str, http: httpx.Client) -> None:
    validator(document, document.input_ref).validate(arguments)
    response = http.post(f"{url}/fal.run/{document.id}", json=arguments, timeout=60)
    assert response.status_code == 200, response.text[:300]
    content = response.content
    if response.headers["content-type"].startswith("text/event-stream"):
        content = content.split(b"data: ")[-1]  # the last event is the output
    made = json.loads(content)
    validator(document, document.output_ref).validate(made)
    for file in urls(made, url):
        if not FULL and was_opened_before(file):
            continue
        download = http.get(file, timeout=60)
        assert download.status_code == 200, file
        opens(file.rpartition(".")[2], download.content)


def was_opened_before(file: str) -> bool:
    kind = replace(MediaSpec.from_token(file.split("/")[-2]), seed=0, text="")
    known = kind in _opened
    _opened.add(kind)
    return known
