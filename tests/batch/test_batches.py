"""What a batch does: every item once, in any weather, within its budget."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image

from fal_typed import (
    FalAuthenticationError,
    FalDownloadError,
    FalInputError,
    FalServerError,
)
from fal_typed.batch import (
    Batch,
    BatchInputError,
    BatchJournalError,
    BatchKeyError,
    BatchUncertainError,
    RowFile,
)
from fal_typed.batch.journal_writer import JournalWriter
from fal_typed.batch.result_saving import SaveTemplate, digest
from fal_typed.testing import FalEmulator, Fault
from tests.batch.conftest import Batches, answer, rows, submitted
from tests.core.flux import ID, DevInput, DevOutput, dev


def test_every_row_gives_a_typed_item(batches: Batches, emulator: FalEmulator) -> None:
    items = batches.run(rows(20))
    assert sorted(item.key for item in items) == sorted(row["key"] for row in rows(20))
    for item in items:
        assert (item.state, item.error, item.replayed) == ("completed", None, False)
        assert isinstance(item.result.data, DevOutput)
        assert item.result.data.prompt == f"cat {item.key[1:]}"
        assert item.line == int(item.key[1:]) + 1
        assert emulator.jobs[item.request_id]
    assert batches.report.completed == 20
    assert batches.report.submitted == len(emulator.jobs) == 20
    assert "20 completed" in str(batches.report)


def test_inputs_take_three_forms(batches: Batches, emulator: FalEmulator) -> None:
    given = [DevInput(prompt="a"), ("named", DevInput(prompt="b")), ("mapped", {"prompt": "c"})]
    items = batches.run(given, DevInput)
    assert {item.key for item in items} > {"named", "mapped"}
    assert sorted(submitted(emulator)) == ["a", "b", "c"]


def test_an_id_gives_plain_results(batches: Batches, emulator: FalEmulator) -> None:
    (item,) = batches.run([{"key": "one", "prompt": "a"}], ID)
    assert item.result.data["prompt"] == "a"


def test_an_async_iterable_is_read(batches: Batches, emulator: FalEmulator) -> None:
    if not batches.mode.is_async:
        pytest.skip("async code only")

    async def inputs() -> Any:
        for row in rows(3):
            yield row

    assert len(batches.run(inputs())) == 3


def test_items_come_in_order_on_demand(batches: Batches, emulator: FalEmulator) -> None:
    script = emulator.endpoint(ID)
    times = itertools.cycle([0.05, 0.0])

    async def slowly(arguments: dict[str, Any]) -> Any:
        await emulator.clock.wait(next(times))
        return answer(arguments)

    script.handler = slowly
    items = batches.run(iter(rows(30)), orders={"ordered": True}, concurrency=8)
    assert [item.key for item in items] == [row["key"] for row in rows(30)]


def test_a_second_run_submits_nothing(batches: Batches, emulator: FalEmulator) -> None:
    first = {item.key: item.result.data for item in batches.run(rows(10))}
    again = batches.run(rows(12))
    assert {item.key: item.result.data for item in again if item.replayed} == first
    assert len(emulator.jobs) == 12
    assert (batches.report.completed, batches.report.replayed) == (2, 10)


def test_rows_without_a_key_are_known_by_their_input(
    batches: Batches, emulator: FalEmulator
) -> None:
    same = [{"prompt": "a", "seed": 1}, {"seed": 1, "prompt": "a"}, {"prompt": "b"}]
    items = batches.run(iter(same))
    assert len(items) == 3
    assert len({item.key for item in items}) == 2
    assert len(emulator.jobs) == 2


@pytest.mark.parametrize("times", [1, 2], ids=["list", "iterator"])
def test_a_changed_input_under_a_key_is_an_error(
    batches: Batches, emulator: FalEmulator, times: int
) -> None:
    batches.run([{"key": "a", "prompt": "one"}])
    changed = [{"key": "a", "prompt": "two"}]
    expected: Any = BatchInputError if times == 1 else BatchKeyError
    with pytest.raises(expected, match="another input under the key 'a'"):
        batches.run(changed if times == 1 else iter(changed))
    assert len(emulator.jobs) == 1


def test_two_rows_with_one_key_and_different_inputs_are_an_error(
    batches: Batches, emulator: FalEmulator
) -> None:
    given = [{"key": "a", "prompt": "one"}, {"key": "a", "prompt": "two"}]
    with pytest.raises(BatchInputError, match=r"line 2 \(a\): line 1 has another input"):
        batches.run(given)
    with pytest.raises(BatchKeyError):
        batches.run(iter(given))
    assert len(emulator.jobs) <= 1


def test_a_journal_keeps_batches_apart(batches: Batches, emulator: FalEmulator) -> None:
    batches.run([{"key": "a", "prompt": "one"}])
    batches.run([{"key": "a", "prompt": "two"}], name="other")
    with pytest.raises(BatchJournalError, match="calls fal-ai/flux/dev, not a/b"):
        batches.run([], "a/b", name="other")
    assert len(emulator.jobs) == 2


def test_invalid_rows_are_all_reported_before_the_first_submit(
    batches: Batches, emulator: FalEmulator, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    lines = ['{"prompt": "fine"}', '{"prompt": 3}', "not JSON", "[]", "", '{"promt": "x"}']
    path.write_text("\n".join(lines))
    with pytest.raises(BatchInputError) as raised:
        batches.run(RowFile(path))
    assert [problem.line for problem in raised.value.problems] == [2, 3, 4, 6]
    assert "line 2: prompt: " in str(raised.value)
    assert "did you mean 'prompt'?" in str(raised.value)
    assert len(emulator.jobs) == 0


def test_invalid_rows_of_an_iterator_are_items(batches: Batches, emulator: FalEmulator) -> None:
    items = batches.run(iter([{"key": "bad", "prompt": 3}, {"key": "good", "prompt": "a"}]))
    states = {item.key: item.state for item in items}
    assert states == {"bad": "invalid", "good": "completed"}
    assert batches.report.invalid == 1
    assert len(emulator.jobs) == 1


@pytest.mark.parametrize("concurrency", [1, 16, 300])
def test_a_budget_is_never_passed(
    batches: Batches, emulator: FalEmulator, concurrency: int
) -> None:
    if concurrency == 16:  # refusals change nothing
        emulator.endpoint(ID).faults.add("rate_limited", route="submit", times=5, seconds=0)
    options = {"budget": 1.00, "price": 0.01, "concurrency": concurrency}
    items = batches.run(iter(rows(250)), **options)
    assert len(items) == len(emulator.jobs) == 100
    assert batches.report.stopped == "budget"
    assert batches.report.cost == pytest.approx(1.0)
    # What earlier runs spent counts.
    assert len([i for i in batches.run(iter(rows(250)), **options) if not i.replayed]) == 0
    assert len(batches.run(iter(rows(250)), **{**options, "budget": 1.05})) == 105
    assert len(emulator.jobs) == 105


def test_a_budget_counts_the_units_that_results_report(
    batches: Batches, emulator: FalEmulator
) -> None:
    from fal_typed.testing.services.platform_routes import price_of

    price = price_of(ID)
    assert len(batches.run(iter(rows(50)), budget=price * 10.5, concurrency=4)) == 10
    with batches.mode.inside(batches.open()) as batch:
        assert batch.spent() == pytest.approx(price * 10)


@pytest.mark.parametrize("concurrency", [1, 20, 300])
def test_a_budget_is_not_passed_when_items_cost_more_than_the_platform_said(
    batches: Batches, emulator: FalEmulator, concurrency: int
) -> None:
    script = emulator.endpoint(ID)
    script.price, script.billable_units, script.run_time = 0.01, 25, 0.05
    options = {"budget": 1.0, "concurrency": concurrency}
    assert len(batches.run(iter(rows(400)), **options)) == len(emulator.jobs) == 4
    assert (batches.report.stopped, batches.report.cost) == ("budget", pytest.approx(1.0))
    # The next run knows the cost from the journal.
    batches.run(iter(rows(400)), **{**options, "budget": 3.1})
    assert len(emulator.jobs) == 12


def test_an_item_whose_cost_is_awaited_holds_nobody_up_when_it_fails(
    batches: Batches, emulator: FalEmulator
) -> None:
    emulator.endpoint(ID).fails("runner_server_error", times=2)
    emulator.endpoint(ID).faults.add("reset_after", route="submit", times=1)
    items = batches.run(iter(rows(20)), budget=100.0)
    assert Counter(item.state for item in items) == {"failed": 1, "uncertain": 1, "completed": 18}


def test_what_failed_costs_nothing_unless_it_is_billed(
    batches: Batches, emulator: FalEmulator
) -> None:
    emulator.endpoint(ID).fails("runner_server_error", times=5)
    items = batches.run(iter(rows(50)), budget=0.10, price=0.01, concurrency=2)
    assert sum(item.state == "failed" for item in items) == 5
    assert sum(item.state == "completed" for item in items) == 10


def test_a_budget_needs_a_price(batches: Batches, emulator: FalEmulator) -> None:
    with pytest.raises(FalInputError, match="price="):
        batches.run(rows(1), "my/app", budget=1.0)


def test_refusals_slow_the_batch_down(batches: Batches, emulator: FalEmulator) -> None:
    emulator.endpoint(ID).limits.rate = 25
    items = batches.run(rows(60), concurrency=50)
    assert {item.state for item in items} == {"completed"}
    assert max(submitted(emulator).values()) == 1
    assert batches.report.refusals > 0
    refused = sum(request.status == 429 for request in emulator.requests)
    assert refused < 60, "it does not hammer"


def test_a_connection_cut_after_the_platform_accepted(
    batches: Batches, emulator: FalEmulator
) -> None:
    emulator.endpoint(ID).faults.add("reset_after", route="submit", times=2)
    emulator.fault(Fault("bad_gateway", route="requests"), times=None)  # it cannot be asked
    items = batches.run(rows(10), concurrency=4)
    uncertain = [item for item in items if item.state == "uncertain"]
    assert len(uncertain) == 2
    assert all(isinstance(item.error, BatchUncertainError) for item in uncertain)
    assert batches.report.uncertain_keys == [item.key for item in uncertain]
    # Nor does the next run submit them, which reports them again.
    again = batches.run(rows(10))
    assert {i.key for i in again if i.state == "uncertain"} == {i.key for i in uncertain}
    assert set(submitted(emulator).values()) == {1}
    # One is found, the other was not accepted as far as the caller can tell.
    first, second = (item.key for item in uncertain)
    jobs = {json.loads(job.body)["prompt"]: job.id for job in emulator.jobs}
    with batches.mode.inside(batches.open()) as batch:
        batch.resolve(first, jobs[f"cat {first[1:]}"])
        with pytest.raises(FalInputError, match="not uncertain"):
            batch.resolve(first, None)
    assert sum(i.state == "completed" for i in batches.run(rows(10))) == 9
    assert len(emulator.jobs) == 10
    batches.run(rows(10), orders={"resubmit_uncertain": True})
    assert submitted(emulator)[f"cat {second[1:]}"] == 2
    assert len(emulator.jobs) == 11


def test_a_cut_answer_still_names_its_job(batches: Batches, emulator: FalEmulator) -> None:
    emulator.endpoint(ID).faults.add("truncate", route="submit", times=3)
    assert {item.state for item in batches.run(rows(5))} == {"completed"}
    assert len(emulator.jobs) == 5


def test_failed_items_are_submitted_again_on_demand_only(
    batches: Batches, emulator: FalEmulator
) -> None:
    emulator.endpoint(ID).fails("runner_server_error", times=1)
    (first,) = batches.run(rows(1))
    (again,) = batches.run(rows(1))
    assert (first.state, again.state, again.replayed) == ("failed", "failed", True)
    for item in (first, again):
        assert isinstance(item.error, FalServerError)
        assert item.error.request_id == item.request_id
    assert len(emulator.jobs) == 1
    (retried,) = batches.run(rows(1), orders={"retry_failed": True})
    assert retried.state == "completed"
    assert len(emulator.jobs) == 2


def test_a_platform_that_restarts_loses_nothing(
    batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    emulator = FalEmulator(port=port, queue_time=0.05, run_time=0.05)
    emulator.endpoint(ID).responds(answer({"prompt": "x"}))
    emulator.start()
    monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)

    def restart() -> None:
        for wanted in (20, 60):
            while len(emulator.jobs) < wanted:
                pass
            emulator.stop()
            emulator.start()

    restarter = threading.Thread(target=restart)
    restarter.start()
    items = batches.run(rows(100), concurrency=16)
    restarter.join()
    emulator.stop()
    assert {item.state for item in items} <= {"completed", "uncertain"}
    assert max(submitted(emulator).values()) == 1
    assert sum(i.state == "completed" for i in items) >= 100 - 2 * 16


def test_a_refused_key_stops_the_run_and_loses_nothing(
    batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FalEmulator(run_time=0, keys={"id:right"}, tls=True) as emulator, emulator.diverted():
        emulator.endpoint(ID).handler = answer
        monkeypatch.setenv("FAL_KEY", "id:wrong")
        with pytest.raises(FalAuthenticationError):
            batches.run(iter(rows(200)))
        assert batches.report.stopped == "error"
        assert len(emulator.jobs) == 0
        monkeypatch.setenv("FAL_KEY", "id:right")
        assert sum(i.state == "completed" for i in batches.run(iter(rows(200)))) == 200
        assert set(submitted(emulator).values()) == {1}


def test_a_run_that_is_left_goes_on_later(batches: Batches, emulator: FalEmulator) -> None:
    emulator.endpoint(ID).queue_time = 0.02
    batch = batches.open(concurrency=8)
    with batches.mode.inside(batch):
        run = batch.run(iter(rows(100)))
        for _ in range(5):
            batches.mode.wait(run.__anext__()) if batches.mode.is_async else next(run)
    assert batch.report.stopped == "interrupted"
    assert len(emulator.jobs) < 100
    items = batches.run(iter(rows(100)))
    assert {item.state for item in items} == {"completed"}
    assert len(items) == 100
    assert set(submitted(emulator).values()) == {1}


def test_inputs_are_read_a_few_ahead(batches: Batches, emulator: FalEmulator) -> None:
    read = done = most = 0

    def inputs() -> Any:
        nonlocal read, most
        for row in rows(5_000):
            read += 1
            most = max(most, read - done)
            yield row

    batch = Batch(dev, journal=batches.journal, concurrency=4, progress=False)
    with batch:
        for number, _ in enumerate(batch.run(inputs())):
            done = number
            if number == 200:
                break
    assert read < 2_000
    assert most < 1_000


def delivery(batches: Batches, batch: Any) -> Callable[[str], Any]:
    """Tells a batch of a delivery, from any thread."""
    if not batches.mode.is_async:
        return cast("Callable[[str], Any]", batch.delivered)
    deliver = batch._engine.calls.deliveries.deliver
    return lambda request_id: batches.mode._loop.call_soon_threadsafe(deliver, request_id)


def test_webhooks_replace_status_streams(batches: Batches, emulator: FalEmulator) -> None:
    batch = batches.open(webhook_url="https://example.com/hook?a=1")
    deliver_one = delivery(batches, batch)
    with batches.mode.inside(batch):
        done = threading.Event()

        def deliver() -> None:
            told: set[str] = set()
            while not done.is_set():
                for job in emulator.jobs:
                    if job.id not in told and job.outcome is not None:
                        told.add(job.id)
                        assert job.webhook_url is not None
                        assert "?a=1&fal_batch_key=k" in job.webhook_url
                        deliver_one(job.id)

        thread = threading.Thread(target=deliver)
        thread.start()
        items = batches.mode.items(batch.run(rows(5)))
        done.set()
        thread.join()
    assert {item.state for item in items} == {"completed"}
    assert not [r for r in emulator.requests if r.route == "status_stream"]


def test_a_job_is_followed_when_its_status_is_behind_its_webhook(
    batches: Batches, emulator: FalEmulator
) -> None:
    emulator.endpoint(ID).run_time = 0.3
    batch = batches.open(webhook_url="https://example.com/hook")
    deliver = delivery(batches, batch)

    async def early(arguments: dict[str, Any]) -> Any:
        for job in emulator.jobs:
            deliver(job.id)
        return answer(arguments)

    emulator.endpoint(ID).handler = early
    with batches.mode.inside(batch):
        (item,) = batches.mode.items(batch.run(rows(1)))
    assert item.state == "completed"


def test_runs_of_one_batch_share_their_items(batches: Batches, emulator: FalEmulator) -> None:
    emulator.endpoint(ID).run_time = 0.05
    with batches.mode.inside(batches.open()) as batch, ThreadPoolExecutor(3) as pool:
        if batches.mode.is_async:

            async def run() -> list[Any]:
                return [item async for item in batch._target.run(rows(30))]

            async def run_all() -> list[list[Any]]:
                return list(await asyncio.gather(run(), run(), run()))

            found = batches.mode.wait(run_all())
        else:
            runs = [pool.submit(lambda: list(batch._target.run(rows(30)))) for _ in range(3)]
            found = [run.result() for run in runs]
    assert [len(items) for items in found] == [30, 30, 30]
    assert {item.state for items in found for item in items} == {"completed"}
    assert len(emulator.jobs) == 30


# -- files -----------------------------------------------------------------------------------------


def test_files_are_saved_under_unique_names(
    batches: Batches, emulator: FalEmulator, tmp_path: Path
) -> None:
    emulator.endpoint(ID).handler = None
    keys = ["a/b", "a_b", "b", "../b", "ü", "con", "a" * 300]
    inputs = [
        {"key": key, "prompt": "x", "num_images": 2, "image_size": {"width": 8, "height": 8}}
        for key in keys
    ]
    items = batches.run(inputs, save=tmp_path / "out")
    assert {len(item.files) for item in items} == {2}
    paths = sorted(path for item in items for path in item.files)
    assert len(set(paths)) == 14
    assert sorted((tmp_path / "out").iterdir()) == paths, "nothing half-written, nothing outside"
    for path in paths:
        with Image.open(path) as image_file:
            image_file.load()
    assert (tmp_path / "out" / "b-0.jpeg") in paths
    replayed = batches.run(inputs, save=tmp_path / "out")
    assert sorted(path for item in replayed for path in item.files) == paths


def test_a_template_names_the_files(
    batches: Batches, emulator: FalEmulator, tmp_path: Path
) -> None:
    emulator.endpoint(ID).handler = None
    (item,) = batches.run(
        [{"key": "cat", "prompt": "x", "num_images": 2}], save=f"{tmp_path}/{{key}}/image{{ext}}"
    )
    assert [path.relative_to(tmp_path).as_posix() for path in item.files] == [
        "cat/image.jpeg",
        "cat/image-1.jpeg",
    ]


TEMPLATES = [
    "{key}{ext}",
    "{key}-{index}{ext}",
    "{key}_{index:03d}{ext}",
    "image{key}x{index}.png",
    "{key}{index}{ext}",
    "{index}{key}",
    "{key}-{name}{ext}",
    "{name}/{key}-{name}",
    "{key}/{name}{ext}",
    "{key}/x",
]


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_two_files_share_a_path(template: str) -> None:
    keys = ["a", "a-1", "a-1-0", "a-0", "a0", "0a", "1", "11", "110", "a.png", "a-b", "b", "b-b",
            "..", ".", "../a", "a/", "/", "\\", "con", "A\n", "é", "e\u0301", "x" * 400, "x" * 401,
            f"a_-{digest('a/')}", f"a-{digest('a')}", f"a-1-{digest('a')}"]  # fmt: skip
    names = ["a.png", "a-1.png", "b-b.png", "a.png", "A.png", "b", "1.x-2", "n" * 400, "../../up"]
    files = [{"url": f"https://v3.fal.media/{name}", "file_name": name} for name in names]
    save = SaveTemplate(f"out/{template}")
    paths = [path for key in keys for path in save.paths(key, "r", files)]
    assert len({str(path) for path in paths}) == len(keys) * len(files)
    for path in paths:
        assert path.parts[0] == "out"
        assert ".." not in path.parts
        assert max(len(part.encode()) for part in path.parts) < 250


def test_hostile_request_ids_stay_in_the_folder() -> None:
    (path,) = SaveTemplate("out/{request_id}{ext}").paths("k", "../../etc/x", [{"url": "a.png"}])
    assert path.parts[0] == "out"
    assert len(path.parts) == 2


@pytest.mark.parametrize(
    "template",
    ["out/{index}.png", "out/{key}-{nope}", "out/{key", "{key:d}", "{key!x}", "{key.a}", "{}{key}"],
)
def test_a_template_that_mixes_items_up_is_an_error(template: str, tmp_path: Path) -> None:
    with pytest.raises(FalInputError, match="save"):
        Batch(dev, journal=tmp_path / "j.db", save=template)


def test_a_file_that_cannot_be_fetched_is_fetched_by_the_next_run(
    batches: Batches, emulator: FalEmulator, tmp_path: Path
) -> None:
    emulator.endpoint(ID).handler = None
    emulator.fault(Fault("bad_gateway", route="download"), times=None)
    (item,) = batches.run(rows(1), save=tmp_path / "out")
    assert item.state == "accepted"
    assert isinstance(item.error, FalDownloadError)
    assert item.result is not None
    assert batches.report.unfinished == 1
    emulator._emulation.faults.clear()
    (item,) = batches.run(rows(1), save=tmp_path / "out")
    assert item.state == "completed"
    assert len(item.files) == 1
    assert len(emulator.jobs) == 1


def test_files_of_inputs_are_uploaded(
    batches: Batches, emulator: FalEmulator, tmp_path: Path
) -> None:
    image_file = tmp_path / "in.png"
    Image.new("RGB", (8, 8)).save(image_file)
    row = {"key": "a", "prompt": "x", "image_url": image_file}
    (item,) = batches.run([row])
    assert item.state == "completed"
    (job,) = emulator.jobs
    assert json.loads(job.body)["image_url"].startswith("http")
    (again,) = batches.run([row])
    assert again.replayed
    image_file.write_bytes(b"another")
    with pytest.raises(BatchInputError):
        batches.run([row])


# -- rows ------------------------------------------------------------------------------------------


def table() -> Any:
    import pyarrow as pa

    return pa.table({"key": ["a", "b"], "prompt": ["1", "two"], "seed": [7, None]})


class ReadOnce:
    """Inputs that have a length, and can be read only once."""

    def __init__(self, values: list[Any]) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Any:
        values, self.values = self.values, []
        return iter(values)


def test_inputs_that_are_used_up_by_the_check_are_an_error(
    batches: Batches, emulator: FalEmulator
) -> None:
    with pytest.raises(FalInputError, match="only once"):
        batches.run(ReadOnce(rows(3)))
    assert len(batches.run(iter(ReadOnce(rows(3))))) == 3


def test_truth_values_of_csv_files_have_any_case(
    batches: Batches, emulator: FalEmulator, tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("prompt,enable_safety_checker\na,True\nb,FALSE\nc,true\nTrue,\n")
    from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput

    batches.run(RowFile(path), FluxDevInput)
    assert {
        body["prompt"]: body.get("enable_safety_checker")
        for body in (json.loads(job.body) for job in emulator.jobs)
    } == {"a": True, "b": False, "c": True, "True": None}


def sources(folder: Path) -> dict[str, Any]:
    import pyarrow.dataset
    import pyarrow.parquet

    pyarrow.parquet.write_table(table(), folder / "rows.parquet")
    (folder / "rows.csv").write_text('key,prompt,seed\na,1,7\nb,"two",\n')
    (folder / "rows.jsonl").write_text(
        '{"key": "a", "prompt": "1", "seed": 7}\n{"key": "b", "prompt": "two"}\n'
    )
    files = {kind: RowFile(folder / f"rows.{kind}") for kind in ("parquet", "csv", "jsonl")}
    arrow = {
        "arrow": table(),
        "record batch": table().to_batches()[0],
        "reader": table().to_reader(),
        "dataset": pyarrow.dataset.dataset(table()),
    }
    return {**files, **arrow}


@pytest.mark.parametrize(
    "kind", ["parquet", "csv", "jsonl", "arrow", "record batch", "reader", "dataset"]
)
def test_rows_come_from_files_and_tables(
    kind: str, batches: Batches, emulator: FalEmulator, tmp_path: Path
) -> None:
    batches.run(sources(tmp_path)[kind])
    bodies = sorted((json.loads(job.body) for job in emulator.jobs), key=lambda b: b["prompt"])
    assert bodies == [{"prompt": "1", "seed": 7}, {"prompt": "two"}]


def test_rows_come_from_pandas(batches: Batches, emulator: FalEmulator) -> None:
    pd = pytest.importorskip("pandas", reason="pandas is not installed; `make batch` installs it")
    frame = pd.DataFrame({"key": [1, 2], "prompt": ["a", None], "seed": [7, 8]})
    with pytest.raises(BatchInputError, match=r"line 2 \(2\): prompt: This parameter is required"):
        batches.run(frame)
    batches.run(frame.fillna({"prompt": "b"}))
    assert sorted(json.loads(job.body)["seed"] for job in emulator.jobs) == [7, 8]


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_a_batch_is_exported(
    suffix: str, batches: Batches, emulator: FalEmulator, tmp_path: Path
) -> None:
    emulator.endpoint(ID).fails("runner_server_error", times=1)
    batches.run(rows(3), concurrency=1)
    path = tmp_path / f"results.{suffix}"
    with batches.mode.inside(batches.open()) as batch:
        assert batch.export(path) == 3
    if suffix == "parquet":
        import pyarrow.parquet

        read = pyarrow.parquet.read_table(path)
        assert str(read.schema.field("result").type).startswith("struct<images: list<")
        found = read.to_pylist()
        assert found[1]["result"]["prompt"] == "cat 1"
    else:
        text = path.read_text()
        assert "cat 1" in text
        assert len(text.splitlines()) == 3 + (suffix == "csv")


def test_a_plan_checks_rows_and_shows_the_cost(batches: Batches, emulator: FalEmulator) -> None:
    batches.run(rows(2))
    batch = batches.open(price=0.5)
    given = [*rows(5), {"key": "x", "prompt": 1}, {"key": "k0", "prompt": "changed"}]
    plan = batches.mode.adapt(batch).plan(given)
    assert (plan.items, plan.known, plan.cost) == (5, 2, 1.5)
    assert [problem.line for problem in plan.problems] == [6, 7]
    assert len(emulator.jobs) == 2


def test_a_plan_creates_no_journal(batches: Batches, emulator: FalEmulator) -> None:
    assert batches.mode.adapt(batches.open()).plan(rows(1)).items == 1
    assert not Path(batches.journal).exists()


def test_status_and_items_need_no_run(batches: Batches, emulator: FalEmulator) -> None:
    batches.run(rows(3))
    batch = batches.open()
    assert batches.mode.adapt(batch).status() == {"completed": 3}
    assert [item.key for item in batches.mode.items(batch.items("completed"))] == [
        "k0",
        "k1",
        "k2",
    ]


def test_wrong_use_is_an_error(batches: Batches, emulator: FalEmulator, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="no option 'concurency'"):
        batches.open(concurency=3)
    for name, value in [
        ("concurrency", 0),
        ("concurrency", 2.5),
        ("budget", float("nan")),
        ("budget", "5"),
        ("price", -1),
        ("journal", ""),
        ("webhook_url", "example.com"),
    ]:
        with pytest.raises(FalInputError, match=name):
            batches.open(**{name: value})
    for inputs in (None, {"prompt": "x"}, tmp_path, 3):
        with pytest.raises(FalInputError, match="RowFile"):
            batches.run(inputs)
    with pytest.raises(BatchJournalError, match="no journal"):
        batches.mode.adapt(batches.open(journal=tmp_path / "typo.db")).status()
    with pytest.raises(FalInputError, match="RowFile"):
        batches.run("rows.jsonl")
    with pytest.raises(FalInputError, match="missing"):
        RowFile(tmp_path / "none.jsonl")
    with pytest.raises(BatchJournalError, match="mysql"):
        batches.run([], journal="mysql://host/db")
    with pytest.raises(RuntimeError, match="with block"):
        batches.mode.items(batches.open().run([]))


def test_uncertain_items_are_looked_up_on_the_platform(
    batches: Batches, emulator: FalEmulator
) -> None:
    emulator.endpoint(ID).faults.add("reset_after", route="submit", times=3)
    emulator.endpoint(ID).faults.add("bad_gateway", route="submit", times=1)  # not accepted
    same = [{"key": "twin", "prompt": "cat 0"}]
    items = batches.run([*rows(10), *same], concurrency=1)
    assert sum(item.state == "uncertain" for item in items) == 4
    again = batches.run([*rows(10), *same])
    assert sum(item.state == "completed" for item in again) == 10
    assert sum(item.state == "uncertain" for item in again) == 1
    assert len({item.request_id for item in again}) == 11, "twins have jobs of their own"
    assert len(emulator.jobs) == 10


def test_a_machine_that_slept_makes_sure_of_its_items_before_it_sends(
    batches: Batches, emulator: FalEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fal_typed.batch import liveness

    marked: list[str] = []
    mark = JournalWriter.mark

    def record(self: JournalWriter, each: Any) -> Any:
        marked.append(each.state)
        return mark(self, each)

    monkeypatch.setattr(JournalWriter, "mark", record)
    monkeypatch.setattr(liveness, "LEASE", 0.0)  # as if much time had passed since the claim
    (item,) = batches.run(rows(1))
    assert item.state == "completed"
    assert marked == ["planned", "sending", "accepted", "completed"]
