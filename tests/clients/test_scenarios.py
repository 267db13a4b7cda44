"""One list of scenarios, played by fal's own clients and by ours, over TLS.

Nothing in the clients is changed: they call the platform's own host names.
"""

from __future__ import annotations

import hashlib
import json

import pytest

from fal_typed.testing import FalEmulator
from tests.clients.conftest import SCENARIOS
from tests.clients.drivers import content
from tests.clients.matching import mismatch

pytestmark = pytest.mark.filterwarnings("ignore:.*start_timeout:UserWarning")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[one["name"] for one in SCENARIOS])
def test_scenario(client, secure, hook, scenario):
    if reason := scenario.get("cannot", {}).get(client.name):
        pytest.skip(f"{client.name} {reason}")
    secure.reset()
    if scenario["do"] == "webhook":
        scenario = {**scenario, "options": {"webhook_url": hook}}
    script(secure, scenario)
    report = client.play(scenario)
    assert mismatch(scenario["report"], report) is None, report
    seen = scenario.get("emulator", {})
    if "webhooks" in seen:
        secure.webhooks.wait_for(lambda one: one.status == 200)
    if "jobs" in seen and seen["jobs"][0]["cancelled"]:
        secure.requests.wait_for(lambda one: one.route == "cancel" and one.status is not None)
    assert mismatch(seen, observed(secure, seen)) is None


def script(emulator: FalEmulator, scenario: dict) -> None:
    wanted = scenario.get("script")
    if wanted is None:
        return
    endpoint = emulator.endpoint(scenario["endpoint"])
    for name, value in wanted.items():
        if name == "response":
            endpoint.responds(value)
        elif name == "failure":
            endpoint.fails(value)
        else:
            assert hasattr(endpoint, name)
            setattr(endpoint, name, value)


def observed(emulator: FalEmulator, wanted: dict) -> dict:
    """What the emulator saw, as far as a scenario asks."""
    requests = [one for one in emulator.requests if one.route in wanted.get("routes", ())]
    for file in emulator.files if "files" in wanted else ():
        sent = hashlib.sha256(content(file.size)).digest()
        assert hashlib.sha256(file.read()).digest() == sent
    return {
        "routes": list(dict.fromkeys(one.route for one in requests)),
        "jobs": [{"cancelled": job.cancelled} for job in emulator.jobs],
        "files": [vars(file) | {"size": file.size} for file in emulator.files],
        "parts": len(emulator.requests.of("part")),
        "webhooks": [json.loads(delivery.body) for delivery in emulator.webhooks],
    }
