"""`fal-typed batch`, against the emulator."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fal_typed.testing import FalEmulator
from tests.cli.conftest import Outcome

FLUX_DEV = "fal-ai/flux/dev"
Fal = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(*rows: Any) -> str:
    Path("rows.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return "rows.jsonl"


def small(key: str) -> dict[str, Any]:
    return {"key": key, "prompt": key, "image_size": {"width": 8, "height": 8}}


def test_calls_each_row_and_resumes(fal: Fal, fal_emulator: FalEmulator) -> None:
    words = ("batch", FLUX_DEV, write(small("a"), small("b")), "--journal", "j.db", "--save", "out")
    outcome = fal(*words)
    assert outcome.code == 0, outcome.err
    assert "2 completed, 0 failed" in outcome.out
    assert sorted(path.name for path in Path("out").iterdir()) == ["a-0.jpeg", "b-0.jpeg"]
    assert "2 finished earlier" in fal(*words).out
    assert len(fal_emulator.jobs) == 2


def test_a_dry_run_shows_rows_and_cost(fal: Fal, fal_emulator: FalEmulator) -> None:
    rows = write(small("a"), {"prompt": 1}, {"promt": "x"})
    outcome = fal("batch", FLUX_DEV, rows, "--dry-run", "--price", "0.5", "--journal", "j.db")
    assert outcome.code == 1
    assert "1 valid rows, 0 of them in the journal, 2 invalid; the rest costs about $0.5000" in (
        outcome.out
    )
    assert "line 2: prompt: " in outcome.out
    assert "line 3: " in outcome.out
    assert not Path("j.db").exists()
    assert len(fal_emulator.jobs) == 0


def test_invalid_rows_are_reported_with_their_lines(fal: Fal, fal_emulator: FalEmulator) -> None:
    outcome = fal("batch", FLUX_DEV, write(small("a"), {"prompt": 1}, {"prompt": 2}))
    assert outcome.code == 1
    assert "line 2: prompt: " in outcome.err
    assert "line 3: prompt: " in outcome.err
    assert len(fal_emulator.jobs) == 0


def test_failures_are_shown_and_retried_on_demand(fal: Fal, fal_emulator: FalEmulator) -> None:
    fal_emulator.endpoint(FLUX_DEV).fails("runner_server_error", times=1)
    words = ("batch", FLUX_DEV, write(small("a")), "--journal", "j.db")
    outcome = fal(*words)
    assert outcome.code == 1
    assert "a: failed: " in outcome.err
    assert fal(*words, "--retry-failed").code == 0
    assert len(fal_emulator.jobs) == 2


def test_the_budget_stops_it(fal: Fal, fal_emulator: FalEmulator) -> None:
    rows = write(*(small(f"k{n}") for n in range(10)))
    outcome = fal("batch", FLUX_DEV, rows, "--budget", "0.05", "--price", "0.01")
    assert outcome.code == 1
    assert "the budget does not allow another item" in outcome.out
    assert len(fal_emulator.jobs) == 5


def test_status_and_export_need_no_rows(fal: Fal, fal_emulator: FalEmulator) -> None:
    fal("batch", FLUX_DEV, write(small("a")), "--journal", "j.db", "--price", "0.5")
    outcome = fal("batch", FLUX_DEV, "--journal", "j.db", "--status", "--export", "all.parquet")
    assert outcome.code == 0, outcome.err
    assert "1 completed" in outcome.out
    assert "$0.5000" in outcome.out
    assert "wrote 1 items" in outcome.out
    assert Path("all.parquet").stat().st_size > 0


def test_what_is_wrong_is_said_before_the_first_submit(fal: Fal, fal_emulator: FalEmulator) -> None:
    words = ("batch", FLUX_DEV, write(small("a")), "--journal", "j.db")
    assert "must end in" in fal(*words, "--export", "all.xlsx").err
    assert "no field {nope}" in fal(*words, "--save", "out/{nope}").err
    assert "no journal typo.db" in fal("batch", FLUX_DEV, "--journal", "typo.db", "--status").err
    assert not Path("typo.db").exists()
    assert len(fal_emulator.jobs) == 0


def test_a_path_in_a_row_is_uploaded(fal: Fal, fal_emulator: FalEmulator) -> None:
    from PIL import Image

    Image.new("RGB", (8, 8)).save("in.png")
    id_ = f"{FLUX_DEV}/image-to-image"
    outcome = fal("batch", id_, write({"prompt": "x", "image_url": "in.png"}))
    assert outcome.code == 0, outcome.err
    (job,) = fal_emulator.jobs
    assert json.loads(job.body)["image_url"].startswith("http")


def test_without_rows_it_is_wrong_use(fal: Fal) -> None:
    assert fal("batch", FLUX_DEV).code == 2
    assert fal("batch", FLUX_DEV, "none.jsonl").code == 2
    Path("rows.txt").write_text("")
    assert fal("batch", FLUX_DEV, "rows.txt").code == 2
