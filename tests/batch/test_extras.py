"""Optional packages: what is said when one is missing, and the progress bar."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from fal_typed.batch import Batch, RowFile
from fal_typed.batch.columns import ItemColumns
from fal_typed.batch.progress_bar import notebook_line, printable, terminal_bar
from fal_typed.testing import FalEmulator
from tests.batch.conftest import Batches, rows
from tests.core.flux import dev


@pytest.mark.parametrize(
    ("package", "extra", "statement"),
    [
        ("sqlalchemy", "batch", "import fal_typed.batch"),
        ("pyarrow", "parquet", "from fal_typed.batch.columns import *; ItemColumns(None)"),
        (
            "psycopg",
            "postgres",
            "from fal_typed.batch.tables import *; open_engine('postgresql://h/d')",
        ),
        ("ray", "ray", "from fal_typed.batch.ray import *; map_dataset(None, 'a/b', journal='j')"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    package: str, extra: str, statement: str, tmp_path: Path
) -> None:
    program = f"import sys\nsys.modules[{package!r}] = None\n{statement}"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert f"pip install 'fal-typed[{extra}]'" in done.stderr


def test_the_batch_is_not_loaded_with_the_sdk() -> None:
    program = "import fal_typed, sys; fal_typed.FalClient(); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not {"sqlalchemy", "rich", "fal_typed.batch"} & set(loaded.stdout.split())


def test_progress_is_shown_on_demand(
    batches: Batches, emulator: FalEmulator, capsys: pytest.CaptureFixture[str]
) -> None:
    batches.run(rows(5))
    assert capsys.readouterr().err == ""
    batches.run(rows(8), progress=True)
    shown = capsys.readouterr().err
    assert "fal-ai/flux/dev" in shown
    assert "8/8" in shown


def test_a_notebook_shows_the_progress_as_html() -> None:
    shown = notebook_line("a/b", 50, 200, "<i>, $0.20", 61)
    assert shown == (
        'a/b <progress value="50" max="200"></progress> 50/200, &lt;i&gt;, $0.20, 0:01:01, '
        "0:03:03 left"
    )
    assert notebook_line("a/b", 5, None, "1/s", 5) == "a/b <progress></progress> 5, 1/s, 0:00:05"


def test_the_bar_shows_texts_of_the_platform_as_they_are() -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=120)
    with terminal_bar(console, "a/b", 3) as update:
        update(1, f"waiting: {printable('[/b] [bold]' + chr(27) + '[2J')}")
    assert "waiting: [/b] [bold] [2J" in shown.getvalue()
    assert "\x1b[2J" not in shown.getvalue()


NOTEBOOK = """
from fal_typed.batch import Batch
from tests.core.flux import dev
with Batch(dev, journal={journal!r}) as batch:
    finished = sum(1 for _ in batch.run([{{"prompt": "a"}}, {{"prompt": "b"}}]))
"""


def test_a_real_notebook_shows_one_bar(emulator: FalEmulator, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient").NotebookClient
    cell = nbformat.v4.new_code_cell(NOTEBOOK.format(journal=str(tmp_path / "j.db")))
    root = Path(__file__).parent.parent.parent
    notebook = nbformat.v4.new_notebook(cells=[cell])
    client(notebook, timeout=120, resources={"metadata": {"path": str(root)}}).execute()
    (bar,) = notebook.cells[0].outputs
    assert '<progress value="2" max="2"></progress> 2/2, ' in bar.data["text/html"]


def test_the_progress_of_a_file_has_an_end(
    batches: Batches, emulator: FalEmulator, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("prompt\na\nb\nc\n")
    batches.run(RowFile(path), progress=True)
    assert "3/3" in capsys.readouterr().err


def test_no_result_fits_every_column() -> None:
    import pyarrow as pa

    from fal_typed.batch.columns import fitted

    kind = ItemColumns(dev.output).schema.field("result").type
    drifted = {"images": "none", "seed": 1.5, "prompt": 3, "timings": {"a": 1}, "more": 1}
    assert fitted(pa, kind, drifted) == {
        "images": None,
        "seed": None,
        "prompt": "3",
        "timings": '{"a": 1}',
        "has_nsfw_concepts": None,
    }


def test_a_batch_works_inside_a_running_event_loop(emulator: FalEmulator, tmp_path: Path) -> None:
    """As in notebooks."""
    import asyncio

    async def main() -> int:
        with Batch(dev, journal=tmp_path / "j.db", progress=False) as batch:
            return sum(1 for _ in batch.run(rows(3)))

    assert asyncio.run(main()) == 3
