"""The platform API: typed responses, tolerant of changes."""

from __future__ import annotations

import inspect
from urllib.parse import parse_qs, urlsplit

import pytest

from fal_typed import (
    AsyncPlatform,
    FalCredentialsError,
    FalInputError,
    FalNotFoundError,
    FalPermissionError,
    FalProtocolError,
    FalRateLimitError,
    Platform,
    RetryPolicy,
    SchemaDriftWarning,
)
from tests.scripted import Reply, scripted

MODEL = {
    "endpoint_id": "fal-ai/flux/dev",
    "metadata": {
        "display_name": "FLUX.1 [dev]",
        "category": "text-to-image",
        "status": "active",
        "tags": ["a"],
        "group": {"key": "flux", "label": "FLUX"},
        "is_favorited": None,
        "brand_new": {"x": 1},
    },
}
BARE = {"endpoint_id": "a/b"}


@pytest.fixture
def platform(mode, monkeypatch):
    """Create a client's platform API and the scripted server that it calls."""
    servers = []

    def at(*replies, key="id:secret"):
        remaining = list(replies)
        server = scripted(lambda _: remaining.pop(0) if len(remaining) > 1 else remaining[0])
        home = server.__enter__()
        servers.append(server)
        monkeypatch.setenv("FAL_EMULATOR_HOST", home.host)
        client = mode.client(key, retry=RetryPolicy(attempts=1))
        return mode(client._target.platform), home

    yield at
    for server in servers:
        server.__exit__(None, None, None)


def requests_of(home):
    """Path (below the API's base) and query of each request to the server."""
    parts = [urlsplit(seen.path) for seen in home.seen]
    return [(part.path.removeprefix("/api.fal.ai/v1/"), parse_qs(part.query)) for part in parts]


def page(*models, cursor=None):
    return Reply(200, {"models": models, "next_cursor": cursor, "has_more": cursor is not None})


def test_a_page_of_models_is_typed_and_new_fields_are_kept(platform):
    api, home = platform(page(MODEL, BARE, cursor="c2"))
    found = api.models("flux", category="text-to-image", status="active", limit=2, cursor="c1")
    flux, bare = found.models
    assert flux.metadata.group.label == "FLUX"
    assert flux.metadata.tags == ["a"]
    assert flux.metadata.brand_new == {"x": 1}
    assert bare.metadata is None
    assert (found.next_cursor, found.has_more) == ("c2", True)
    query = {"q": ["flux"], "category": ["text-to-image"], "status": ["active"], "limit": ["2"]}
    assert requests_of(home) == [("models", {**query, "cursor": ["c1"]})]
    assert home.seen[0].headers["authorization"] == "Key id:secret"


def test_models_are_iterated_page_by_page(platform, mode):
    api, home = platform(page(MODEL, cursor="c2"), page(BARE, cursor="c3"), page(MODEL))
    models = mode.items(api.iter_models("x"))
    assert [model.endpoint_id for model in models] == ["fal-ai/flux/dev", "a/b", "fal-ai/flux/dev"]
    assert [query.get("cursor") for _, query in requests_of(home)] == [None, ["c2"], ["c3"]]


def test_a_repeated_cursor_is_an_error(platform, mode):
    api, home = platform(page(MODEL, cursor="c2"))
    with pytest.raises(FalProtocolError, match="repeats a page cursor"):
        mode.items(api.iter_models())
    assert len(home.seen) == 2


def test_models_can_be_listed_without_a_key(mode):
    with scripted(lambda _: page(MODEL)) as home:
        from fal_typed._core.hosts import Hosts

        client = mode.client()._target
        settings = client._runner.settings().with_changes(hosts=Hosts.emulated(home.host))
        client._runner.settings = lambda: settings
        assert mode(client.platform).models().models[0].endpoint_id == "fal-ai/flux/dev"
        assert "authorization" not in home.seen[0].headers
        with pytest.raises(FalCredentialsError):
            mode(client.platform).pricing(["a/b"])
        assert len(home.seen) == 1


def test_a_model_is_looked_up_with_its_schema(platform):
    document = {"openapi": "3.0.4", "paths": {}}
    api, home = platform(page({**MODEL, "openapi": document}))
    assert api.model("fal-ai/flux/dev", with_schema=True).openapi == document
    query = {"endpoint_id": ["fal-ai/flux/dev"], "expand": ["openapi-3.0"]}
    assert requests_of(home) == [("models", query)]


@pytest.mark.parametrize("reply", [page(), page(BARE), page({**MODEL, "endpoint_id": "other/x"})])
def test_a_missing_model_is_an_error(reply, platform):
    api, _ = platform(reply)
    with pytest.raises(FalNotFoundError, match="a/b"):
        api.model("a/b")


def test_prices_are_requested_fifty_at_a_time(platform):
    price = {"endpoint_id": "a/b", "unit_price": 0.025, "unit": "megapixels", "currency": "USD"}
    api, home = platform(Reply(200, {"prices": [price], "has_more": False}))
    prices = api.pricing([f"a/b{number}" for number in range(51)])
    assert prices[0].unit_price == 0.025
    assert [len(query["endpoint_id"][0].split(",")) for _, query in requests_of(home)] == [50, 1]


@pytest.mark.parametrize(
    ("options", "kind", "unit"),
    [
        ({}, "unit_price", "unit_quantity"),
        ({"by": "historical_api_price"}, "historical_api_price", "call_quantity"),
    ],
)
def test_costs_are_estimated(options, kind, unit, platform):
    content = {"estimate_type": kind, "total_cost": 1.5, "currency": "USD"}
    api, home = platform(Reply(200, content))
    assert api.estimate({"a/b": 3}, **options).total_cost == 1.5
    assert home.seen[0].method == "POST"
    assert home.seen[0].body == (
        b'{"estimate_type":"%b","endpoints":{"a/b":{"%b":3}}}' % (kind.encode(), unit.encode())
    )
    assert requests_of(home)[0][0] == "models/pricing/estimate"


def test_usage_is_typed(platform):
    row = {"endpoint_id": "a/b", "unit": "images", "quantity": 4, "unit_price": 0.1}
    series = [{"bucket": "2026-11-20T00:00:00Z", "results": [row]}]
    api, home = platform(Reply(200, {"time_series": series, "next_cursor": None}))
    usage = api.usage(
        start="2026-11-20", timeframe="day", endpoint_ids=["a/b", "c/d"], expand=["time_series"]
    )
    assert usage.time_series[0].results[0].quantity == 4
    assert usage.summary is None
    path, query = requests_of(home)[0]
    assert path == "models/usage"
    assert query["endpoint_id"] == ["a/b,c/d"]
    assert query["timeframe"] == ["day"]


def test_meta_returns_the_webhook_networks(platform):
    api, home = platform(Reply(200, {"webhook_ip_ranges": ["192.0.2.0/24"], "more": 1}))
    assert api.meta().webhook_ip_ranges == ["192.0.2.0/24"]
    assert requests_of(home) == [("meta", {})]


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (403, "authorization_error", FalPermissionError),
        (404, "not_found", FalNotFoundError),
        (429, "rate_limited", FalRateLimitError),
    ],
)
def test_errors_contain_the_platforms_message(status, kind, error, platform):
    content = {"error": {"type": kind, "message": "Because.", "request_id": "r9"}}
    api, _ = platform(Reply(status, content))
    with pytest.raises(error, match=r"Because\.") as caught:
        api.usage()
    assert caught.value.error_type == kind
    assert caught.value.request_id == "r9"
    assert caught.value.status_code == status


def test_schema_drift_keeps_the_response(platform):
    api, _ = platform(Reply(200, {"models": [{"endpoint_id": 7}]}))
    with pytest.warns(SchemaDriftWarning):
        assert api.models().models[0].endpoint_id == 7


@pytest.mark.parametrize("ids", ["a/b", ["a,b"], [""]])
def test_invalid_endpoint_ids_are_rejected(ids, platform):
    api, home = platform(page())
    with pytest.raises(FalInputError):
        api.pricing(ids)
    assert not home.seen


def test_sync_and_async_have_the_same_signatures():
    for name, method in inspect.getmembers(Platform, inspect.isfunction):
        if name.startswith("_"):
            continue
        twin = inspect.signature(getattr(AsyncPlatform, name)).parameters
        assert twin == inspect.signature(method).parameters


def test_the_emulator_matches_the_types(mode, fal_emulator, recwarn):
    client = mode.client("id:secret")
    api = mode(client._target.platform)
    flux = api.model("fal-ai/flux/dev", with_schema=True)
    assert flux.metadata.status == "active"
    assert flux.openapi["info"]["x-fal-metadata"]["endpointId"] == "fal-ai/flux/dev"
    first = api.models(limit=3)
    second = api.models(limit=3, cursor=first.next_cursor)
    ids = [model.endpoint_id for model in (*first.models, *second.models)]
    assert len(set(ids)) == 6
    found = mode.items(api.iter_models("flux"))
    assert "fal-ai/flux/dev" in {model.endpoint_id for model in found}
    (price,) = api.pricing(["fal-ai/flux/dev"])
    assert price.unit_price > 0
    assert api.estimate({"fal-ai/flux/dev": 10}).total_cost == pytest.approx(price.unit_price * 10)
    assert api.meta().webhook_ip_ranges
    with pytest.raises(FalNotFoundError):
        api.model("no/such")
    assert not recwarn.list
