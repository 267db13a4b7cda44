"""Every endpoint of the catalogue is called over HTTP; all answers fit and all files open.

A seeded tenth by default, and of files that differ in seed and text only one; `make emulator-full`
takes them all.
"""

from __future__ import annotations

import json
import os
import random
from dataclasses import replace

import httpx
import pytest

from fal_typed._documents.catalog import Catalog
from fal_typed.testing.media import MediaSpec
from tests.emulator.inputs import fullest, smallest, validator
from tests.emulator.opening import opens, urls

IDS = Catalog().ids()
FULL = os.environ.get("FAL_TYPED_EMULATOR") == "full"
CHOSEN = IDS if FULL else sorted(random.Random(5).sample(IDS, len(IDS) // 10))
CHUNKS = 16 if FULL else 4


_opened: set[MediaSpec] = set()


@pytest.mark.parametrize("make", [smallest, fullest])
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_endpoints(emulator, http, make, chunk):
    catalog = Catalog()
    problems = []
    for endpoint_id in CHOSEN[chunk::CHUNKS]:
        document = catalog.document(endpoint_id)
        try:
            call(document, make(document), emulator.url, http)
        except Exception as error:  # noqa: BLE001  (all are reported at once)
            problems.append(f"{endpoint_id}: {type(error).__name__} {error}"[:500])
    assert not problems, "\n".join(problems)


def call(document, arguments, url: str, http: httpx.Client) -> None:
    validator(document, document.input_ref).validate(arguments)
    answer = http.post(f"{url}/fal.run/{document.id}", json=arguments, timeout=60)
    assert answer.status_code == 200, answer.text[:300]
    content = answer.content
    if answer.headers["content-type"].startswith("text/event-stream"):
        content = content.split(b"data: ")[-1]  # the last event is the answer
    made = json.loads(content)
    validator(document, document.output_ref).validate(made)
    for file in urls(made, url):
        if not FULL and is_like_one_before(file):
            continue
        download = http.get(file, timeout=60)
        assert download.status_code == 200, file
        opens(file.rpartition(".")[2], download.content)


def is_like_one_before(file: str) -> bool:
    kind = replace(MediaSpec.from_token(file.split("/")[-2]), seed=0, text="")
    is_known = kind in _opened
    _opened.add(kind)
    return is_known
