"""Long waits: streams that are rejected, break or are silent, and ways to stop a wait."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from fal_typed import Completed, FalInputError
from fal_typed._queue import following
from tests.core.flux import ID, dev
from tests.scripted import Reply, scripted

DONE = {"status": "COMPLETED", "request_id": "r1"}


def platform(stream: Reply):
    def respond(seen):
        if seen.method == "POST":
            return Reply(200, {"request_id": "r1"})
        if "stream" in seen.path:
            return stream
        return Reply(200, DONE if "status" in seen.path else {"prompt": "a cat"})

    return scripted(respond)


EVENT = {"content-type": "text/event-stream"}


@pytest.mark.parametrize(
    "stream",
    [
        Reply(404, {"detail": "no"}),
        Reply(200, DONE),
        Reply(200, b'data: {"status": "IN_PROGRESS"}\n\n', EVENT),
        Reply(200, b'data: {"status": "IN_PROGRESS"}\n\ndata: {"sta', EVENT, cut=40),
        Reply(200, b"data: nonsense\n\n", EVENT),
        Reply(drop=True),
    ],
)
def test_polling_takes_over_when_the_stream_fails(stream, mode):
    with platform(stream) as home:
        client = mode.client("k", run_host=home.host, queue_host=home.host)
        assert client.subscribe(ID, {"prompt": "a cat"}).data == {"prompt": "a cat"}
        assert len([path for path in home.paths("GET") if "status?" in path]) == 1


def test_polling_takes_over_when_the_stream_is_silent(mode, fal_emulator, monkeypatch):
    monkeypatch.setattr(following, "_READ_TIMEOUT", 0.05)
    script = fal_emulator.endpoint(ID)
    script.queue_time, script.positions, script.run_time = 0.3, (0,), 0.0
    mode(dev).subscribe(prompt="a cat")
    routes = [request.route for request in fal_emulator.requests]
    assert routes.count("status_stream") == 1
    assert routes.count("status") >= 1


def test_a_coroutine_callback_is_awaited(fal_emulator):
    seen = []

    async def update(status):
        await asyncio.sleep(0)
        seen.append(type(status))

    asyncio.run(dev.with_options(on_queue_update=update).subscribe_async(prompt="a cat"))
    assert seen[-1] is Completed


def test_a_coroutine_callback_in_sync_code_is_an_error(fal_emulator):
    fal_emulator.endpoint(ID).queue_time = 60

    async def update(_status):
        """Never awaited."""

    with pytest.raises(FalInputError, match="plain function"):
        dev.with_options(on_queue_update=update).subscribe(prompt="a cat")
    assert fal_emulator.requests.of("cancel")


def test_cancelling_the_task_cancels_the_job(fal_emulator):
    fal_emulator.endpoint(ID).queue_time = 60

    async def main():
        started = asyncio.Event()
        waiting = dev.with_options(on_queue_update=lambda _: started.set())
        task = asyncio.create_task(waiting.subscribe_async(prompt="a cat"))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    assert fal_emulator.requests.of("cancel")


def test_ctrl_c_in_a_program_cancels_the_job_and_ends_it(fal_emulator):
    fal_emulator.endpoint(ID).queue_time = 60
    program = (
        "from tests.core.flux import dev\n"
        "dev.with_options(on_queue_update=lambda s: print('waiting', flush=True))"
        ".subscribe(prompt='a cat')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        _, shown = process.communicate(timeout=5)
    assert shown.rstrip().endswith("KeyboardInterrupt")
    assert fal_emulator.requests.of("cancel")


def test_iterating_can_be_stopped_early(mode, fal_emulator):
    fal_emulator.endpoint(ID).queue_time = 60
    handle = mode(dev).submit(prompt="a cat")
    events = handle.iter_events()
    if mode.is_async:
        mode.wait(anext(events))
        mode.wait(events.aclose())
    else:
        next(events)
        events.close()
    assert not fal_emulator.requests.of("cancel")


def test_threads_share_a_client(fal_emulator):
    before = threading.active_count()
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: dev.subscribe(prompt="a cat", seed=n), range(24)))
    assert [result.data.seed for result in results] == list(range(24))
    assert len({result.request_id for result in results}) == 24
    assert threading.active_count() == before


def test_tasks_and_event_loops_share_a_client(fal_emulator):
    async def many():
        return await asyncio.gather(*(dev.subscribe_async(prompt="x", seed=n) for n in range(24)))

    for _ in range(2):
        assert [result.data.seed for result in asyncio.run(many())] == list(range(24))


def test_client_defaults_apply_to_its_endpoints(mode, fal_emulator):
    plain = mode.bare_client()
    client = plain.with_options(headers={"x-team": "a"}, extra_arguments={"new": 1})
    mode.adapt(client).run(ID, {"prompt": "a cat"}, headers={"x-own": "1"})
    mode(dev.with_options(client=client)).run(prompt="a cat")
    first, second = fal_emulator.requests.of("run")
    assert first.headers["x-team"] == second.headers["x-team"] == "a"
    assert first.headers["x-own"] == "1"
    assert first.json == second.json == {"prompt": "a cat", "new": 1}


def test_a_closed_client_opens_again(mode, fal_emulator):
    client = mode.client()
    client.run(ID, {"prompt": "a cat"})
    client.close()
    client.run(ID, {"prompt": "a cat"})
    assert len(fal_emulator.requests) == 2
