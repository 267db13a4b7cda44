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

from fal_typed.batch import liveness
from fal_typed.batch.journal import Journal
from fal_typed.batch.operations import Claim, Claimed, Lookup, Mark, Sweep
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

Join = Callable[..., Journal]


@pytest.fixture(params=["sqlite", "postgresql"])
def join(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Opens the journal once more, as another worker."""
    url = tmp_path / "j.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("database")
    opened: list[Journal] = []

    def worker(budget: int | None = None) -> Journal:
        journal = Journal.open(url, "cats", "a/b")
        journal.budget = budget
        journal.join()
        opened.append(journal)
        return journal

    yield worker
    for journal in opened:
        journal.engine.dispose()


def perform(journal: Journal, *operations: Any) -> list[Any]:
    with journal.engine.begin() as connection:
        return journal.perform(connection, operations)


def claim(key: str, state: str = SENDING, price: int = 0, **facts: Any) -> Claim:
    return Claim(key, "digest", "{}", False, state, price, **facts)


def die(journal: Journal) -> None:
    """Make a worker look as if it had died long ago."""
    mine = workers.c.id == journal.worker_id
    with journal.engine.begin() as connection:
        connection.execute(update(workers).where(mine).values(seen=0.0))


def state_of(journal: Journal, key: str) -> str:
    with journal.engine.connect() as connection:
        return connection.execute(select(items.c.state).where(items.c.key == key)).scalar_one()


def test_an_item_is_taken_once(join: Join) -> None:
    first, second = join(), join()
    assert [c.outcome for c in perform(first, claim("a"), claim("b"))] == ["taken", "taken"]
    assert [c.outcome for c in perform(second, claim("a"), claim("c"))] == ["busy", "taken"]
    assert first.counts() == {SENDING: 3}


def test_workers_that_claim_at_once_take_each_item_once(join: Join) -> None:
    journals = [join() for _ in range(4)]
    taken: list[str] = []

    def work(journal: Journal) -> None:
        for start in range(0, 200, 10):
            keys = [f"k{n}" for n in range(start, start + 10)]
            for key, claimed in zip(keys, perform(journal, *map(claim, keys)), strict=True):
                if claimed.taken:
                    taken.append(key)

    threads = [threading.Thread(target=work, args=(journal,)) for journal in journals]
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
    with dead.engine.connect() as connection:
        assert len(connection.execute(select(workers.c.id)).all()) == 2


def test_a_process_of_this_machine_that_has_ended_is_dead_at_once(join: Join) -> None:
    journal, other = join(), join()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    perform(journal, claim("a"))
    with journal.engine.begin() as connection:
        mine = workers.c.id == journal.worker_id
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
    assert first.committed() == 90
    # What turns out to be cheaper leaves room for more; a failure costs nothing.
    (again,) = perform(first, claim("a0", price=30))
    perform(first, Mark(again.taken.id, COMPLETED, delta=-20, cost=10, output="1"))
    (again,) = perform(first, claim("a1", price=30))
    perform(first, Mark(again.taken.id, FAILED, delta=-30, cost=0, error="{}"))
    assert first.committed() == 40
    (retried,) = perform(second, claim("a1", price=30, again=frozenset({FAILED})))
    assert retried.outcome == "taken"
    assert second.committed() == 70
    second.leave()
    third = join()
    assert third.committed() == 70, "reserved for what may have been accepted"


def test_an_uncertain_item_that_is_submitted_again_may_cost_twice(join: Join) -> None:
    journal = join(budget=50)
    (made,) = perform(journal, claim("a", price=30))
    perform(journal, Mark(made.taken.id, UNCERTAIN))
    again = claim("a", price=30, again=frozenset({UNCERTAIN}))
    assert perform(journal, again)[0].outcome == "over_budget"
    journal.budget = 60
    (taken,) = perform(journal, again)
    assert (taken.taken.prior, taken.taken.reserved) == (30, 30)
    assert journal.committed() == 60


def test_a_transaction_of_unknown_outcome_can_be_performed_again(join: Join) -> None:
    journal = join(budget=100)
    operation = claim("a", price=30)
    (made,) = perform(journal, operation)
    with journal.engine.begin() as connection:
        (again,) = journal.perform(connection, [operation], recount=True)
    assert isinstance(made, Claimed)
    assert isinstance(again, Claimed)
    assert again.taken == made.taken
    assert journal.committed() == 30


def test_finished_items_are_looked_up_in_any_number(join: Join) -> None:
    journal = join()
    keys = [f"k{n}" for n in range(1_200)]
    for made in perform(journal, *map(claim, keys)):
        if made.taken.id % 2:
            perform(journal, Mark(made.taken.id, COMPLETED, output="1"))
    (found,) = perform(journal, Lookup([*keys, "unknown"]))
    assert len(found) == 600


@pytest.mark.parametrize("ceiling", [1, 7, 64])
def test_shares_of_the_concurrency_never_exceed_it(join: Join, ceiling: int) -> None:
    journals = [join() for _ in range(3)]
    limits = [0, 0, 0]
    in_flight = [0, 0, 0]
    for number in range(12):
        for worker, journal in enumerate(journals[: 1 + number // 3]):
            share = journal.beat(ceiling, limits[worker], in_flight[worker])
            limits[worker] = share
            in_flight[worker] = max(share, in_flight[worker] - 2)  # it drains slowly
            assert sum(in_flight) <= ceiling or number > 2
            with journal.engine.connect() as connection:
                shares = connection.execute(select(workers.c.share)).scalars().all()
            assert sum(shares) <= ceiling
    for _ in range(60):
        for worker, journal in enumerate(journals):
            in_flight[worker] = limits[worker]
            limits[worker] = journal.beat(ceiling, limits[worker], in_flight[worker])
    assert sum(limits) in range(max(1, ceiling - 2), ceiling + 1)


def test_sqlite_waits_for_the_disk(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "j.db", "cats", "a/b")
    with journal.engine.connect() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
    journal.engine.dispose()
