"""The journal: leases, shares of the concurrency, money; and what is on disk when."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update

from fal_typed.batch import liveness, transactions
from fal_typed.batch.journal import Journal
from fal_typed.batch.operations import Claim, Claimed, Lookup, Mark, Release, Sweep
from fal_typed.batch.tables import (
    ACCEPTED,
    COMPLETED,
    FAILED,
    PLANNED,
    SENDING,
    UNCERTAIN,
    items,
    workers,
)
from fal_typed.batch.worker import Worker

Join = Callable[..., Worker]


@pytest.fixture(params=["sqlite", "postgresql"])
def join(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Opens the journal once more, as another worker."""
    url = tmp_path / "j.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("database")
    opened: list[Worker] = []

    def open_worker(budget: int | None = None, *, learns: bool = False) -> Worker:
        worker = Worker(Journal.open(url, "cats", "a/b"), budget, learns)
        worker.join()
        opened.append(worker)
        return worker

    yield open_worker
    for worker in opened:
        worker.journal.engine.dispose()


def perform(worker: Worker, *operations: Any, recount: bool = False) -> list[Any]:
    with worker.journal.engine.begin() as connection:
        return transactions.perform(connection, worker, operations, recount=recount)


def claim(key: str, state: str = SENDING, price: int = 0, **facts: Any) -> Claim:
    return Claim(key, "digest", "{}", False, state, price, **facts)


def die(worker: Worker) -> None:
    """Make a worker look as if it had died long ago."""
    mine = workers.c.id == worker.id
    with worker.journal.engine.begin() as connection:
        connection.execute(update(workers).where(mine).values(seen=0.0))


def state_of(worker: Worker, key: str) -> str:
    with worker.journal.engine.connect() as connection:
        return connection.execute(select(items.c.state).where(items.c.key == key)).scalar_one()


def test_an_item_is_taken_once(join: Join) -> None:
    first, second = join(), join()
    assert [c.outcome for c in perform(first, claim("a"), claim("b"))] == ["taken", "taken"]
    assert [c.outcome for c in perform(second, claim("a"), claim("c"))] == ["busy", "taken"]
    assert first.journal.counts() == {SENDING: 3}


def test_workers_that_claim_at_once_take_each_item_once(join: Join) -> None:
    team = [join() for _ in range(4)]
    taken: list[str] = []

    def work(worker: Worker) -> None:
        for start in range(0, 200, 10):
            keys = [f"k{n}" for n in range(start, start + 10)]
            for key, claimed in zip(keys, perform(worker, *map(claim, keys)), strict=True):
                if claimed.taken:
                    taken.append(key)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in team]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(f"k{n}" for n in range(200))


def test_what_a_dead_worker_left_is_uncertain_or_free(join: Join) -> None:
    dead, other = join(), join()
    sending, accepted, planned = (
        c.taken.id for c in perform(dead, claim("s"), claim("a"), claim("p", PLANNED))
    )
    perform(dead, Mark(accepted, ACCEPTED, request_id="r-1"))
    other.beat(4, 0, 0)
    assert perform(other, claim("s"))[0].outcome == "busy", "it lives"
    die(dead)
    other.beat(4, 4, 0)
    lost = perform(other, claim("s"), claim("a"), claim("p", PLANNED))
    assert [c.outcome for c in lost] == ["final", "taken", "taken"]
    assert lost[0].row["state"] == UNCERTAIN
    assert (lost[1].taken.state, lost[1].taken.request_id) == (ACCEPTED, "r-1")
    # The one taken for dead wakes up: it sends nothing, and still knows best what was accepted.
    assert perform(dead, Mark(planned, SENDING)) == [False]
    assert perform(dead, Mark(sending, ACCEPTED, request_id="r-2")) == [True]
    assert state_of(other, "s") == ACCEPTED
    dead.beat(4, 1, 0)
    with dead.journal.engine.connect() as connection:
        assert len(connection.execute(select(workers.c.id)).all()) == 2


def test_a_process_of_this_machine_that_has_ended_is_dead_at_once(join: Join) -> None:
    worker, other = join(), join()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    perform(worker, claim("a"))
    with worker.journal.engine.begin() as connection:
        mine = workers.c.id == worker.id
        connection.execute(update(workers).where(mine).values(process=f"{ended.pid} 1"))
    other.beat(4, 0, 0)
    assert state_of(other, "a") == UNCERTAIN


def test_liveness_knows_this_process() -> None:
    machine, process = liveness.this_machine(), liveness.this_process()
    assert not liveness.is_gone(machine, process)
    assert not liveness.is_gone("elsewhere", "1 1")
    assert liveness.is_gone(machine, f"{process.split()[0]} 1"), "the id was used again"


def test_a_sweep_takes_what_was_left(join: Join) -> None:
    dead, other = join(), join()
    made = perform(dead, claim("s"), claim("a"), claim("p", PLANNED))
    perform(dead, Mark(made[1].taken.id, ACCEPTED, request_id="r"))
    (swept,) = perform(other, Sweep(10, 0, submits=True))
    assert (swept.taken, swept.others_work) == ([], True)
    dead.leave()
    (swept,) = perform(other, Sweep(10, 0, submits=False))
    assert [(taken.key, taken.state) for taken in swept.taken] == [("a", ACCEPTED)]
    (swept,) = perform(other, Sweep(10, 0, submits=True))
    assert [(taken.key, taken.state) for taken in swept.taken] == [("p", SENDING)]
    assert not swept.others_work


def test_the_budget_holds_for_all_workers(join: Join) -> None:
    first, second = join(budget=100), join(budget=100)
    outcomes = [c.outcome for c in perform(first, *(claim(f"a{n}", price=30) for n in range(2)))]
    outcomes += [c.outcome for c in perform(second, *(claim(f"b{n}", price=30) for n in range(2)))]
    assert outcomes == ["taken", "taken", "taken", "over_budget"]
    assert first.journal.committed() == 90
    # What turns out to be cheaper leaves room for more; a failure costs nothing.
    (again,) = perform(first, claim("a0", price=30))
    perform(first, Mark(again.taken.id, COMPLETED, delta=-20, cost=10, output="1"))
    (again,) = perform(first, claim("a1", price=30))
    perform(first, Mark(again.taken.id, FAILED, delta=-30, cost=0, error="{}"))
    assert first.journal.committed() == 40
    (retried,) = perform(second, claim("a1", price=30, again=frozenset({FAILED})))
    assert retried.outcome == "taken"
    assert second.journal.committed() == 70
    second.leave()
    third = join()
    assert third.journal.committed() == 70, "reserved for what may have been accepted"


def test_an_uncertain_item_that_is_submitted_again_may_cost_twice(join: Join) -> None:
    worker = join(budget=50)
    (made,) = perform(worker, claim("a", price=30))
    perform(worker, Mark(made.taken.id, UNCERTAIN))
    again = claim("a", price=30, again=frozenset({UNCERTAIN}))
    assert perform(worker, again)[0].outcome == "over_budget"
    worker.budget = 60
    (taken,) = perform(worker, again)
    assert (taken.taken.prior, taken.taken.reserved) == (30, 30)
    assert worker.journal.committed() == 60


def test_one_item_says_what_the_others_cost(join: Join) -> None:
    first, second = join(1_000, learns=True), join(1_000, learns=True)
    made, held = perform(first, claim("a", price=30), claim("b", price=30))
    assert made.taken.is_probe
    assert held.outcome == "unpriced"
    assert perform(second, claim("c", price=30))[0].outcome == "unpriced"
    (swept,) = perform(second, Sweep(10, 30, submits=True))
    assert swept == ([], True)
    # One that fails says nothing, so another one is sent.
    failed = Mark(made.taken.id, FAILED, delta=-30, cost=0, error="{}")
    perform(first, failed)
    perform(first, Release(made.taken.id, is_unsent=False))
    (probe,) = perform(second, claim("c", price=30))
    assert probe.taken.is_probe
    assert perform(first, claim("b", price=30))[0].outcome == "unpriced"
    # Nor does one whose worker died.
    die(second)
    first.beat(4, 4, 0)
    (probe,) = perform(first, claim("b", price=30))
    perform(first, Mark(probe.taken.id, COMPLETED, delta=220, cost=250, spent=250, output="1"))
    claims = [claim(f"d{n}", price=30) for n in range(4)]
    assert [c.outcome for c in perform(second, *claims)] == [*["taken"] * 2, *["over_budget"] * 2]
    assert first.journal.committed() == 30 + 250 + 500, "30 for what may have been accepted"


def test_what_was_not_sent_is_given_back(join: Join) -> None:
    first, second = join(), join()
    unsent, accepted = (c.taken.id for c in perform(first, claim("u"), claim("a")))
    perform(first, Mark(accepted, ACCEPTED, request_id="r"))
    perform(first, Release(unsent, is_unsent=True), Release(accepted, is_unsent=True))
    outcomes = [c.outcome for c in perform(second, claim("u"), claim("a"))]
    assert outcomes == ["taken", "busy"]


def test_a_transaction_of_unknown_outcome_can_be_performed_again(join: Join) -> None:
    worker = join(budget=100)
    operation = claim("a", price=30)
    (made,) = perform(worker, operation)
    (again,) = perform(worker, operation, recount=True)
    assert isinstance(made, Claimed)
    assert isinstance(again, Claimed)
    assert again.taken == made.taken
    assert worker.journal.committed() == 30


def test_finished_items_are_looked_up_in_any_number(join: Join) -> None:
    worker = join()
    keys = [f"k{n}" for n in range(1_200)]
    for made in perform(worker, *map(claim, keys)):
        if made.taken.id % 2:
            perform(worker, Mark(made.taken.id, COMPLETED, output="1"))
    (found,) = perform(worker, Lookup([*keys, "unknown"]))
    assert len(found) == 600


@pytest.mark.parametrize("ceiling", [1, 7, 64])
def test_shares_of_the_concurrency_never_exceed_it(join: Join, ceiling: int) -> None:
    team = [join() for _ in range(3)]
    limits = [0, 0, 0]
    in_flight = [0, 0, 0]
    for number in range(12):
        for index, worker in enumerate(team[: 1 + number // 3]):
            share = worker.beat(ceiling, limits[index], in_flight[index])
            limits[index] = share
            in_flight[index] = max(share, in_flight[index] - 2)  # it drains slowly
            assert sum(in_flight) <= ceiling or number > 2
            with worker.journal.engine.connect() as connection:
                shares = connection.execute(select(workers.c.share)).scalars().all()
            assert sum(shares) <= ceiling
    for _ in range(60):
        for index, worker in enumerate(team):
            in_flight[index] = limits[index]
            limits[index] = worker.beat(ceiling, limits[index], in_flight[index])
    assert sum(limits) in range(max(1, ceiling - 2), ceiling + 1)


def test_sqlite_waits_for_the_disk(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "j.db", "cats", "a/b")
    with journal.engine.connect() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
    journal.engine.dispose()
