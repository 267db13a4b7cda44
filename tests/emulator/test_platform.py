"""The platform API and the public documents (docs/protocol.md sections 10 and 11.1)."""

from __future__ import annotations

import pytest

from fal_typed._documents.catalog import Catalog
from fal_typed.testing import FalEmulator

IDS = Catalog().ids()
DEV = "fal-ai/flux/dev"


@pytest.fixture
def api(emulator, http):
    def get(path: str, expected: int = 200, /, **params: object):
        response = http.get(f"{emulator.url}/api.fal.ai/v1{path}", params=params)
        assert response.status_code == expected, response.text[:300]
        return response.json()

    return get


def test_all_models_are_listed_page_by_page(api):
    seen, cursor = [], ""
    while True:
        page = api("/models", limit=500, cursor=cursor)
        seen += [model["endpoint_id"] for model in page["models"]]
        cursor = page["next_cursor"]
        assert page["has_more"] is (cursor is not None)
        if cursor is None:
            break
    assert seen == IDS


def test_a_model_has_its_metadata(api):
    (model,) = api("/models", endpoint_id=DEV)["models"]
    metadata = model["metadata"]
    assert metadata["category"] == "image"
    assert metadata["status"] == "active"
    for name in ("display_name", "description", "updated_at", "thumbnail_url", "model_url"):
        assert metadata[name]


def test_search_and_categories(api):
    found = [model["endpoint_id"] for model in api("/models", q="flux lora", limit=1000)["models"]]
    assert found
    assert all("flux" in each and "lora" in each for each in found)
    videos = api("/models", category="video", limit=1000)["models"]
    assert {model["metadata"]["category"] for model in videos} == {"video"}
    assert api("/models", status="deprecated")["models"] == []


def test_documents_are_included_on_request(api):
    page = api("/models", expand="openapi-3.0", limit=1000)
    assert len(page["models"]) == 10, "pages with documents are short"
    assert page["models"][0]["openapi"] == Catalog().document(IDS[0]).raw
    wanted = [DEV, "acme/unknown"]
    known, unknown = api("/models", endpoint_id=wanted, expand="openapi-3.0")["models"]
    assert known["openapi"]["openapi"] == "3.0.4"
    assert "metadata" not in unknown
    assert unknown["openapi"]["error"]["code"] == "expansion_failed"


def test_ids_are_separated_by_commas_or_repeated(api):
    wanted = IDS[:2]
    for spelling in (wanted, ",".join(wanted)):
        models = api("/models", endpoint_id=spelling)["models"]
        assert [model["endpoint_id"] for model in models] == wanted


def test_prices_and_estimates(api, emulator, http):
    (price,) = api("/models/pricing", endpoint_id=DEV)["prices"]
    assert (price["unit"], price["currency"]) == ("images", "USD")
    for kind, quantity in (
        ("unit_price", "unit_quantity"),
        ("historical_api_price", "call_quantity"),
    ):
        body = {"estimate_type": kind, "endpoints": {DEV: {quantity: 3}}}
        response = http.post(
            f"{emulator.url}/api.fal.ai/v1/models/pricing/estimate", json=body
        ).json()
        assert response["total_cost"] == pytest.approx(3 * price["unit_price"])


def test_prices_and_units_are_scripted(api, emulator, http):
    dev, new = emulator.endpoint(DEV), emulator.endpoint("acme/new")
    run = f"{emulator.url}/fal.run/{DEV}"
    for price, units in ((0.25, 4), (0.5, 1.5)):
        dev.price, dev.billable_units, new.price = price, units, 3
        prices = api("/models/pricing", endpoint_id=[DEV, "acme/new"])["prices"]
        assert [each["unit_price"] for each in prices] == [price, 3]
        response = http.post(run, json={"prompt": "x"})
        assert response.headers["x-fal-billable-units"] == str(units)
        http.post(f"{emulator.url}/queue.fal.run/{DEV}", json={"prompt": "x"})
    (line,) = api("/models/usage", expand="summary")["summary"]
    assert (line["unit_price"], line["quantity"]) == (0.5, 5.5)


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        ("/models", {"limit": 0}, 400),
        ("/models", {"limit": "x"}, 400),
        ("/models", {"cursor": "made up"}, 400),
        ("/models", {"status": "odd"}, 400),
        ("/models", {"endpoint_id": ",".join(["a/b"] * 51)}, 400),
        ("/models/pricing", {}, 400),
        ("/models/pricing", {"endpoint_id": "acme/unknown"}, 404),
        ("/models/usage", {"start": "yesterday"}, 400),
        ("/models/usage", {"timeframe": "eon"}, 400),
        ("/models/usage", {"start": "2027-01-02", "end": "2027-01-01"}, 400),
        ("/nothing", {}, 404),
    ],
)
def test_errors_have_the_platform_s_format(api, path, params, status):
    error = api(path, status, **params)["error"]
    assert error["type"] in ("validation_error", "not_found")
    assert error["message"]
    assert error["request_id"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"estimate_type":"x","endpoints":{}}', b"\xff"]
)
def test_invalid_estimates_are_refused(emulator, http, body):
    url = f"{emulator.url}/api.fal.ai/v1/models/pricing/estimate"
    assert http.post(url, content=body).status_code == 400
    assert http.get(url).status_code == 405


def test_usage_counts_successful_jobs(api, emulator, http):
    for body in ({"prompt": "a"}, {"prompt": "b"}, {"num_images": 9}):
        http.post(f"{emulator.url}/queue.fal.run/{DEV}", json=body)
    response = api("/models/usage", expand="time_series,summary,auth_method")
    (line,) = response["summary"]
    assert (line["endpoint_id"], line["quantity"]) == (DEV, 2)
    results = [one for bucket in response["time_series"] for one in bucket["results"]]
    assert sum(one["quantity"] for one in results) == 2
    assert line["auth_method"] == "api_key"
    assert api("/models/usage", endpoint_id="a/b")["time_series"] == []


def test_keys_and_scopes(http):
    with FalEmulator(keys={"u:plain": "API", "u:admin": "ADMIN"}) as emulator:
        base = f"{emulator.url}/api.fal.ai/v1"
        for path, key, status in (
            ("/models?limit=1", None, 200),
            ("/models?limit=1", "u:wrong", 401),
            ("/models/pricing?endpoint_id=" + DEV, None, 401),
            ("/models/pricing?endpoint_id=" + DEV, "u:plain", 200),
            ("/models/usage", "u:plain", 403),
            ("/models/usage", "u:admin", 200),
        ):
            headers = {"Authorization": f"Key {key}"} if key else {}
            response = http.get(base + path, headers=headers)
            assert response.status_code == status, (path, key)
            if status > 400:
                assert response.json()["error"]["type"] == "authorization_error"


def test_meta(api):
    assert api("/meta")["webhook_ip_ranges"]


def test_public_documents(emulator, http):
    url = f"{emulator.url}/fal.ai/api/openapi/queue/openapi.json"
    assert http.get(url, params={"endpoint_id": DEV}).json() == Catalog().document(DEV).raw
    for unknown in ("acme/unknown", "../../etc/passwd", ""):
        response = http.get(url, params={"endpoint_id": unknown})
        assert (response.status_code, response.json()) == (404, None)


def test_requests_are_listed_once_they_have_ended(api, emulator, http):
    emulator.endpoint(DEV).run_time = 0
    for number in range(3):
        http.post(f"{emulator.url}/queue.fal.run/{DEV}", json={"prompt": f"cat {number}"})
    emulator.endpoint(DEV).run_time = 60
    http.post(f"{emulator.url}/queue.fal.run/{DEV}", json={"prompt": "not yet"})
    page = api("/models/requests/by-endpoint", endpoint_id=DEV, expand="payloads", limit=2)
    assert page["has_more"] is True
    rest = api("/models/requests/by-endpoint", endpoint_id=DEV, cursor=page["next_cursor"])
    listed = [*page["items"], *rest["items"]]
    assert [entry["json_input"]["prompt"] for entry in page["items"]] == ["cat 2", "cat 1"]
    assert {entry["request_id"] for entry in listed} < {job.id for job in emulator.jobs}
    assert len(listed) == 3
    assert "json_input" not in rest["items"][0]
    assert api("/models/requests/by-endpoint", endpoint_id=DEV, end="2000-01-01")["items"] == []
    api("/models/requests/by-endpoint", 400)
    api("/models/requests/by-endpoint", 400, endpoint_id=DEV, start="yesterday")
