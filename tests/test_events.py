"""Hooks and logs report requests, and never contain the key."""

from __future__ import annotations

import logging
import pickle
import traceback

import httpx
import pytest

from fal_typed import FalError, FalInputError, FalRateLimitError, RetryPolicy
from fal_typed._transport import selection as transport
from tests.core.flux import ID
from tests.scripted import Reply, scripted

SECRET = "very-secret"
KEY = f"id:{SECRET}"
ARGUMENTS = {"prompt": "a cat"}
QUICK = RetryPolicy(attempts=3, base_delay=0.001)
BUSY = Reply(429, {"detail": "slow down"}, {"retry-after": "0"})


@pytest.fixture(params=["aiohttp", "pool", "httpx"])
def over(request, mode, monkeypatch):
    """The `http_client` argument that selects a transport."""
    monkeypatch.setattr(transport, "has_aiohttp", lambda: request.param == "aiohttp")
    if request.param != "httpx":
        yield None
        return
    client = httpx.AsyncClient() if mode.is_async else httpx.Client()
    yield client
    mode.wait(client.aclose() if mode.is_async else client.close())


def hooks(mode, seen):
    """Hooks that record their events; in async code, some are coroutine functions."""

    async def keep_later(event):
        seen.append(event)

    keep = keep_later if mode.is_async else seen.append
    return {"request": [keep], "response": [seen.append], "retry": [keep]}


def client_at(mode, home, **options):
    return mode.client(KEY, run_host=home.host, queue_host=home.host, retry=QUICK, **options)


def test_hooks_are_called_for_each_request_response_and_retry(mode):
    replies = [BUSY, Reply(200, {"a": 1}, {"x-fal-request-id": "r1", "x-other": SECRET})]
    seen = []
    with scripted(lambda _: replies.pop(0)) as home:
        url = f"http://{home.host}/{ID}"
        client_at(mode, home, event_hooks=hooks(mode, seen)).run(ID, ARGUMENTS)
    kinds = [type(event).__name__ for event in seen]
    once = ["RequestEvent", "ResponseEvent"]
    assert kinds == [*once, "RetryEvent", *once]
    request, rejected, retry, _, accepted = seen
    assert (request.method, request.url) == ("POST", url)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == "(hidden)"
    assert (rejected.status_code, accepted.status_code) == (429, 200)
    assert (retry.attempt, retry.delay, retry.reason) == (1, 0.0, "status 429")
    assert accepted.request_id == "r1"
    assert accepted.headers["x-other"] == "(hidden)"
    assert 0 <= accepted.elapsed < 60
    assert SECRET not in repr([vars(event) for event in seen])


def test_hooks_see_streams_but_no_queries(mode, fal_emulator):
    seen = []
    client = mode.client(event_hooks={"request": [seen.append]})
    client.subscribe(ID, ARGUMENTS, webhook_url=f"https://example.com/?token={SECRET}")
    paths = [event.url.rpartition("/")[2] for event in seen]
    assert paths[0] == "dev"
    assert "stream" in paths
    assert not any("?" in event.url for event in seen)


def test_an_error_in_a_hook_reaches_the_caller_and_nothing_is_sent(mode, fal_emulator):
    def refuse(_):
        raise LookupError("not now")

    with pytest.raises(LookupError, match="not now"):
        mode.client(event_hooks={"request": [refuse]}).run(ID, ARGUMENTS)
    assert len(fal_emulator.requests) == 0


def test_an_unknown_hook_is_rejected(mode):
    with pytest.raises(FalInputError, match="Unknown event hook: requests"):
        mode.client(event_hooks={"requests": []})


def test_a_coroutine_hook_needs_async_code(fal_emulator):
    from fal_typed import FalClient

    async def hook(_):
        pass

    client = FalClient(event_hooks={"request": [hook]})
    with client, pytest.raises(FalInputError, match="coroutine"):
        client.run(ID, ARGUMENTS)


def test_requests_are_logged_at_debug_without_their_query(mode, fal_emulator, caplog):
    caplog.set_level(logging.DEBUG, "fal_typed")
    result = mode.client().subscribe(ID, ARGUMENTS, webhook_url="https://example.com/?t=1")
    lines = [record.getMessage() for record in caplog.records if record.name == "fal_typed"]
    assert len(lines) == 3
    assert lines[0].startswith(f"POST http://{fal_emulator.host}/queue.fal.run/{ID} -> 200 in ")
    assert lines[0].endswith(f"(request id {result.request_id})")
    assert not any("?" in line for line in lines)


def test_a_request_without_a_response_is_logged(mode, caplog):
    caplog.set_level(logging.DEBUG, "fal_typed")
    with scripted(lambda _: Reply(drop=True)) as home, pytest.raises(FalError):
        client_at(mode, home).run(ID, ARGUMENTS)
    assert "no response" in caplog.text


def test_retries_and_fallbacks_are_logged_as_warnings(mode, caplog):
    caplog.set_level(logging.WARNING, "fal_typed")

    def respond(seen):
        if seen.method == "POST":
            return Reply(200, {"request_id": "r1"})
        if "stream" in seen.path:
            return Reply(404, {})
        if "status" in seen.path:
            return BUSY if len(home.seen) < 4 else Reply(200, {"status": "COMPLETED"})
        return Reply(200, {})

    with scripted(respond) as home:
        client_at(mode, home).subscribe(ID, ARGUMENTS)
    records = [record for record in caplog.records if record.name == "fal_typed"]
    assert [record.levelname for record in records] == ["WARNING", "WARNING"]
    assert "polling instead" in records[0].getMessage()
    assert "(attempt 1: status 429); retrying in 0.00 s" in records[1].getMessage()


def test_nothing_is_written_unless_logging_is_configured(mode, capfd):
    replies = [BUSY, Reply(200, {})]
    with scripted(lambda _: replies.pop(0)) as home:
        client_at(mode, home).run(ID, ARGUMENTS)
    assert capfd.readouterr().err == ""


def replies():
    return [
        Reply(200, {"a": 1}),
        Reply(401, {"detail": "who?"}),
        Reply(500, b"broken"),
        Reply(200, b"x" * 50, cut=3),
        Reply(drop=True),
    ]


@pytest.mark.parametrize("reply", replies(), ids=range(len(replies())))
def test_no_log_of_any_library_and_no_error_contains_the_key(reply, mode, over, caplog):
    caplog.set_level(logging.DEBUG)
    seen, errors = [], []
    with scripted(lambda _: reply) as home:
        client = client_at(mode, home, http_client=over, event_hooks=hooks(mode, seen))
        for call in ("run", "submit"):
            try:
                getattr(client, call)(ID, ARGUMENTS)
            except FalError as error:
                errors.append(error)
        assert home.seen[0].headers["authorization"] == f"Key {KEY}"
    assert errors or reply.status == 200
    for raised in errors:
        text = "".join(traceback.format_exception(raised))
        assert SECRET not in text + repr(raised) + repr(vars(raised))
        assert SECRET.encode() not in pickle.dumps(raised)
    logged = "".join(f"{record.getMessage()}{record.__dict__}" for record in caplog.records)
    assert home.host in logged
    assert SECRET not in logged
    assert SECRET not in repr([vars(event) for event in seen])


def test_no_repr_or_pickle_of_a_client_contains_the_key(mode):
    header = {"Authorization": f"Key {KEY}", "X-Own": "1"}
    for client in (mode.client(KEY), mode.client(lambda: KEY), mode.client(headers=header)):
        inner = client._target
        assert SECRET not in repr(inner) + repr(inner._runner.settings()) + str(inner)
    copy = pickle.loads(pickle.dumps(inner))
    assert SECRET.encode() not in pickle.dumps(inner)
    assert copy._runner._headers == {"X-Own": "1"}


def test_each_attempt_of_a_lasting_rate_limit_is_reported(mode):
    seen = []
    with scripted(lambda _: BUSY) as home, pytest.raises(FalRateLimitError):
        client_at(mode, home, event_hooks={"retry": [seen.append]}).submit(ID, ARGUMENTS)
    assert [event.attempt for event in seen] == [1, 2]
